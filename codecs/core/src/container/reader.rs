//! Strict reading.

use std::collections::BTreeSet;

use super::bytes::Bytes;
use super::chunk::{Chunk, ChunkKind, Owner, RawChunk};
use super::header::Header;
use super::numbering::Numbering;
use crate::entropy::TokenPrior;
use crate::entropy::bands::{self, CodedBand};
use crate::entropy::packets;
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use crate::token::{GridShape, TokenGrid};

/// A whole file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What the chunks are about.
    pub header: Header,
    /// The chunks of known kinds, in file order. Each checksum held.
    pub chunks: Vec<Chunk>,
}

impl File {
    /// The chunks of one kind, in file order.
    pub fn of_kind(&self, kind: ChunkKind) -> impl Iterator<Item = &Chunk> {
        self.chunks.iter().filter(move |chunk| chunk.kind == kind)
    }

    /// The coded bands in order, for [`decode_bands`](crate::entropy::bands::decode_bands).
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a band is missing or has no token checksum.
    pub fn bands(&self) -> Result<Vec<CodedBand>> {
        let mut tokens: Vec<&Chunk> = self.of_kind(ChunkKind::Tokens).collect();
        tokens.sort_by_key(|chunk| chunk.sequence);
        for (n, chunk) in (0..).zip(&tokens) {
            if chunk.sequence != n {
                return Err(Error::corrupt(format!("the chunk of band {n} is missing")));
            }
        }
        tokens.into_iter().map(Chunk::band).collect()
    }
}

impl File {
    /// The tokens of a file of bands or of packets, on up to `threads` threads.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if bands or packets are missing, or there are both, and those of
    /// [`decode_bands`](bands::decode_bands) and [`decode_packets`](packets::decode_packets).
    pub fn tokens(
        &self,
        shape: GridShape,
        depths: &[u8],
        prior: &dyn TokenPrior,
        limits: &Limits,
        threads: usize,
    ) -> Result<TokenGrid> {
        let mut interleaved: Vec<&Chunk> = self.of_kind(ChunkKind::Interleaved).collect();
        if interleaved.is_empty() {
            return bands::decode_bands(&self.bands()?, shape, depths, prior, limits, threads);
        }
        if self.of_kind(ChunkKind::Tokens).next().is_some() {
            return Err(Error::corrupt("the file has tokens both in bands and in packets"));
        }
        interleaved.sort_by_key(|chunk| chunk.sequence);
        if let Some((n, _)) = (0..).zip(&interleaved).find(|(n, chunk)| chunk.sequence != *n) {
            return Err(Error::corrupt(format!("packet {n} of the tokens is missing")));
        }
        let coded: Vec<&[u8]> = interleaved.iter().map(|chunk| &chunk.payload[..]).collect();
        packets::decode_packets(&coded, shape, depths, prior, limits, threads)
    }
}

/// Reads a file that must be whole.
///
/// Ancillary chunks of unknown kinds are verified and left out.
///
/// # Errors
/// [`Error::Truncated`] if the bytes end early; [`Error::Corrupt`] at the first thing that does not
/// hold; [`Error::Unsupported`] for foreign or newer files and unknown critical chunks;
/// [`Error::Limit`] for a claim above `limits`, found before anything is allocated for it.
pub fn read(data: &[u8], limits: &Limits) -> Result<File> {
    let mut chunks = Vec::new();
    let header = walk(data, limits, |_, raw, _| {
        chunks.extend(raw.known()?);
        Ok(())
    })?;
    Ok(File { header, chunks })
}

/// Visits every chunk of a whole file with the offsets of its head and of its payload.
pub(super) fn walk<'a>(
    data: &'a [u8],
    limits: &Limits,
    mut visit: impl FnMut(usize, RawChunk<'a>, usize) -> Result<()>,
) -> Result<Header> {
    let mut bytes = Bytes::new(data, 0);
    let header = Header::parse(&mut bytes, limits)?;
    let own = bytes.since(0);
    let owner = Owner { crc: crc32c::crc32c(own), live: header.media.is_live() };
    let mut numbering = Numbering::default();
    let mut seen = BTreeSet::new();
    loop {
        limits::check("number of chunks", seen.len() as u64 + 1, u64::from(limits.max_chunks))?;
        while header.media.is_live() && data[bytes.at()..].starts_with(own) {
            bytes.take(own.len(), "repeated header")?;
        }
        let start = bytes.at();
        let mut raw = RawChunk::parse(&mut bytes, owner, limits)?;
        numbering.place(&mut raw);
        if !seen.insert(raw.key()) {
            return Err(Error::corrupt(format!("two chunks are {}", raw.name())));
        }
        visit(start, raw, bytes.at() - raw.payload.len())?;
        if raw.last {
            break;
        }
    }
    match bytes.remaining() {
        0 => Ok(header),
        extra => Err(Error::corrupt(format!("{extra} bytes follow the last chunk"))),
    }
}
