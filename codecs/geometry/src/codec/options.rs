//! What callers choose.

use tessera_core::Limits;

use crate::lattice::Precision;

/// How a shape is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// How finely coordinates are kept.
    pub precision: Precision,
    /// Bits of each half of a normal, 2 to 14. Default 8: off by half a degree at most.
    pub normal_bits: u8,
    /// Code the vertices of a mesh as a cloud; its faces are dropped.
    pub vertices: bool,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { precision: Precision::Auto, normal_bits: 8, vertices: false }
    }
}

/// How a file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What the file may ask for.
    pub limits: Limits,
    /// Decode what survives of a damaged file instead of refusing it: levels before the first that is lost.
    pub salvage: bool,
    /// Bits of a coordinate to decode; what is finer, and colours and normals with it, is left out. Default: all.
    pub bits: Option<u8>,
}
