//! `tessera eval-worker`: the process that codes for `tessera eval`.

use std::io;

use clap::Args;
use tessera_eval::{Error, anchors, ours::Image, run::serve};

use super::{DEFAULT_CODEC, parse_rate};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    failure::{Exit, Failure, Result},
};

/// Code pictures for tessera eval, one request a line
#[derive(Debug, Args)]
pub struct Worker {
    codec: String,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 5)]
    effort: u8,
    #[arg(long, value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

impl Worker {
    /// Serves until standard input ends.
    pub fn run(&self) -> Result<()> {
        let codec = match anchors::NAMES.contains(&self.codec.as_str()) {
            true => anchors::by_name(&self.codec),
            false => self.ours().map_err(|failure| Error::Failed(failure.to_string())),
        };
        serve(codec, io::stdin().lock(), io::stdout().lock())
            .map_err(|error| Failure::new(Exit::Failed, format!("the run is gone ({error})"), ""))
    }

    fn ours(&self) -> Result<Box<dyn anchors::Codec>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let name = (self.codec != DEFAULT_CODEC).then_some(self.codec.as_str());
        let pack = shared.ready_pack(name)?;
        let codec = Image::new(&self.codec, pack, self.threads, &self.rates, self.effort);
        Ok(Box::new(codec.map_err(super::explain)?))
    }
}
