//! The base layer: groups that carry AV1 at half the sides where their tokens would look worse at the same bytes.

use image::imageops::FilterType;
use tessera_core::Limits;
use tessera_core::container::{self, Chunk, ChunkKind, GopEntry, GopIndex, GopTimes};

use super::decode::Base;
use super::inspect::{info_of, shape_of};
use super::writing::Writing;
use super::{DecodeOptions, VideoCodec};
use crate::enlarge::{Enlarger, WHOLE};
use crate::error::{Error, Result};
use crate::frame::{Frame, Sink, Source, StreamInfo};
use crate::io::{Coding, IoLimits, bare, square};

/// Who codes base layers.
const ENCODER: &str = "libsvtav1";
/// Constant rate factors, from the most bytes to the fewest, and the one that is tried first.
const FACTORS: std::ops::RangeInclusive<u8> = 15..=63;
const FIRST: u8 = 50;
/// Steps of the factor in which bytes halve, about.
const HALVING: f64 = 9.0;
/// Streams that are made of a group at most, and the part of the bytes from which on one is taken at once.
const TRIES: usize = 5;
const FULL: f64 = 0.96;
/// Of so many frames the judge sees one.
const JUDGED: usize = 8;
/// Shares of enhancement that are weighed.
const SHARES: [u8; 4] = [0, WHOLE / 2, WHOLE * 3 / 4, WHOLE];

/// What tells which of two decoded frames looks more like the source: a distance, less is better.
pub trait Judge {
    /// The distance of two pictures `[y][x][3]` of one size, columns and rows.
    ///
    /// # Errors
    /// Whatever keeps it from measuring.
    fn distance(&mut self, source: &[u8], decoded: &[u8], size: (u32, u32)) -> Result<f64>;

    /// The part of the tokens' distance below which a base layer is taken: less than 1 for a judge that is not sure.
    fn margin(&self) -> f64 {
        1.0
    }
}

/// A file with the better of tokens and base layer in every group.
#[derive(Debug, Clone, PartialEq)]
pub struct Switched {
    /// The file.
    pub bytes: Vec<u8>,
    /// Of each group, whether it carries AV1 now.
    pub base: Vec<bool>,
}

/// Whether FFmpeg has what codes base layers.
pub fn base_at_hand() -> bool {
    bare::has_encoder(ENCODER)
}

impl VideoCodec {
    /// Gives every group of a file the AV1 stream at half the sides that is no longer than its tokens, where the judge finds that it looks better, with the share of
    /// enhancement that looks best. `source` has the frames that the file was made of, from the first. Memory holds the small frames of one group, and a few whole ones.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); those of source and judge; [`Error::Video`] if FFmpeg has no SVT-AV1.
    pub fn with_base(&self, file: &[u8], source: &mut dyn Source, judge: &mut dyn Judge) -> Result<Switched> {
        let limits = Limits::default();
        let read = container::read(file, &limits)?;
        let shape = shape_of(&read.header)?;
        let (size, info) = ((shape.width, shape.height), info_of(&shape));
        let mut enlarger = Enlarger::new(coded_size(size), size, self.frames.as_ref())?;
        let (mut groups, others): (Vec<Chunk>, Vec<Chunk>) =
            read.chunks.into_iter().partition(|chunk| chunk.kind == ChunkKind::Gop);
        groups.sort_by_key(|chunk| chunk.sequence);
        let mut base = Vec::new();
        let mut clocks = Vec::new();
        for chunk in &mut groups {
            let (times, tokens) = GopTimes::split(&chunk.payload)?;
            let seen = Seen::of(source, times.ticks.len(), size)?;
            // A base layer has a byte before the stream.
            let stream = best(&seen.small, &info, tokens.len().saturating_sub(1))?;
            let mut better = None;
            if let Some(stream) = stream {
                let (share, distance) = share(&stream, &seen, size, &mut enlarger, judge)?;
                let mut by_tokens = Kept::default();
                let alone = container::write(&read.header, &[Chunk { sequence: 0, ..chunk.clone() }])?;
                self.decode_every(JUDGED, &alone, &mut by_tokens, &DecodeOptions::default())?;
                let mut sum = 0.0;
                for (source, decoded) in seen.judged.iter().zip(&by_tokens.frames) {
                    sum += judge.distance(source, decoded, size)?;
                }
                better = (distance < judge.margin() * sum).then_some((share, stream));
            }
            base.push(better.is_some());
            if let Some((share, stream)) = better {
                let mut payload = Vec::new();
                times.put(&mut payload)?;
                payload.push(share);
                payload.extend(stream);
                *chunk = Chunk { token_crc: None, payload, ..chunk.clone() };
            }
            clocks.push(times);
        }
        let mut bytes = Vec::new();
        let mut file = Writing::new(&mut bytes, &read.header, 1)?;
        let beside: Vec<Chunk> = others.into_iter().filter(|chunk| chunk.kind != ChunkKind::Index).collect();
        file.side(&beside)?;
        let mut index = GopIndex::default();
        for (chunk, times) in groups.iter().zip(&clocks) {
            let entry = GopEntry { frames: times.ticks.len() as u32, start: times.start, offset: file.offset() };
            file.side(std::slice::from_ref(chunk))?;
            index.entries.push(entry);
            index.end = times.end();
        }
        file.end(&index)?;
        Ok(Switched { bytes, base })
    }
}

