//! Codecs of FFmpeg's libraries, in process.

mod avif;
mod jxl;
mod still;
mod voice;

pub use avif::{Av1Encoder, Avif};
pub use jxl::JpegXl;
pub use voice::{Codec2, Opus};
