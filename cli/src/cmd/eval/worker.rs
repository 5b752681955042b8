//! `tessera eval-worker`: the process that codes for `tessera eval`.

use std::io;

use clap::Args;
use tessera_eval::{
    Error, Speech,
    anchors::{self, AtRates, Codec},
    ours::{Image, Voice},
    run::serve,
};

use super::{DEFAULT_CODEC, parse_rate};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    failure::{Exit, Failure, Result},
};

/// An anchor, or why there is none.
type Anchor<M> = tessera_eval::Result<Box<dyn Codec<M>>>;

/// Code pictures or sounds for tessera eval, one request a line
#[derive(Debug, Args)]
pub struct Worker {
    codec: String,
    /// Serve sounds at these bits of a token
    #[arg(long, value_name = "BITS,…", value_delimiter = ',')]
    sound: Vec<u8>,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 5)]
    effort: u8,
    #[arg(long, value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,
    /// Steps of an anchor's ladder to serve
    #[arg(long, value_delimiter = ',')]
    anchor_rates: Vec<f64>,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

impl Worker {
    /// Serves until standard input ends.
    pub fn run(&self) -> Result<()> {
        let gone = |error| Failure::new(Exit::Failed, format!("the run is gone ({error})"), "");
        if !self.sound.is_empty() {
            let codec = match anchors::SPEECH_NAMES.contains(&self.codec.as_str()) {
                true => self.chosen(anchors::speech_by_name(&self.codec)),
                false => self.voice().map_err(|failure| Error::Failed(failure.to_string())),
            };
            return serve(codec, io::stdin().lock(), io::stdout().lock()).map_err(gone);
        }
        let codec = match anchors::NAMES.contains(&self.codec.as_str()) {
            true => self.chosen(anchors::by_name(&self.codec)),
            false => self.ours().map_err(|failure| Error::Failed(failure.to_string())),
        };
        serve(codec, io::stdin().lock(), io::stdout().lock()).map_err(gone)
    }

    fn chosen<M: 'static>(&self, anchor: Anchor<M>) -> Anchor<M> {
        Ok(Box::new(AtRates::new(anchor?, &self.anchor_rates)?))
    }

    fn voice(&self) -> Result<Box<dyn anchors::Codec<Speech>>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let name = (self.codec != DEFAULT_CODEC).then_some(self.codec.as_str());
        let pack = shared.ready_sound_pack(name)?;
        let codec = Voice::new(&self.codec, pack, self.threads, &self.sound);
        Ok(Box::new(codec.map_err(super::explain)?))
    }

    fn ours(&self) -> Result<Box<dyn anchors::Codec>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let name = (self.codec != DEFAULT_CODEC).then_some(self.codec.as_str());
        let pack = shared.ready_pack(name)?;
        let codec = Image::new(&self.codec, pack, self.threads, &self.rates, self.effort);
        Ok(Box::new(codec.map_err(super::explain)?))
    }
}
