//! Groups of frames: a key frame, then what changes from frame to frame.
//!
//! The tokens of a group are one stream, frame by frame, each frame level by level. The first frame is coded as a picture is. In every other
//! frame each place has a *prediction*: the tokens of a frame before, shifted by the vector of the place's block. One adaptive decision a place
//! says whether all its tokens are the predicted ones; those that are not come from the trained prior, which knows all tokens around and is told
//! what was predicted. Vectors are whole tokens and may reach back several frames, so that what moves by part of a token in a frame is found
//! again where it has moved by a whole one.

mod changes;
mod sticky;
mod vectors;

pub use sticky::Stickiness;
pub use vectors::{BLOCK, Vector};

use self::changes::Changes;
use self::sticky::Sticky;
use self::vectors::{Field, Vectors};
use super::prior::{Order, PriorSession, TokenPrior};
use super::range::{BitCoder, BitDecoder, BitEncoder};
use crate::error::Result;
use crate::limits::Limits;
use crate::rung::Rung;
use crate::token::{GridShape, LatentShape, TokenGrid};
use crate::vq::ResidualCodebook;

/// What a group of frames cost and how much of it changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Bits of each frame, the key frame first.
    pub bits: Vec<f64>,
    /// Places of each frame whose tokens were coded rather than predicted.
    pub changed: Vec<u32>,
}

/// A group of frames and its stream.
#[derive(Debug, Clone, PartialEq)]
pub struct CodedGop {
    /// The stream.
    pub bytes: Vec<u8>,
    /// Its tokens, `[level][t][y][x]`.
    pub grid: TokenGrid,
    /// What it cost.
    pub tally: Tally,
}

/// Codes the tokens of a group as they are.
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_gop(grid: &TokenGrid, prior: &dyn TokenPrior) -> Result<CodedGop> {
    let choice = Given { grid, t: 0 };
    let walk = Walk::new(grid.clone(), prior, BitEncoder::new(), choice)?;
    finished(walk)
}

/// Chooses the tokens of a group and codes them: the least squared distance from `latents`, `[t][y][x][dim]`, plus lambda times bits, the tokens
/// of the frame before among those to choose from.
///
/// # Errors
/// As [`encode_searched`](super::encode_searched).
pub fn search_gop(
    latents: &[f32],
    shape: LatentShape,
    rung: Rung,
    codebook: &ResidualCodebook,
    prior: &dyn TokenPrior,
    how: &Stickiness<'_>,
) -> Result<CodedGop> {
    how.search.check()?;
    let grid = codebook.grid_for(latents, shape, rung)?;
    let choice = Sticky::new(latents, &grid, codebook, how);
    finished(Walk::new(grid, prior, BitEncoder::new(), choice)?)
}

/// Decodes a stream of a group of frames.
///
/// # Errors
/// As [`decode_tokens`](super::decode_tokens).
pub fn decode_gop(
    payload: &[u8],
    shape: GridShape,
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
) -> Result<(TokenGrid, Tally)> {
    let grid = TokenGrid::with_limits(shape, depths, limits)?;
    let mut walk = Walk::new(grid, prior, BitDecoder::new(payload)?, Blind)?;
    walk.run()?;
    walk.coder.inner.finish()?;
    Ok((walk.grid, walk.tally))
}

fn finished<D: Choice>(mut walk: Walk<'_, BitEncoder, D>) -> Result<CodedGop> {
    walk.run()?;
    Ok(CodedGop { bytes: walk.coder.inner.finish(), grid: walk.grid, tally: walk.tally })
}

/// Where a place's tokens are predicted from.
#[derive(Debug, Clone, Copy)]
struct From {
    /// Frames back, at least 1.
    back: usize,
    place: usize,
}

/// Who says what the tokens are. Where a stream is decoded, nobody is listened to.
trait Choice {
    /// The vectors of the next frame's blocks, of which `field` knows how many there are; asked of every frame but the first.
    fn vectors(&mut self, field: &Field) -> Vec<Vector>;

    /// Whether a place takes its tokens from elsewhere. `changes` is the probability that it does not, times 2^16.
    fn keeps(&mut self, place: usize, from: From, changes: u16, session: &mut dyn PriorSession) -> bool;

    /// The token of a place that does not.
    fn token(&mut self, level: usize, place: usize, session: &mut dyn PriorSession) -> u16;

    /// Goes on to the next frame.
    fn next_frame(&mut self) {}
}

/// Nobody.
struct Blind;

impl Choice for Blind {
    fn vectors(&mut self, field: &Field) -> Vec<Vector> {
        field.still()
    }

    fn keeps(&mut self, _: usize, _: From, _: u16, _: &mut dyn PriorSession) -> bool {
        false
    }

    fn token(&mut self, _: usize, _: usize, _: &mut dyn PriorSession) -> u16 {
        0
    }
}

/// Tokens that are at hand.
struct Given<'a> {
    grid: &'a TokenGrid,
    t: usize,
}

impl Given<'_> {
    fn at(&self, level: usize, t: usize, place: usize) -> u16 {
        let plane = self.grid.shape().y as usize * self.grid.shape().x as usize;
        self.grid.level(level)[t * plane + place]
    }
}

