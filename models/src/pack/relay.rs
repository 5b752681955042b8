//! What a refiner of latents has: graphs of a diffusion model, and the times at which it is run.

use serde::Deserialize;

use super::{Graph, Pack, WholePictures};
use crate::Result;

/// Longest schedule, steps.
const MAX_STEPS: usize = 32;

/// Relay diffusion in the latents of an autoencoder: it begins with what the tokens say, plus noise, and arrives after a few steps.
#[derive(Clone, Debug, Deserialize)]
pub struct RelaySection {
    /// Components of a latent that is refined.
    pub channels: usize,
    /// Its positions per token along each side.
    pub cell: usize,
    /// Windows are multiples of so many tokens along each side; at the end of a picture the last token is repeated.
    pub align_tokens: u32,
    /// The graph, see [`RelayGraphs::start`].
    pub start: String,
    /// The graph, see [`RelayGraphs::control`].
    pub control: String,
    /// The graph, see [`RelayGraphs::unet`].
    pub unet: String,
    /// The graph, see [`RelayGraphs::paint`].
    pub paint: String,
    /// One list for each number of steps that there may be: (time as the graphs are told, share of the latent in the variance of what is seen then),
    /// the noisiest first.
    pub schedules: Vec<Vec<(f32, f64)>>,
    /// How pictures are cut: the graphs look at all of what they see.
    pub whole: WholePictures,
}

/// The graphs of a refiner of latents.
#[derive(Clone, Debug)]
pub struct RelayGraphs {
    /// f32 `[1,dim,h,w]`, what tokens stand for → `[1,channels+H,cell·h,cell·w]`: the latent to begin with, and H components of hint.
    pub start: Graph,
    /// Latent f32 `[1,channels,y,x]`, hint f32 `[1,H,y,x]` and time f32 `[1]` → corrections, one for each place that `unet` takes one at.
    pub control: Graph,
    /// Latent, time, corrections → what of the latent is noise of variance 1, f32 `[1,channels,y,x]`.
    pub unet: Graph,
    /// Latent → picture f32 `[1,3,stride·h,stride·w]`, about in [-1,1].
    pub paint: Graph,
    /// Its numbers.
    pub section: RelaySection,
}

impl RelaySection {
    /// The schedule of so many steps.
    pub fn schedule(&self, steps: u8) -> Option<&[(f32, f64)]> {
        self.schedules.iter().map(Vec::as_slice).find(|schedule| schedule.len() == usize::from(steps))
    }

    /// Whether the numbers make sense.
    pub(super) fn fits(&self) -> bool {
        let schedule = |schedule: &Vec<(f32, f64)>| {
            (1..=MAX_STEPS).contains(&schedule.len())
                && schedule.iter().all(|&(time, kept)| time.is_finite() && kept > 0.0 && kept < 1.0)
                && schedule.is_sorted_by(|a, b| a.1 < b.1)
        };
        (1..=4).contains(&self.channels)
            && (1..=16).contains(&self.cell)
            && (1..=16).contains(&self.align_tokens)
            && self.whole.fits()
            && self.whole.window_tokens.is_multiple_of(self.align_tokens)
            && (1..=MAX_STEPS).contains(&self.schedules.len())
            && self.schedules.iter().all(schedule)
    }
}

impl RelayGraphs {
    pub(super) fn read(pack: &Pack, section: &RelaySection) -> Result<Self> {
        Ok(Self {
            start: pack.graph(&section.start)?,
            control: pack.graph(&section.control)?,
            unet: pack.graph(&section.unet)?,
            paint: pack.graph(&section.paint)?,
            section: section.clone(),
        })
    }
}
