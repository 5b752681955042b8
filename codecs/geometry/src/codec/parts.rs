//! What the chunks of a file of points or splats hold besides levels.

use tessera_core::container::{Chunk, ChunkKind};

/// Attributes, by their sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// How often each leaf occurs.
    Counts,
    /// What coordinates are beyond the lattice.
    Exact,
    /// Colours of 8 bits.
    Colors,
    /// Octahedral normals.
    Normals,
    /// How long the axes of splats are.
    Sizes,
    /// How splats are turned.
    Turns,
    /// Opacities of splats.
    Opacities,
    /// Colours of splats, as coefficients of degree 0.
    SplatColors,
    /// Palettes of the coefficients of higher degrees, and the tokens of splats.
    Harmonics,
}

impl Attribute {
    pub fn sequence(self) -> u32 {
        match self {
            Self::Counts => 0,
            Self::Exact => 1,
            Self::Colors => 2,
            Self::Normals => 3,
            Self::Sizes => 4,
            Self::Turns => 5,
            Self::Opacities => 6,
            Self::SplatColors => 7,
            Self::Harmonics => 8,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Counts => "how often points occur",
            Self::Exact => "coordinates beyond the lattice",
            Self::Colors => "colours",
            Self::Normals => "normals",
            Self::Sizes => "sizes of splats",
            Self::Turns => "turns of splats",
            Self::Opacities => "opacities",
            Self::SplatColors => "colours of splats",
            Self::Harmonics => "spherical harmonics",
        }
    }

    pub fn chunk(self, payload: Vec<u8>) -> Chunk {
        Chunk { sequence: self.sequence(), ..Chunk::new(ChunkKind::Attribute, payload) }
    }

    pub fn find(self, chunks: &[Chunk]) -> Option<&[u8]> {
        let own = |chunk: &&Chunk| chunk.kind == ChunkKind::Attribute && chunk.sequence == self.sequence();
        chunks.iter().find(own).map(|chunk| &chunk.payload[..])
    }
}
