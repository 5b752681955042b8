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
    history: Vec<u16>,
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
            history: Vec::new(),
            lost: 0,
            frames: 0,
            samples: 0,
            end: u64::MAX,
        }
    }
}

impl StreamDecoder {
    pub(crate) fn new(model: Arc<Model>, depth: u8) -> Result<Self> {
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
                if node >> self.depth == 1 {
                    self.state.history.push((node - (1 << self.depth)) as u16);
                } else {
                    self.state.history.clear();
                }
            }
            let cut = self.state.history.len().saturating_sub(24);
            self.state.history.drain(..cut);
            for block in run.chunks(BLOCK) {
                let latents: Vec<f32> = block.iter().flat_map(|&node| self.latent(node)).copied().collect();
                self.synthesise(&latents, |_| 0.0, &mut samples)?;
                self.state.last = latents[latents.len() - self.model.parts.book().dim()..].to_vec();
                self.state.lost = 0;
            }
        }
        Ok(self.cut(samples))
    }

    fn predicted(&self, count: usize, greedy: bool) -> Result<Vec<f32>> {
        let Some(prior) = &self.model.parts.prior else { return Ok(vec![]) };
        use tessera_core::entropy::TokenPrior;
        let h = &self.state.history;
        let shape = tessera_core::GridShape { levels: 1, t: (h.len() + count) as u32, y: 1, x: 1 };
        let mut session = prior.session(shape, &[self.depth])?;
        for &token in h { session.observe(token); }
        let book = self.model.parts.book();
        let mut out = Vec::new();
        let top = self.depth.min(7);
        for _ in 0..count {
            let mut p = vec![0f32; 2 << top];
            p[1] = 1.0;
            for node in 1..1usize << top {
                let one = f32::from(session.probability(node)) / 65536.0;
                p[2 * node] = p[node] * (1.0 - one);
                p[2 * node + 1] = p[node] * one;
            }
            let mut best = (0.0, 0);
            let mut mean = vec![0f32; book.dim()];
            for leaf in 0..1usize << top {
                let q = p[(1 << top) + leaf];
                if q > best.0 { best = (q, leaf); }
                for (m, c) in mean.iter_mut().zip(book.centroid(top, leaf as u16)) { *m += q * c; }
            }
            let mut node = (1 << top) + best.1;
            for _ in top..self.depth { node = 2 * node + usize::from(session.probability(node) >= 1 << 15); }
            let token = (node - (1 << self.depth)) as u16;
            session.observe(token);
            if greedy { out.extend(book.centroid(self.depth, token)) } else { out.extend(mean) }
        }
        Ok(out)
    }

    /// The centroid of a heap node from 1 to 2^(depth + 1) - 1.
    fn latent(&self, node: u32) -> &[f32] {
        let depth = node.ilog2() as u8;
        self.model.parts.book().centroid(depth, (node - (1 << depth)) as u16)
    }

    /// Stands in for lost tokens. The sound goes over from the last latent to the next one if that is known, and is quieter the
    /// farther it is from what is known.
    fn bridge(&mut self, frames: u64, next: Option<Vec<f32>>, samples: &mut Vec<f32>) -> Result<()> {
        let mut left = frames;
        while left > 0 && self.state.lost < SILENT && !self.state.last.is_empty() {
            let count = left.min(SILENT - self.state.lost).min(BLOCK as u64);
            let mut latents = Vec::new();
            let mode = std::env::var("CONCEAL").unwrap_or_else(|_| "line".into());
            let guess = if mode.starts_with("prior") { self.predicted(count as usize, mode.contains("greedy"))? } else { Vec::new() };
            for n in 0..count {
                if mode == "hold" { latents.extend(&self.state.last); continue; }
                if !guess.is_empty() {
                    let g = &guess[n as usize * self.state.last.len()..][..self.state.last.len()];
                    let share = if mode.contains("line") { (n + 1) as f32 / (left + 1) as f32 } else { 0.0 };
                    match &next {
                        Some(next) => latents.extend(g.iter().zip(next).map(|(from, to)| from + share * (to - from))),
                        None => latents.extend(g),
                    }
                    continue;
                }
                let share = (n + 1) as f32 / (left + 1) as f32;
                match &next {
                    Some(next) => {
                        latents.extend(self.state.last.iter().zip(next).map(|(from, to)| from + share * (to - from)))
                    }
                    None => latents.extend(&self.state.last),
                }
            }
            let lost = self.state.lost;
            let until = next.as_ref().filter(|_| mode != "hold").map_or(u64::MAX, |_| left);
            let fade = |n: usize| {
                let n = n as u64;
                (lost + n + 1).min(until - n.min(until)).saturating_sub(HELD) as f32 * FADE_STEP
            };
            self.synthesise(&latents, fade, samples)?;
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
