//! Tokens to samples.

use std::sync::Arc;

use super::BLOCK;
use super::conceal::{Memory, SILENT, fade};
use crate::error::{Error, Result};
use crate::frames;
use crate::model::Model;
use crate::spectrum::Synthesis;

/// The heap node of a token of which nothing is known; a frame is lost whose first token is.
const LOST: u32 = 1;

/// Tokens of one channel to samples, as they come.
///
/// A sample is complete when the last frame that covers it is there, [`delay_samples`](Self::delay_samples) later than its own.
/// [`end_at`](Self::end_at) says where the sound ends, so that not one sample more comes out.
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    model: Arc<Model>,
    bits: u8,
    /// Bits of a frame's tokens, first level first.
    depths: Vec<u8>,
    state: State,
}

/// All that a stream remembers.
#[derive(Debug, Clone)]
struct State {
    network: Vec<f32>,
    synthesis: Synthesis,
    /// The latent of the last token that arrived.
    last: Vec<f32>,
    memory: Memory,
    /// Frames lost since then.
    lost: u64,
    frames: u64,
    samples: u64,
    end: u64,
}

impl State {
    fn new(model: &Model) -> Self {
        Self {
            network: Vec::new(),
            synthesis: Synthesis::new(model.spectrum.clone()),
            last: Vec::new(),
            memory: Memory::default(),
            lost: 0,
            frames: 0,
            samples: 0,
            end: u64::MAX,
        }
    }
}

impl StreamDecoder {
    pub(crate) fn new(model: Arc<Model>, bits: u8) -> Result<Self> {
        model.check_live()?;
        let depths = model.depths(bits)?;
        Ok(Self { state: State::new(&model), model, bits, depths })
    }

    /// Takes the tokens of whole frames, frame by frame; returns the samples that they complete, at the model's rate.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a token of more bits than its level has, or for half a frame: nothing of this push is taken.
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn push(&mut self, tokens: &[u16]) -> Result<Vec<f32>> {
        frames::check(tokens, &self.depths)?;
        let depths = self.depths.iter().cycle();
        let nodes: Vec<u32> = tokens.iter().zip(depths).map(|(&token, depth)| 1 << depth | u32::from(token)).collect();
        self.push_known(&nodes, &[])
    }

    /// Stands in for `frames` lost frames of which nothing is known, nor of what follows them. Returns the samples that they
    /// complete.
    ///
    /// # Errors
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn conceal(&mut self, frames: u64) -> Result<Vec<f32>> {
        let mut samples = Vec::new();
        self.bridge(frames, None, &mut samples)?;
        Ok(self.cut(samples))
    }

    /// Takes what is known of the tokens of whole frames, frame by frame: of one known to d bits the heap node 2^d + bits, of a lost one
    /// 1; `next` is the frame that follows them, empty if that is lost. What stands in for a gap goes over into what comes after it.
    /// Returns the samples that they complete.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a node that is not of the tree of its token, or for half a frame: nothing of this push is taken.
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn push_known(&mut self, nodes: &[u32], next: &[u32]) -> Result<Vec<f32>> {
        let levels = self.depths.len();
        if !nodes.len().is_multiple_of(levels) || !next.len().is_multiple_of(levels) {
            return Err(Error::parameter(format!("{} nodes are no frames of {levels}", nodes.len())));
        }
        for (&node, depth) in nodes.iter().zip(self.depths.iter().cycle()).chain(next.iter().zip(&self.depths)) {
            if node == 0 || node >> depth > 1 {
                return Err(Error::parameter(format!("no token of {depth} bits is known as node {node}")));
            }
        }
        let mut samples = Vec::new();
        let frames: Vec<&[u32]> = nodes.chunks_exact(levels).collect();
        let mut rest = &frames[..];
        for run in frames.chunk_by(|a, b| (a[0] == LOST) == (b[0] == LOST)) {
            rest = &rest[run.len()..];
            if run[0][0] == LOST {
                let next = *rest.first().unwrap_or(&next);
                let next = next.first().is_some_and(|&first| first != LOST).then(|| self.latent(next));
                self.bridge(run.len() as u64, next, &mut samples)?;
                continue;
            }
            for frame in run {
                self.remember(frame)?;
            }
            for block in run.chunks(BLOCK) {
                let latents: Vec<f32> = block.iter().flat_map(|frame| self.latent(frame)).collect();
                self.synthesise(&latents, |_| 0.0, &mut samples)?;
                self.state.last = latents[latents.len() - self.model.parts.codebook.dim()..].to_vec();
                self.state.lost = 0;
            }
        }
        Ok(self.cut(samples))
    }

