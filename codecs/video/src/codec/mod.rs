//! Videos to `.tsr` files and back.

mod analysis;
#[cfg(feature = "ffmpeg")]
mod base;
mod coding;
mod decode;
mod encode;
mod inspect;
mod options;
mod probe;
mod rate;
mod reduce;
mod tally;
mod writing;

use std::sync::Arc;

use tessera_core::Rung;
use tessera_core::container::PackRef;
use tessera_image::Tokenizer;
use tessera_models::{Addition, Pack, VideoPack};

use crate::error::{Error, Result};
#[cfg(feature = "ffmpeg")]
pub use base::{Judge, Switched, base_at_hand};
pub use decode::{Decoded, GopTokens};
pub use encode::Encoded;
pub use inspect::{Inspection, inspect};
pub use options::{CodecOptions, DecodeOptions, EncodeOptions, Networks, Target};
pub use reduce::{Clusters, Codebook, Latents, MOST_CLUSTERS, Reduced};
pub use tally::Tally;

/// Encoder and decoder of videos with one image pack.
///
/// Tables are read once; every call makes as many sessions as it runs threads.
#[derive(Debug)]
pub struct VideoCodec {
    pack: Arc<Pack>,
    tokenizer: Tokenizer,
    frames: Option<VideoPack>,
    threads: usize,
}

impl VideoCodec {
    /// Reads the pack's tables. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) if the pack is damaged or no image pack.
    pub fn new(pack: Arc<Pack>, options: CodecOptions) -> Result<Self> {
        let threads = options.threads.max(1);
        let tokenizer = Tokenizer::new(&pack, tessera_image::CodecOptions { threads: 1 })?;
        Ok(Self { pack, tokenizer, frames: None, threads })
    }

    /// The pack.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// Adds a frame pack, a decoder and maybe an encoder, that was trained for the codec's pack; takes the place of one that was added before. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] if it is for another pack or no frame pack, [`Error::Pack`] if its numbers are not those of the codec's pack,
    /// [`Error::Image`] if it is damaged.
    pub fn add(&mut self, pack: &Pack) -> Result<()> {
        if pack.adds_to(self.pack.hash8()) != Some(Addition::Video) {
            let base = pack.manifest().base().map(str::to_owned);
            return Err(Error::PackMismatch {
                needed: base.unwrap_or_else(|| format!("{}, which adds to none", pack.id())),
                have: format!("{} ({})", self.pack.id(), self.pack.hash_text()),
            });
        }
        let found = pack.video().map_err(tessera_image::Error::from)?;
        let (section, book) = (&found.section, self.tokenizer.codebook());
        if (section.dim, section.depth, section.stride) != (book.dim(), book.full_depth(), self.tokenizer.stride()) {
            let what = format!("{} has another dimension, depth or stride than {}", pack.id(), self.pack.id());
            return Err(Error::Pack { what });
        }
        self.frames = Some(found);
        Ok(())
    }

    /// Threads that run networks on frames of so many pixels: each keeps the memory of a window.
    fn painters(&self, pixels: u64) -> usize {
        const PIXELS_AT_ONCE: u64 = 1 << 23;
        self.threads.min((PIXELS_AT_ONCE / pixels.max(1)).max(1) as usize)
    }

    /// The rung of one whole level of tokens.
    pub fn whole_level(&self) -> Rung {
        Rung { levels: 1, depth: self.tokenizer.codebook().full_depth() }
    }

    /// How files refer to the pack.
    fn pack_ref(&self) -> PackRef {
        PackRef { hash: self.pack.hash8(), id: (!self.pack.is_default()).then(|| self.pack.id().to_owned()) }
    }
}
