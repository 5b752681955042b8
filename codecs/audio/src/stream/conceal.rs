//! What stands in for tokens that are lost.

use std::collections::VecDeque;

use tessera_core::GridShape;
use tessera_core::entropy::TokenPrior;

use crate::error::Result;
use crate::model::Model;

/// Frames that are as loud as what is known beside them.
const HELD: u64 = 2;
/// Nepers that each further frame is quieter.
const FADE_STEP: f32 = 0.15;
/// Lost frames after which there is silence, and the network starts again.
pub(super) const SILENT: u64 = 32;
/// Tokens from which the prior guesses.
const REMEMBERED: usize = 24;
/// Bits to which guessed tokens are weighed against each other.
const WEIGHED_BITS: u8 = 7;

/// Nepers by which a frame is lowered, so many frames from the last known one and from the next.
pub(super) fn fade(since: u64, until: u64) -> f32 {
    since.min(until).saturating_sub(HELD) as f32 * FADE_STEP
}

/// The tokens so far, as far as the prior cares, and how they go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    tokens: VecDeque<u16>,
}

impl Memory {
    pub fn add(&mut self, token: u16) {
        if self.tokens.len() == REMEMBERED {
            self.tokens.pop_front();
        }
        self.tokens.push_back(token);
    }

    /// The expected latents of the next `count` tokens of `depth` bits: centroids weighed with the probabilities that the pack's prior
    /// gives them, the most probable tokens taken for true in turn. `None` if there is no prior or nothing to go by. What is
    /// guessed is remembered.
    ///
    /// # Errors
    /// As a prior's session.
    pub fn go_on(&mut self, model: &Model, depth: u8, count: usize) -> Result<Option<Vec<f32>>> {
        let Some(prior) = model.parts.prior.as_ref().filter(|_| !self.tokens.is_empty()) else { return Ok(None) };
        // At most `REMEMBERED` and `SILENT`.
        let shape = GridShape { levels: 1, t: (self.tokens.len() + count) as u32, y: 1, x: 1 };
        let mut session = prior.session(shape, &[depth])?;
        self.tokens.iter().for_each(|&token| session.observe(token));
        let (book, weighed) = (model.parts.book(), depth.min(WEIGHED_BITS));
        let mut latents = vec![0.0; count * book.dim()];
        let mut chances = vec![1.0; 2 << weighed];
        for latent in latents.chunks_exact_mut(book.dim()) {
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
            self.add(token);
        }
        Ok(Some(latents))
    }
}
