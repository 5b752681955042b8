//! Reading what survives of a damaged file.

use std::collections::BTreeSet;

use super::bytes::Bytes;
use super::chunk::{Chunk, Owner, RawChunk};
use super::header::Header;
use super::numbering::Numbering;
use crate::error::{Error, Result};
use crate::limits::{self, Limits};

/// Bytes that may be checksummed in search of the next chunk, per byte of the file. Keeps a file
/// made of false chunk heads from costing quadratic time.
const SEARCH_EFFORT: usize = 64;

/// What survives of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    /// What the chunks are about. Proven by every surviving chunk, and by nothing else.
    pub header: Header,
    /// The chunks whose checksum holds, in file order.
    pub chunks: Vec<Chunk>,
    /// What was lost, in file order; empty for a whole file.
    pub losses: Vec<Loss>,
}

/// A run of bytes that no chunk survives from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Offset of the first lost byte.
    pub offset: u64,
    /// Number of lost bytes; 0 where the file ends before its last chunk.
    pub bytes: u64,
    /// What is wrong there.
    pub error: Error,
}

/// Reads what survives of a file.
///
/// After damage, the search goes on at the next place where a chunk's checksum holds. A damaged
/// header leaves no surviving chunk, since every checksum covers it.
///
/// # Errors
/// [`Error::Truncated`], [`Error::Corrupt`], [`Error::Unsupported`] or [`Error::Limit`] if not even the
/// header can be read, and [`Error::Limit`] for too many chunks. Everything else is a [`Loss`].
pub fn salvage(data: &[u8], limits: &Limits) -> Result<Salvaged> {
    let mut bytes = Bytes::new(data, 0);
    let header = Header::parse(&mut bytes, limits)?;
    let mut search = Search {
        data,
        limits,
        owner: Owner { crc: crc32c::crc32c(bytes.since(0)), live: header.media.is_live() },
        // What may stand again between the chunks of a live stream.
        repeated: if header.media.is_live() { bytes.since(0) } else { &[] },
        effort: data.len().saturating_mul(SEARCH_EFFORT),
    };
    let mut salvaged = Salvaged { header, chunks: Vec::new(), losses: Vec::new() };
    let mut at = bytes.at();
    let mut ended = false;
    let mut seen = BTreeSet::new();
    let mut numbering = Numbering::default();
    while at < data.len() {
        if search.is_header(at) {
            at += search.repeated.len();
            continue;
        }
        let found = search.chunk(at).map(|(mut raw, next)| {
            numbering.place(&mut raw);
            (raw, next)
        });
        let (next, outcome) = match found {
            Ok((_, next)) if ended => (next, Err(Error::corrupt("a chunk follows the last one"))),
            Ok((raw, next)) if !seen.insert(raw.key()) => {
                let error = Error::corrupt(format!("two chunks are {}", raw.name()));
                (next, Err(error))
            }
            Ok((raw, next)) => {
                ended = raw.last;
                (next, raw.known())
            }
            Err(error) => (search.next_chunk(at), Err(error)),
        };
        match outcome {
            Ok(chunk) => salvaged.chunks.extend(chunk),
            Err(error) => salvaged.losses.push(Loss { offset: at as u64, bytes: (next - at) as u64, error }),
        }
        let parts = salvaged.chunks.len() + salvaged.losses.len();
        limits::check("number of chunks", parts as u64, u64::from(limits.max_chunks))?;
        at = next;
    }
    if !ended {
        salvaged.losses.push(Loss {
            offset: at as u64,
            bytes: 0,
            error: Error::truncated("the last chunk is missing"),
        });
    }
    Ok(salvaged)
}

struct Search<'a> {
    data: &'a [u8],
    limits: &'a Limits,
    owner: Owner,
    repeated: &'a [u8],
    effort: usize,
}

impl<'a> Search<'a> {
    fn is_header(&self, at: usize) -> bool {
        !self.repeated.is_empty() && self.data[at..].starts_with(self.repeated)
    }

    /// The chunk at an offset, and where it ends.
    fn chunk(&mut self, at: usize) -> Result<(RawChunk<'a>, usize)> {
        let mut bytes = Bytes::new(self.data, at);
        let raw = RawChunk::parse(&mut bytes, self.owner, self.limits);
        self.effort = self.effort.saturating_sub(bytes.at() - at);
        raw.map(|raw| (raw, bytes.at()))
    }

    /// Whether something whole begins at an offset where nobody knows that it does. A live stream's packet in the short form, of
    /// whose checksum there is little, must be followed by something whole, or by the end.
    fn is_found(&mut self, at: usize) -> bool {
        if self.is_header(at) {
            return true;
        }
        match self.chunk(at) {
            Ok((raw, next)) if raw.short => next == self.data.len() || self.is_header(next) || self.chunk(next).is_ok(),
            found => found.is_ok(),
        }
    }

    /// Where the first whole chunk after a damaged one begins, or the end of the data.
    fn next_chunk(&mut self, damaged: usize) -> usize {
        // Mostly the payload is damaged, not the length.
        if let Ok(end) = RawChunk::claimed_end(Bytes::new(self.data, damaged), self.owner, self.limits)
            && self.is_found(end)
        {
            return end;
        }
        for at in damaged + 1..self.data.len() {
            if self.effort == 0 {
                break;
            }
            if self.is_found(at) {
                return at;
            }
        }
        self.data.len()
    }
}
