//! What callers choose.

use tessera_core::{Limits, Rung};

use crate::error::{Error, Result};
use crate::io::Metadata;

/// Options of an [`ImageCodec`](super::ImageCodec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecOptions {
    /// Threads of one call, at least 1. Default: as many as the machine has. Files do not depend on it.
    pub threads: usize,
}

impl Default for CodecOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism();
        Self { threads: threads.map_or(1, usize::from) }
    }
}

/// How small or how good a file shall be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// From 0, smallest, to 100, best.
    ///
    /// Bits per latent position, before entropy coding, rise geometrically from the first rung of the
    /// pack's ladder to the last: with 3 to 12 bits and four levels, 3·16^(q/100). Quality 0 is 3
    /// bits per position (about 0.01 bits per pixel with stride 16), 25 is 6, 50 is 12 (one full
    /// level, about 0.04 bpp), 75 is 24, 100 is 48 (about 0.17 bpp).
    Quality(f32),
    /// Bits per pixel, the whole file counted: the best that does not exceed them, or the smallest
    /// possible file if all do.
    Bpp(f64),
    /// Bytes that the whole file never exceeds: the best that fits, or
    /// [`Error::TooSmall`] with the least possible size.
    Size(u64),
    /// One rung of the ladder.
    Rung {
        /// The rung; its levels and depth must be on the pack's ladder.
        rung: Rung,
        /// Squared latent distance that one bit is worth in the search; `None`: the pack's value for the rung.
        lambda: Option<f32>,
    },
}

/// How a picture is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// How small or how good. Default: quality 50.
    pub target: Target,
    /// How hard to search for cheaper tokens, 0 to 9. Default 5.
    ///
    /// The search weighs the 1, 2, 4, 6, 8, 12, 16, 24, 32 or 64 nearest codewords of each token; 0 takes
    /// the nearest one as it is.
    pub effort: u8,
    /// Whether the picture's EXIF and ICC blocks go into the file. Without, a picture that has an ICC
    /// profile is converted to sRGB first.
    pub metadata: Metadata,
    /// Whether tokens are dealt to packets of which each can be lost: what is lost has neighbours all around. Costs bytes.
    pub resilient: bool,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { target: Target::Quality(50.0), effort: 5, metadata: Metadata::Strip, resilient: false }
    }
}

impl EncodeOptions {
    /// Codewords that the search weighs.
    pub(super) fn candidates(&self) -> usize {
        [1, 2, 4, 6, 8, 12, 16, 24, 32, 64][usize::from(self.effort.min(9))]
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.effort > 9 {
            return Err(Error::parameter("effort is from 0 to 9"));
        }
        let reason = match self.target {
            Target::Quality(quality) if !(0.0..=100.0).contains(&quality) => "quality is from 0 to 100",
            Target::Bpp(bpp) if !(bpp.is_finite() && bpp > 0.0) => "bits per pixel are above 0",
            Target::Rung { lambda: Some(lambda), .. } if !(lambda.is_finite() && lambda >= 0.0) => {
                "lambda is 0 or above"
            }
            _ => return Ok(()),
        };
        Err(Error::parameter(reason))
    }
}

/// How a file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What the file may ask for.
    pub limits: Limits,
    /// Decode what survives of a damaged file instead of refusing it.
    pub salvage: bool,
    /// What stands in for lost tokens. Default: [`Concealment::Likely`].
    pub conceal: Concealment,
    /// Let the masked-token model say what coarse tokens leave open. Needs one, see [`ImageCodec::add`](super::ImageCodec::add). Does nothing for
    /// files of full first levels.
    pub heal: bool,
    /// Steps of the refiner, at most [`MAX_STEPS`]; 0 leaves the picture as it is decoded. More than 0 need a refiner, see
    /// [`ImageCodec::add`](super::ImageCodec::add); those of pictures are trained for 1, 2 and 5, those of latents take the numbers that their packs have
    /// schedules for.
    pub refine: u8,
}

/// Most steps of the refiner.
pub const MAX_STEPS: u8 = 32;

/// What stands in for lost tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Concealment {
    /// What the masked-token model expects, where the codec has one, else [`Mean`](Self::Mean).
    #[default]
    Likely,
    /// A mixture of the nearest known tokens in four directions.
    Mean,
    /// The nearest known token in the row or column.
    Repeat,
}

impl DecodeOptions {
    pub(super) fn check(&self) -> Result<()> {
        match self.refine {
            0..=MAX_STEPS => Ok(()),
            _ => Err(Error::parameter(format!("the refiner takes at most {MAX_STEPS} steps"))),
        }
    }
}
