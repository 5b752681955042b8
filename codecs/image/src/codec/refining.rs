//! Refiners of both kinds: of decoded pictures, and of the latents of an autoencoder.

use ndarray::{Array4, ArrayView4};
use tessera_models::{
    ConditionedSession, NoiseEstimator, PixelSection, RefinerGraphs, RefinerPack, RefinerSection, RelayGraphs, Session,
};

use super::{ImageCodec, ready};
use crate::error::{Error, Result};
use crate::tiles::{self, Canvas, Diffusion, Refinement, Relay, Tiling};

/// A refiner and its sessions once they are needed.
#[derive(Debug)]
pub(super) struct Refiner {
    id: String,
    section: RefinerSection,
    networks: Networks,
}

#[derive(Debug)]
enum Networks {
    Pixels { graph: tessera_models::Graph, section: PixelSection, session: Option<ConditionedSession> },
    Latents(Box<RelayNetworks>),
}

#[derive(Debug)]
struct RelayNetworks {
    graphs: RelayGraphs,
    threads: usize,
    start: Option<Session>,
    estimator: Option<NoiseEstimator>,
    paint: Option<Session>,
}

/// What a refiner is told of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Steps.
    pub steps: u8,
    /// Bits per position.
    pub bits: u32,
    /// Positions of the picture.
    pub positions: u64,
    /// What the noise follows from.
    pub seed: u32,
}

impl Refiner {
    /// Needs no ONNX Runtime yet.
    pub fn new(id: &str, pack: RefinerPack, threads: usize) -> Self {
        let networks = match pack.graphs {
            RefinerGraphs::Pixels(graph, section) => Networks::Pixels { graph, section, session: None },
            RefinerGraphs::Latents(graphs) => Networks::Latents(Box::new(RelayNetworks {
                graphs: *graphs,
                threads,
                start: None,
                estimator: None,
                paint: None,
            })),
        };
        Self { id: id.to_owned(), section: pack.section, networks }
    }

    /// Whether the networks see windows of a picture of so many positions that they should see whole.
    pub fn is_windowed(&self, positions: u64) -> bool {
        match &self.networks {
            Networks::Pixels { .. } => false,
            Networks::Latents(relay) => positions > relay.graphs.section.whole.exact_tokens,
        }
    }
}

impl ImageCodec {
    /// Colours `[y][x][3]` of latents `[y][x][dim]`, refined as the file and the caller say.
    pub(super) fn refined(&mut self, latents: &[f32], canvas: Canvas, told: Told) -> Result<Vec<u8>> {
        let (grain, threads) = (self.tokenizer.grain(), self.tokenizer.threads);
        let Some(refiner) = &mut self.additions.refiner else {
            return Err(Error::parameter("refining needs a refiner for the codec's pack"));
        };
        match &mut refiner.networks {
            Networks::Pixels { graph, section, session } => {
                let rgb = self.tokenizer.synthesise(latents, canvas)?;
                let depth = f64::from(refiner.section.depth);
                let beyond = f64::from(told.bits) - depth;
                let how = Refinement {
                    steps: told.steps,
                    rate: (f64::from(told.bits) / depth).log2() as f32,
                    noise: (f64::from(section.noise) * (-beyond / f64::from(section.noise_halves)).exp2()) as f32,
                    seed: told.seed,
                };
                let session = ready(session, || ConditionedSession::load(graph, threads))?;
                let network =
                    |pictures: ArrayView4<'_, f32>, said: ArrayView4<'_, f32>| Ok(session.run(pictures, said)?);
                tiles::refine(&rgb, latents, canvas, grain, Tiling::REFINER, how, network)
            }
            Networks::Latents(relay) => {
                let section = relay.graphs.section.clone();
                let Some(schedule) = section.schedule(told.steps) else {
                    let counts: Vec<String> = section.schedules.iter().map(|all| all.len().to_string()).collect();
                    let counts = counts.join(" or ");
                    return Err(Error::parameter(format!("the refiner {} takes {counts} steps", refiner.id)));
                };
                let how = Relay {
                    schedule,
                    seed: told.seed,
                    channels: section.channels,
                    cell: section.cell,
                    align: section.align_tokens,
                };
                let tiling = Tiling::of_whole(section.whole, told.positions);
                tiles::relay(latents, canvas, grain, tiling, how, &mut **relay)
            }
        }
    }
}

impl Diffusion for RelayNetworks {
    fn start(&mut self, tokens: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let session = ready(&mut self.start, || Session::load(&self.graphs.start, self.threads))?;
        Ok(session.run(tokens)?)
    }

    fn noise(&mut self, latent: ArrayView4<'_, f32>, hint: ArrayView4<'_, f32>, time: f32) -> Result<Array4<f32>> {
        let estimator = ready(&mut self.estimator, || NoiseEstimator::load(&self.graphs, self.threads))?;
        Ok(estimator.run(latent, hint, time)?)
    }

    fn paint(&mut self, latent: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let session = ready(&mut self.paint, || Session::load(&self.graphs.paint, self.threads))?;
        Ok(session.run(latent)?)
    }
}
