//! Writing a file.

use std::collections::BTreeSet;

use super::chunk::{Chunk, ChunkKind};
use super::header::Header;
use crate::error::{Error, Result};

/// The bytes of a file: the header, then the chunks in the given order.
///
/// # Errors
/// [`Error::Parameter`] without chunks, if two chunks share kind and sequence number, or if the
/// header or a chunk is outside the ranges that its type documents.
pub fn write(header: &Header, chunks: &[Chunk]) -> Result<Vec<u8>> {
    let (mut writer, mut out) = FileWriter::new(header)?;
    let Some((last, others)) = chunks.split_last() else {
        return Err(Error::parameter("a file needs at least one chunk"));
    };
    for chunk in others {
        out.extend(writer.chunk(chunk)?);
    }
    out.extend(writer.last(last)?);
    Ok(out)
}

/// Makes the bytes of a file chunk by chunk, for files whose chunks come one after another. What it returns is written in that order.
#[derive(Debug, Clone)]
pub struct FileWriter {
    header_crc: u32,
    offset: u64,
    seen: BTreeSet<(ChunkKind, u32)>,
}

impl FileWriter {
    /// A file's writer and the bytes of its header.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the header is outside the ranges that its type documents.
    pub fn new(header: &Header) -> Result<(Self, Vec<u8>)> {
        let bytes = header.to_bytes()?;
        let writer = Self { header_crc: crc32c::crc32c(&bytes), offset: bytes.len() as u64, seen: BTreeSet::new() };
        Ok((writer, bytes))
    }

    /// Offset of the next chunk.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes of a chunk that others follow.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there was one of this kind and sequence number, or it is outside the ranges that its type documents.
    pub fn chunk(&mut self, chunk: &Chunk) -> Result<Vec<u8>> {
        self.put(chunk, false)
    }

    /// The bytes of the last chunk.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub fn last(mut self, chunk: &Chunk) -> Result<Vec<u8>> {
        self.put(chunk, true)
    }

    fn put(&mut self, chunk: &Chunk, last: bool) -> Result<Vec<u8>> {
        if !self.seen.insert((chunk.kind, chunk.sequence)) {
            return Err(Error::parameter(format!("two chunks are {} {}", chunk.kind.name(), chunk.sequence)));
        }
        let mut out = Vec::with_capacity(chunk.payload.len() + 16);
        chunk.put(&mut out, self.header_crc, last)?;
        self.offset += out.len() as u64;
        Ok(out)
    }
}
