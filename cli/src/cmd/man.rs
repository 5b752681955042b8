//! `tessera man`: manual pages, made from the same texts as `--help`.

use std::{fs, path::PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::{
    args::Cli,
    failure::{Exit, Failure, Result},
    files::{Output, Sink},
    print,
};

/// Print the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tessera man | man -l -                       read it
  tessera man encode | man -l -                the page of one command
  tessera man --dir ~/.local/share/man/man1    install all pages")]
pub struct Man {
    /// The command to print the page of; without it, the page of tessera itself
    command: Option<String>,

    /// Write all pages into this folder instead (created if needed; older pages are replaced)
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub fn run(arguments: &Man) -> Result<()> {
    let mut root = Cli::command();
    root.build();
    if let Some(dir) = &arguments.dir {
        fs::create_dir_all(dir).map_err(|error| Failure::write(dir, &error))?;
        let output = Output { force: true };
        for page in std::iter::once(&root).chain(root.get_subcommands().filter(|command| !command.is_hide_set())) {
            let name = format!("{}.1", full_name(&root, page));
            output.write(&Sink::File(dir.join(name)), render(&root, page)?.as_bytes())?;
        }
        return Ok(());
    }
    let page = match &arguments.command {
        None => &root,
        Some(name) => root.find_subcommand(name).ok_or_else(|| {
            Failure::usage(format!("there is no command {name}"), "see 'tessera --help' for the commands")
        })?,
    };
    print::text(&render(&root, page)?)
}

fn full_name(root: &Command, page: &Command) -> String {
    if page.get_name() == root.get_name() {
        root.get_name().to_owned()
    } else {
        format!("{}-{}", root.get_name(), page.get_name())
    }
}

fn render(root: &Command, page: &Command) -> Result<String> {
    let mut out = Vec::new();
    Page::new(page.clone().name(full_name(root, page)))
        .render(&mut out)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot form the page ({error})"), ""))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}
