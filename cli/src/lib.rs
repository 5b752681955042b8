//! The `tessera` command line: arguments, one file per command under `cmd/`, and what they share.
//!
//! Everything a user sees is decided here; the work is done by the codec crates. The library exists so
//! that the end-to-end tests run exactly the program that is shipped.

mod args;
mod batch;
mod cmd;
mod engine;
mod explain;
mod failure;
mod files;
mod print;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};

use crate::{
    args::Cli,
    failure::{Exit, Failure},
};

/// Runs the program with the given arguments (the first is the program's name).
///
/// Errors go to standard error as one line, `tessera: <file>: <what happened>; <what to do>`; the exit
/// codes are those that `tessera --help` documents.
pub fn run<I: IntoIterator<Item = OsString>>(arguments: I) -> ExitCode {
    files::remove_unfinished_on_interrupt();
    let parsed =
        Cli::command().try_get_matches_from(arguments).and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            // --help and --version. A closed pipe is no failure of ours.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return report(&wrong_arguments(&error)),
    };
    match cmd::dispatch(&cli.command) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        // The failures were listed already.
        Ok(Err(exit)) => ExitCode::from(exit as u8),
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "tessera: {failure}");
    ExitCode::from(failure.exit as u8)
}

/// clap explains itself over several lines; its first paragraph says what is wrong.
fn wrong_arguments(error: &clap::Error) -> Failure {
    if error.kind() == clap::error::ErrorKind::MissingSubcommand {
        return Failure::new(Exit::Usage, "no command was given", "see 'tessera --help'");
    }
    let rendered = error.to_string();
    let first: Vec<&str> = rendered.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let what = first.join(" ");
    Failure::new(
        Exit::Usage,
        what.strip_prefix("error: ").unwrap_or(&what),
        "see 'tessera --help' or 'tessera COMMAND --help'",
    )
}
