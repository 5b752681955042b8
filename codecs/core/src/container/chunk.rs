//! Chunks: kinds, heads and the checksum that ties each to its file.

use super::bytes::{Bytes, put_varint};
use crate::entropy::bands::CodedBand;
use crate::error::{Error, Result};
use crate::limits::{self, Limits};

const KIND_MASK: u8 = 15;
/// Kinds from here on are written as this value and a further byte.
const KIND_EXTENDED: u8 = 15;
/// In place of a kind: a live stream's packet in its short form.
const SHORT: u8 = 7;
/// Longest payload of the short form.
const SHORT_PAYLOAD: usize = 63;
/// The short form has a packet's number modulo this.
pub(super) const SHORT_NUMBERS: u32 = 64;
const LAST: u8 = 1 << 4;
const TOKEN_CRC: u8 = 1 << 5;
const SEQUENCE: u8 = 1 << 6;
const ANCILLARY: u8 = 1 << 7;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChunkKind {
    /// One band of entropy-coded tokens; the sequence number is the band's. Critical.
    Tokens,
    /// Entropy-coded tokens of an image, spread over it; the sequence number is the packet's. Critical.
    Interleaved,
    /// The alpha plane of an image. Critical.
    Alpha,
    /// Entropy-coded tokens of a live stream; the sequence number counts packets. Critical.
    Packet,
    /// How far a live stream reaches, and its last tokens. Critical.
    Closing,
    /// Where a live stream may be joined, or where the groups of pictures of a video are. Ancillary.
    Index,
    /// A group of pictures of a video: times and entropy-coded tokens; the sequence number counts groups. Critical.
    Gop,
    /// Levels of an octree; the sequence number counts groups of levels from the root. Critical.
    Levels,
    /// What points have besides a place; the sequence number says what: see FORMAT.md. Critical.
    Attribute,
    /// A mesh: its faces and vertices as one walk. Critical.
    Mesh,
    /// What is shown or heard beside a video: its sound, in pieces that the sequence number counts; see FORMAT.md. Ancillary.
    SideMedia,
    /// What a shape's file said beside the shape: names, material, rights. Ancillary.
    Side,
    /// An EXIF block, as found behind the `Exif\0\0` marker. Ancillary.
    Exif,
    /// An ICC profile. Ancillary.
    Icc,
}

impl ChunkKind {
    const ALL: [Self; 14] = [
        Self::Tokens,
        Self::Interleaved,
        Self::Alpha,
        Self::Exif,
        Self::Icc,
        Self::Packet,
        Self::Closing,
        Self::Index,
        Self::Gop,
        Self::SideMedia,
        Self::Levels,
        Self::Attribute,
        Self::Mesh,
        Self::Side,
    ];

    /// Whether a reader that does not know the kind may skip it.
    pub fn is_ancillary(self) -> bool {
        matches!(self, Self::Exif | Self::Icc | Self::Index | Self::SideMedia | Self::Side)
    }

    /// The field's name for the kind, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Interleaved => "interleaved",
            Self::Alpha => "alpha",
            Self::Exif => "exif",
            Self::Icc => "icc",
            Self::Packet => "packet",
            Self::Closing => "closing",
            Self::Index => "index",
            Self::Gop => "gop",
            Self::SideMedia => "side media",
            Self::Levels => "levels",
            Self::Attribute => "attribute",
            Self::Mesh => "mesh",
            Self::Side => "side",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Tokens => 1,
            Self::Alpha => 2,
            Self::Exif => 3,
            Self::Icc => 4,
            Self::Packet => 5,
            Self::Closing => 6,
            Self::Index => 8,
            Self::Attribute => 9,
            Self::Mesh => 10,
            Self::Levels => 11,
            Self::Gop => 12,
            Self::SideMedia => 13,
            Self::Interleaved => 14,
            Self::Side => 16,
        }
    }
}

/// One piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// What it holds.
    pub kind: ChunkKind,
    /// Its place among the chunks of its kind, from 0.
    pub sequence: u32,
    /// [`TokenGrid::crc`](crate::TokenGrid::crc) of the tokens it decodes to. Tells a wrong model from right tokens.
    pub token_crc: Option<u32>,
    /// The content.
    pub payload: Vec<u8>,
}

