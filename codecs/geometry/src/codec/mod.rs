//! Shapes to `.tsr` bytes and back.

mod decode;
mod encode;
mod inspect;
mod mesh;
mod options;
mod parts;
mod splats;

pub use decode::{Decoded, decode};
pub use encode::{Encoded, encode};
pub use inspect::{Inspection, inspect};
pub use options::{DecodeOptions, EncodeOptions, Target};
