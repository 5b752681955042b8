//! Pictures to `.tsr` bytes and back.

mod additions;
mod attempt;
mod decode;
mod encode;
mod inspect;
mod options;
mod salvage;

use std::fmt::Write as _;
use std::sync::Arc;

use tessera_core::LatentShape;
use tessera_core::container::{ChunkKind, PackRef};
use tessera_models::{ImagePack, Pack, Session};

use crate::error::Result;
use crate::picture::Picture;
use crate::tiles::{self, Canvas, Tiling};
use additions::Additions;
pub use decode::Decoded;
pub use encode::Encoded;
pub use inspect::{Inspection, inspect};
pub use options::{CodecOptions, Concealment, DecodeOptions, EncodeOptions, MAX_STEPS, Target};

/// Pictures of more pixels than this have one session at a time: each keeps the memory of its largest window.
const LARGE: u64 = 1 << 24;

/// Encoder and decoder of pictures with one model pack.
///
/// Sessions are made when first needed, so an instance that only decodes never loads the encoder.
/// Use one instance per thread; the same pack can be shared.
#[derive(Debug)]
pub struct ImageCodec {
    pack: Arc<Pack>,
    parts: ImagePack,
    threads: usize,
    encoder: Option<Session>,
    decoder: Option<Session>,
    additions: Additions,
}

impl ImageCodec {
    /// Reads the pack's tables. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Models`](crate::Error::Models) if the pack is damaged or no image pack.
    pub fn new(pack: Arc<Pack>, options: CodecOptions) -> Result<Self> {
        let parts = pack.image()?;
        Ok(Self {
            pack,
            parts,
            threads: options.threads.max(1),
            encoder: None,
            decoder: None,
            additions: Additions::default(),
        })
    }

    /// The pack.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// Latents `[y][x][dim]` of a picture.
    fn analyse(&mut self, picture: &Picture, tiling: Tiling) -> Result<Vec<f32>> {
        if picture.pixels() > LARGE {
            self.decoder = None;
        }
        let grain = self.grain();
        let session = ready(&mut self.encoder, || Session::load(&self.parts.encoder, self.threads))?;
        tiles::analyse(picture, grain, tiling, |pixels| Ok(session.run(pixels)?))
    }

    /// Colours `[y][x][3]` of latents.
    fn synthesise(&mut self, latents: &[f32], canvas: Canvas, tiling: Tiling) -> Result<Vec<u8>> {
        if u64::from(canvas.width) * u64::from(canvas.height) > LARGE {
            self.encoder = None;
        }
        let grain = self.grain();
        let session = ready(&mut self.decoder, || Session::load(&self.parts.decoder, self.threads))?;
        tiles::synthesise(latents, canvas, grain, tiling, |latents| Ok(session.run(latents)?))
    }

    /// How pictures of a grid are cut: as the pack says, or as `usual` where its networks look at a few positions around.
    fn tiling(&self, shape: LatentShape, usual: Tiling) -> Tiling {
        match self.parts.whole {
            None => usual,
            Some(whole) if shape.len() <= whole.exact_tokens => Tiling::WHOLE,
            Some(whole) => Tiling { window: whole.window_tokens, margin: whole.margin_tokens },
        }
    }

    /// Whether pictures of so many pixels go through the networks in windows where the networks look at all of a picture: what comes
    /// of it is an approximation.
    pub fn is_windowed(&self, width: u32, height: u32) -> bool {
        let positions = tiles::latent_shape(width, height, self.parts.stride).len();
        self.parts.whole.is_some_and(|whole| positions > whole.exact_tokens)
    }

    /// Pixels per token and side, and values per latent.
    fn grain(&self) -> (u32, usize) {
        (self.parts.stride, self.parts.codebook.dim())
    }

    /// How files refer to the pack.
    fn pack_ref(&self) -> PackRef {
        PackRef { hash: self.pack.hash8(), id: (!self.pack.is_default()).then(|| self.pack.id().to_owned()) }
    }
}

fn ready<S>(slot: &mut Option<S>, load: impl FnOnce() -> tessera_models::Result<S>) -> Result<&mut S> {
    Ok(match slot {
        Some(session) => session,
        None => slot.insert(load()?),
    })
}

/// A pack as messages name it.
fn pack_name(id: Option<&str>, hash: [u8; 8]) -> String {
    let mut hex = String::new();
    for byte in hash {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    match id {
        Some(id) => format!("{id} ({hex})"),
        None => hex,
    }
}

/// Whether a chunk is metadata.
fn is_metadata(kind: ChunkKind) -> bool {
    matches!(kind, ChunkKind::Exif | ChunkKind::Icc)
}

#[cfg(test)]
mod seams;
