//! The header: what the chunks are about.

mod audio;
mod geometry;
mod video;

pub use audio::{Channels, Duration, Live};
pub use geometry::{GeometryTier, Lattice, POINTS_OF_A_BLOCK, POINTS_OF_A_SPLAT};
pub use video::{FULL_SCALE, VideoShape};

use audio::{parse_audio, put_audio};
use geometry::{parse_geometry, put_geometry};
use video::{parse_video, put_video};

use super::bytes::{Bytes, put_varint};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use crate::rung::Rung;
use crate::token::MAX_DEPTH;

/// "T" with its high bit set, "S", "R". Not text, and destroyed by seven-bit channels.
pub(super) const MAGIC: [u8; 3] = [b'T' | 0x80, b'S', b'R'];
/// Bumped by every change that an existing reader would get wrong.
pub(super) const VERSION: u8 = 1;

const FLAG_PACK_ID: u8 = 1 << 3;
const IMAGE_GRAY: u8 = 1 << 4;
const IMAGE_ALPHA: u8 = 1 << 5;
const IMAGE_UNKNOWN: u8 = 3 << 6;
const GEOMETRY_PACK: u8 = 1 << 4;
const GEOMETRY_UNKNOWN: u8 = 7 << 5;
/// Of files without tokens.
const NO_RUNG: Rung = Rung { levels: 1, depth: 1 };
const RUNG_TRAINED: u8 = 1 << 7;
/// Levels minus one that announces a further byte.
const RUNG_MANY_LEVELS: u8 = 7;

/// What kind of media a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// A still picture.
    Image,
    /// Sound.
    Audio,
    /// Pictures over time.
    Video,
    /// Points, meshes, splats.
    Geometry,
}

/// The model pack that a file was made with and needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRef {
    /// First eight bytes of the SHA-256 of the pack's manifest.
    pub hash: [u8; 8],
    /// Name of the pack, 1 to 255 bytes. Only packs that are not known by hash alone need it.
    pub id: Option<String>,
}

impl PackRef {
    /// For files that need no model pack.
    pub const NONE: Self = Self { hash: [0; 8], id: None };
}

/// Which prior the tokens were coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PriorKind {
    /// Every token equally likely.
    Uniform,
    /// The pack's trained prior.
    Trained,
}

/// Colour of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    /// One component, to be written as gray.
    Gray,
    /// Red, green and blue.
    Rgb,
}

/// Extent and form of the media.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaShape {
    /// A still picture.
    Image {
        /// Columns, at least 1.
        width: u32,
        /// Rows, at least 1.
        height: u32,
        /// Gray or colour.
        color: Color,
        /// Whether the picture has an alpha plane.
        alpha: bool,
    },
    /// Sound.
    Audio {
        /// Samples per second that the tokens stand for, at least 1.
        rate: u32,
        /// What the tokens are of. A live stream is mono.
        channels: Channels,
        /// Its length.
        duration: Duration,
    },
    /// Pictures over time.
    Video(VideoShape),
    /// Points, meshes.
    Geometry(GeometryTier),
}

impl MediaShape {
    /// Whether the file is a live stream: its header may be repeated between chunks.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Audio { duration: Duration::Live(_), .. })
    }
}

/// What the chunks are about: model pack, rung, prior and media shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The model pack the file needs.
    pub pack: PackRef,
    /// Residual levels and depth of the tokens.
    pub rung: Rung,
    /// The prior the tokens were coded with.
    pub prior: PriorKind,
    /// Extent and form of the media; it implies the modality.
    pub media: MediaShape,
}

impl Header {
    /// What kind of media the file holds.
    pub fn modality(&self) -> Modality {
        match self.media {
            MediaShape::Image { .. } => Modality::Image,
            MediaShape::Audio { .. } => Modality::Audio,
            MediaShape::Video(_) => Modality::Video,
            MediaShape::Geometry(_) => Modality::Geometry,
        }
    }

    /// Whether the file was made with a model pack.
    pub fn needs_pack(&self) -> bool {
        self.modality() != Modality::Geometry || self.pack != PackRef::NONE
    }

