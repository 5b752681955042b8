//! Shapes to `.tsr` bytes and back.

mod decode;
mod encode;
mod inspect;
mod mesh;
mod options;
mod parts;
mod side;
mod splats;

pub use decode::{Decoded, decode, decode_with};
pub use encode::{Encoded, encode, encode_with};
pub use inspect::{Inspection, inspect};
pub use options::{DecodeOptions, EncodeOptions, MeshTier, Target};
pub use side::{side_cost, side_of, with_side};
