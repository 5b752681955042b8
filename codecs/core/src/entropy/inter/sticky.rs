//! Choosing tokens that stay.

use std::collections::VecDeque;

use super::vectors::{Field, Vector};
use super::{Choice, From, cost};
use crate::entropy::prior::PriorSession;
use crate::entropy::searched::{PathCosts, Search};
use crate::token::TokenGrid;
use crate::vq::{Candidate, ResidualCodebook, subtract};

/// Frames that vectors reach back at most.
const REACH: usize = 8;
/// Share of a new token's cost in the running mean.
const RECENT: f32 = 1.0 / 64.0;

/// How tokens of a group of frames are chosen.
pub struct Stickiness<'a> {
    /// What distortion is weighed with, and among how many codewords.
    pub search: Search,
    /// Whether nothing changed at a place between two frames, the earlier one first: its tokens then stay what they are.
    pub steady: &'a dyn Fn(usize, usize, usize) -> bool,
    /// Whether tokens of the frame before have their bits in their favour. Without, each frame takes the cheapest tokens among the nearest, and predicted ones
    /// only if they are those: for comparison.
    pub sticky: bool,
}

/// What is known of the frame that is being chosen, and of those before it.
pub(super) struct Sticky<'a> {
    latents: &'a [f32],
    depths: Vec<u8>,
    codebook: &'a ResidualCodebook,
    how: &'a Stickiness<'a>,
    /// Values of a frame.
    frame: usize,
    t: usize,
    /// What the levels so far leave over, `[place][dim]`.
    residual: Vec<f32>,
    /// What places that keep their tokens stand for.
    kept: Vec<Option<From>>,
    /// What the frames before stand for, the last one first.
    decoded: VecDeque<Vec<f32>>,
    /// When the tokens of a place were chosen.
    chosen: Vec<usize>,
    /// First-level token of the place at hand.
    next: u16,
    candidates: Vec<Candidate>,
    costs: PathCosts,
    /// Mean cost of tokens that were chosen anew, in squared distance.
    anew: f32,
    /// Mean bits of the tokens of a level after the first.
    bits: Vec<f32>,
}

impl<'a> Sticky<'a> {
    pub fn new(latents: &'a [f32], grid: &TokenGrid, codebook: &'a ResidualCodebook, how: &'a Stickiness<'a>) -> Self {
        let places = grid.shape().y as usize * grid.shape().x as usize;
        let frame = places * codebook.dim();
        let depths = grid.depths().to_vec();
        Self {
            latents,
            bits: depths.iter().map(|&depth| f32::from(depth)).collect(),
            depths,
            codebook,
            how,
            frame,
            t: 0,
            residual: latents[..frame].to_vec(),
            kept: vec![None; places],
            decoded: VecDeque::new(),
            chosen: vec![0; places],
            next: 0,
            candidates: Vec::new(),
            costs: PathCosts::default(),
            anew: 0.0,
        }
    }

    fn vector(&self, place: usize) -> &[f32] {
        let dim = self.codebook.dim();
        &self.latents[self.t * self.frame + place * dim..][..dim]
    }

    fn predicted(&self, from: From) -> &[f32] {
        let dim = self.codebook.dim();
        &self.decoded[from.back - 1][from.place * dim..][..dim]
    }

    /// Looks for the first-level tokens that are near a place, and gives what no choice among them is nearer than: the distance of the nearest, if there is no other level.
    fn look(&mut self, place: usize) -> f32 {
        let dim = self.codebook.dim();
        let vector = &self.latents[self.t * self.frame + place * dim..][..dim];
        let book = &self.codebook.levels()[0];
        book.nearest_n(self.depths[0], vector, self.how.search.candidates, &mut self.candidates);
        match (&self.depths[..], self.candidates.first()) {
            ([_], Some(nearest)) => nearest.distortion,
            _ => 0.0,
        }
    }

