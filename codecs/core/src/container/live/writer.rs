//! Making a live stream.

use super::MAX_PAYLOAD;
use super::index::Index;
use crate::container::bytes::put_varint;
use crate::container::chunk::{Chunk, ChunkKind};
use crate::container::header::Header;
use crate::error::{Error, Result};

/// Makes the bytes of a live stream.
#[derive(Debug, Clone)]
pub struct PacketWriter {
    header: Vec<u8>,
    header_crc: u32,
    next: u32,
    /// Bytes so far.
    offset: u64,
    index: Index,
}

impl PacketWriter {
    /// A stream under a header whose duration is [`Duration::Live`](crate::container::Duration::Live).
    ///
    /// # Errors
    /// [`Error::Parameter`] for another duration or a header that cannot be written.
    pub fn new(header: &Header) -> Result<Self> {
        if !header.media.is_live() {
            return Err(Error::parameter("the header of a live stream says that it is live"));
        }
        let header = header.to_bytes()?;
        Ok(Self { header_crc: crc32c::crc32c(&header), header, next: 0, offset: 0, index: Index::default() })
    }

    /// The header's bytes.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Number of the next packet.
    pub fn next_sequence(&self) -> u32 {
        self.next
    }

    /// The header and the next packet: what a stream begins with, and where a reader may join it.
    ///
    /// # Errors
    /// As [`packet`](Self::packet).
    pub fn joining_packet(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        self.index.add(self.next, self.offset);
        let mut out = self.header.clone();
        self.put(&mut out, ChunkKind::Packet, payload.to_vec())?;
        self.advance(out)
    }

    /// The next packet's bytes: four beyond the payload where that has at most 63.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a payload longer than any packet's, or after 2^32 − 1 packets.
    pub fn packet(&mut self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(payload.len() + 16);
        if !Chunk::put_short(&mut out, self.header_crc, self.next, payload) {
            self.put(&mut out, ChunkKind::Packet, payload.to_vec())?;
        }
        self.advance(out)
    }

    /// The last packet's bytes, and before it the index if the stream may be joined at more than its begin. `reach` counts what
    /// the packet's tokens cover, in the codec's unit.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a payload longer than any packet's.
    pub fn closing(&mut self, reach: u32, payload: &[u8]) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        if let Some(index) = self.index.payload() {
            Chunk::new(ChunkKind::Index, index).put(&mut out, self.header_crc, false)?;
        }
        let mut body = Vec::with_capacity(payload.len() + 5);
        put_varint(&mut body, reach);
        body.extend(payload);
        self.put(&mut out, ChunkKind::Closing, body)?;
        Ok(out)
    }

    fn put(&self, out: &mut Vec<u8>, kind: ChunkKind, payload: Vec<u8>) -> Result<()> {
        if payload.len() as u64 > MAX_PAYLOAD {
            return Err(Error::parameter(format!("a packet of {} bytes", payload.len())));
        }
        let chunk = Chunk { kind, sequence: self.next, token_crc: None, payload };
        chunk.put(out, self.header_crc, kind == ChunkKind::Closing)
    }

    fn advance(&mut self, packet: Vec<u8>) -> Result<Vec<u8>> {
        self.next = self.next.checked_add(1).ok_or_else(|| Error::parameter("a live stream has 2^32 - 1 packets"))?;
        self.offset += packet.len() as u64;
        Ok(packet)
    }
}
