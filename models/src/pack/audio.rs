//! The contents of an audio pack.

use tessera_core::{
    entropy::NetworkPrior,
    vq::{NestedCodebook, ResidualCodebook},
};

use super::{Graph, Pack, tensors};
use crate::{Error, Result};

/// Graphs and tables of the audio codec.
#[derive(Debug)]
pub struct AudioPack {
    /// Nested codebook of the latent vectors: one level.
    pub codebook: ResidualCodebook,
    /// Trained prior over the tokens, where the pack has one.
    pub prior: Option<NetworkPrior>,
    /// Step graph: features f32 `[frames, 3·(window/2+1)]`, count, state → latent f32 `[frames, dim]`, next state.
    pub encoder: Graph,
    /// Step graph: latent f32 `[frames, dim]`, count, state → log magnitudes and phases f32 `[frames, 2·(window/2+1)]`, next state.
    pub decoder: Graph,
    /// Samples per second.
    pub sample_rate: u32,
    /// Samples per token.
    pub hop: usize,
    /// Samples that a frame covers.
    pub window: usize,
    /// Least token depth that the decoder was trained for, bits.
    pub min_depth: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
}

impl AudioPack {
    /// The nested codebook.
    pub fn book(&self) -> &NestedCodebook {
        &self.codebook.levels()[0]
    }

    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.audio.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [audio], so it is no audio pack"))?;
        let at = |file: &str, error: String| Error::damaged(pack.id(), format!("{file}: {error}"));
        let codebook = tensors::codebook(&pack.part(&section.codebook)?, section.levels, section.depth, section.dim);
        let codebook = codebook.map_err(|error| at(&section.codebook, error))?;
        let read_prior = |file: &String| {
            let prior = tensors::prior(&pack.part(file)?, section.levels).map_err(|error| at(file, error))?;
            match prior.depth(0) == Some(section.depth) {
                true => Ok(prior),
                false => Err(at(file, "it has another depth than the codebook".to_owned())),
            }
        };
        let prior = section.prior.as_ref().map(read_prior).transpose()?;
        Ok(Self {
            codebook,
            prior,
            encoder: pack.graph(&section.encoder)?,
            decoder: pack.graph(&section.decoder)?,
            sample_rate: section.sample_rate,
            hop: section.hop,
            window: section.window,
            min_depth: section.min_depth,
            search_lambda: section.search_lambda,
        })
    }
}
