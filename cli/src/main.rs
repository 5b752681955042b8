//! The `tessera` binary; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tessera_cli::run(std::env::args_os())
}
