//! What callers choose.

use tessera_core::container::FULL_SCALE;
use tessera_core::{Limits, Rung};

use crate::error::{Error, Result};

/// Options of a [`VideoCodec`](super::VideoCodec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecOptions {
    /// Threads of one call, at least 1. Default: as many as the machine has. Files do not depend on it.
    pub threads: usize,
}

impl Default for CodecOptions {
    fn default() -> Self {
        Self { threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// How small or how good a file shall be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// From 0, smallest, to 100, best. From 50, one full level of tokens at full size, on levels are added; below, tokens stay longer, and frames are coded
    /// at three quarters (below 40), a half (25) and three eighths (12) of their sides.
    Quality(f32),
    /// Bits per pixel of all frames, the whole file counted: within 3 % below, or the smallest possible file if all exceed it.
    Bpp(f64),
    /// Bits per second, the whole file counted, in the same way.
    BitsPerSecond(u32),
    /// Bytes that the whole file never exceeds, or [`Error::TooSmall`] with the least possible size.
    Size(u64),
    /// One rung of the ladder.
    Rung {
        /// The rung; its levels and depth must be on the pack's ladder.
        rung: Rung,
        /// Squared latent distance that one bit is worth; `None`: the usual value for the rung.
        lambda: Option<f32>,
    },
}

/// Whose networks see and paint frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Networks {
    /// Those of the frame pack if the codec has one that can do it, else the image pack's.
    #[default]
    Best,
    /// Those of the image pack, to which each frame is a picture by itself.
    Image,
    /// Those of a frame pack, see [`VideoCodec::add`](super::VideoCodec::add).
    Video,
}

/// How a video is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// How small or how good. Default: quality 50.
    pub target: Target,
    /// Sides of the frames that are coded, in eighths of the source's, 1 to 8; `None`: as the target suggests.
    pub eighths: Option<u8>,
    /// Seconds of a group of pictures at most, above 0: a file can be entered where a group begins. Default 4.
    pub gop_seconds: f64,
    /// How hard to search for cheaper tokens, 0 to 9. Default 5.
    pub effort: u8,
    /// Whether tokens stay where that is cheaper than what it costs in distortion. Default: yes; no is for comparison.
    pub sticky: bool,
    /// Whose encoder sees the frames. Files say nothing of it. Default: the frame pack's if it has one.
    pub encoder: Networks,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            target: Target::Quality(50.0),
            eighths: None,
            gop_seconds: 4.0,
            effort: 5,
            sticky: true,
            encoder: Networks::Best,
        }
    }
}

impl EncodeOptions {
    /// Codewords that the search weighs.
    pub(super) fn candidates(&self) -> usize {
        [1, 2, 4, 6, 8, 12, 16, 24, 32, 64][usize::from(self.effort.min(9))]
    }

    pub(super) fn check(&self) -> Result<()> {
        let reason = match self.target {
            _ if self.effort > 9 => "effort is from 0 to 9",
            _ if !(self.gop_seconds.is_finite() && self.gop_seconds > 0.0) => {
                "a group of pictures takes a number of seconds above 0"
            }
            _ if self.eighths.is_some_and(|eighths| !(1..=FULL_SCALE).contains(&eighths)) => {
                "frames are coded at 1 to 8 eighths of their size"
            }
            Target::Quality(quality) if !(0.0..=100.0).contains(&quality) => "quality is from 0 to 100",
            Target::Bpp(bpp) if !(bpp.is_finite() && bpp > 0.0) => "bits per pixel are above 0",
            Target::BitsPerSecond(0) => "bits per second are at least 1",
            Target::Rung { lambda: Some(lambda), .. } if !(lambda.is_finite() && lambda >= 0.0) => {
                "lambda is 0 or above"
            }
            _ => return Ok(()),
        };
        Err(Error::parameter(reason))
    }
}

/// How a file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DecodeOptions {
    /// What the file may ask for.
    pub limits: Limits,
    /// Decode what survives of a damaged file instead of refusing it.
    pub salvage: bool,
    /// Only the frames that are shown between two times in seconds, the end left out: from the one that is shown at the first.
    pub span: Option<(f64, f64)>,
    /// Whose decoder paints frames.
    pub decoder: Networks,
    /// Paint every frame whole instead of what changed of it: for comparison, the frames are the same up to rounding.
    pub whole_frames: bool,
}

impl DecodeOptions {
    pub(super) fn check(&self) -> Result<()> {
        match self.span {
            Some((from, to)) if !(from >= 0.0 && to > from) => {
                Err(Error::parameter("a part of a video is from a time of at least 0 to a later one"))
            }
            _ => Ok(()),
        }
    }
}
