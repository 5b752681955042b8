//! Writing a file.

use std::collections::BTreeSet;

use super::chunk::Chunk;
use super::header::Header;
use crate::error::{Error, Result};

/// The bytes of a file: the header, then the chunks in the given order.
///
/// # Errors
/// [`Error::Parameter`] without chunks, if two chunks share kind and sequence number, or if the
/// header or a chunk is outside the ranges that its type documents.
pub fn write(header: &Header, chunks: &[Chunk]) -> Result<Vec<u8>> {
    let mut out = header.to_bytes()?;
    let header_crc = crc32c::crc32c(&out);
    if chunks.is_empty() {
        return Err(Error::parameter("a file needs at least one chunk"));
    }
    let mut seen = BTreeSet::new();
    for (n, chunk) in chunks.iter().enumerate() {
        if !seen.insert((chunk.kind, chunk.sequence)) {
            return Err(Error::parameter(format!("two chunks are {} {}", chunk.kind.name(), chunk.sequence)));
        }
        chunk.put(&mut out, header_crc, n + 1 == chunks.len())?;
    }
    Ok(out)
}