    /// The header's bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut shape = Vec::new();
        let mut flags = modality_code(self.modality());
        flags |= match self.media {
            MediaShape::Image { width, height, color, alpha } => {
                if width == 0 || height == 0 {
                    return Err(Error::parameter(format!("image of {width}x{height} pixels")));
                }
                put_varint(&mut shape, width);
                put_varint(&mut shape, height);
                let gray = if color == Color::Gray { IMAGE_GRAY } else { 0 };
                gray | if alpha { IMAGE_ALPHA } else { 0 }
            }
            MediaShape::Audio { rate, channels, duration } => {
                put_audio(&mut shape, rate, channels, duration, self.rung.first_depth(MAX_DEPTH))?
            }
            MediaShape::Video(video) => put_video(&mut shape, &video)?,
            MediaShape::Geometry(tier) => {
                put_geometry(&mut shape, tier)?;
                if self.needs_pack() { GEOMETRY_PACK } else { 0 }
            }
        };
        if self.pack.id.is_some() {
            flags |= FLAG_PACK_ID;
        }
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.push(flags);
        if self.needs_pack() {
            out.extend(self.pack.hash);
        }
        if let Some(id) = &self.pack.id {
            let len = u8::try_from(id.len()).unwrap_or(0);
            if len == 0 {
                return Err(Error::parameter("a pack id has 1 to 255 bytes"));
            }
            out.push(len);
            out.extend(id.bytes());
        }
        out.extend(shape);
        if self.needs_pack() {
            put_rung(&mut out, self.rung, self.prior)?;
        }
        Ok(out)
    }

    /// Reads a header. Nothing proves it whole before a chunk's CRC does.
    pub(super) fn parse(bytes: &mut Bytes<'_>, limits: &Limits) -> Result<Self> {
        parse_magic(bytes)?;
        let flags = bytes.byte("modality")?;
        let modality = parse_modality(flags)?;
        let packless = modality == Modality::Geometry && flags & GEOMETRY_PACK == 0;
        let hash = if packless { PackRef::NONE.hash } else { bytes.array("pack hash")? };
        let id = match flags & FLAG_PACK_ID {
            0 => None,
            _ => Some(parse_id(bytes)?),
        };
        let media = match modality {
            Modality::Audio => parse_audio(bytes, flags, limits)?,
            Modality::Video => parse_video(bytes, flags, limits)?,
            Modality::Geometry => MediaShape::Geometry(parse_geometry(bytes, limits)?),
            Modality::Image => parse_image(bytes, flags, limits)?,
        };
        let (rung, prior) = if packless { (NO_RUNG, PriorKind::Uniform) } else { parse_rung(bytes)? };
        if let MediaShape::Audio { duration: Duration::Live(live), .. } = media
            && !live.is_valid(rung.first_depth(MAX_DEPTH))
        {
            return Err(Error::corrupt(format!("a live stream of {} bits a token cannot be {live:?}", rung.depth)));
        }
        Ok(Self { pack: PackRef { hash, id }, rung, prior, media })
    }
}

fn modality_code(modality: Modality) -> u8 {
    match modality {
        Modality::Image => 0,
        Modality::Audio => 1,
        Modality::Video => 2,
        Modality::Geometry => 3,
    }
}

/// Whether bytes begin as a `.tsr` file does. Says nothing of what follows.
pub fn is_signed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

fn parse_magic(bytes: &mut Bytes<'_>) -> Result<()> {
    let found = bytes.take(bytes.remaining().min(MAGIC.len()), "signature")?;
    if !MAGIC.starts_with(found) {
        return Err(Error::unsupported("this is not a .tsr file"));
    }
    if found.len() < MAGIC.len() {
        return Err(Error::truncated("the .tsr signature is cut short"));
    }
    match bytes.byte("format version")? {
        VERSION => Ok(()),
        other => Err(Error::unsupported(format!("format version {other}; this build reads version {VERSION}"))),
    }
}

/// The modality, its flags checked.
fn parse_modality(flags: u8) -> Result<Modality> {
    match flags & 7 {
        0 if flags & IMAGE_UNKNOWN != 0 => Err(Error::unsupported("unknown image flags")),
        0 => Ok(Modality::Image),
        1 => Ok(Modality::Audio),
        2 => Ok(Modality::Video),
        3 if flags & GEOMETRY_UNKNOWN != 0 => Err(Error::unsupported("unknown geometry flags")),
        3 if flags & (GEOMETRY_PACK | FLAG_PACK_ID) == FLAG_PACK_ID => {
            Err(Error::corrupt("a pack id stands without its hash"))
        }
        3 => Ok(Modality::Geometry),
        code => Err(Error::unsupported(format!("modality {code}"))),
    }
}

/// A number of at least 1.
fn positive(bytes: &mut Bytes<'_>, what: &str) -> Result<u32> {
    match bytes.varint(what)? {
        0 => Err(Error::corrupt(format!("the {what} is 0"))),
        value => Ok(value),
    }
}

