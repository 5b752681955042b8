//! What lies beside a shape, as a chunk of its own.

use tessera_core::Limits;
use tessera_core::container::{self, Chunk, ChunkKind};

use super::decode::tier_of;
use super::options::DecodeOptions;
use crate::error::Result;
use crate::io::Side;

/// Bytes that a file takes more with what lies beside its shape, at most.
///
/// # Errors
/// As [`Side::to_bytes`].
pub fn side_cost(side: &Side) -> Result<u64> {
    // Kind, its extension, a length of up to three bytes, a checksum.
    Ok(side.to_bytes()?.len() as u64 + 9)
}

/// The file of a shape with what lies beside it.
///
/// # Errors
/// As [`Side::to_bytes`]; [`Error::Core`](crate::Error::Core) for a file that is damaged or holds no shape.
pub fn with_side(file: &[u8], side: &Side) -> Result<Vec<u8>> {
    let mut read = container::read(file, &Limits::default())?;
    tier_of(&read.header)?;
    read.chunks.retain(|chunk| chunk.kind != ChunkKind::Side);
    read.chunks.push(Chunk::new(ChunkKind::Side, side.to_bytes()?));
    Ok(container::write(&read.header, &read.chunks)?)
}

/// What lies beside the shape of a file; nothing where that is damaged and the rest may be used.
///
/// # Errors
/// As [`Side::from_bytes`]; [`Error::Core`](crate::Error::Core) for a file that is damaged.
pub fn side_of(file: &[u8], options: &DecodeOptions) -> Result<Side> {
    let chunks = match options.salvage {
        true => container::salvage(file, &options.limits)?.chunks,
        false => container::read(file, &options.limits)?.chunks,
    };
    let found = chunks.iter().find(|chunk| chunk.kind == ChunkKind::Side);
    match found.map(|chunk| Side::from_bytes(&chunk.payload)) {
        None => Ok(Side::default()),
        Some(Err(_)) if options.salvage => Ok(Side::default()),
        Some(side) => side,
    }
}
