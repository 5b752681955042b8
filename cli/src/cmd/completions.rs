//! `tessera completions`: shell completions on standard output.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, failure::Result, print};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tessera completions bash > ~/.local/share/bash-completion/completions/tessera
  tessera completions zsh  > ~/.zfunc/_tessera
  tessera completions fish > ~/.config/fish/completions/tessera.fish")]
pub struct Completions {
    /// The shell to complete for
    shell: Shell,
}

pub fn run(arguments: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tessera", &mut script);
    print::text(&String::from_utf8_lossy(&script))
}
