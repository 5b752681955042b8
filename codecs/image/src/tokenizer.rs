//! Between pictures and latents: networks, tables and windows of an image pack, for whoever brings a container of their own.

use std::sync::Arc;

use ndarray::{Array4, ArrayView4};
use tessera_core::entropy::NetworkPrior;
use tessera_core::vq::ResidualCodebook;
use tessera_core::{LatentShape, Limits};
use tessera_models::{Graph, ImagePack, Pack, Session};

use crate::codec::CodecOptions;
use crate::error::Result;
use crate::picture::Picture;
use crate::rate::Ladder;
use crate::tiles::{self, Canvas, Tiling};

/// Pictures of more pixels than this have one session at a time: each keeps the memory of its largest window.
const LARGE: u64 = 1 << 24;

/// Pictures to latents and back, with the networks of an image pack.
///
/// Sessions are made when first needed, so an instance that only paints never loads the encoder. Use one instance per thread; siblings share
/// the tables.
#[derive(Debug)]
pub struct Tokenizer {
    pub(crate) parts: Arc<ImagePack>,
    pub(crate) threads: usize,
    /// The graph that makes latents: the pack's, or one that stands in for it.
    analysis: Graph,
    encoder: Option<Session>,
    decoder: Option<Session>,
}

impl Tokenizer {
    /// Reads the pack's tables. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Models`](crate::Error::Models) if the pack is damaged or no image pack.
    pub fn new(pack: &Pack, options: CodecOptions) -> Result<Self> {
        let parts = Arc::new(pack.image()?);
        let analysis = parts.encoder.clone();
        Ok(Self { parts, threads: options.threads.max(1), analysis, encoder: None, decoder: None })
    }

    /// Another one with the same tables and graphs and sessions of its own, that run on so many threads.
    #[must_use]
    pub fn sibling(&self, threads: usize) -> Self {
        let (parts, analysis) = (Arc::clone(&self.parts), self.analysis.clone());
        Self { parts, threads: threads.max(1), analysis, encoder: None, decoder: None }
    }

    /// The same with another encoder for the latents of the pack: pictures f32[1, 3, stride·h, stride·w] in [-1, 1] to f32[1, dim, h, w].
    #[must_use]
    pub fn with_encoder(self, analysis: Graph) -> Self {
        Self { analysis, encoder: None, ..self }
    }

    /// Pixels per token along each side.
    pub fn stride(&self) -> u32 {
        self.parts.stride
    }

    /// The codebook of the latents.
    pub fn codebook(&self) -> &ResidualCodebook {
        &self.parts.codebook
    }

    /// The trained prior of the tokens.
    pub fn prior(&self) -> &NetworkPrior {
        &self.parts.prior
    }

    /// The rungs of grids of so many positions, and what a bit is worth at each.
    pub fn ladder(&self, positions: u64) -> Ladder {
        let codebook = &self.parts.codebook;
        let levels = usize::from(codebook.max_levels()).min(self.parts.prior.levels()) as u8;
        let depths = (self.parts.min_depth, codebook.full_depth(), levels);
        Ladder::new(depths, codebook.dim(), self.parts.search_lambda, positions, Limits::default().max_tokens)
    }

    /// The latents of a picture: sides divided by the stride, rounded up.
    pub fn grid(&self, width: u32, height: u32) -> LatentShape {
        tiles::latent_shape(width, height, self.parts.stride)
    }

    /// Latents `[y][x][dim]` of a picture.
    ///
    /// # Errors
    /// [`Error::Models`](crate::Error::Models) if ONNX Runtime is missing or fails, [`Error::Pack`](crate::Error::Pack) if the network is
    /// not what the pack says.
    pub fn analyse(&mut self, picture: &Picture) -> Result<Vec<f32>> {
        if picture.pixels() > LARGE {
            self.decoder = None;
        }
        let tiling = self.tiling(self.grid(picture.width, picture.height), Tiling::ENCODER);
        self.analyse_in(picture, tiling)
    }

    /// Latents of a picture cut in a given way.
    pub(crate) fn analyse_in(&mut self, picture: &Picture, tiling: Tiling) -> Result<Vec<f32>> {
        let grain = self.grain();
        let session = ready(&mut self.encoder, || Session::load(&self.analysis, self.threads))?;
        tiles::analyse(picture, grain, tiling, &self.analysis.name, |pixels| Ok(session.run(pixels)?))
    }

    /// Colours `[y][x][3]` of latents `[y][x][dim]`.
    ///
    /// # Errors
    /// As [`analyse`](Self::analyse).
    pub fn synthesise(&mut self, latents: &[f32], canvas: Canvas) -> Result<Vec<u8>> {
        if u64::from(canvas.width) * u64::from(canvas.height) > LARGE {
            self.encoder = None;
        }
        let tiling = self.tiling(self.grid(canvas.width, canvas.height), Tiling::DECODER);
        self.synthesise_in(latents, canvas, tiling)
    }

    /// The network's picture of a window of latents f32[1, dim, h, w]: f32[1, 3, stride·h, stride·w], about in [-1, 1].
    ///
    /// # Errors
    /// As [`analyse`](Self::analyse).
    pub fn synthesise_window(&mut self, latents: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let session = ready(&mut self.decoder, || Session::load(&self.parts.decoder, self.threads))?;
        Ok(session.run(latents)?)
    }

    /// Longest side of a window of the decoder in tokens, and tokens away from a token, on every side, that its pixels do not depend on by more than a level.
    /// `None` where the network looks at all of a picture.
    pub fn window(&self) -> Option<(u32, u32)> {
        self.parts.whole.is_none().then_some((Tiling::DECODER.window, Tiling::DECODER.margin))
    }

    /// Colours of latents cut in a given way.
    pub(crate) fn synthesise_in(&mut self, latents: &[f32], canvas: Canvas, tiling: Tiling) -> Result<Vec<u8>> {
        let grain = self.grain();
        let session = ready(&mut self.decoder, || Session::load(&self.parts.decoder, self.threads))?;
        tiles::synthesise(latents, canvas, grain, tiling, |latents, _| Ok(session.run(latents)?))
    }

    /// How pictures of a grid are cut: as the pack says, or as `usual` where its networks look at a few positions around.
    pub(crate) fn tiling(&self, shape: LatentShape, usual: Tiling) -> Tiling {
        match self.parts.whole {
            None => usual,
            Some(whole) => Tiling::of_whole(whole, shape.len()),
        }
    }

    /// Whether pictures of so many pixels go through the networks in windows where the networks look at all of a picture: what comes
    /// of it is an approximation.
    pub fn is_windowed(&self, width: u32, height: u32) -> bool {
        let positions = self.grid(width, height).len();
        self.parts.whole.is_some_and(|whole| positions > whole.exact_tokens)
    }

    /// Pixels per token and side, and values per latent.
    pub(crate) fn grain(&self) -> (u32, usize) {
        (self.parts.stride, self.parts.codebook.dim())
    }
}

/// A session that is made when it is first needed.
pub(crate) fn ready<S>(slot: &mut Option<S>, load: impl FnOnce() -> tessera_models::Result<S>) -> Result<&mut S> {
    Ok(match slot {
        Some(session) => session,
        None => slot.insert(load()?),
    })
}
