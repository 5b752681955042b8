//! The base layer: groups that carry AV1 at half the sides where their tokens would look worse at the same bytes.

use image::imageops::FilterType;
use tessera_core::Limits;
use tessera_core::container::{self, Chunk, ChunkKind, GopEntry, GopIndex, GopTimes};

use super::inspect::{info_of, shape_of};
use super::writing::Writing;
use super::{DecodeOptions, VideoCodec};
use crate::error::{Error, Result};
use crate::frame::{Frame, Sink, Source, StreamInfo};
use crate::io::{Coding, IoLimits, bare, square};

/// Constant rate factors that are tried, from the fewest bytes up.
const FACTORS: [u8; 8] = [63, 59, 55, 51, 47, 43, 38, 32];
/// Of so many frames the judge sees one.
const JUDGED: usize = 8;

/// What tells which of two decoded frames looks more like the source: a distance, less is better.
pub trait Judge {
    /// The distance of two pictures `[y][x][3]` of one size, columns and rows.
    ///
    /// # Errors
    /// Whatever keeps it from measuring.
    fn distance(&mut self, source: &[u8], decoded: &[u8], size: (u32, u32)) -> Result<f64>;
}

/// A file with the better of tokens and base layer in every group.
#[derive(Debug, Clone, PartialEq)]
pub struct Switched {
    /// The file.
    pub bytes: Vec<u8>,
    /// Of each group, whether it carries AV1 now.
    pub base: Vec<bool>,
}

impl VideoCodec {
    /// Gives every group of a file the AV1 stream at half the sides that is no longer than its tokens, where the judge finds that it looks better. `source` has the
    /// frames that the file was made of, from the first. Memory holds the frames of one group.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); those of source and judge; [`Error::Video`] if FFmpeg has no SVT-AV1.
    pub fn with_base(&self, file: &[u8], source: &mut dyn Source, judge: &mut dyn Judge) -> Result<Switched> {
        let limits = Limits::default();
        let read = container::read(file, &limits)?;
        let shape = shape_of(&read.header)?;
        let size = (shape.width, shape.height);
        let (mut groups, others): (Vec<Chunk>, Vec<Chunk>) =
            read.chunks.into_iter().partition(|chunk| chunk.kind == ChunkKind::Gop);
        groups.sort_by_key(|chunk| chunk.sequence);
        let mut base = Vec::new();
        let mut clocks = Vec::new();
        for chunk in &mut groups {
            let (times, tokens) = GopTimes::split(&chunk.payload)?;
            let mut frames = Vec::new();
            for _ in 0..times.ticks.len() {
                let frame = source.next_frame()?;
                frames.push(frame.ok_or_else(|| Error::video("the source has fewer frames now than before"))?.rgb);
            }
            let stream = best(&frames, &info_of(&shape), tokens.len())?;
            let mut better = false;
            if let Some(stream) = &stream {
                let alone = Chunk { sequence: 0, ..chunk.clone() };
                let mut by_tokens = Kept::default();
                self.decode(&container::write(&read.header, &[alone])?, &mut by_tokens, &DecodeOptions::default())?;
                let (small, decoded) = decode(stream, size, frames.len())?;
                let whole = |rgb| square::resize(rgb, small, size);
                let by_base = decoded.into_iter().step_by(JUDGED).map(whole).collect::<Result<Vec<_>>>()?;
                let mut sum = |decoded: &[Vec<u8>]| -> Result<f64> {
                    let pairs = frames.iter().step_by(JUDGED).zip(decoded);
                    pairs.map(|(source, decoded)| judge.distance(source, decoded, size)).sum()
                };
                better = sum(&by_base)? < sum(&by_tokens.frames)?;
            }
            if let (true, Some(stream)) = (better, stream) {
                let mut payload = Vec::new();
                times.put(&mut payload)?;
                payload.extend(stream);
                *chunk = Chunk { token_crc: None, payload, ..chunk.clone() };
            }
            base.push(better);
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

/// The frames of a base layer's stream, as many as the group has, and their size, which is that of the video at most.
pub(super) fn decode(stream: &[u8], size: (u32, u32), count: usize) -> Result<bare::Pictures> {
    let most = (coded_side(2 * size.0), coded_side(2 * size.1));
    let limits = IoLimits { max_pixels: u64::from(most.0) * u64::from(most.1), ..IoLimits::default() };
    let (small, frames) = bare::decode(stream, bare::Stream::Av1, &limits, count)?;
    if frames.len() != count {
        return Err(Error::corrupt(format!("a base layer has {} of {count} frames", frames.len())));
    }
    Ok((small, frames))
}

/// Half a side, even, and as long as SVT-AV1 takes.
fn coded_side(side: u32) -> u32 {
    side.div_ceil(2).next_multiple_of(2).max(64)
}

/// The stream of the best quality that is no longer than `most` bytes, if there is one.
fn best(frames: &[Vec<u8>], info: &StreamInfo, most: usize) -> Result<Option<Vec<u8>>> {
    let size = (coded_side(info.width), coded_side(info.height));
    let scaled = frames.iter().zip(0..).map(|(rgb, time)| {
        let rgb = square::scale(rgb.clone(), (info.width, info.height), size, FilterType::Lanczos3)?;
        Ok(Frame { rgb, time })
    });
    let frames: Vec<Frame> = scaled.collect::<Result<_>>()?;
    // Frames are numbered: their times are those of the group.
    let rate = info.frame_rate.unwrap_or(crate::io::ReadOptions::USUAL_RATE);
    let time_base = crate::Rational { num: rate.den, den: rate.num };
    let small = StreamInfo { width: size.0, height: size.1, time_base, frame_rate: Some(rate), ..info.clone() };
    let coded = |factor: u8| {
        let coding = Coding::new("libsvtav1", &[("preset", "6"), ("crf", &factor.to_string())]);
        bare::encode(&frames, &small, &coding, bare::Stream::Av1)
    };
    let (mut found, mut low, mut high) = (None, 0, FACTORS.len());
    // The first is the shortest: without it there is none.
    let mut middle = 0;
    while low < high {
        let stream = coded(FACTORS[middle])?;
        if stream.len() <= most {
            (found, low) = (Some(stream), middle + 1);
        } else {
            high = middle;
        }
        middle = (low + high) / 2;
    }
    Ok(found)
}

/// One frame of [`JUDGED`] that comes.
#[derive(Default)]
struct Kept {
    frames: Vec<Vec<u8>>,
    seen: usize,
}

impl Sink for Kept {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        if self.seen.is_multiple_of(JUDGED) {
            self.frames.push(frame.rgb.clone());
        }
        self.seen += 1;
        Ok(())
    }

    fn finish(&mut self, _: i64) -> Result<()> {
        Ok(())
    }
}
