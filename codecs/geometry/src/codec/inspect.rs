//! What a file holds.

use tessera_core::Limits;
use tessera_core::container::{self, ChunkKind, GeometryTier, PackRef, Part};

use super::decode::tier_of;
use crate::error::Result;

/// What the header and the chunks of a file say.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// How the shape is coded.
    pub tier: GeometryTier,
    /// The pack that decodes it; [`PackRef::NONE`] where none is needed.
    pub pack: PackRef,
    /// Bytes of the octree's levels, of the mesh or of the tokens.
    pub level_bytes: u64,
    /// Bytes of everything else that points have.
    pub attribute_bytes: u64,
    /// Every part of the file.
    pub parts: Vec<Part>,
}

/// Looks into a whole file.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) for a file that is damaged, foreign, or holds no shape.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection> {
    let file = container::read(bytes, limits)?;
    let sum = |kind| file.of_kind(kind).map(|chunk| chunk.payload.len() as u64).sum();
    Ok(Inspection {
        tier: tier_of(&file.header)?,
        pack: file.header.pack.clone(),
        level_bytes: sum(ChunkKind::Levels) + sum(ChunkKind::Mesh) + sum(ChunkKind::Tokens),
        attribute_bytes: sum(ChunkKind::Attribute),
        parts: container::layout(bytes, limits)?,
    })
}
