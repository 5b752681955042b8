//! Tokens to samples.

use std::sync::Arc;

use super::BLOCK;
use super::conceal::{Memory, SILENT, fade};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::spectrum::Synthesis;

/// The heap node of a token of which nothing is known.
const LOST: u32 = 1;

/// Tokens of one channel to samples, as they come.
///
/// A sample is complete when the last token that covers it is there, [`delay_samples`](Self::delay_samples) later than its own.
/// [`end_at`](Self::end_at) says where the sound ends, so that not one sample more comes out.
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    model: Arc<Model>,
    depth: u8,
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
    pub(crate) fn new(model: Arc<Model>, depth: u8) -> Result<Self> {
        model.check_live()?;
        model.check_depth(depth)?;
        Ok(Self { state: State::new(&model), model, depth })
    }

    /// Takes tokens; returns the samples that they complete, at the model's rate.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a token of more bits than the depth: nothing of this push is taken. [`Error::Models`] if ONNX
    /// Runtime is missing or fails.
    pub fn push(&mut self, tokens: &[u16]) -> Result<Vec<f32>> {
        if let Some(token) = tokens.iter().find(|&&token| u32::from(token) >> self.depth != 0) {
            return Err(Error::parameter(format!("token {token} needs more than {} bits", self.depth)));
        }
        let nodes: Vec<u32> = tokens.iter().map(|&token| 1 << self.depth | u32::from(token)).collect();
        self.push_known(&nodes, LOST)
    }

    /// Stands in for `frames` lost tokens of which nothing is known, nor of what follows them. Returns the samples that they
    /// complete.
    ///
    /// # Errors
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn conceal(&mut self, frames: u64) -> Result<Vec<f32>> {
        let mut samples = Vec::new();
        self.bridge(frames, None, &mut samples)?;
        Ok(self.cut(samples))
    }

    /// Takes what is known of tokens: of one known to d bits the heap node 2^d + bits, of a lost one 1; `next` is
    /// the one that follows them. What stands in for a gap goes over into what comes after it. Returns the samples that they complete.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a node that is not of the tree of tokens: nothing of this push is taken. [`Error::Models`] if ONNX
    /// Runtime is missing or fails.
    pub fn push_known(&mut self, nodes: &[u32], next: u32) -> Result<Vec<f32>> {
        if let Some(node) = nodes.iter().chain([&next]).find(|&&node| node == 0 || node >> self.depth > 1) {
            return Err(Error::parameter(format!("no token of {} bits is known as node {node}", self.depth)));
        }
        let mut samples = Vec::new();
        let mut rest = nodes;
        for run in nodes.chunk_by(|a, b| (*a == LOST) == (*b == LOST)) {
            rest = &rest[run.len()..];
            if run[0] == LOST {
                let next = *rest.first().unwrap_or(&next);
                let next = (next != LOST).then(|| self.latent(next).to_vec());
                self.bridge(run.len() as u64, next, &mut samples)?;
                continue;
            }
            for &node in run {
                self.remember(node);
            }
            for block in run.chunks(BLOCK) {
                let latents: Vec<f32> = block.iter().flat_map(|&node| self.latent(node)).copied().collect();
                self.synthesise(&latents, |_| 0.0, &mut samples)?;
                self.state.last = latents[latents.len() - self.model.parts.book().dim()..].to_vec();
                self.state.lost = 0;
            }
        }
        Ok(self.cut(samples))
    }

    /// Takes a token into account that is known to some bits; the nearest whole one stands for it.
    fn remember(&mut self, node: u32) {
        let whole = 1 << self.depth;
        let token = match node.checked_sub(whole) {
            Some(token) => token as u16,
            None => self.model.parts.book().nearest(self.depth, self.latent(node)).0,
        };
        self.state.memory.add(token);
    }

    /// The centroid of a heap node from 1 to 2^(depth + 1) - 1.
    fn latent(&self, node: u32) -> &[f32] {
        let depth = node.ilog2() as u8;
        self.model.parts.book().centroid(depth, (node - (1 << depth)) as u16)
    }

    /// Stands in for lost tokens: what the prior expects, or else the last latent, goes over into the next latent if that is known,
    /// and is quieter the farther it is from what is known.
    fn bridge(&mut self, frames: u64, next: Option<Vec<f32>>, samples: &mut Vec<f32>) -> Result<()> {
        let mut left = frames;
        if left > 0 && self.state.lost < SILENT && !self.state.last.is_empty() {
            let count = left.min(SILENT - self.state.lost);
            let expected = self.state.memory.go_on(&self.model, self.depth, count as usize)?;
            let mut latents = expected.unwrap_or_else(|| self.state.last.repeat(count as usize));
            if let Some(next) = &next {
                for (n, latent) in (1u64..).zip(latents.chunks_exact_mut(next.len())) {
                    let share = n as f32 / (frames + 1) as f32;
                    latent.iter_mut().zip(next).for_each(|(value, next)| *value += share * (next - *value));
                }
            }
            let (lost, until) = (self.state.lost + 1, next.map_or(u64::MAX, |_| frames));
            self.synthesise(&latents, |n| fade(lost + n as u64, until.saturating_sub(n as u64)), samples)?;
            self.state.last = latents[latents.len() - self.model.parts.book().dim()..].to_vec();
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

    /// Bits of a token.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Samples that came out since the start.
    pub fn samples(&self) -> u64 {
        self.state.samples
    }

    /// Tokens, arrived or lost, since the start.
    pub fn tokens(&self) -> u64 {
        self.state.frames
    }

    /// Samples per token.
    pub fn hop(&self) -> usize {
        self.model.spectrum.hop()
    }

    /// How many samples later than its own token a sample is complete at most: window less hop.
    pub fn delay_samples(&self) -> usize {
        self.model.spectrum.overlap()
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
