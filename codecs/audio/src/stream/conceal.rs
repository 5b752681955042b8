//! What stands in for tokens that are lost.

use std::collections::VecDeque;

use tessera_core::entropy::TokenPrior;

use crate::error::Result;
use crate::frames;
use crate::model::Model;

/// Frames that are as loud as what is known beside them.
const HELD: u64 = 2;
/// Nepers that each further frame is quieter.
const FADE_STEP: f32 = 0.15;
/// Lost frames after which there is silence, and the network starts again.
pub(super) const SILENT: u64 = 32;
/// Frames from which the prior guesses.
const REMEMBERED: usize = 24;
/// Bits to which guessed tokens are weighed against each other.
const WEIGHED_BITS: u8 = 7;

/// Nepers by which a frame is lowered, so many frames from the last known one and from the next.
pub(super) fn fade(since: u64, until: u64) -> f32 {
    since.min(until).saturating_sub(HELD) as f32 * FADE_STEP
}

/// The frames so far, as far as the prior cares, and how they go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    frames: VecDeque<Vec<u16>>,
}

impl Memory {
    /// Takes a frame's tokens, first level first.
    pub fn add(&mut self, frame: Vec<u16>) {
        if self.frames.len() == REMEMBERED {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
    }

    /// The expected latents of the next `count` frames of tokens of `depths` bits: centroids weighed with the probabilities that the
    /// pack's prior gives them, the most probable tokens taken for true in turn. `None` if there is no prior or nothing to go by. What is
    /// guessed is remembered.
    ///
    /// # Errors
    /// As a prior's session.
    pub fn go_on(&mut self, model: &Model, depths: &[u8], count: usize) -> Result<Option<Vec<f32>>> {
        let Some(prior) = model.parts.prior.as_ref().filter(|_| !self.frames.is_empty()) else { return Ok(None) };
        // At most `REMEMBERED` and `SILENT`, of levels that a codebook has.
        let shape = frames::shape(depths.len() as u8, (self.frames.len() + count) as u32);
        let mut session = prior.session(shape, depths)?;
        let dim = model.parts.codebook.dim();
        let mut latents = vec![0.0; count * dim];
        let mut guessed = vec![Vec::new(); count];
        for (level, (book, &depth)) in model.parts.codebook.levels().iter().zip(depths).enumerate() {
            self.frames.iter().for_each(|frame| session.observe(frame[level]));
            let weighed = depth.min(WEIGHED_BITS);
            let mut chances = vec![1.0; 2 << weighed];
            for (latent, frame) in latents.chunks_exact_mut(dim).zip(&mut guessed) {
                for node in 1..1usize << weighed {
                    let one = f32::from(session.probability(node)) / 65_536.0;
                    chances[2 * node] = chances[node] * (1.0 - one);
                    chances[2 * node + 1] = chances[node] * one;
                }
                for (path, chance) in (0u16..).zip(&chances[1 << weighed..]) {
                    latent.iter_mut().zip(book.centroid(weighed, path)).for_each(|(sum, value)| *sum += chance * value);
                }
                let leaves = 1usize << weighed..2usize << weighed;
                let mut node = leaves.max_by(|&a, &b| chances[a].total_cmp(&chances[b])).unwrap_or(1);
                while node >> depth == 0 {
                    node = 2 * node + usize::from(session.probability(node) >= 1 << 15);
                }
                let token = (node - (1 << depth)) as u16;
                session.observe(token);
                frame.push(token);
            }
        }
        guessed.into_iter().for_each(|frame| self.add(frame));
        Ok(Some(latents))
    }
}