    /// Takes a frame into account whose tokens are known to some bits; the nearest whole ones stand for them.
    fn remember(&mut self, frame: &[u32]) -> Result<()> {
        let whole = |(&node, depth): (&u32, &u8)| node.checked_sub(1 << depth).map(|token| token as u16);
        let tokens: Option<Vec<u16>> = frame.iter().zip(&self.depths).map(whole).collect();
        let tokens = match tokens {
            Some(tokens) => tokens,
            None => self.model.nearest(self.model.rung(self.bits)?, &self.latent(frame))?,
        };
        self.state.memory.add(tokens);
        Ok(())
    }

    /// What a frame's tokens stand for, as far as they are known: the sum of centroids of heap nodes.
    fn latent(&self, frame: &[u32]) -> Vec<f32> {
        let mut latent = vec![0.0; self.model.parts.codebook.dim()];
        for (book, &node) in self.model.parts.codebook.levels().iter().zip(frame).filter(|(_, node)| **node != LOST) {
            let depth = node.ilog2() as u8;
            let centroid = book.centroid(depth, (node - (1 << depth)) as u16);
            latent.iter_mut().zip(centroid).for_each(|(sum, value)| *sum += value);
        }
        latent
    }

    /// Stands in for lost frames: what the prior expects, or else the last latent, goes over into the next latent if that is known,
    /// and is quieter the farther it is from what is known.
    fn bridge(&mut self, frames: u64, next: Option<Vec<f32>>, samples: &mut Vec<f32>) -> Result<()> {
        let mut left = frames;
        if left > 0 && self.state.lost < SILENT && !self.state.last.is_empty() {
            let count = left.min(SILENT - self.state.lost);
            let expected = self.state.memory.go_on(&self.model, &self.depths, count as usize)?;
            let mut latents = expected.unwrap_or_else(|| self.state.last.repeat(count as usize));
            if let Some(next) = &next {
                for (n, latent) in (1u64..).zip(latents.chunks_exact_mut(next.len())) {
                    let share = n as f32 / (frames + 1) as f32;
                    latent.iter_mut().zip(next).for_each(|(value, next)| *value += share * (next - *value));
                }
            }
            let (lost, until) = (self.state.lost + 1, next.map_or(u64::MAX, |_| frames));
            self.synthesise(&latents, |n| fade(lost + n as u64, until.saturating_sub(n as u64)), samples)?;
            self.state.last = latents[latents.len() - self.model.parts.codebook.dim()..].to_vec();
            self.state.lost += count;
            left -= count;
        }
        if left > 0 {
            self.state.network.clear();
            self.state.lost = SILENT;
        }
        for _ in 0..left {
            // Nothing comes after the end.
            if self.state.samples + samples.len() as u64 >= self.state.end {
                break;
            }
            self.state.synthesis.push_silence(samples);
            self.state.frames += 1;
        }
        Ok(())
    }

    /// Says that the sound has `samples` samples: no more come out.
    pub fn end_at(&mut self, samples: u64) {
        self.state.end = samples;
    }

    /// Starts again as new.
    pub fn reset(&mut self) {
        self.state = State::new(&self.model);
    }

    /// Bits of a frame.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Bits of a frame's tokens, first level first.
    pub fn depths(&self) -> &[u8] {
        &self.depths
    }

    /// Samples that came out since the start.
    pub fn samples(&self) -> u64 {
        self.state.samples
    }

    /// Frames, arrived or lost, since the start.
    pub fn frames(&self) -> u64 {
        self.state.frames
    }

    /// Samples per frame.
    pub fn hop(&self) -> usize {
        self.model.spectrum.hop()
    }

    /// How many samples later than those of its own hop a sample is complete at most: window less hop, and what the pack looks ahead.
    pub fn delay_samples(&self) -> usize {
        self.model.spectrum.delay()
    }

    fn synthesise(&mut self, latents: &[f32], fade: impl Fn(usize) -> f32, samples: &mut Vec<f32>) -> Result<()> {
        let rows = self.model.decode(latents, &mut self.state.network)?;
        for (n, row) in rows.chunks_exact(2 * self.model.spectrum.bins()).enumerate() {
            self.state.synthesis.push(row, fade(n), samples);
            self.state.frames += 1;
        }
        Ok(())
    }

    fn cut(&mut self, mut samples: Vec<f32>) -> Vec<f32> {
        let left = self.state.end.saturating_sub(self.state.samples);
        samples.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.state.samples += samples.len() as u64;
        samples
    }
}
