//! Numbers with points: how often each occurs, what its coordinates are beyond the lattice, and the differences that attributes leave.

use tessera_core::entropy::{BitCoder, Blend, Decision};
use tessera_core::{Error, Result};

/// Bits below the highest that are learned; those below are fair.
const LEARNED: u32 = 3;
/// Most bits of a number.
const WIDEST: u32 = 32;

/// Whole numbers whose size is learned in two contexts.
pub(crate) struct Numbers {
    blend: Blend<3, 1>,
}

impl Numbers {
    pub fn new(table_bits: u32) -> Self {
        Self { blend: Blend::new(table_bits, [64], 64) }
    }

    /// Codes a number by its number of bits, then its bits; `contexts` are below 2^24, `set` is below 64.
    pub fn code(&mut self, coder: &mut impl BitCoder, value: u32, contexts: [u64; 2], set: usize) -> Result<u32> {
        let wanted = WIDEST - value.leading_zeros();
        let mut bits = 0;
        while bits < WIDEST && self.decide(coder, wanted > bits, contexts, set, u64::from(bits))? {
            bits += 1;
        }
        if bits < 2 {
            return Ok(bits);
        }
        let mut coded = 1u32;
        let below = bits - 1;
        for n in (0..below).rev() {
            let bit = value >> n & 1 == 1;
            let bit = if below - n <= LEARNED {
                let node = u64::from(bits) << 8 | u64::from(coded & 15) | u64::from(below - n) << 4 | 1 << 16;
                self.decide(coder, bit, contexts, set, node)?
            } else {
                coder.code(bit, 1 << 15)?
            };
            coded = coded << 1 | u32::from(bit);
        }
        Ok(coded)
    }

    /// Codes a difference: its size, then its sign.
    pub fn code_signed(
        &mut self,
        coder: &mut impl BitCoder,
        value: i32,
        contexts: [u64; 2],
        set: usize,
    ) -> Result<i32> {
        let size = self.code(coder, value.unsigned_abs(), contexts, set)?;
        let size = i32::try_from(size).map_err(|_| corrupt("a difference is too large"))?;
        if size == 0 {
            return Ok(0);
        }
        let negative = self.decide(coder, value < 0, contexts, set, 1 << 17)?;
        Ok(if negative { -size } else { size })
    }

    fn decide(
        &mut self,
        coder: &mut impl BitCoder,
        bit: bool,
        [a, b]: [u64; 2],
        set: usize,
        node: u64,
    ) -> Result<bool> {
        let contexts = [node, a << 24 | node, b << 24 | node | 1 << 63];
        self.blend.code(coder, bit, &Decision { contexts, sets: [set], scale: set })
    }
}

/// Codes how often each of `leaves` places occurs; together `points` times. The decoder ignores `counts`.
pub(crate) fn code_counts(
    coder: &mut impl BitCoder,
    counts: Option<&[u32]>,
    leaves: usize,
    points: u32,
) -> Result<Vec<u32>> {
    let mut numbers = Numbers::new(12);
    let mut coded: Vec<u32> = Vec::new();
    let mut total = 0u64;
    for n in 0..leaves {
        let wanted = counts.map_or(1, |counts| counts[n]);
        let last = n.checked_sub(1).map_or(1, |n| u64::from(coded[n]));
        let count = numbers.code(coder, wanted.saturating_sub(1), [last.min(255), 0], 0)?;
        let count = count.saturating_add(1);
        total += u64::from(count);
        if total > u64::from(points) {
            return Err(corrupt("points occur more often than the header says"));
        }
        coded.push(count);
    }
    if total != u64::from(points) {
        return Err(corrupt("points occur less often than the header says"));
    }
    Ok(coded)
}

/// Codes a number below `bound`, at least 1, all equally likely.
pub(crate) fn code_exact(coder: &mut impl BitCoder, value: u32, bound: u32) -> Result<u32> {
    let bits = WIDEST - (bound - 1).leading_zeros();
    let coded = coder.code_fair(value, bits)?;
    if coded >= bound {
        return Err(corrupt("a coordinate lies outside of its cell"));
    }
    Ok(coded)
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { what: what.to_owned() }
}
