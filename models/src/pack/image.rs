//! The contents of an image pack.

use tessera_core::{entropy::NetworkPrior, vq::ResidualCodebook};

use super::{Graph, Pack, WholePictures, tensors};
use crate::{Error, Result};

/// Graphs and tables of the image codec.
#[derive(Debug)]
pub struct ImagePack {
    /// Residual nested codebook of the latent vectors.
    pub codebook: ResidualCodebook,
    /// Trained prior over the tokens.
    pub prior: NetworkPrior,
    /// image f32 [1,3,H,W] in [-1,1], sides multiples of `stride` → latent f32 [1,dim,H/stride,W/stride].
    pub encoder: Graph,
    /// latent f32 [1,dim,h,w] → image f32 [1,3,stride·h,stride·w], about [-1,1].
    pub decoder: Graph,
    /// Pixels per token along each side.
    pub stride: u32,
    /// Least token depth that the decoder was trained for, bits.
    pub min_depth: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
    /// What a pack has whose networks look at all of a picture.
    pub whole: Option<WholePictures>,
}

impl ImagePack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.image.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [image], so it is no image pack"))?;
        let at = |file: &str, error: String| Error::damaged(pack.id(), format!("{file}: {error}"));
        let codebook = tensors::codebook(&pack.part(&section.codebook)?, section.levels, section.depth, section.dim);
        let codebook = codebook.map_err(|error| at(&section.codebook, error))?;
        let prior =
            tensors::prior(&pack.part(&section.prior)?, section.levels).map_err(|error| at(&section.prior, error))?;
        for level in 0..section.levels {
            if prior.depth(usize::from(level)) != Some(section.depth) {
                return Err(at(&section.prior, format!("level {level} has another depth than the codebook")));
            }
        }
        Ok(Self {
            codebook,
            prior,
            encoder: pack.graph(&section.encoder)?,
            decoder: pack.graph(&section.decoder)?,
            stride: section.stride,
            min_depth: section.min_depth,
            search_lambda: section.search_lambda,
            whole: section.whole,
        })
    }
}
