//! Where a file's bytes go.

use super::header::{Duration, FULL_SCALE, GeometryTier, Lattice, MAGIC, MediaShape};
use super::reader::walk;
use crate::error::Result;
use crate::limits::Limits;

/// A named run of bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What the bytes are.
    pub name: String,
    /// Offset of the first byte.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// Names every part of a whole file, in file order and without gaps.
///
/// The header is one part per field; a chunk is its head and its payload.
///
/// # Errors
/// As [`read`](super::read), except that unknown critical chunks are named, not refused.
pub fn layout(data: &[u8], limits: &Limits) -> Result<Vec<Part>> {
    let mut chunks = Parts::default();
    let mut header_len = None;
    let header = walk(data, limits, |head, raw, payload| {
        header_len.get_or_insert(head);
        let first = chunks.list.is_empty();
        if !first && head > chunks.at {
            chunks.push("header, repeated", head - chunks.at);
        }
        chunks.at = head;
        chunks.push(format!("{}: head", raw.name()), payload - head);
        chunks.push(format!("{}: payload", raw.name()), raw.payload.len());
        Ok(())
    })?;
    let mut parts = Parts::default();
    parts.push("signature and version", MAGIC.len() + 1);
    parts.push("modality and flags", 1);
    if header.needs_pack() {
        parts.push("pack hash", header.pack.hash.len());
    }
    if let Some(id) = &header.pack.id {
        parts.push("pack id", 1 + id.len());
    }
    match header.media {
        MediaShape::Image { width, height, .. } => {
            parts.push("width and height", varint_len(width) + varint_len(height));
        }
        MediaShape::Audio { rate, duration: Duration::Live(live), .. } => {
            parts.push("sample rate", varint_len(rate));
            parts.push("frames of a packet", varint_len(live.packet_frames));
            if live.interleave != 1 || live.repeat != 0 {
                parts.push("interleaving and repetition", varint_len(live.interleave) + 1);
            }
            if let Some(bits) = live.bits_per_second {
                parts.push("announced rate", varint_len(bits));
            }
        }
        MediaShape::Audio { rate, duration: Duration::Samples { samples, source }, .. } => {
            parts.push("sample rate", varint_len(rate));
            parts.push("samples", varint_len(samples));
            if let Some((rate, samples)) = source {
                parts.push("source rate and samples", varint_len(rate) + varint_len(samples));
            }
        }
        MediaShape::Video(video) => {
            let pair = |(a, b): (u32, u32)| varint_len(a) + varint_len(b);
            parts.push("width and height", pair((video.width, video.height)));
            parts.push("time base", pair(video.tick));
            if let Some(rate) = video.rate {
                parts.push("frame rate", pair(rate));
            }
            if video.eighths != FULL_SCALE {
                parts.push("scale", 1);
            }
        }
        MediaShape::Geometry(GeometryTier::Decimated { faces }) => {
            parts.push("tier", 1);
            parts.push("faces", varint_len(faces));
        }
        MediaShape::Geometry(GeometryTier::Surface { blocks }) => {
            parts.push("tier", 1);
            parts.push("blocks", varint_len(blocks));
        }
        MediaShape::Geometry(GeometryTier::Splats { points, .. }) => {
            parts.push("tier and flags", 2);
            parts.push("points", varint_len(points));
            parts.push("depth", 1);
            parts.push("degree of spherical harmonics", 1);
            parts.push("lattice", 4 * size_of::<f64>());
        }
        MediaShape::Geometry(GeometryTier::Octree { points, lattice, normal_bits, .. }) => {
            parts.push("tier and flags", 2);
            parts.push("points", varint_len(points));
            parts.push("depth", 1);
            if lattice != Lattice::UNIT {
                parts.push("lattice", 4 * size_of::<f64>());
            }
            if normal_bits.is_some() {
                parts.push("bits of a normal", 1);
            }
        }
    }
    // A whole file has a chunk, which begins where the header ends.
    let rest = header_len.unwrap_or(parts.at) - parts.at;
    if header.needs_pack() {
        parts.push("rung and prior", rest);
    }
    parts.list.extend(chunks.list);
    Ok(parts.list)
}

#[derive(Default)]
struct Parts {
    at: usize,
    list: Vec<Part>,
}

impl Parts {
    fn push(&mut self, name: impl Into<String>, bytes: usize) {
        self.list.push(Part { name: name.into(), offset: self.at as u64, bytes: bytes as u64 });
        self.at += bytes;
    }
}

fn varint_len(value: u32) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}
