//! Taking a live stream.

use super::MAX_PAYLOAD;
use crate::container::bytes::Bytes;
use crate::container::chunk::{Chunk, ChunkKind, Owner, RawChunk};
use crate::container::header::{Header, MAGIC};
use crate::container::numbering::Numbering;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Bytes in which a header must be found.
const MAX_SEARCH: u64 = 1 << 20;
/// No header is longer.
const MAX_HEADER: usize = 512;

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
    /// Bytes that belong to no whole packet, or to one whose number nobody knows yet.
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
    /// Whether something whole ends where the buffer begins.
    in_step: bool,
    ended: bool,
}

#[derive(Debug, Clone)]
struct Known {
    bytes: Vec<u8>,
    crc: u32,
    /// Whether a chunk has proven the header.
    proven: bool,
    /// `None` for a reader that came late, until a packet brings its whole number.
    numbering: Option<Numbering>,
}

impl Known {
    fn owner(&self) -> Owner {
        Owner { crc: self.crc, live: true }
    }
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
        Self { limits, buffer: Vec::new(), header: None, skipped: 0, in_step: false, ended: false }
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
                self.in_step = false;
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
                    self.in_step = true;
                    if self.header.as_ref().is_none_or(|known| known.bytes != bytes) {
                        let numbering = (self.skipped == 0).then(Numbering::default);
                        self.header = Some(Known { crc: crc32c::crc32c(&bytes), bytes, proven: false, numbering });
                        events.push(Event::Header(header));
                    }
                }
                Found::Chunk(raw, end) => {
                    events.extend(self.event(raw, end - at)?);
                    at = end;
                    self.in_step = true;
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
            let found = match self.look(buffer, start)? {
                Found::Chunk(raw, end) if raw.short && !(start == at && self.in_step) => {
                    self.confirm(buffer, at_end, raw, end)?
                }
                found => found,
            };
            match found {
                Found::Begun => wait = wait.or(Some(start)),
                Found::Nothing => {}
                found => return Ok((start, found)),
            }
        }
        Ok((wait.filter(|_| !at_end).unwrap_or(buffer.len()), Found::Begun))
    }

    /// A packet in the short form where nobody knows that one begins: of its checksum there is little, so what follows must be whole
    /// too.
    fn confirm<'a>(&self, buffer: &'a [u8], at_end: bool, raw: RawChunk<'a>, end: usize) -> Result<Found<'a>> {
        let follows = self.look(buffer, end)?;
        let more_may_come = end == buffer.len() || matches!(follows, Found::Begun);
        Ok(match follows {
            Found::Header(..) | Found::Chunk(..) => Found::Chunk(raw, end),
            _ if end == buffer.len() && at_end => Found::Chunk(raw, end),
            _ if more_may_come && !at_end => Found::Begun,
            _ => Found::Nothing,
        })
    }

    fn look<'a>(&self, buffer: &'a [u8], start: usize) -> Result<Found<'a>> {
        let here = &buffer[start..];
        if self.ended || here.is_empty() {
            return Ok(Found::Nothing);
        }
        if here.starts_with(&MAGIC[..MAGIC.len().min(here.len())])
            && let Some(found) = self.look_for_header(buffer, start)?
        {
            return Ok(found);
        }
        let Some(known) = &self.header else { return Ok(Found::Nothing) };
        let mut bytes = Bytes::new(buffer, start);
        Ok(match RawChunk::parse(&mut bytes, known.owner(), &self.limits) {
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

    /// What a chunk of `bytes` bytes is to the caller.
    fn event(&mut self, mut raw: RawChunk<'_>, bytes: usize) -> Result<Option<Event>> {
        if let Some(known) = &mut self.header {
            known.proven = true;
            if raw.is_packet() && !raw.short {
                known.numbering.get_or_insert_default();
            }
            match &mut known.numbering {
                Some(numbering) => numbering.place(&mut raw),
                None if raw.short => return Ok(Some(Event::Damage { bytes: bytes as u64 })),
                None => {}
            }
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
            ChunkKind::Exif | ChunkKind::Icc | ChunkKind::Index => Ok(None),
            _ => Err(Error::unsupported(format!("a chunk of kind {} in a live stream", kind.name()))),
        }
    }
}

fn no_header() -> Error {
    Error::unsupported("this is no live .tsr stream: it has no header")
}
