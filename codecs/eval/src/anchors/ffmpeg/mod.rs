//! Codecs of FFmpeg's libraries, in process.

mod avif;
mod jxl;
mod still;

pub use avif::{Av1Encoder, Avif};
pub use jxl::JpegXl;
