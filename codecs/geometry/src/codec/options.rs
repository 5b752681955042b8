//! What callers choose.

use tessera_core::Limits;

use crate::lattice::Precision;

/// What a mesh or splats are coded for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// What is nearest to the original in a file of at most so many bytes.
    Size(u64),
    /// As `Size`, for the bytes of the original divided by this: of a mesh its positions (12 each) and faces (12 each), of splats all their
    /// numbers (4 each).
    Ratio(f64),
    /// Of a mesh, a surface that is off by about 1 % of the diagonal of the mesh's bounds at 0, 0.1 % at 50, 0.01 % at 100. Of splats, steps of all
    /// numbers that halve with 20 more.
    Quality(f64),
}

/// How the surface of a mesh is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MeshTier {
    /// As measured to be nearest to the original at the size asked for.
    #[default]
    Best,
    /// As fewer triangles.
    Decimated,
    /// As tokens of a model pack, which [`encode_with`](crate::encode_with) is given; for a size or a ratio.
    Surface,
}

/// How a shape is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// How finely coordinates of points are kept.
    pub precision: Precision,
    /// Bits of each half of a normal, 2 to 14. Default 8: off by half a degree at most.
    pub normal_bits: u8,
    /// Code the vertices of a mesh or the centres of splats as a cloud; the rest is dropped.
    pub vertices: bool,
    /// What a mesh or splats are coded for. Default: quality 50.
    pub target: Target,
    /// How the surface of a mesh is coded.
    pub tier: MeshTier,
    /// Bytes of a mesh's size that are for what lies beside it; see [`side_cost`](crate::side_cost).
    pub reserve: u64,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            precision: Precision::Auto,
            normal_bits: 8,
            vertices: false,
            target: Target::Quality(50.0),
            tier: MeshTier::Best,
            reserve: 0,
        }
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
