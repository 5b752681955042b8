//! Groups of pictures of a video: when their frames are shown, and where they stand in a file.

use super::bytes::{Bytes, put_varint, put_varint64};
use super::chunk::{Chunk, ChunkKind, Owner, RawChunk};
use super::header::Header;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Most frames of a group.
pub const MAX_GOP_FRAMES: u32 = 1024;
/// Ticks of a video stay below this.
const MAX_TICKS: u64 = 1 << 62;
/// Bytes behind the entries of an index: how far its chunk begins before the end of the file.
const DISTANCE: usize = 4;

/// When the frames of a group are shown, in ticks since the first frame of the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GopTimes {
    /// When the first frame is shown.
    pub start: u64,
    /// How long each frame is shown, each at least 1; 1 to [`MAX_GOP_FRAMES`] of them.
    pub ticks: Vec<u64>,
}

impl GopTimes {
    /// When the last frame ends.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.ticks.iter().sum())
    }

    fn check(&self) -> Result<()> {
        let frames = self.ticks.len() as u64;
        if frames == 0 || frames > u64::from(MAX_GOP_FRAMES) || self.ticks.contains(&0) {
            return Err(Error::corrupt(format!("a group of {frames} frames, or one of no duration")));
        }
        let total = self.ticks.iter().try_fold(self.start, |sum, &ticks| sum.checked_add(ticks));
        match total.is_some_and(|total| total < MAX_TICKS) {
            true => Ok(()),
            false => Err(Error::corrupt("the frames of a group end beyond all time")),
        }
    }

    /// Appends them: start, frames, and one duration if all are equal, else each as the difference to the one before.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the group is empty or too long, a frame has no duration or ends after 2^62 ticks.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        self.check()?;
        let even = self.ticks.windows(2).all(|pair| pair[0] == pair[1]);
        put_varint64(out, self.start);
        put_varint(out, (self.ticks.len() as u32 - 1) << 1 | u32::from(!even));
        put_varint64(out, self.ticks[0]);
        if !even {
            for pair in self.ticks.windows(2) {
                let difference = pair[1] as i64 - pair[0] as i64;
                put_varint64(out, (difference << 1 ^ difference >> 63) as u64);
            }
        }
        Ok(())
    }

    /// Splits the payload of a group into its times and its coded tokens.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupt`] if it does not begin with times.
    pub fn split(payload: &[u8]) -> Result<(Self, &[u8])> {
        let mut bytes = Bytes::new(payload, 0);
        let start = bytes.varint64("start of the group")?;
        let head = bytes.varint("frames of the group")?;
        let frames = (head >> 1).saturating_add(1);
        if frames > MAX_GOP_FRAMES {
            return Err(Error::corrupt(format!("a group of {frames} frames")));
        }
        let first = bytes.varint64("duration of a frame")?;
        let mut ticks = vec![first; frames as usize];
        if head & 1 == 1 {
            for n in 1..ticks.len() {
                let coded = bytes.varint64("duration of a frame")?;
                let difference = (coded >> 1) as i64 ^ -((coded & 1) as i64);
                let next = ticks[n - 1].checked_add_signed(difference);
                ticks[n] = next.ok_or_else(|| Error::corrupt("a frame of a negative duration"))?;
            }
        }
        let times = Self { start, ticks };
        times.check()?;
        Ok((times, &payload[bytes.at()..]))
    }
}

/// A group as an index names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GopEntry {
    /// Its frames.
    pub frames: u32,
    /// When its first frame is shown, in ticks.
    pub start: u64,
    /// Offset of its chunk in the file.
    pub offset: u64,
}

/// The groups of a video in order of time: the last chunk of its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GopIndex {
    /// Its groups.
    pub entries: Vec<GopEntry>,
    /// When the last frame ends, in ticks.
    pub end: u64,
}