impl Chunk {
    /// The chunk of one coded band.
    pub fn tokens(sequence: u32, band: CodedBand) -> Self {
        Self { kind: ChunkKind::Tokens, sequence, token_crc: Some(band.token_crc), payload: band.bytes }
    }

    /// The coded band that a chunk of tokens holds.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is no chunk of tokens or has no token checksum.
    pub fn band(&self) -> Result<CodedBand> {
        match (self.kind, self.token_crc) {
            (ChunkKind::Tokens, Some(token_crc)) => Ok(CodedBand { bytes: self.payload.clone(), token_crc }),
            _ => Err(Error::corrupt(format!(
                "chunk {} {} is no band of tokens with a checksum",
                self.kind.name(),
                self.sequence
            ))),
        }
    }

    /// The chunk of one of [`packets`](crate::entropy::packets).
    pub fn interleaved(sequence: u32, payload: Vec<u8>) -> Self {
        Self { kind: ChunkKind::Interleaved, sequence, token_crc: None, payload }
    }

    /// A chunk of other content.
    pub fn new(kind: ChunkKind, payload: Vec<u8>) -> Self {
        Self { kind, sequence: 0, token_crc: None, payload }
    }

    /// Appends a live stream's packet in the short form, or says that its payload is too long for that.
    pub(super) fn put_short(out: &mut Vec<u8>, header_crc: u32, sequence: u32, payload: &[u8]) -> bool {
        if payload.len() > SHORT_PAYLOAD {
            return false;
        }
        let number = (sequence % SHORT_NUMBERS) as u8;
        // Both fit: the number has six bits, and so has the length.
        let head = [SHORT | number << 4, number >> 4 | (payload.len() as u8) << 2];
        let crc = crc32c::crc32c_append(crc32c::crc32c_append(header_crc, &head), payload);
        out.extend(head);
        out.extend((crc as u16).to_le_bytes());
        out.extend(payload);
        true
    }

    /// Appends the chunk's bytes. `header_crc` is the CRC-32C of the header's bytes.
    pub(super) fn put(&self, out: &mut Vec<u8>, header_crc: u32, last: bool) -> Result<()> {
        let len =
            u32::try_from(self.payload.len()).map_err(|_| Error::parameter("a chunk's payload has 4 GiB or more"))?;
        let start = out.len();
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let code = self.kind.code();
        out.push(
            code.min(KIND_EXTENDED)
                | flag(last, LAST)
                | flag(self.token_crc.is_some(), TOKEN_CRC)
                | flag(self.sequence != 0, SEQUENCE)
                | flag(self.kind.is_ancillary(), ANCILLARY),
        );
        if code >= KIND_EXTENDED {
            out.push(code);
        }
        if self.sequence != 0 {
            put_varint(out, self.sequence);
        }
        put_varint(out, len);
        if let Some(crc) = self.token_crc {
            out.extend(crc.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(header_crc, &out[start..]);
        let crc = crc32c::crc32c_append(crc, &self.payload);
        out.extend(crc.to_le_bytes());
        out.extend(&self.payload);
        Ok(())
    }
}

/// The header that chunks belong to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    /// CRC-32C of its bytes.
    pub crc: u32,
    /// Whether it is that of a live stream, whose packets may have the short form.
    pub live: bool,
}

/// A chunk as found in a file, its checksum verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawChunk<'a> {
    code: u8,
    ancillary: bool,
    pub last: bool,
    /// Whether it has the short form: the number is known modulo [`SHORT_NUMBERS`], and the checksum has 16 bits.
    pub short: bool,
    pub sequence: u32,
    token_crc: Option<u32>,
    pub payload: &'a [u8],
}

impl<'a> RawChunk<'a> {
    /// Reads and verifies the chunk at the next byte.
    pub fn parse(bytes: &mut Bytes<'a>, owner: Owner, limits: &Limits) -> Result<Self> {
        let start = bytes.at();
        let (raw, len) = Self::parse_head(bytes, owner, limits)?;
        let crc = crc32c::crc32c_append(owner.crc, bytes.since(start));
        let (stored, mask) = raw.parse_checksum(bytes)?;
        let payload = bytes.take(len, "chunk payload")?;
        if crc32c::crc32c_append(crc, payload) & mask != stored {
            return Err(Error::corrupt(format!("the checksum of the chunk at byte {start} does not hold")));
        }
        Ok(Self { payload, ..raw })
    }