fn parse_id(bytes: &mut Bytes<'_>) -> Result<String> {
    let len = bytes.byte("pack id length")?;
    let id = bytes.take(usize::from(len), "pack id")?;
    match std::str::from_utf8(id) {
        Ok(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Error::corrupt("the pack id is empty or not UTF-8")),
    }
}

fn parse_image(bytes: &mut Bytes<'_>, flags: u8, limits: &Limits) -> Result<MediaShape> {
    let width = bytes.varint("image width")?;
    let height = bytes.varint("image height")?;
    if width == 0 || height == 0 {
        return Err(Error::corrupt(format!("image of {width}x{height} pixels")));
    }
    let pixels = u64::from(width) * u64::from(height);
    limits::check("number of pixels", pixels, limits.max_pixels)?;
    Ok(MediaShape::Image {
        width,
        height,
        color: if flags & IMAGE_GRAY != 0 { Color::Gray } else { Color::Rgb },
        alpha: flags & IMAGE_ALPHA != 0,
    })
}

fn put_rung(out: &mut Vec<u8>, rung: Rung, prior: PriorKind) -> Result<()> {
    if rung.levels == 0 || rung.depth == 0 || rung.depth > MAX_DEPTH {
        return Err(Error::parameter(format!("rung of {} levels and {} bits", rung.levels, rung.depth)));
    }
    let levels = (rung.levels - 1).min(RUNG_MANY_LEVELS);
    let trained = match prior {
        PriorKind::Uniform => 0,
        PriorKind::Trained => RUNG_TRAINED,
    };
    out.push(trained | levels << 4 | (rung.depth - 1));
    if levels == RUNG_MANY_LEVELS {
        out.push(rung.levels - 1 - RUNG_MANY_LEVELS);
    }
    Ok(())
}

fn parse_rung(bytes: &mut Bytes<'_>) -> Result<(Rung, PriorKind)> {
    let byte = bytes.byte("rung")?;
    let mut levels = u16::from(byte >> 4 & 7) + 1;
    if levels == u16::from(RUNG_MANY_LEVELS) + 1 {
        levels += u16::from(bytes.byte("level count")?);
    }
    let rung = Rung {
        levels: u8::try_from(levels).map_err(|_| Error::corrupt("more than 255 levels"))?,
        depth: (byte & 15) + 1,
    };
    let prior = match byte & RUNG_TRAINED {
        0 => PriorKind::Uniform,
        _ => PriorKind::Trained,
    };
    Ok((rung, prior))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(levels: u8, depth: u8, id: Option<&str>) -> Header {
        Header {
            pack: PackRef { hash: *b"12345678", id: id.map(str::to_owned) },
            rung: Rung { levels, depth },
            prior: PriorKind::Trained,
            media: MediaShape::Image { width: 16_383, height: 1, color: Color::Gray, alpha: true },
        }
    }

    #[test]
    fn every_rung_and_id_survives() {
        for levels in [1, 2, 7, 8, 9, 255] {
            for depth in [1, 12, 16] {
                for id in [None, Some("image-é"), Some(&*"x".repeat(255))] {
                    let header = header(levels, depth, id);
                    let bytes = header.to_bytes().unwrap();
                    let mut reader = Bytes::new(&bytes, 0);
                    let back = Header::parse(&mut reader, &Limits::default());
                    assert_eq!(back, Ok(header));
                    assert_eq!(reader.remaining(), 0);
                }
            }
        }
    }

    #[test]
    fn headers_that_cannot_be_read_back_are_not_written() {
        for bad in [
            header(0, 12, None),
            header(1, 0, None),
            header(1, 17, None),
            header(1, 12, Some("")),
            header(1, 12, Some(&*"x".repeat(256))),
        ] {
            assert!(matches!(bad.to_bytes(), Err(Error::Parameter { .. })));
        }
    }

    #[test]
    fn foreign_files_are_told_from_truncated_and_newer_ones() {
        let parse = |data: &[u8]| Header::parse(&mut Bytes::new(data, 0), &Limits::default());
        assert!(matches!(parse(b""), Err(Error::Truncated { .. })));
        assert!(matches!(parse(b"\xd4S"), Err(Error::Truncated { .. })));
        assert!(matches!(parse(b"\x89PNG"), Err(Error::Unsupported { .. })));
        assert!(matches!(parse(b"TSR\x01"), Err(Error::Unsupported { .. })));
        assert!(matches!(parse(b"\xd4SR\x02"), Err(Error::Unsupported { .. })));
        assert!(matches!(parse(b"\xd4SR\x01\x04"), Err(Error::Unsupported { .. })));
        assert!(matches!(parse(b"\xd4SR\x01\x41aaaaaaaa"), Err(Error::Unsupported { .. })));
    }
}
