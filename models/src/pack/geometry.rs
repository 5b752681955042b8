//! The contents of a geometry pack.

use serde::Deserialize;
use tessera_core::{entropy::NetworkPrior, vq::ResidualCodebook};

use super::{Graph, Pack, tensors};
use crate::{Error, Result};

/// Shape and files of a geometry pack.
#[derive(Clone, Debug, Deserialize)]
pub struct GeometrySection {
    /// Steps along a block: 8 or 16. Blocks have samples at both ends.
    pub side: u32,
    /// Components of a latent vector.
    pub dim: usize,
    /// Residual levels of the codebook.
    pub levels: u8,
    /// Bits of a token at full depth.
    pub depth: u8,
    /// Least depth of the first level that the decoder was trained for.
    pub min_depth: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
    /// Graph: distances → latents.
    pub encoder: String,
    /// Graph: latents → distances.
    pub decoder: String,
    /// Tensors `level{l}` [2^(depth+1), dim] f16 or f32 in heap order.
    pub codebook: String,
    /// Integer tensors of the trained prior (FORMAT.md); a pack may come without one.
    pub prior: Option<String>,
}

/// Graphs and tables of the surface tier.
///
/// Both graphs take i64 `[N,27]` as their second input: which block lies at each place around each, N for none.
#[derive(Debug)]
pub struct GeometryPack {
    /// Residual nested codebook of the latent vectors.
    pub codebook: ResidualCodebook,
    /// Trained prior over the tokens, where the pack has one.
    pub prior: Option<NetworkPrior>,
    /// Blocks f32 `[N,side+1,side+1,side+1]`, signed distances in steps from -2 to 2, and neighbours → latents f32 `[N,dim]`.
    pub encoder: Graph,
    /// Latents and neighbours → blocks.
    pub decoder: Graph,
    /// Steps along a block.
    pub side: usize,
    /// Least bits of a block that the decoder was trained for.
    pub min_depth: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
}

impl GeometrySection {
    /// Whether the numbers make sense.
    pub(super) fn fits(&self) -> bool {
        let depths = self.min_depth >= 1 && self.min_depth <= self.depth && self.depth <= tessera_core::MAX_DEPTH;
        let code = (1..=256).contains(&self.dim) && (1..=16).contains(&self.levels);
        [8, 16].contains(&self.side) && code && depths && self.search_lambda.is_finite() && self.search_lambda >= 0.0
    }
}

impl GeometryPack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.geometry.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [geometry], so it is no geometry pack"))?;
        let at = |file: &str, error: String| Error::damaged(pack.id(), format!("{file}: {error}"));
        let codebook = tensors::codebook(&pack.part(&section.codebook)?, section.levels, section.depth, section.dim);
        let read_prior = |file: &String| {
            let prior = tensors::prior(&pack.part(file)?, section.levels).map_err(|error| at(file, error))?;
            match (0..usize::from(section.levels)).all(|level| prior.depth(level) == Some(section.depth)) {
                true => Ok(prior),
                false => Err(at(file, "it has another depth than the codebook".to_owned())),
            }
        };
        Ok(Self {
            codebook: codebook.map_err(|error| at(&section.codebook, error))?,
            prior: section.prior.as_ref().map(read_prior).transpose()?,
            encoder: pack.graph(&section.encoder)?,
            decoder: pack.graph(&section.decoder)?,
            // 8 or 16: a manifest is checked.
            side: section.side as usize,
            min_depth: section.min_depth,
            search_lambda: section.search_lambda,
        })
    }
}
