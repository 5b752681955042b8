//! What a file holds, without a model pack.

use tessera_core::container::{self, Chunk, ChunkKind, GopIndex, GopTimes, Header, MediaShape, VideoShape};
use tessera_core::{Error as Core, Limits};

use crate::error::{Error, Result};
use crate::frame::{Rational, StreamInfo};

/// What a video file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Pack, rung and media shape.
    pub header: Header,
    /// Size, clock and scale.
    pub shape: VideoShape,
    /// Frames, as far as the file is whole.
    pub frames: u64,
    /// Frames of each group.
    pub gops: Vec<u32>,
    /// Seconds from the first frame to the end of the last.
    pub seconds: f64,
    /// Bytes of groups: times and coded tokens.
    pub gop_bytes: u64,
    /// Of each group, whether it carries AV1 instead of tokens.
    pub base: Vec<bool>,
    /// Bytes of the sound.
    pub sound_bytes: u64,
    /// When the frames of each group are shown.
    pub times: Vec<GopTimes>,
    /// The video as a source of frames would announce it.
    pub info: StreamInfo,
}

/// Reads what a video file says of itself. Only the chunks' checksums are verified, not the tokens.
///
/// # Errors
/// [`Error::Core`] if it is no whole `.tsr` file of a video; with `salvage`, only if not even the header is there.
pub fn inspect(bytes: &[u8], limits: &Limits, salvage: bool) -> Result<Inspection> {
    let (header, chunks) = if salvage {
        let found = container::salvage(bytes, limits)?;
        (found.header, found.chunks)
    } else {
        let file = container::read(bytes, limits)?;
        (file.header, file.chunks)
    };
    let shape = shape_of(&header)?;
    let mut gops = Vec::new();
    let (mut end, mut gop_bytes) = (0, 0);
    let (mut clocks, mut base) = (Vec::new(), Vec::new());
    for chunk in chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Gop) {
        let (times, _) = GopTimes::split(&chunk.payload)?;
        gops.push(times.ticks.len() as u32);
        end = end.max(times.end());
        gop_bytes += chunk.payload.len() as u64;
        clocks.push(times);
        base.push(is_base(chunk));
    }
    if let Some(index) = GopIndex::of_file(bytes, limits) {
        end = end.max(index.end);
    }
    let beside = chunks.iter().filter(|chunk| chunk.kind == ChunkKind::SideMedia);
    let sound_bytes = beside.map(|chunk| chunk.payload.len() as u64).sum();
    let frames = gops.iter().map(|&frames| u64::from(frames)).sum();
    let info = StreamInfo { frames: Some(frames), duration: Some(end as i64), ..info_of(&shape) };
    let seconds = end as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
    Ok(Inspection { header, shape, frames, gops, seconds, gop_bytes, base, sound_bytes, times: clocks, info })
}

impl Inspection {
    /// When the frame is shown first that is shown at a time in seconds, in ticks; 0 where there is none.
    pub fn shown_at(&self, seconds: f64) -> u64 {
        let tick = f64::from(self.shape.tick.0) / f64::from(self.shape.tick.1);
        for times in &self.times {
            let mut begin = times.start;
            for ticks in &times.ticks {
                if (begin + ticks) as f64 * tick > seconds {
                    return begin;
                }
                begin += ticks;
            }
        }
        0
    }
}

/// How much longer than usual a frame must be shown to count as held, as a factor.
const HELD: f64 = 1.75;

impl Inspection {
    /// Seconds of each group through which a frame is held, beyond the usual time of a frame. The usual time is that of the nominal
    /// rate, else that of most frames.
    pub fn held(&self) -> Vec<f64> {
        let tick = f64::from(self.shape.tick.0) / f64::from(self.shape.tick.1);
        let mut lengths: Vec<u64> = self.times.iter().flat_map(|times| times.ticks.iter().copied()).collect();
        lengths.sort_unstable();
        let median = lengths.get(lengths.len() / 2).map_or(0.0, |&ticks| ticks as f64 * tick);
        let usual = self.shape.rate.map_or(median, |(num, den)| f64::from(den) / f64::from(num));
        let beyond = |times: &GopTimes| {
            let seconds = times.ticks.iter().map(|&ticks| ticks as f64 * tick);
            seconds.filter(|seconds| *seconds > HELD * usual).fold(0.0, |sum, seconds| sum + seconds - usual)
        };
        self.times.iter().map(beyond).collect()
    }
}

/// Whether a group carries AV1 instead of tokens: it has no checksum of any.
pub(super) fn is_base(chunk: &Chunk) -> bool {
    chunk.token_crc.is_none()
}

/// What a file's frames are.
pub(super) fn shape_of(header: &Header) -> Result<VideoShape> {
    match header.media {
        MediaShape::Video(shape) => Ok(shape),
        _ => Err(Error::Core(Core::Unsupported { what: "the file holds no video".to_owned() })),
    }
}

/// The video as a source of frames would announce it.
pub(super) fn info_of(shape: &VideoShape) -> StreamInfo {
    let fraction = |(num, den)| Rational { num, den };
    StreamInfo {
        width: shape.width,
        height: shape.height,
        time_base: fraction(shape.tick),
        frame_rate: shape.rate.map(fraction),
        frames: None,
        duration: None,
    }
}
