//! Whole numbers of unknown size as adaptive decisions.

use tessera_core::entropy::{BitCoder, Blend, Decision};

use crate::error::{Error, Result};

/// Greatest number of bits of a magnitude.
const MAX_BITS: u64 = 26;

/// A model of signed numbers around zero, in three contexts.
pub(super) struct Integers {
    blend: Blend<3, 1>,
}

impl Integers {
    pub fn new(table_bits: u32) -> Self {
        Self { blend: Blend::new(table_bits, [4], 4) }
    }

    /// Codes a number below 2^26 in magnitude. `sign` is what the sign alone depends on beside the first context.
    pub fn code(&mut self, coder: &mut impl BitCoder, value: i64, contexts: [u64; 3], sign: u64) -> Result<i64> {
        if !self.bit(coder, value != 0, contexts, 0, 0)? {
            return Ok(0);
        }
        let [first, ..] = contexts;
        let negative = self.bit(coder, value < 0, [first << 8 | sign, sign, 0], 1, 1)?;
        let magnitude = value.unsigned_abs();
        // The magnitude's bits, in unary; then those below the top one, the first two of them modelled.
        let wanted = u64::from(magnitude.max(1).ilog2());
        let mut bits = 0;
        while self.bit(coder, wanted > bits, contexts, 2 + bits, 2)? {
            bits += 1;
            if bits > MAX_BITS {
                return Err(Error::corrupt("a number in the mesh is too large"));
            }
        }
        let mut found = 1;
        for n in (0..bits).rev() {
            let bit = magnitude >> n & 1 == 1;
            let bit = match bits - n {
                1 | 2 => self.bit(coder, bit, contexts, 32 + (bits << 2 | found & 3) * 4 + bits - n, 3)?,
                _ => coder.code(bit, 1 << 15)?,
            };
            found = found << 1 | u64::from(bit);
        }
        let found = found as i64;
        Ok(if negative { -found } else { found })
    }

    fn bit(&mut self, coder: &mut impl BitCoder, bit: bool, contexts: [u64; 3], node: u64, set: usize) -> Result<bool> {
        let contexts = contexts.map(|context| context << 16 | node);
        Ok(self.blend.code(coder, bit, &Decision { contexts, sets: [set], scale: set })?)
    }
}
