//! Packs that add to an image pack: a residual refiner, a masked-token model, a decoder of video frames.
//!
//! They are packs of their own, so that the pack that files name stays what it is, and say by hash which one they belong to.

use serde::Deserialize;

use super::{Graph, Pack, RelayGraphs, RelaySection, hex};
use crate::Result;

/// What a refiner pack adds.
#[derive(Clone, Debug, Deserialize)]
pub struct RefinerSection {
    /// First eight bytes of the hash of the image pack that it was trained for, 16 lower-case hexadecimal digits.
    pub base: String,
    /// Pixels per token along each side.
    pub stride: u32,
    /// Components of a latent vector.
    pub dim: usize,
    /// Bits of one full level: the rate that is told as 0.
    pub depth: u8,
    /// What is refined.
    #[serde(flatten)]
    pub refined: Refined,
}

/// What a refiner refines.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Refined {
    /// Latents of an autoencoder, which it paints itself.
    Latents {
        /// How.
        relay: RelaySection,
    },
    /// The decoded picture.
    Pixels(PixelSection),
}

/// How decoded pictures are refined.
#[derive(Clone, Debug, Deserialize)]
pub struct PixelSection {
    /// Standard deviation of the noise added to samples from -1 to 1, at that rate.
    pub noise: f32,
    /// Bits per position that halve the noise.
    pub noise_halves: f32,
    /// The graph, see [`RefinerGraphs::Pixels`].
    pub graph: String,
}

/// What a masked-token pack adds.
#[derive(Clone, Debug, Deserialize)]
pub struct MaskedSection {
    /// As [`RefinerSection::base`].
    pub base: String,
    /// Components of a latent vector.
    pub dim: usize,
    /// Depth of the first level's tree, bits.
    pub depth: u8,
    /// The graph, see [`MaskedPack::graph`].
    pub graph: String,
}

/// What a pack for the frames of videos adds: a decoder, and where it has them, an encoder and an enhancer of base layers.
#[derive(Clone, Debug, Deserialize)]
pub struct VideoSection {
    /// As [`RefinerSection::base`].
    pub base: String,
    /// Pixels per token along each side.
    pub stride: u32,
    /// Components of a latent vector.
    pub dim: usize,
    /// Depth of the first level's tree, bits.
    pub depth: u8,
    /// Tokens away from a token that no pixel of it depends on.
    pub margin: u32,
    /// The graph, see [`VideoPack::trunk`].
    pub trunk: String,
    /// The graph, see [`VideoPack::head`].
    pub head: String,
    /// The graph, see [`VideoPack::double`].
    pub double: String,
    /// The graph, see [`VideoPack::encoder`].
    pub encoder: Option<String>,
    /// The graph, see [`VideoPack::enhancer`].
    pub enhancer: Option<String>,
    /// Blocks away from a block that nothing of it in the enhancer's picture depends on.
    #[serde(default)]
    pub enhancer_margin: u32,
}

/// The graphs of a refiner pack and what they are run with.
#[derive(Clone, Debug)]
pub struct RefinerPack {
    /// The graphs.
    pub graphs: RefinerGraphs,
    /// Its numbers.
    pub section: RefinerSection,
}

/// The graphs of a refiner pack.
#[derive(Clone, Debug)]
pub enum RefinerGraphs {
    /// Pictures f32 [1,6,H,W] in [-1,1] (the one at this time, the decoded one), sides multiples of the stride, and condition f32
    /// [1,dim+2,H/stride,W/stride] (latent, time from 0 to 1, rate as log2(bits per position / depth)) → the clean picture f32 [1,3,H,W].
    Pixels(Graph, PixelSection),
    /// Those of relay diffusion.
    Latents(Box<RelayGraphs>),
}

/// The graph of a masked-token pack.
#[derive(Clone, Debug)]
pub struct MaskedPack {
    /// f32 [1,dim+2,h,w] (latent or zeros, known bits of the first level over its depth, rate as [`RefinerGraphs::Pixels`] is told) → log odds f32
    /// [1,2^depth,h,w] of a 1 at each inner node of the first level's tree in heap order; node 0 is unused.
    pub graph: Graph,
    /// Its numbers.
    pub section: MaskedSection,
}

/// The graphs of a frame decoder, and the frame encoder and the enhancer where the pack has them.
#[derive(Clone, Debug)]
pub struct VideoPack {
    /// Latents f32 [1,dim,h,w] of a frame and of the frame before, or twice of the same frame → features f32 [1,c,4h,4w].
    pub trunk: Graph,
    /// Features → the frame f32 [1,3,stride·h,stride·w] in about [-1,1].
    pub head: Graph,
    /// Features → the frame at twice the size that was coded, f32 [1,3,2·stride·h,2·stride·w].
    pub double: Graph,
    /// A frame f32 [1,3,stride·h,stride·w] in [-1,1] → its latents f32 [1,dim,h,w], in place of the image pack's encoder.
    pub encoder: Option<Graph>,
    /// A frame in blocks of 4x4 samples, f32 [1,48,h,w] in [-1,1], first by colour, then by row → the frame at twice its sides, f32 [1,3,8·h,8·w].
    pub enhancer: Option<Graph>,
    /// Its numbers.
    pub section: VideoSection,
}

