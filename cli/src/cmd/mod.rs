//! One file per command.

mod beside;
pub mod completions;
pub mod decode;
pub mod doctor;
pub mod encode;
pub mod eval;
pub mod info;
pub mod loss;
pub mod man;
pub mod models;
pub mod serve;
pub mod stats;
pub mod stream;
pub mod tokens;

use crate::{
    args::Command,
    failure::{Exit, Result},
};

/// Runs a command. The inner error is an exit code whose failures were shown already.
pub fn dispatch(command: &Command) -> Result<std::result::Result<(), Exit>> {
    match command {
        Command::Encode(arguments) => encode::run(arguments),
        Command::Decode(arguments) => decode::run(arguments),
        Command::Tokens(arguments) => tokens::run(arguments),
        Command::Detokenize(arguments) => tokens::run_back(arguments),
        Command::Stream(arguments) => stream::run(arguments),
        Command::Serve(arguments) => serve::run(arguments).map(Ok),
        Command::Loss(arguments) => loss::run(arguments),
        Command::Info(arguments) => info::run(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Eval(arguments) => eval::run(arguments),
        Command::EvalWorker(arguments) => arguments.run().map(Ok),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Models(arguments) => models::run(arguments),
        Command::Completions(arguments) => completions::run(arguments).map(Ok),
        Command::Man(arguments) => man::run(arguments).map(Ok),
    }
}
