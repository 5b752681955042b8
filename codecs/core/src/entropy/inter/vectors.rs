//! Vectors of blocks: where the tokens of a frame come from.

use super::From;
use crate::entropy::blend::{Blend, Decision};
use crate::entropy::range::BitCoder;
use crate::error::Result;

/// Tokens of a block along each side.
pub const BLOCK: usize = 4;
/// Frames that a vector reaches back at most, as bits of what is coded.
const BACK_BITS: u32 = 3;
/// Rows and columns that a vector reaches, as bits of what is coded.
const REACH_BITS: u32 = 4;
/// Rows and columns that the search looks at to either side.
const SEARCHED: i8 = 3;

/// Where a block's tokens are predicted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vector {
    /// Frames back, 1 to 8, and no more than there are.
    pub back: u8,
    /// Rows down, -8 to 7.
    pub dy: i8,
    /// Columns to the right, -8 to 7.
    pub dx: i8,
}

impl Vector {
    /// The same place of the frame before.
    pub const STILL: Self = Self { back: 1, dy: 0, dx: 0 };
}

/// The places of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub rows: usize,
    pub columns: usize,
}

impl Field {
    fn blocks(self) -> (usize, usize) {
        (self.rows.div_ceil(BLOCK), self.columns.div_ceil(BLOCK))
    }

    /// Vectors of a frame in which nothing moves.
    pub fn still(self) -> Vec<Vector> {
        let (down, across) = self.blocks();
        vec![Vector::STILL; down * across]
    }

    /// Where a vector leads from a place, kept within the frame.
    fn shifted(self, place: usize, vector: Vector) -> From {
        let (y, x) = (place / self.columns, place % self.columns);
        let y = y.saturating_add_signed(vector.dy.into()).min(self.rows - 1);
        let x = x.saturating_add_signed(vector.dx.into()).min(self.columns - 1);
        From { back: vector.back.into(), place: y * self.columns + x }
    }

    fn places_of(self, block: usize) -> impl Iterator<Item = usize> + Clone {
        let (_, across) = self.blocks();
        let (top, left) = (block / across * BLOCK, block % across * BLOCK);
        let rows = top..(top + BLOCK).min(self.rows);
        rows.flat_map(move |y| (left..(left + BLOCK).min(self.columns)).map(move |x| y * self.columns + x))
    }

    /// The vectors of least cost for frame `t`, a place's cost with a prediction being given, from 0 to about 1: a vector that is not still must
    /// save one, and one that is like the block's before it half as much.
    pub fn search(self, t: usize, cost: impl Fn(usize, From) -> f32) -> Vec<Vector> {
        let mut found = self.still();
        let furthest = t.min(1 << BACK_BITS) as u8;
        for block in 0..found.len() {
            let places = self.places_of(block);
            let total = |vector: Vector, most: f32| {
                let mut sum = 0.0;
                for place in places.clone() {
                    sum += cost(place, self.shifted(place, vector));
                    if sum >= most {
                        break;
                    }
                }
                sum
            };
            let mut best = (total(Vector::STILL, f32::INFINITY), Vector::STILL);
            if best.0 <= 1.0 {
                continue;
            }
            let last = block.checked_sub(1).map_or(Vector::STILL, |last| found[last]);
            for back in 1..=furthest {
                for dy in -SEARCHED..=SEARCHED {
                    for dx in -SEARCHED..=SEARCHED {
                        let vector = Vector { back, dy, dx };
                        let fee = if vector == last { 0.5 } else { 1.0 };
                        let with = fee + total(vector, best.0 - fee);
                        if vector != Vector::STILL && with < best.0 {
                            best = (with, vector);
                        }
                    }
                }
            }
            found[block] = best.1;
        }
        found
    }
}

/// The vectors of a frame, and how they are coded.
pub(super) struct Vectors {
    field: Field,
    blend: Blend<1, 1>,
    now: Vec<Vector>,
    /// Whether anything moved in the frame before.
    moved: bool,
}

impl Vectors {
    pub fn new(field: Field) -> Self {
        Self { field, blend: Blend::new(12, [1], 1), now: field.still(), moved: false }
    }

    /// Where a place's tokens are predicted from.
    pub fn from(&self, place: usize) -> From {
        self.field.shifted(place, self.of(place))
    }

    /// Whether the place's block has a vector that is not still.
    pub fn is_moving(&self, place: usize) -> bool {
        self.of(place) != Vector::STILL
    }

    fn of(&self, place: usize) -> Vector {
        let (y, x) = (place / self.field.columns, place % self.field.columns);
        let (_, across) = self.field.blocks();
        self.now[y / BLOCK * across + x / BLOCK]
    }

    /// Codes the vectors of frame `t`: whether any block moves; if so, of each block whether its vector is that of the block before it, else the vector.
    pub fn code(&mut self, coder: &mut impl BitCoder, wanted: &[Vector], t: usize) -> Result<()> {
        let moves = wanted.iter().any(|vector| *vector != Vector::STILL);
        self.moved = self.decide(coder, moves, 1 << 8 | u64::from(self.moved))?;
        if !self.moved {
            self.now.fill(Vector::STILL);
            return Ok(());
        }
        let mut last = Vector::STILL;
        let mut kept = true;
        for n in 0..self.now.len() {
            let vector = wanted.get(n).copied().unwrap_or(Vector::STILL);
            let context = u64::from(kept) << 1 | u64::from(last == Vector::STILL);
            kept = self.decide(coder, vector == last, 2 << 8 | context)?;
            if !kept {
                let back = self.number(coder, u32::from(vector.back.saturating_sub(1)), BACK_BITS, 3)?;
                let half = 1 << (REACH_BITS - 1);
                let dy = self.number(coder, (i32::from(vector.dy) + half) as u32, REACH_BITS, 4)? as i32 - half;
                let dx = self.number(coder, (i32::from(vector.dx) + half) as u32, REACH_BITS, 5)? as i32 - half;
                // Within the bits that were coded.
                last = Vector { back: (back as u8 + 1).min(t.min(255) as u8), dy: dy as i8, dx: dx as i8 };
            }
            self.now[n] = last;
        }
        Ok(())
    }

    fn number(&mut self, coder: &mut impl BitCoder, value: u32, bits: u32, kind: u64) -> Result<u32> {
        let mut node = 1;
        for n in (0..bits).rev() {
            let bit = self.decide(coder, value >> n & 1 == 1, kind << 8 | u64::from(node))?;
            node = node << 1 | u32::from(bit);
        }
        Ok(node - (1 << bits))
    }

    fn decide(&mut self, coder: &mut impl BitCoder, bit: bool, context: u64) -> Result<bool> {
        self.blend.code(coder, bit, &Decision { contexts: [context], sets: [0], scale: 0 })
    }
}
