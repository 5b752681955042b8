//! Tokens to samples, and what stands in for tokens that are lost.

use std::sync::Arc;

use super::BLOCK;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::spectrum::Synthesis;

/// Lost frames that keep the level of the last one that arrived.
const HELD: u64 = 2;
/// Nepers that each further lost frame is quieter.
const FADE_STEP: f32 = 0.15;
/// Lost frames after which there is silence, and the network starts again.
const SILENT: u64 = 32;

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
        let mut samples = Vec::new();
        for block in tokens.chunks(BLOCK) {
            let book = self.model.parts.book();
            let dim = book.dim();
            let latents: Vec<f32> = block.iter().flat_map(|&token| book.centroid(self.depth, token)).copied().collect();
            self.synthesise(&latents, |_| 0.0, &mut samples)?;
            self.state.last = latents[latents.len() - dim..].to_vec();
            self.state.lost = 0;
        }
        Ok(self.cut(samples))
    }

    /// Stands in for `frames` lost tokens: the last sound is held and fades to silence. Returns the samples that they complete.
    ///
    /// # Errors
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn conceal(&mut self, frames: u64) -> Result<Vec<f32>> {
        let mut samples = Vec::new();
        let mut left = frames;
        while left > 0 && self.state.lost < SILENT && !self.state.last.is_empty() {
            let count = left.min(SILENT - self.state.lost).min(BLOCK as u64);
            let latents = self.state.last.repeat(count as usize);
            let lost = self.state.lost;
            let fade = |n: usize| (lost + n as u64 + 1).saturating_sub(HELD) as f32 * FADE_STEP;
            self.synthesise(&latents, fade, &mut samples)?;
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
            self.state.synthesis.push_silence(&mut samples);
            self.state.frames += 1;
        }
        Ok(self.cut(samples))
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
