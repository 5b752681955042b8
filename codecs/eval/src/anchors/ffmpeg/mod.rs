//! Codecs of FFmpeg's libraries, in process.

mod avif;
mod clips;
mod jxl;
mod still;
mod voice;

pub use avif::{Av1Encoder, Avif};
pub use clips::{Stream, VideoAnchor};
pub use jxl::JpegXl;
pub use voice::{Codec2, Opus};