impl RefinerSection {
    /// Whether the numbers make sense.
    pub(super) fn fits(&self) -> bool {
        let refined = match &self.refined {
            Refined::Latents { relay } => relay.fits(),
            Refined::Pixels(pixels) => pixels.fits(),
        };
        self.stride == 16 && refined && shape_fits(self.dim, self.depth) && is_hash(&self.base)
    }
}

impl PixelSection {
    fn fits(&self) -> bool {
        (0.0..=4.0).contains(&self.noise) && self.noise_halves.is_finite() && self.noise_halves >= 1.0
    }
}

impl MaskedSection {
    /// Whether the numbers make sense.
    pub(super) fn fits(&self) -> bool {
        shape_fits(self.dim, self.depth) && is_hash(&self.base)
    }
}

impl VideoSection {
    /// Whether the numbers make sense.
    pub(super) fn fits(&self) -> bool {
        let margins =
            (1..=64).contains(&self.margin) && (self.enhancer.is_none() || (1..=64).contains(&self.enhancer_margin));
        self.stride == 16 && margins && shape_fits(self.dim, self.depth) && is_hash(&self.base)
    }
}

fn shape_fits(dim: usize, depth: u8) -> bool {
    (1..=256).contains(&dim) && (1..=tessera_core::MAX_DEPTH).contains(&depth)
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

impl RefinerPack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.refiner.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [refiner], so it is no refiner"))?;
        let graphs = match &section.refined {
            Refined::Latents { relay } => RefinerGraphs::Latents(Box::new(RelayGraphs::read(pack, relay)?)),
            Refined::Pixels(pixels) => RefinerGraphs::Pixels(pack.graph(&pixels.graph)?, pixels.clone()),
        };
        Ok(Self { graphs, section: section.clone() })
    }
}

impl MaskedPack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.masked.as_ref();
        let section =
            section.ok_or_else(|| pack.damaged("it has no table [masked], so it is no masked-token model"))?;
        Ok(Self { graph: pack.graph(&section.graph)?, section: section.clone() })
    }
}

impl VideoPack {
    pub(super) fn read(pack: &Pack) -> Result<Self> {
        let section = pack.manifest.video.as_ref();
        let section = section.ok_or_else(|| pack.damaged("it has no table [video], so it is no frame decoder"))?;
        Ok(Self {
            trunk: pack.graph(&section.trunk)?,
            head: pack.graph(&section.head)?,
            double: pack.graph(&section.double)?,
            encoder: section.encoder.as_deref().map(|file| pack.graph(file)).transpose()?,
            enhancer: section.enhancer.as_deref().map(|file| pack.graph(file)).transpose()?,
            section: section.clone(),
        })
    }
}

/// What a pack adds to an image pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// A residual refiner.
    Refiner,
    /// A masked-token model.
    Masked,
    /// A decoder of video frames.
    Video,
}

impl Addition {
    /// What messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refiner => "refiner",
            Self::Masked => "masked-token model",
            Self::Video => "frame decoder",
        }
    }
}

impl Pack {
    /// What the pack adds, if it adds to the image pack with this hash.
    pub fn adds_to(&self, base: [u8; 8]) -> Option<Addition> {
        let (manifest, base) = (&self.manifest, hex(&base));
        let kinds = [
            (manifest.refiner.is_some(), Addition::Refiner),
            (manifest.masked.is_some(), Addition::Masked),
            (manifest.video.is_some(), Addition::Video),
        ];
        let kind = kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))?;
        (manifest.base() == Some(&base)).then_some(kind)
    }

    /// The graphs of a refiner pack.
    ///
    /// # Errors
    /// [`Error::PackDamaged`](crate::Error::PackDamaged) where a part is damaged or the pack is no refiner.
    pub fn refiner(&self) -> Result<RefinerPack> {
        RefinerPack::read(self)
    }

    /// The graph of a masked-token pack.
    ///
    /// # Errors
    /// [`Error::PackDamaged`](crate::Error::PackDamaged) where a part is damaged or the pack is no masked-token model.
    pub fn masked(&self) -> Result<MaskedPack> {
        MaskedPack::read(self)
    }

    /// The graphs of a frame decoder.
    ///
    /// # Errors
    /// [`Error::PackDamaged`](crate::Error::PackDamaged) where a part is damaged or the pack is no frame decoder.
    pub fn video(&self) -> Result<VideoPack> {
        VideoPack::read(self)
    }
}
