//! Where a kept stream may be joined.

use super::MAX_PAYLOAD;
use crate::container::bytes::{Bytes, put_varint};
use crate::container::chunk::{ChunkKind, Owner, RawChunk};
use crate::container::header::Header;
use crate::error::Result;
use crate::limits::Limits;

/// Most points of an index. When there are more, every other one is dropped.
const MAX_POINTS: usize = 1024;
/// Bytes at the end of a stream in which its index stands: the closing packet is behind it.
const TAIL: usize = 1 << 15;
/// Bytes that may be checksummed in search of the index, per byte of the tail.
const SEARCH_EFFORT: usize = 64;

/// A place of a live stream at which a header stands and a packet with its whole number follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoiningPoint {
    /// The packet's number.
    pub packet: u32,
    /// Offset of the header.
    pub offset: u64,
}

/// The joining points of a stream that is being written, in bounded memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    points: Vec<JoiningPoint>,
    /// One of 2^this points is kept.
    thinned: u32,
    seen: u64,
}

impl Index {
    pub fn add(&mut self, packet: u32, offset: u64) {
        let every = 1u64 << self.thinned.min(63);
        if self.seen.is_multiple_of(every) {
            self.points.push(JoiningPoint { packet, offset });
        }
        self.seen += 1;
        if self.points.len() > MAX_POINTS {
            let mut kept = false;
            self.points.retain(|_| {
                kept = !kept;
                kept
            });
            self.thinned += 1;
        }
    }

    /// The content of the index chunk: each point as its distance to the one before. The first point is the stream's begin and
    /// is left out; without others there is no index.
    pub fn payload(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for pair in self.points.windows(2) {
            put_varint(&mut out, pair[1].packet - pair[0].packet);
            put_varint(&mut out, u32::try_from(pair[1].offset - pair[0].offset).ok()?);
        }
        (!out.is_empty()).then_some(out)
    }
}

/// Where a live stream may be joined: by the index at its end, which needs no look at what is between, or, where the stream was
/// cut off before it, by the headers that stand in it. Rising; the first is the stream's begin.
///
/// # Errors
/// As a header's, and [`Error::Unsupported`] if `data` does not begin with a live stream.
pub fn joining_points(data: &[u8], limits: &Limits) -> Result<Vec<JoiningPoint>> {
    super::header(data, limits)?;
    let mut bytes = Bytes::new(data, 0);
    Header::parse(&mut bytes, limits)?;
    let own = bytes.since(0);
    let stream = Stream { data, own, owner: Owner { crc: crc32c::crc32c(own), live: true } };
    Ok(stream.indexed().unwrap_or_else(|| stream.searched()))
}

struct Stream<'a> {
    data: &'a [u8],
    own: &'a [u8],
    owner: Owner,
}

impl<'a> Stream<'a> {
    fn chunk(&self, at: usize) -> Option<(RawChunk<'a>, usize)> {
        let limits = Limits { max_chunk_bytes: MAX_PAYLOAD, max_metadata_bytes: TAIL as u64, ..Limits::default() };
        let mut bytes = Bytes::new(self.data, at);
        let raw = RawChunk::parse(&mut bytes, self.owner, &limits).ok()?;
        Some((raw, bytes.at()))
    }

    /// The number of the packet in the long form that follows a header at `at`.
    fn joined(&self, at: usize) -> Option<u32> {
        if !self.data.get(at..)?.starts_with(self.own) {
            return None;
        }
        let (raw, _) = self.chunk(at + self.own.len())?;
        (raw.kind() == Some(ChunkKind::Packet) && !raw.short).then_some(raw.sequence)
    }

    /// By the index in front of the closing packet at the very end.
    fn indexed(&self) -> Option<Vec<JoiningPoint>> {
        let from = self.data.len().saturating_sub(TAIL).max(self.own.len());
        let mut effort = SEARCH_EFFORT * (self.data.len() - from);
        for at in (from..self.data.len()).rev() {
            let Some((raw, end)) = self.chunk(at) else {
                effort = effort.checked_sub(1)?;
                continue;
            };
            effort = effort.checked_sub(end - at)?;
            if raw.kind() == Some(ChunkKind::Index)
                && let Some((closing, end)) = self.chunk(end)
                && closing.last
                && end == self.data.len()
            {
                return self.points(raw.payload);
            }
        }
        None
    }

    /// The points of an index, each of which is what it should be.
    fn points(&self, payload: &[u8]) -> Option<Vec<JoiningPoint>> {
        let mut bytes = Bytes::new(payload, 0);
        let mut points = vec![JoiningPoint { packet: 0, offset: 0 }];
        let mut last = points[0];
        while bytes.remaining() > 0 {
            last.packet = last.packet.checked_add(bytes.varint("packets between joining points").ok()?)?;
            last.offset += u64::from(bytes.varint("bytes between joining points").ok()?);
            let at = usize::try_from(last.offset).ok()?;
            self.data.get(at..)?.starts_with(self.own).then_some(())?;
            points.push(last);
        }
        Some(points)
    }

    fn searched(&self) -> Vec<JoiningPoint> {
        let whole = |&at: &usize| self.data[at..].starts_with(self.own);
        let offsets = (0..self.data.len()).filter(whole);
        let points = offsets.filter_map(|at| Some(JoiningPoint { packet: self.joined(at)?, offset: at as u64 }));
        let mut points: Vec<_> = points.collect();
        // A damaged begin is a begin all the same.
        if points.first().is_none_or(|point| point.offset > 0) {
            points.insert(0, JoiningPoint { packet: 0, offset: 0 });
        }
        points.dedup_by(|next, last| next.packet <= last.packet);
        points
    }
}
