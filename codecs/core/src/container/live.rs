//! Live streams: packets that each prove they are whole, of a length that nobody knows before the end.
//!
//! ```text
//! stream  = header packet (packet | header) … closing        the header may be repeated between packets
//! packet  = chunk of kind packet, numbered from 0
//! closing = chunk of kind closing, the last one: reach, coded tokens
//! ```
//!
//! Every packet is coded from fresh state, so a reader can begin at any of them. [`PacketReader`] is fed bytes as they come, cut
//! anywhere; it finds its way back after damage and says how much was lost. Its memory does not grow with the stream.

use super::bytes::{Bytes, put_varint};
use super::chunk::{Chunk, ChunkKind, RawChunk};
use super::header::{Header, MAGIC};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Longest payload of a packet: 4,096 frames whose every bit cost the most that a prior may ask, and more.
const MAX_PAYLOAD: u64 = 1 << 17;
/// Bytes in which a header must be found.
const MAX_SEARCH: u64 = 1 << 20;
/// No header is longer.
const MAX_HEADER: usize = 512;

/// Makes the bytes of a live stream.
#[derive(Debug, Clone)]
pub struct PacketWriter {
    header: Vec<u8>,
    header_crc: u32,
    next: u32,
}

impl PacketWriter {
    /// A stream under a header whose duration is [`Duration::Live`](super::Duration::Live).
    ///
    /// # Errors
    /// [`Error::Parameter`] for another duration or a header that cannot be written.
    pub fn new(header: &Header) -> Result<Self> {
        if !header.media.is_live() {
            return Err(Error::parameter("the header of a live stream says that it is live"));
        }
        let header = header.to_bytes()?;
        Ok(Self { header_crc: crc32c::crc32c(&header), header, next: 0 })
    }

    /// The header's bytes: what a stream begins with, and what may stand again between two packets.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Number of the next packet.
    pub fn next_sequence(&self) -> u32 {
        self.next
    }

    /// The next packet's bytes.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a payload longer than any packet's, or after 2^32 − 1 packets.
    pub fn packet(&mut self, payload: Vec<u8>) -> Result<Vec<u8>> {
        let bytes = self.chunk(ChunkKind::Packet, payload)?;
        self.next = self.next.checked_add(1).ok_or_else(|| Error::parameter("a live stream has 2^32 - 1 packets"))?;
        Ok(bytes)
    }

    /// The last packet's bytes. `reach` counts what its tokens cover, in the codec's unit.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a payload longer than any packet's.
    pub fn closing(&mut self, reach: u32, payload: &[u8]) -> Result<Vec<u8>> {
        let mut body = Vec::with_capacity(payload.len() + 5);
        put_varint(&mut body, reach);
        body.extend(payload);
        self.chunk(ChunkKind::Closing, body)
    }

    fn chunk(&self, kind: ChunkKind, payload: Vec<u8>) -> Result<Vec<u8>> {
        if payload.len() as u64 > MAX_PAYLOAD {
            return Err(Error::parameter(format!("a packet of {} bytes", payload.len())));
        }
        let mut out = Vec::with_capacity(payload.len() + 16);
        let chunk = Chunk { kind, sequence: self.next, token_crc: None, payload };
        chunk.put(&mut out, self.header_crc, kind == ChunkKind::Closing)?;
        Ok(out)
    }
}

/// What a live stream brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The stream begins, or was joined. Nothing proves the header before the first packet.
    Header(Header),
    /// A whole packet.
    Packet {
        /// Its number. A gap to the one before means loss.
        sequence: u32,
        /// Coded tokens.
        payload: Vec<u8>,
    },
    /// The whole last packet. The stream has ended.
    Closing {
        /// Its number.
        sequence: u32,
        /// What its tokens cover, in the codec's unit.
        reach: u32,
        /// Coded tokens.
        payload: Vec<u8>,
    },
    /// Bytes that belong to no whole packet.
    Damage {
        /// How many.
        bytes: u64,
    },
}

/// Takes the bytes of a live stream as they come.
#[derive(Debug, Clone)]
pub struct PacketReader {
    limits: Limits,
    buffer: Vec<u8>,
    header: Option<Known>,
    skipped: u64,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Known {
    bytes: Vec<u8>,
    crc: u32,
    /// Whether a chunk has proven the header.
    proven: bool,
}

/// What is at an offset of the buffer.
enum Found<'a> {
    Header(Header, usize),
    Chunk(RawChunk<'a>, usize),
    /// More bytes may make it something.
    Begun,
    Nothing,
}

impl PacketReader {
    /// A reader at the beginning of a stream, or anywhere in it.
    pub fn new(limits: Limits) -> Self {
        let limits = Limits {
            max_chunk_bytes: limits.max_chunk_bytes.min(MAX_PAYLOAD),
            max_metadata_bytes: limits.max_metadata_bytes.min(MAX_PAYLOAD),
            ..limits
        };
        Self { limits, buffer: Vec::new(), header: None, skipped: 0, ended: false }
    }

    /// Whether the closing packet has been read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes bytes, cut anywhere. Events are in the order of the stream.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a mebibyte holds no header of a live stream, for a file that is no live stream, and for a critical
    /// chunk that this version does not know.
    pub fn push(&mut self, data: &[u8]) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        // In pieces, so that the search for a way back stays short.
        for piece in data.chunks(MAX_PAYLOAD as usize) {
            self.buffer.extend_from_slice(piece);
            self.take(&mut events, false)?;
        }
        Ok(events)
    }

