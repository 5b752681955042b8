//! The contents of an audio pack.

use tessera_core::{entropy::NetworkPrior, vq::ResidualCodebook};

use super::{Graph, Pack, WholeSection, tensors};
use crate::{Error, Result};

/// Graphs and tables of the audio codec.
#[derive(Debug)]
pub struct AudioPack {
    /// Residual levels of nested codebooks of the latent vectors.
    pub codebook: ResidualCodebook,
    /// Trained prior over the tokens, where the pack has one.
    pub prior: Option<NetworkPrior>,
    /// Step graph, or the one of [`WholeSection`]: features f32 `[frames, 3·(window/2+1)]`, count, state → latent f32 `[frames, dim]`, next state.
    pub encoder: Graph,
    /// Step graph, or the one of [`WholeSection`]: latent f32 `[frames, dim]`, count, state → log magnitudes and phases f32 `[frames, 2·(window/2+1)]`, next state.
    pub decoder: Graph,
    /// Samples per second.
    pub sample_rate: u32,
    /// Samples per token.
    pub hop: usize,
    /// Samples that a frame covers.
    pub window: usize,
    /// Frames after its own that a token waits for.
    pub lookahead: usize,
    /// Least bits of a frame's tokens that the decoder was trained for, at most the first level's.
    pub min_bits: u8,
    /// Bits of a frame's tokens, by default.
    pub bits: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
    /// What a pack has whose networks run on whole sounds; its encoder and decoder then are no step graphs.
    pub whole: Option<WholeGraphs>,
}

/// What belongs to networks that run on whole sounds.
#[derive(Debug)]
pub struct WholeGraphs {
    /// Features → latents.
    pub tail: Graph,
    /// How long sounds are cut.
    pub section: WholeSection,
}

impl AudioPack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.audio.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [audio], so it is no audio pack"))?;
        let at = |file: &str, error: String| Error::damaged(pack.id(), format!("{file}: {error}"));
        let codebook = tensors::codebook(&pack.part(&section.codebook)?, section.levels, section.depth, section.dim);
        let codebook = codebook.map_err(|error| at(&section.codebook, error))?;
        let read_prior = |file: &String| {
            let prior = tensors::prior(&pack.part(file)?, section.levels).map_err(|error| at(file, error))?;
            match (0..usize::from(section.levels)).all(|level| prior.depth(level) == Some(section.depth)) {
                true => Ok(prior),
                false => Err(at(file, "it has another depth than the codebook".to_owned())),
            }
        };
        let prior = section.prior.as_ref().map(read_prior).transpose()?;
        let whole = |whole: &WholeSection| {
            Ok::<_, Error>(WholeGraphs { tail: pack.graph(&whole.tail)?, section: whole.clone() })
        };
        Ok(Self {
            codebook,
            prior,
            encoder: pack.graph(&section.encoder)?,
            decoder: pack.graph(&section.decoder)?,
            sample_rate: section.sample_rate,
            hop: section.hop,
            window: section.window,
            lookahead: section.lookahead,
            min_bits: section.min_depth,
            // A manifest is checked: both are small.
            bits: section.bits.unwrap_or(section.levels * section.depth),
            search_lambda: section.search_lambda,
            whole: section.whole.as_ref().map(whole).transpose()?,
        })
    }
}