impl GopIndex {
    /// Frames of all groups.
    pub fn frames(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.frames)).sum()
    }

    /// The chunk that closes the file.
    ///
    /// # Errors
    /// [`Error::Parameter`] if groups do not follow each other.
    pub fn chunk(&self) -> Result<Chunk> {
        let backwards = || Error::parameter("groups that do not follow each other");
        let mut payload = Vec::new();
        let mut last = GopEntry { frames: 0, start: 0, offset: 0 };
        put_varint(&mut payload, u32::try_from(self.entries.len()).map_err(|_| backwards())?);
        for entry in &self.entries {
            put_varint(&mut payload, entry.frames);
            put_varint64(&mut payload, entry.start.checked_sub(last.start).ok_or_else(backwards)?);
            put_varint64(&mut payload, entry.offset.checked_sub(last.offset).ok_or_else(backwards)?);
            last = *entry;
        }
        put_varint64(&mut payload, self.end.checked_sub(last.start).ok_or_else(backwards)?);
        let mut chunk = Chunk::new(ChunkKind::Index, payload);
        chunk.payload.extend([0; DISTANCE]);
        let mut whole = Vec::new();
        chunk.put(&mut whole, 0, true)?;
        let at = chunk.payload.len() - DISTANCE;
        chunk.payload[at..].copy_from_slice(&(whole.len() as u32).to_le_bytes());
        Ok(chunk)
    }

    /// The index that closes a file, without a look at what is before it; `None` where there is none, as in a file that was cut.
    pub fn of_file(data: &[u8], limits: &Limits) -> Option<Self> {
        let (distance, _) = data.split_last_chunk::<DISTANCE>().map(|(_, last)| (u32::from_le_bytes(*last), ()))?;
        let at = data.len().checked_sub(distance as usize)?;
        let mut bytes = Bytes::new(data, at);
        let raw = RawChunk::parse(&mut bytes, owner(data, limits).ok()?, limits).ok()?;
        (raw.last && raw.kind() == Some(ChunkKind::Index) && bytes.remaining() == 0).then_some(())?;
        Self::parse(raw.payload).ok()
    }

    /// What the payload of an index says.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupt`] if it is none.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        let far = || Error::corrupt("the index goes beyond all time");
        let mut bytes = Bytes::new(payload, 0);
        let count = bytes.varint("groups of the index")?;
        let mut index = Self::default();
        let mut last = GopEntry { frames: 0, start: 0, offset: 0 };
        for _ in 0..count {
            last.frames = bytes.varint("frames of a group")?;
            let (start, offset) = (bytes.varint64("start of a group")?, bytes.varint64("offset of a group")?);
            last.start = last.start.checked_add(start).filter(|&start| start < MAX_TICKS).ok_or_else(far)?;
            last.offset = last.offset.checked_add(offset).ok_or_else(far)?;
            index.entries.push(last);
        }
        let rest = bytes.varint64("end of the video")?;
        index.end = last.start.checked_add(rest).filter(|&end| end < MAX_TICKS).ok_or_else(far)?;
        match bytes.remaining() {
            DISTANCE => Ok(index),
            _ => Err(Error::corrupt("the index does not end where it should")),
        }
    }
}

/// The header of a file. Nothing proves it before a chunk does.
///
/// # Errors
/// As [`read`](super::read)'s for a header.
pub fn header_of(data: &[u8], limits: &Limits) -> Result<Header> {
    Header::parse(&mut Bytes::new(data, 0), limits)
}

/// The header of a file, nothing of which is proven, as the owner of its chunks.
fn owner(data: &[u8], limits: &Limits) -> Result<Owner> {
    let mut bytes = Bytes::new(data, 0);
    let header = Header::parse(&mut bytes, limits)?;
    Ok(Owner { crc: crc32c::crc32c(bytes.since(0)), live: header.media.is_live() })
}

/// The chunk that begins at an offset of a file, its checksum verified; nothing else is looked at but the header.
///
/// # Errors
/// As [`read`](super::read)'s for a chunk, and [`Error::Corrupt`] for an offset outside of the file.
pub fn chunk_at(data: &[u8], offset: u64, limits: &Limits) -> Result<Chunk> {
    let outside = || Error::corrupt(format!("there is no chunk at byte {offset}"));
    let at = usize::try_from(offset).ok().filter(|&at| at <= data.len()).ok_or_else(outside)?;
    let raw = RawChunk::parse(&mut Bytes::new(data, at), owner(data, limits)?, limits)?;
    raw.known()?.ok_or_else(outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_and_even_ones_are_short() {
        for (start, ticks, len) in [
            (0, vec![1; 64], 3),
            (640, vec![512; 100], 6),
            (1 << 40, vec![40, 41, 40, 1_000_000_000_000, 1], 6 + 1 + 1 + 1 + 1 + 6 + 6),
            (3, vec![MAX_TICKS - 4], 1 + 1 + 9),
        ] {
            let times = GopTimes { start, ticks };
            let mut out = Vec::new();
            times.put(&mut out).unwrap();
            assert_eq!(out.len(), len, "{times:?}");
            out.extend(b"rest");
            assert_eq!(GopTimes::split(&out), Ok((times, &b"rest"[..])));
            for cut in 0..out.len() - 4 {
                assert!(GopTimes::split(&out[..cut]).is_err());
            }
        }
    }

    #[test]
    fn times_that_make_no_sense_are_refused() {
        let bad = [
            GopTimes { start: 0, ticks: vec![] },
            GopTimes { start: 0, ticks: vec![1, 0] },
            GopTimes { start: 4, ticks: vec![MAX_TICKS - 4] },
            GopTimes { start: 0, ticks: vec![1; MAX_GOP_FRAMES as usize + 1] },
        ];
        for times in bad {
            assert!(times.put(&mut Vec::new()).is_err());
        }
        for bytes in [&[0, 2, 0][..], &[0, 0, 0], &[0, 0x80, 0x10, 1], &[0, 3, 1, 3]] {
            assert!(matches!(GopTimes::split(bytes), Err(Error::Corrupt { .. })), "{bytes:?}");
        }
    }
}