/// What is kept of the frames of a group.
struct Seen {
    /// All of them, as small as they are coded, numbered.
    small: Vec<Frame>,
    /// One of [`JUDGED`], whole.
    judged: Vec<Vec<u8>>,
}

impl Seen {
    fn of(source: &mut dyn Source, count: usize, size: (u32, u32)) -> Result<Self> {
        let mut seen = Self { small: Vec::with_capacity(count), judged: Vec::new() };
        for n in 0..count {
            let frame = source.next_frame()?;
            let rgb = frame.ok_or_else(|| Error::video("the source has fewer frames now than before"))?.rgb;
            if n.is_multiple_of(JUDGED) {
                seen.judged.push(rgb.clone());
            }
            let rgb = square::scale(rgb, size, coded_size(size), FilterType::Lanczos3)?;
            seen.small.push(Frame { rgb, time: n as i64 });
        }
        Ok(seen)
    }
}

/// The share of enhancement with which a stream looks best, and the sum of the distances.
fn share(
    stream: &[u8],
    seen: &Seen,
    size: (u32, u32),
    enlarger: &mut Enlarger,
    judge: &mut dyn Judge,
) -> Result<(u8, f64)> {
    let (small, frames) = pictures(stream, size, seen.small.len())?;
    if !enlarger.is_for(small) {
        return Err(Error::video("SVT-AV1 made frames of another size; report this"));
    }
    let shares = if enlarger.enhances() { &SHARES[..] } else { &SHARES[..1] };
    let mut sums = vec![0.0; shares.len()];
    for (frame, source) in frames.iter().step_by(JUDGED).zip(&seen.judged) {
        let enlarged = enlarger.enlarge(frame, enlarger.enhances())?;
        for (sum, &share) in sums.iter_mut().zip(shares) {
            *sum += judge.distance(source, &enlarged.with(share), size)?;
        }
    }
    let best = shares.iter().copied().zip(sums).min_by(|a, b| a.1.total_cmp(&b.1));
    best.ok_or_else(|| Error::video("a base layer has no frames; report this"))
}

/// A group's base layer from what follows its times: as many pictures as the group has, no larger than the video.
pub(super) fn decode(payload: &[u8], size: (u32, u32), count: usize) -> Result<Base> {
    let (share, stream) = match payload.split_first() {
        Some((&share, stream)) if share <= WHOLE => (share, stream),
        _ => return Err(Error::corrupt("a base layer's share of enhancement is above the whole")),
    };
    let (size, pictures) = pictures(stream, size, count)?;
    Ok(Base { share, size, pictures })
}

fn pictures(stream: &[u8], size: (u32, u32), count: usize) -> Result<bare::Pictures> {
    let most = coded_size((2 * size.0, 2 * size.1));
    let limits = IoLimits { max_pixels: u64::from(most.0) * u64::from(most.1), ..IoLimits::default() };
    let (small, frames) = bare::decode(stream, bare::Stream::Av1, &limits, count)?;
    if frames.len() != count {
        return Err(Error::corrupt(format!("a base layer has {} of {count} frames", frames.len())));
    }
    Ok((small, frames))
}

/// Half of both sides, even, and as long as SVT-AV1 takes.
fn coded_size((width, height): (u32, u32)) -> (u32, u32) {
    let half = |side: u32| side.div_ceil(2).next_multiple_of(2).max(64);
    (half(width), half(height))
}

/// The stream of the best quality that is no longer than `most` bytes, as far as a few tries find it, if there is one.
fn best(frames: &[Frame], info: &StreamInfo, most: usize) -> Result<Option<Vec<u8>>> {
    let (width, height) = coded_size((info.width, info.height));
    // Frames are numbered: their times are those of the group.
    let rate = info.frame_rate.unwrap_or(crate::io::ReadOptions::USUAL_RATE);
    let time_base = crate::Rational { num: rate.den, den: rate.num };
    let small = StreamInfo { width, height, time_base, frame_rate: Some(rate), ..info.clone() };
    // The coarsest factor that was too long, and the finest that was not.
    let (mut over, mut under) = (FACTORS.start() - 1, FACTORS.end() + 1);
    let (mut found, mut factor) = (None, FIRST);
    for _ in 0..TRIES {
        let coding = Coding::new(ENCODER, &[("preset", "6"), ("crf", &factor.to_string())]);
        let stream = bare::encode(frames, &small, &coding, bare::Stream::Av1)?;
        let full = stream.len() as f64 / most.max(1) as f64;
        if stream.len() <= most {
            (found, under) = (Some(stream), factor);
        } else {
            over = factor;
        }
        if (FULL..=1.0).contains(&full) || under - over <= 1 {
            break;
        }
        let next = f64::from(factor) + (HALVING * full.log2()).ceil();
        factor = (next.clamp(0.0, 255.0) as u8).clamp(over + 1, under - 1);
    }
    Ok(found)
}

/// The frames that come.
#[derive(Default)]
struct Kept {
    frames: Vec<Vec<u8>>,
}

impl Sink for Kept {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        self.frames.push(frame.rgb.clone());
        Ok(())
    }

    fn finish(&mut self, _: i64) -> Result<()> {
        Ok(())
    }
}
