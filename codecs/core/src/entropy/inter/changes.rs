//! Which places of a frame change.

use super::vectors::Field;
use crate::entropy::blend::{Blend, Decision, table_bits};
use crate::entropy::range::BitCoder;
use crate::error::Result;

/// Contexts of a decision.
const CONTEXTS: usize = 5;
/// Sets of weights: how many places around change, at most 7, and whether the block moves.
const SETS: usize = 16;
/// Frames that a place is known to have stayed as it is, at most.
const OLDEST: u8 = 40;

/// The contexts of one decision.
pub(super) type Change = Decision<CONTEXTS, 1>;

/// One decision a place and frame: does it change? Contexts are the places around, in this frame as far as they are known and in the frame before, how
/// long the place stayed as it was, and the place itself.
pub(super) struct Changes {
    field: Field,
    blend: Blend<CONTEXTS, 1>,
    /// Of this frame, as far as it is known.
    now: Vec<bool>,
    before: Vec<bool>,
    /// Frames since a place changed, at most [`OLDEST`].
    age: Vec<u8>,
}

impl Changes {
    /// Before the second frame of a group: the first counts as one that did not change.
    pub fn new(field: Field) -> Self {
        let places = field.rows * field.columns;
        Self {
            field,
            blend: Blend::new(table_bits(8 * places as u64), [SETS], SETS),
            now: vec![false; places],
            before: vec![false; places],
            age: vec![0; places],
        }
    }

    /// Whether a place of this frame changes, once it is coded.
    pub fn changed(&self, place: usize) -> bool {
        self.now[place]
    }

    /// The decision at a place, all before it being known.
    pub fn decision(&self, place: usize, moving: bool) -> Change {
        let Field { rows, columns } = self.field;
        let (y, x) = (place / columns, place % columns);
        let at = |of: &[bool], dy: isize, dx: isize| {
            let (y, x) = (y.wrapping_add_signed(dy), x.wrapping_add_signed(dx));
            u64::from(y < rows && x < columns && of[y * columns + x])
        };
        let (now, before) = (&self.now, &self.before);
        let causal = at(now, 0, -1) | at(now, -1, 0) << 1 | at(now, -1, 1) << 2 | at(now, -1, -1) << 3;
        let here = at(before, 0, 0);
        let ahead = at(before, 0, 1) | at(before, 1, 0) << 1 | at(before, 1, 1) << 2 | at(before, 1, -1) << 3;
        let behind = at(before, 0, -1) | at(before, -1, 0) << 1 | at(before, -1, 1) << 2 | at(before, -1, -1) << 3;
        let far = at(now, 0, -2) + at(now, -2, 0) + at(now, -1, 2) + at(now, -1, -2);
        let around = u64::from(causal.count_ones() + ahead.count_ones());
        let moves = u64::from(moving);
        let age = match self.age[place] {
            age @ 0..4 => u64::from(age),
            4..8 => 4,
            8..16 => 5,
            16..OLDEST => 6,
            _ => 7,
        };
        let count = (around + here).min(7);
        Decision {
            contexts: [
                causal << 8 | here << 4 | moves << 2,
                1 << 20 | ahead << 12 | behind << 4 | here << 1 | moves,
                2 << 20 | age << 8 | count << 4 | here << 1 | moves,
                3 << 20 | place as u64,
                4 << 20 | far << 8 | u64::from(behind.count_ones()) << 4 | around,
            ],
            sets: [(count << 1 | moves) as usize],
            scale: (count << 1 | moves) as usize,
        }
    }

    /// Probability that the place changes, times 2^16.
    pub fn probability(&self, decision: &Change) -> u16 {
        self.blend.probability(decision)
    }

    /// Codes whether it does.
    pub fn code(&mut self, coder: &mut impl BitCoder, changes: bool, place: usize, decision: &Change) -> Result<bool> {
        let changes = self.blend.code(coder, changes, decision)?;
        self.now[place] = changes;
        self.age[place] = if changes { 0 } else { (self.age[place] + 1).min(OLDEST) };
        Ok(changes)
    }

    /// Goes on to the next frame.
    pub fn next_frame(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
    }
}