    /// Ends the stream: what is left belongs to no whole packet.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there was no header of a live stream; otherwise as [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        self.take(&mut events, true)?;
        match self.header {
            Some(_) => Ok(events),
            None if self.skipped == 0 => Err(Error::truncated("the stream is empty")),
            None => Err(no_header()),
        }
    }

    fn take(&mut self, events: &mut Vec<Event>, at_end: bool) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while at < buffer.len() {
            let (start, found) = self.search(&buffer, at, at_end)?;
            if start > at {
                self.skipped += (start - at) as u64;
                events.push(Event::Damage { bytes: (start - at) as u64 });
                at = start;
                if self.header.is_none() && self.skipped > MAX_SEARCH {
                    return Err(no_header());
                }
            }
            match found {
                Found::Header(header, end) => {
                    let bytes = buffer[at..end].to_vec();
                    at = end;
                    if self.header.as_ref().is_none_or(|known| known.bytes != bytes) {
                        self.header = Some(Known { crc: crc32c::crc32c(&bytes), bytes, proven: false });
                        events.push(Event::Header(header));
                    }
                }
                Found::Chunk(raw, end) => {
                    at = end;
                    events.extend(self.event(&raw)?);
                }
                Found::Begun | Found::Nothing => break,
            }
        }
        self.buffer = buffer[at..].to_vec();
        Ok(())
    }

    /// The first header or whole chunk from `at` on, and what lies between is damage; or where to wait for more bytes.
    fn search<'a>(&self, buffer: &'a [u8], at: usize, at_end: bool) -> Result<(usize, Found<'a>)> {
        let mut wait = None;
        for start in at..buffer.len() {
            match self.look(buffer, start)? {
                Found::Begun => wait = wait.or(Some(start)),
                Found::Nothing => {}
                found => return Ok((start, found)),
            }
        }
        Ok((wait.filter(|_| !at_end).unwrap_or(buffer.len()), Found::Begun))
    }

    fn look<'a>(&self, buffer: &'a [u8], start: usize) -> Result<Found<'a>> {
        let here = &buffer[start..];
        if self.ended {
            return Ok(Found::Nothing);
        }
        if here.starts_with(&MAGIC[..MAGIC.len().min(here.len())])
            && let Some(found) = self.look_for_header(buffer, start)?
        {
            return Ok(found);
        }
        let Some(known) = &self.header else { return Ok(Found::Nothing) };
        let mut bytes = Bytes::new(buffer, start);
        Ok(match RawChunk::parse(&mut bytes, known.crc, &self.limits) {
            Ok(raw) => Found::Chunk(raw, bytes.at()),
            Err(Error::Truncated { .. }) => Found::Begun,
            Err(_) => Found::Nothing,
        })
    }

    /// A header where the signature stands: the stream's own again, or one that nothing contradicts.
    fn look_for_header(&self, buffer: &[u8], start: usize) -> Result<Option<Found<'static>>> {
        let here = &buffer[start..];
        if let Some(known) = self.header.as_ref().filter(|known| known.proven) {
            let own = &known.bytes;
            if here.len() < own.len() && own.starts_with(here) {
                return Ok(Some(Found::Begun));
            }
            if !here.starts_with(own) {
                return Ok(None);
            }
        }
        let mut bytes = Bytes::new(buffer, start);
        match Header::parse(&mut bytes, &self.limits) {
            Ok(header) if header.media.is_live() => Ok(Some(Found::Header(header, bytes.at()))),
            Ok(header) if start == 0 && self.skipped == 0 => Err(Error::unsupported(format!(
                "the stream is a whole {:?} file, not a live stream",
                header.modality()
            ))),
            Err(Error::Truncated { .. }) if here.len() < MAX_HEADER => Ok(Some(Found::Begun)),
            Err(error @ Error::Unsupported { .. }) if start == 0 && self.skipped == 0 && self.header.is_none() => {
                Err(error)
            }
            _ => Ok(None),
        }
    }

    fn event(&mut self, raw: &RawChunk<'_>) -> Result<Option<Event>> {
        if let Some(known) = &mut self.header {
            known.proven = true;
        }
        self.ended = raw.last;
        let Some(chunk) = raw.known()? else { return Ok(None) };
        let Chunk { kind, sequence, payload, .. } = chunk;
        match kind {
            ChunkKind::Packet => Ok(Some(Event::Packet { sequence, payload })),
            ChunkKind::Closing if raw.last => {
                let mut bytes = Bytes::new(&payload, 0);
                let reach = bytes.varint("reach of the closing packet")?;
                Ok(Some(Event::Closing { sequence, reach, payload: payload[bytes.at()..].to_vec() }))
            }
            ChunkKind::Exif | ChunkKind::Icc => Ok(None),
            _ => Err(Error::unsupported(format!("a chunk of kind {} in a live stream", kind.name()))),
        }
    }
}

/// Whether bytes begin with the header of a live stream.
pub fn is_live(data: &[u8], limits: &Limits) -> bool {
    Header::parse(&mut Bytes::new(data, 0), limits).is_ok_and(|header| header.media.is_live())
}

fn no_header() -> Error {
    Error::unsupported("this is no live .tsr stream: it has no header")
}
