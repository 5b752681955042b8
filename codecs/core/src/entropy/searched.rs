//! Entropy-constrained choice of tokens.

use super::prior::{PriorSession, TokenPrior};
use crate::error::{Error, Result};
use crate::rung::Rung;
use crate::token::{LatentShape, TokenGrid};
use crate::vq::{Candidate, ResidualCodebook, subtract};

/// How to trade distortion for bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Squared latent distance that one bit is worth, at least 0.
    pub lambda: f32,
    /// Nearest codewords to choose from, at least 1.
    pub candidates: usize,
}

impl Search {
    /// Whether it can be done.
    pub(super) fn check(&self) -> Result<()> {
        match self.lambda.is_finite() && self.lambda >= 0.0 && self.candidates > 0 {
            true => Ok(()),
            false => {
                Err(Error::parameter(format!("search with lambda {} and {} candidates", self.lambda, self.candidates)))
            }
        }
    }
}

/// Chooses each token among the nearest codewords: least distortion plus `lambda` times bits.
///
/// Entropy-constrained vector quantisation (Chou, Lookabaugh and Gray, 1989) in coding order: the prior
/// has adapted to the tokens chosen before, exactly as it will when they are coded. Each level chooses
/// by its own distortion. `latents` is `[t*y*x, dim]`. With `lambda` 0 or one candidate the result is
/// [`ResidualCodebook::quantize`]'s.
///
/// # Errors
/// As [`ResidualCodebook::quantize`] and [`TokenPrior::session`];
/// [`Error::Parameter`] for a negative or infinite `lambda` or no candidates.
pub fn encode_searched(
    latents: &[f32],
    shape: LatentShape,
    rung: Rung,
    codebook: &ResidualCodebook,
    prior: &dyn TokenPrior,
    search: Search,
) -> Result<TokenGrid> {
    search.check()?;
    let mut grid = codebook.grid_for(latents, shape, rung)?;
    let depths = grid.depths().to_vec();
    let mut session = prior.session(grid.shape(), &depths)?;
    let mut residual = latents.to_vec();
    let mut candidates = Vec::new();
    let mut costs = PathCosts::default();
    let per_level = grid.level(0).len();
    let levels = grid.tokens_mut().chunks_exact_mut(per_level);
    for ((tokens, book), &depth) in levels.zip(codebook.levels()).zip(&depths) {
        for (vector, token) in residual.chunks_exact_mut(codebook.dim()).zip(tokens) {
            book.nearest_n(depth, vector, search.candidates, &mut candidates);
            *token = costs.cheapest(&candidates, depth, search.lambda, &mut *session).0;
            session.observe(*token);
            subtract(vector, book.centroid(depth, *token));
        }
    }
    Ok(grid)
}

/// Probabilities of the paths to candidates, shared where the paths are.
#[derive(Default)]
pub(super) struct PathCosts {
    order: Vec<usize>,
    /// Probability of the path to each depth of the last candidate.
    prefix: Vec<f64>,
}

impl PathCosts {
    /// The candidate of least cost, and the cost; the nearer one among equals.
    pub fn cheapest(
        &mut self,
        candidates: &[Candidate],
        depth: u8,
        lambda: f32,
        session: &mut dyn PriorSession,
    ) -> (u16, f32) {
        let Some(nearest) = candidates.first() else { return (0, f32::INFINITY) };
        if lambda == 0.0 {
            return (nearest.index, nearest.distortion);
        }
        // In rising index order, neighbours share the longest prefixes.
        self.order.clear();
        self.order.extend(0..candidates.len());
        self.order.sort_unstable_by_key(|&n| candidates[n].index);
        self.prefix.clear();
        self.prefix.push(1.0);
        let mut last_leaf = 0;
        let mut best = (f32::INFINITY, usize::MAX);
        for &n in &self.order {
            let leaf = (1 << depth) + usize::from(candidates[n].index);
            let shared = match last_leaf {
                0 => 0,
                last => usize::from(depth) - (usize::BITS - (leaf ^ last).leading_zeros()) as usize,
            };
            self.prefix.truncate(shared + 1);
            for d in shared..usize::from(depth) {
                let below = leaf >> (usize::from(depth) - d - 1);
                let one = f64::from(session.probability(below >> 1)) / 65_536.0;
                let p = if below & 1 == 1 { one } else { 1.0 - one };
                self.prefix.push(self.prefix[d] * p);
            }
            last_leaf = leaf;
            let bits = -self.prefix[usize::from(depth)].log2() as f32;
            let cost = candidates[n].distortion + lambda * bits;
            if cost < best.0 || (cost == best.0 && n < best.1) {
                best = (cost, n);
            }
        }
        (candidates.get(best.1).unwrap_or(nearest).index, best.0)
    }
}
