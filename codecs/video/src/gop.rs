//! Groups of pictures: where they begin and end.

use half::f16;
use half::slice::HalfFloatSliceExt;
use tessera_core::LatentShape;
use tessera_core::container::{GopTimes, MAX_GOP_FRAMES};

use crate::mark::Mark;

/// Frames of a group at most.
const MOST: u32 = 128;
/// Frames of a group at least, but at the end of the video.
const LEAST: usize = 4;
/// Change from a frame to the next, as a share of what two frames of nothing in common differ by, from which a scene may have ended.
const CUT: f32 = 0.7;
/// How much greater than the change before it must be.
const JUMP: f32 = 1.5;

/// A frame as it is coded.
#[derive(Debug, Clone)]
pub(crate) struct Analysed {
    /// `[y][x][dim]`.
    pub latents: Vec<f16>,
    /// `[y][x]`.
    pub marks: Vec<Mark>,
}

/// A group of pictures that can be coded by itself.
#[derive(Debug, Clone)]
pub(crate) struct Gop {
    /// Its place among the groups.
    pub number: u32,
    pub times: GopTimes,
    /// `[t][y][x][dim]`.
    pub latents: Vec<f16>,
    /// `[t][y][x]`.
    pub marks: Vec<Mark>,
}

/// Collects frames into groups: a group ends where a scene does, and after so many ticks.
pub(crate) struct Grouping {
    /// Ticks of a group at most.
    ticks: u64,
    frames: usize,
    number: u32,
    start: u64,
    lengths: Vec<u64>,
    latents: Vec<f16>,
    marks: Vec<Mark>,
    /// Values of a frame.
    frame: usize,
    /// Change from the frame before the last one to the last one.
    change: f32,
}

impl Grouping {
    /// Groups of at most `ticks` ticks of frames of `shape` and `dim` values a latent, of at most `tokens` tokens at `levels` levels.
    pub fn new(ticks: u64, shape: LatentShape, dim: usize, (tokens, levels): (u64, u8)) -> Self {
        let most = (tokens / (shape.len() * u64::from(levels)).max(1)).clamp(1, u64::from(MOST.min(MAX_GOP_FRAMES)));
        Self {
            ticks,
            frames: most as usize,
            number: 0,
            start: 0,
            lengths: Vec::new(),
            latents: Vec::new(),
            marks: Vec::new(),
            frame: shape.len() as usize * dim,
            change: 0.0,
        }
    }

    /// Takes a frame that is shown for so many ticks; gives the group that ended before it.
    pub fn put(&mut self, frame: Analysed, ticks: u64) -> Option<Gop> {
        let count = self.lengths.len();
        let total: u64 = self.lengths.iter().sum();
        let mut ended = count >= self.frames || count > 0 && total.saturating_add(ticks) > self.ticks;
        if count > 0 {
            let change = change(&self.latents[self.latents.len() - self.frame..], &frame.latents);
            let cut = change > CUT && change > JUMP * self.change && count >= LEAST;
            ended |= cut;
            self.change = change;
        }
        let gop = if ended { self.take() } else { None };
        self.latents.extend(frame.latents);
        self.marks.extend(frame.marks);
        self.lengths.push(ticks);
        gop
    }

    /// The group of the frames so far.
    pub fn take(&mut self) -> Option<Gop> {
        if self.lengths.is_empty() {
            return None;
        }
        let times = GopTimes { start: self.start, ticks: std::mem::take(&mut self.lengths) };
        self.start = times.end();
        let number = self.number;
        self.number += 1;
        let (latents, marks) = (std::mem::take(&mut self.latents), std::mem::take(&mut self.marks));
        Some(Gop { number, times, latents, marks })
    }
}

/// Latents as they are kept.
pub(crate) fn to_halves(values: &[f32]) -> Vec<f16> {
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(values);
    halves
}

/// Latents as they are worked with.
pub(crate) fn from_halves(halves: &[f16]) -> Vec<f32> {
    let mut values = vec![0.0; halves.len()];
    halves.convert_to_f32_slice(&mut values);
    values
}

/// The squared difference of two frames' latents over what it would be if they had nothing in common but their mean.
fn change(one: &[f16], other: &[f16]) -> f32 {
    let (one, other) = (from_halves(one), from_halves(other));
    let count = one.len().max(1) as f32;
    let spread = |values: &[f32]| {
        let mean = values.iter().sum::<f32>() / count;
        values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>()
    };
    let difference: f32 = one.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum();
    difference / (spread(&one) + spread(&other)).max(f32::MIN_POSITIVE)
}
