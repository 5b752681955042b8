//! The `tessera` program, built with the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    tessera_cli::run(std::env::args_os())
}
