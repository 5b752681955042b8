//! What callers choose.

use tessera_core::Limits;
use tessera_core::container::PriorKind;

use crate::error::{Error, Result};

/// Options of an [`AudioCodec`](super::AudioCodec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecOptions {
    /// Sessions of each network, and so streams that run at once, at least 1. Default: as many as the machine has threads.
    /// A session runs on one thread; results do not depend on how many there are.
    pub threads: usize,
}

impl Default for CodecOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism();
        Self { threads: threads.map_or(1, usize::from) }
    }
}

/// What the tokens of a sound of two channels are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stereo {
    /// Mid and side if the side is at least 10 dB quieter, else left and right.
    #[default]
    Auto,
    /// Left and right.
    LeftRight,
    /// Half the sum and half the difference.
    MidSide,
    /// Half the sum alone: the sound comes back with one channel.
    Mono,
}

/// What a sound was before it was resampled to the model's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Samples per second.
    pub rate: u32,
    /// Samples of a channel.
    pub samples: u32,
}

/// How a sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// Bits of a frame. Default: what the pack says.
    pub bits: Option<u8>,
    /// Squared latent distance that a bit is worth in the choice of tokens. Default 0: the nearest tokens, those of
    /// a [`StreamEncoder`](crate::StreamEncoder).
    pub lambda: f32,
    /// Bits a second that the file takes at most, and no less than 2 % below if the sound has that much to say at all bits. It
    /// decides bits and lambda, so that those may not be given. Default: none.
    pub bits_per_second: Option<u32>,
    /// How tokens are coded. Default: with the pack's trained prior where it has one.
    pub prior: Option<PriorKind>,
    /// What tokens of two channels are of.
    pub stereo: Stereo,
    /// What the sound was before, for the header. `None` if it was not resampled.
    pub source: Option<Source>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { bits: None, lambda: 0.0, bits_per_second: None, prior: None, stereo: Stereo::Auto, source: None }
    }
}

impl EncodeOptions {
    pub(super) fn check(&self) -> Result<()> {
        if !(self.lambda.is_finite() && self.lambda >= 0.0) {
            return Err(Error::parameter("lambda is 0 or above"));
        }
        if self.bits_per_second.is_some() && (self.bits.is_some() || self.lambda != 0.0) {
            return Err(Error::parameter("a rate decides bits and lambda itself"));
        }
        Ok(())
    }
}

/// How a file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What the file may ask for.
    pub limits: Limits,
    /// Decode what survives of a damaged file instead of refusing it: what is lost is concealed.
    pub salvage: bool,
    /// Decode this part alone, without a look at most of what is before it and none at what is after it. Default: all.
    pub span: Option<Span>,
    /// With a pack whose networks look at all of a sound: decode in windows even what could be decoded whole. What is longer than the pack
    /// allows always is.
    pub windowed: bool,
}

/// A part of a sound, in samples of a channel at the model's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First sample.
    pub start: u64,
    /// The sample after the last; what is beyond the sound is left out.
    pub end: u64,
}
