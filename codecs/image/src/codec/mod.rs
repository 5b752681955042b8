//! Pictures to `.tsr` bytes and back.

mod additions;
mod attempt;
mod decode;
mod encode;
mod inspect;
mod options;
mod refining;
mod salvage;

use std::fmt::Write as _;
use std::sync::Arc;

use tessera_core::container::{ChunkKind, PackRef};
use tessera_models::Pack;

use crate::error::Result;
use crate::tokenizer::{Tokenizer, ready};
use additions::Additions;
pub use decode::Decoded;
pub use encode::Encoded;
pub use inspect::{Inspection, inspect};
pub use options::{CodecOptions, Concealment, DecodeOptions, EncodeOptions, MAX_STEPS, Target};

/// Encoder and decoder of pictures with one model pack.
///
/// Sessions are made when first needed, so an instance that only decodes never loads the encoder.
/// Use one instance per thread; the same pack can be shared.
#[derive(Debug)]
pub struct ImageCodec {
    pack: Arc<Pack>,
    tokenizer: Tokenizer,
    additions: Additions,
}

impl ImageCodec {
    /// Reads the pack's tables. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Models`](crate::Error::Models) if the pack is damaged or no image pack.
    pub fn new(pack: Arc<Pack>, options: CodecOptions) -> Result<Self> {
        let tokenizer = Tokenizer::new(&pack, options)?;
        Ok(Self { pack, tokenizer, additions: Additions::default() })
    }

    /// The pack.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// Whether pictures of so many pixels go through the networks in windows where the networks look at all of a picture: what comes
    /// of it is an approximation.
    pub fn is_windowed(&self, width: u32, height: u32) -> bool {
        self.tokenizer.is_windowed(width, height)
    }

    /// How files refer to the pack.
    fn pack_ref(&self) -> PackRef {
        PackRef { hash: self.pack.hash8(), id: (!self.pack.is_default()).then(|| self.pack.id().to_owned()) }
    }
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