    /// Offset at which the chunk at the next byte claims to end.
    pub fn claimed_end(mut bytes: Bytes<'a>, owner: Owner, limits: &Limits) -> Result<usize> {
        let (raw, len) = Self::parse_head(&mut bytes, owner, limits)?;
        raw.parse_checksum(&mut bytes)?;
        bytes.take(len, "chunk payload")?;
        Ok(bytes.at())
    }

    /// The stored checksum, and which bits of it are stored.
    fn parse_checksum(&self, bytes: &mut Bytes<'a>) -> Result<(u32, u32)> {
        Ok(match self.short {
            true => (u16::from_le_bytes(bytes.array("packet checksum")?).into(), u16::MAX.into()),
            false => (bytes.u32("chunk checksum")?, u32::MAX),
        })
    }

    /// The head up to the checksum, and the length of the payload.
    fn parse_head(bytes: &mut Bytes<'a>, owner: Owner, limits: &Limits) -> Result<(Self, usize)> {
        let start = bytes.at();
        let flags = bytes.byte("chunk head")?;
        if owner.live && flags & KIND_MASK == SHORT {
            let second = bytes.byte("packet head")?;
            let head = Self {
                code: ChunkKind::Packet.code(),
                ancillary: false,
                last: false,
                short: true,
                sequence: u32::from(flags >> 4) | u32::from(second & 3) << 4,
                token_crc: None,
                payload: &[],
            };
            return Ok((head, usize::from(second >> 2)));
        }
        let code = match flags & KIND_MASK {
            KIND_EXTENDED => bytes.byte("chunk kind")?,
            code => code,
        };
        let sequence = match flags & SEQUENCE {
            0 => 0,
            _ => bytes.varint("chunk sequence number")?,
        };
        let len = bytes.varint("chunk length")?;
        let head = Self {
            code,
            ancillary: flags & ANCILLARY != 0,
            last: flags & LAST != 0,
            short: false,
            sequence,
            token_crc: match flags & TOKEN_CRC {
                0 => None,
                _ => Some(bytes.u32("token checksum")?),
            },
            payload: &[],
        };
        let shortest_kind = flags & KIND_MASK != KIND_EXTENDED || code >= KIND_EXTENDED;
        let shortest_sequence = flags & SEQUENCE == 0 || sequence != 0;
        let kind_as_specified = head.kind().is_none_or(|kind| kind.is_ancillary() == head.ancillary);
        if !(shortest_kind && shortest_sequence && kind_as_specified) {
            return Err(Error::corrupt(format!("the head of the chunk at byte {start} contradicts itself")));
        }
        let (what, limit) = match head.ancillary {
            true => ("bytes of a metadata chunk", limits.max_metadata_bytes),
            false => ("bytes of a chunk", limits.max_chunk_bytes),
        };
        limits::check(what, u64::from(len), limit)?;
        Ok((head, len as usize))
    }

    /// Whether it is a packet of a live stream, the closing one included.
    pub fn is_packet(&self) -> bool {
        matches!(self.kind(), Some(ChunkKind::Packet | ChunkKind::Closing))
    }

    pub fn kind(&self) -> Option<ChunkKind> {
        ChunkKind::ALL.into_iter().find(|k| k.code() == self.code)
    }

    /// The chunk if its kind is known, `None` if it may be skipped.
    pub fn known(&self) -> Result<Option<Chunk>> {
        match self.kind() {
            Some(kind) => {
                let (sequence, token_crc, payload) = (self.sequence, self.token_crc, self.payload.to_vec());
                Ok(Some(Chunk { kind, sequence, token_crc, payload }))
            }
            None if self.ancillary => Ok(None),
            None => {
                Err(Error::unsupported(format!("chunk kind {}, which the file cannot be decoded without", self.code)))
            }
        }
    }

    /// What `info` calls the chunk.
    pub fn name(&self) -> String {
        match self.kind() {
            Some(kind) => format!("{} {}", kind.name(), self.sequence),
            None => format!("unknown kind {} {}", self.code, self.sequence),
        }
    }

    /// Identity within a file: no two chunks share it.
    pub fn key(&self) -> (u8, u32) {
        (self.code, self.sequence)
    }
}