impl Choice for Given<'_> {
    fn vectors(&mut self, field: &Field) -> Vec<Vector> {
        let levels = self.grid.depths().len();
        field.search(self.t, |place, from| {
            let same = (0..levels).all(|l| self.at(l, self.t, place) == self.at(l, self.t - from.back, from.place));
            if same { 0.0 } else { 1.0 }
        })
    }

    fn keeps(&mut self, place: usize, from: From, _: u16, _: &mut dyn PriorSession) -> bool {
        let levels = 0..self.grid.depths().len();
        levels.into_iter().all(|l| self.at(l, self.t, place) == self.at(l, self.t - from.back, from.place))
    }

    fn token(&mut self, level: usize, place: usize, _: &mut dyn PriorSession) -> u16 {
        self.at(level, self.t, place)
    }

    fn next_frame(&mut self) {
        self.t += 1;
    }
}

/// A coder that counts what its decisions cost.
struct Counting<C> {
    inner: C,
    bits: f64,
}

impl<C: BitCoder> BitCoder for Counting<C> {
    fn code(&mut self, bit: bool, one: u16) -> Result<bool> {
        let bit = self.inner.code(bit, one)?;
        let ones = if bit { u32::from(one) } else { 65_536 - u32::from(one) };
        self.bits += 16.0 - f64::from(ones).log2();
        Ok(bit)
    }
}

/// Bits of a decision whose outcome has this probability, times 2^16.
fn cost(one: u16) -> f32 {
    16.0 - f32::from(one.max(1)).log2()
}

/// The way through a group, the same in both directions.
struct Walk<'a, C, D> {
    coder: Counting<C>,
    choice: D,
    session: Box<dyn PriorSession + 'a>,
    grid: TokenGrid,
    field: Field,
    vectors: Vectors,
    changes: Changes,
    tally: Tally,
}

impl<'a, C: BitCoder, D: Choice> Walk<'a, C, D> {
    /// At the begin of a group; the tokens of `grid` are not looked at.
    fn new(grid: TokenGrid, prior: &'a dyn TokenPrior, coder: C, choice: D) -> Result<Self> {
        let shape = grid.shape();
        let field = Field { rows: shape.y as usize, columns: shape.x as usize };
        Ok(Self {
            coder: Counting { inner: coder, bits: 0.0 },
            choice,
            session: prior.walk(shape, grid.depths(), Order::ByFrame)?,
            field,
            vectors: Vectors::new(field),
            changes: Changes::new(field),
            tally: Tally::default(),
            grid,
        })
    }

    fn run(&mut self) -> Result<()> {
        for t in 0..self.grid.shape().t as usize {
            let before = self.coder.bits;
            let changed = if t == 0 { self.key()? } else { self.inter(t)? };
            self.choice.next_frame();
            self.tally.bits.push(self.coder.bits - before);
            self.tally.changed.push(changed);
        }
        Ok(())
    }

    fn places(&self) -> usize {
        self.field.rows * self.field.columns
    }

    fn index(&self, level: usize, t: usize, place: usize) -> usize {
        (level * self.grid.shape().t as usize + t) * self.places() + place
    }

    fn key(&mut self) -> Result<u32> {
        for level in 0..self.grid.depths().len() {
            for place in 0..self.places() {
                self.token(level, 0, place)?;
            }
        }
        Ok(self.places() as u32)
    }

    fn inter(&mut self, t: usize) -> Result<u32> {
        let wanted = self.choice.vectors(&self.field);
        self.vectors.code(&mut self.coder, &wanted, t)?;
        let mut changed = 0;
        for place in 0..self.places() {
            let from = self.vectors.from(place);
            let predicted = self.grid.tokens()[self.index(0, t - from.back, from.place)];
            self.session.expect(predicted);
            let decision = self.changes.decision(place, self.vectors.is_moving(place));
            let keeps = self.choice.keeps(place, from, self.changes.probability(&decision), &mut *self.session);
            let changes = self.changes.code(&mut self.coder, !keeps, place, &decision)?;
            if changes {
                changed += 1;
                self.token(0, t, place)?;
            } else {
                self.keep(0, t, place);
            }
        }
        for level in 1..self.grid.depths().len() {
            for place in 0..self.places() {
                if self.changes.changed(place) {
                    let from = self.vectors.from(place);
                    let predicted = self.grid.tokens()[self.index(level, t - from.back, from.place)];
                    self.session.expect(predicted);
                    self.token(level, t, place)?;
                } else {
                    self.keep(level, t, place);
                }
            }
        }
        self.changes.next_frame();
        Ok(changed)
    }

    /// Takes a predicted token.
    fn keep(&mut self, level: usize, t: usize, place: usize) {
        let from = self.vectors.from(place);
        let (to, from) = (self.index(level, t, place), self.index(level, t - from.back, from.place));
        let tokens = self.grid.tokens_mut();
        tokens[to] = tokens[from];
        self.session.skip(tokens[to]);
    }

    /// Codes a token.
    fn token(&mut self, level: usize, t: usize, place: usize) -> Result<()> {
        let depth = self.grid.depths()[level];
        let wanted = usize::from(self.choice.token(level, place, &mut *self.session));
        let mut node = 1;
        for step in (0..depth).rev() {
            let bit = self.coder.code(wanted >> step & 1 == 1, self.session.probability(node))?;
            node = 2 * node + usize::from(bit);
        }
        // `depth` steps from node 1 lead to 2^depth + token.
        let token = (node - (1 << depth)) as u16;
        self.session.observe(token);
        let at = self.index(level, t, place);
        self.grid.tokens_mut()[at] = token;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