    /// The first-level token of least cost among those that were looked for, that cost with all levels counted, and the distortion in it.
    fn best(&mut self, place: usize, session: &mut dyn PriorSession) -> (u16, f32, f32) {
        let lambda = self.how.search.lambda;
        let dim = self.codebook.dim();
        let vector = &self.latents[self.t * self.frame + place * dim..][..dim];
        let books = self.codebook.levels();
        let (token, mut total) = self.costs.cheapest(&self.candidates, self.depths[0], lambda, session);
        // What the levels to come will leave over; their bits as they were of late.
        let mut rest = vector.to_vec();
        subtract(&mut rest, books[0].centroid(self.depths[0], token));
        total -= norm(&rest);
        for (book, (&depth, &bits)) in books.iter().zip(self.depths.iter().zip(&self.bits)).skip(1) {
            let (next, _) = book.nearest(depth, &rest);
            subtract(&mut rest, book.centroid(depth, next));
            total += lambda * bits;
        }
        let left = norm(&rest);
        (token, total + left, left)
    }
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum()
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

impl Choice for Sticky<'_> {
    fn vectors(&mut self, field: &Field) -> Vec<Vector> {
        if !self.how.sticky || self.anew <= 0.0 {
            return field.still();
        }
        // A token that is chosen anew costs about this, so a bad prediction costs no more.
        let most = self.anew;
        field.search(self.t, |place, from| (distance(self.vector(place), self.predicted(from)) / most).min(1.0))
    }

    fn keeps(&mut self, place: usize, from: From, changes: u16, session: &mut dyn PriorSession) -> bool {
        let still = from.back == 1 && from.place == place;
        let steady = still && (self.how.steady)(self.chosen[place], self.t, place);
        let Stickiness { search: Search { lambda, .. }, sticky, .. } = *self.how;
        let away = distance(self.vector(place), self.predicted(from));
        let (stays, fee) = (away + lambda * cost(changes.wrapping_neg()), lambda * cost(changes));
        // A token takes a bit at the least, and those of later levels what they took of late.
        let least = fee + lambda * (1.0 + self.bits.iter().skip(1).sum::<f32>());
        let keeps = steady || sticky && stays <= least || {
            let near = self.look(place);
            sticky && stays <= least + near || {
                let (token, total, left) = self.best(place, session);
                self.next = token;
                self.anew += (total + fee - self.anew) * if self.anew == 0.0 { 1.0 } else { RECENT };
                if sticky { stays <= fee + total } else { away <= left }
            }
        };
        match keeps {
            true => self.kept[place] = Some(from),
            false => self.chosen[place] = self.t,
        }
        if keeps && !still {
            self.chosen[place] = self.t;
        }
        keeps
    }

    fn token(&mut self, level: usize, place: usize, session: &mut dyn PriorSession) -> u16 {
        let dim = self.codebook.dim();
        let depth = self.depths[level];
        let vector = &mut self.residual[place * dim..][..dim];
        let book = &self.codebook.levels()[level];
        let token = if level == 0 && self.t > 0 {
            self.next
        } else {
            book.nearest_n(depth, vector, self.how.search.candidates, &mut self.candidates);
            let (token, total) = self.costs.cheapest(&self.candidates, depth, self.how.search.lambda, session);
            if level > 0 && self.how.search.lambda > 0.0 {
                let left = distance(vector, book.centroid(depth, token));
                let bits = (total - left) / self.how.search.lambda;
                self.bits[level] += (bits - self.bits[level]) * RECENT;
            }
            token
        };
        subtract(vector, book.centroid(depth, token));
        token
    }

    fn next_frame(&mut self) {
        let dim = self.codebook.dim();
        let mut decoded = vec![0.0; self.frame];
        for (place, (values, kept)) in decoded.chunks_exact_mut(dim).zip(&self.kept).enumerate() {
            match kept {
                Some(from) => values.copy_from_slice(&self.decoded[from.back - 1][from.place * dim..][..dim]),
                None => {
                    values.copy_from_slice(&self.latents[self.t * self.frame + place * dim..][..dim]);
                    subtract(values, &self.residual[place * dim..][..dim]);
                }
            }
        }
        self.decoded.push_front(decoded);
        self.decoded.truncate(REACH);
        self.t += 1;
        self.kept.fill(None);
        if let Some(latents) = self.latents.get(self.t * self.frame..).and_then(|rest| rest.get(..self.frame)) {
            self.residual.copy_from_slice(latents);
        }
    }
}
