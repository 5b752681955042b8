//! `tessera eval-worker`: the process that codes for `tessera eval`.

use std::io;

use clap::Args;
use tessera_eval::{
    Clip, Error, Form, Solid, Speech,
    anchors::{self, AtRates, Codec},
    ours::{Image, Shapes, Video, Voice},
    run::serve,
};
use tessera_models::Addition;
use tessera_video::Networks;

use super::{DEFAULT_CODEC, parse_rate};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
};

/// An anchor, or why there is none.
type Anchor<M> = tessera_eval::Result<Box<dyn Codec<M>>>;

/// Code pictures, sounds, videos or shapes for tessera eval, one request a line
#[derive(Debug, Args)]
pub struct Worker {
    codec: String,
    /// Serve sounds at these bits of a token
    #[arg(long, value_name = "BITS,…", value_delimiter = ',')]
    sound: Vec<u8>,
    /// Serve videos
    #[arg(long)]
    clip: bool,
    /// Serve shapes of this form: meshes, clouds or splats
    #[arg(long, value_name = "FORM", value_parser = parse_form)]
    shape: Option<Form>,
    /// Steps of our ladder for shapes
    #[arg(long, value_delimiter = ',', value_parser = super::parse_step)]
    steps: Vec<f64>,
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
        if let Some(form) = self.shape {
            let codec = match anchors::shape_names(form).contains(&self.codec.as_str()) {
                true => self.chosen(anchors::shape_by_name(form, &self.codec)),
                false => self.shapes(form).map_err(|failure| Error::Failed(failure.to_string())),
            };
            return serve(codec, io::stdin().lock(), io::stdout().lock()).map_err(gone);
        }
        if !self.sound.is_empty() {
            let codec = match anchors::SPEECH_NAMES.contains(&self.codec.as_str()) {
                true => self.chosen(anchors::speech_by_name(&self.codec)),
                false => self.voice().map_err(|failure| Error::Failed(failure.to_string())),
            };
            return serve(codec, io::stdin().lock(), io::stdout().lock()).map_err(gone);
        }
        if self.clip {
            let codec = match anchors::CLIP_NAMES.contains(&self.codec.as_str()) {
                true => self.chosen(anchors::clip_by_name(&self.codec)),
                false => self.video().map_err(|failure| Error::Failed(failure.to_string())),
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

    fn shapes(&self, form: Form) -> Result<Box<dyn anchors::Codec<Solid>>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let name = (self.codec != DEFAULT_CODEC).then_some(self.codec.as_str());
        let pack = shared.surface_pack(name)?.filter(|_| form == Form::Mesh);
        let surfaces = match pack.map(|pack| shared.surface_codec(&pack)).transpose() {
            // The report says that it was without a pack.
            Err(_) if name.is_none() => None,
            surfaces => surfaces?,
        };
        Ok(Box::new(Shapes::new(&self.codec, form, &self.steps).with_surfaces(surfaces)))
    }

    fn voice(&self) -> Result<Box<dyn anchors::Codec<Speech>>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let name = (self.codec != DEFAULT_CODEC).then_some(self.codec.as_str());
        let pack = shared.ready_sound_pack(name)?;
        let codec = Voice::new(&self.codec, pack, self.threads, &self.sound);
        Ok(Box::new(codec.map_err(super::explain)?))
    }

    fn video(&self) -> Result<Box<dyn anchors::Codec<Clip>>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let pack = shared.ready_pack((self.codec != DEFAULT_CODEC).then_some(self.codec.as_str()))?;
        let frames = shared.frame_pack(&pack, Networks::Best)?;
        let mut codec =
            Video::new(&self.codec, pack, self.threads, &self.rates, self.effort).map_err(super::explain)?;
        if let Some(frames) = frames {
            codec = codec.with_frames(&frames).map_err(super::explain)?;
        }
        Ok(Box::new(codec))
    }

    fn ours(&self) -> Result<Box<dyn anchors::Codec>> {
        let shared = Shared::new(&self.models, &self.runtime, 1)?;
        let (name, steps) = unrefined(&self.codec);
        let pack = shared.ready_pack((name != DEFAULT_CODEC).then_some(name))?;
        let refiner = match steps {
            0 => None,
            _ => Some(shared.addition(Addition::Refiner, &pack).map_err(|error| explain::models(&error))?),
        };
        let mut codec =
            Image::new(&self.codec, pack, self.threads, &self.rates, self.effort).map_err(super::explain)?;
        if let Some(refiner) = refiner {
            codec = codec.refined(&refiner, steps).map_err(super::explain)?;
        }
        Ok(Box::new(codec))
    }
}

/// Between a codec's name and the steps of the refiner.
const REFINED: &str = "+refine-";

/// The name of a codec with so many steps of the refiner.
pub fn refined(name: &str, steps: u8) -> String {
    match steps {
        0 => name.to_owned(),
        _ => format!("{name}{REFINED}{steps}"),
    }
}

/// The name of the codec without the refiner, and its steps.
fn unrefined(name: &str) -> (&str, u8) {
    let parts = name.rsplit_once(REFINED);
    parts.and_then(|(name, steps)| Some((name, steps.parse().ok()?))).unwrap_or((name, 0))
}

fn parse_form(text: &str) -> std::result::Result<Form, String> {
    Form::by_name(text).ok_or_else(|| "forms are meshes, clouds and splats".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_steps() {
        for (name, steps) in [("tessera", 0), ("tessera", 2), ("image-f16-2", 32)] {
            assert_eq!(unrefined(&refined(name, steps)), (name, steps));
        }
    }
}
