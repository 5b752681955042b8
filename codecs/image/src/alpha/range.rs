//! An adaptive binary range coder (Martin, 1979) with carry propagation, for the alpha plane.

/// Renormalise below this range: at least 2^8 intervals per step of a 16-bit probability.
const LEAST_RANGE: u32 = 1 << 24;
/// Fractional bits of an adaptive probability; its upper 16 go to the coder.
const SCALE: u32 = 22;
/// Observations after which a probability forgets.
const MEMORY: u32 = 128;

/// An adaptive probability: a running mean of the bits seen, of the last [`MEMORY`] or so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    one: u32,
    seen: u32,
}

impl Chance {
    pub const NEW: Self = Self { one: 1 << (SCALE - 1), seen: 0 };

    /// Probability of a 1 times 2^16, from 1 to 65,535.
    fn one(self) -> u32 {
        (self.one >> (SCALE - 16)).clamp(1, 65_535)
    }

    fn observe(&mut self, bit: bool) {
        let target = if bit { 1 << SCALE } else { 0i64 };
        let step = (target - i64::from(self.one)) / i64::from(self.seen + 2);
        // Between 0 and 2^SCALE, as a mean of those two.
        self.one = (i64::from(self.one) + step) as u32;
        self.seen = (self.seen + 1).min(MEMORY);
    }
}

/// Either direction of coding, so that one walk over a plane serves both.
pub(super) trait Coder {
    /// Codes one bit and returns it. The encoder writes `bit`; the decoder ignores it.
    fn code(&mut self, bit: bool, chance: &mut Chance) -> bool;

    /// Codes `value`, below 2^`bits`, bit by bit down a tree of `2^bits` chances.
    fn code_tree(&mut self, value: u8, bits: u32, chances: &mut [Chance]) -> u8 {
        let mut node = 1;
        for n in (0..bits).rev() {
            let bit = self.code(value >> n & 1 == 1, &mut chances[node]);
            node = 2 * node + usize::from(bit);
        }
        (node - (1 << bits)) as u8
    }
}

/// Bits to bytes.
pub(super) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte that a carry may still change, and how many bytes of 255 follow it.
    held: Option<u8>,
    full: u64,
    bytes: Vec<u8>,
}

impl Encoder {
    pub fn new() -> Self {
        Self { low: 0, range: u32::MAX, held: None, full: 0, bytes: Vec::new() }
    }

    /// Bytes written so far, about.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if carry == 1 || self.low < 0xFF00_0000 {
            if let Some(held) = self.held {
                self.bytes.push(held.wrapping_add(carry));
            }
            for _ in 0..self.full {
                self.bytes.push(0xFFu8.wrapping_add(carry));
            }
            self.full = 0;
            self.held = Some((self.low >> 24) as u8);
        } else {
            self.full += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    /// The bytes: the shortest that zeros extend to a point of the final interval.
    pub fn finish(mut self) -> Vec<u8> {
        let end = self.low + u64::from(self.range);
        for bits in (0..=32).rev() {
            let mask = (1u64 << bits) - 1;
            let point = (self.low + mask) & !mask;
            if point < end {
                self.low = point;
                break;
            }
        }
        for _ in 0..5 {
            self.shift();
        }
        // Nothing carries into a held byte of 255s any more: they are followed by shifted-out zeros.
        self.bytes.extend(self.held);
        while self.bytes.last() == Some(&0) {
            self.bytes.pop();
        }
        self.bytes
    }
}

impl Coder for Encoder {
    fn code(&mut self, bit: bool, chance: &mut Chance) -> bool {
        let bound = bound(self.range, *chance);
        if bit {
            self.range = bound;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
        }
        while self.range < LEAST_RANGE {
            self.shift();
            self.range <<= 8;
        }
        chance.observe(bit);
        bit
    }
}

/// Bytes to bits. Zeros follow the end of the bytes.
pub(super) struct Decoder<'a> {
    code: u32,
    range: u32,
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { code: 0, range: u32::MAX, bytes };
        for _ in 0..4 {
            decoder.shift();
        }
        decoder
    }

    /// Whether all bytes were read.
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    fn shift(&mut self) {
        let next = match self.bytes {
            [next, rest @ ..] => {
                self.bytes = rest;
                *next
            }
            [] => 0,
        };
        self.code = self.code << 8 | u32::from(next);
    }
}

impl Coder for Decoder<'_> {
    fn code(&mut self, _: bool, chance: &mut Chance) -> bool {
        let bound = bound(self.range, *chance);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            // No more than the code, in the other branch.
            self.code -= bound;
            self.range -= bound;
        }
        while self.range < LEAST_RANGE {
            self.shift();
            self.range <<= 8;
        }
        chance.observe(bit);
        bit
    }
}

/// Width of the interval of a 1, from 1 to `range - 1`.
fn bound(range: u32, chance: Chance) -> u32 {
    ((u64::from(range) * u64::from(chance.one())) >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(bits: &[(bool, usize)]) -> usize {
        let mut chances = [Chance::NEW; 4];
        let mut encoder = Encoder::new();
        for &(bit, context) in bits {
            encoder.code(bit, &mut chances[context]);
        }
        let bytes = encoder.finish();
        let mut chances = [Chance::NEW; 4];
        let mut decoder = Decoder::new(&bytes);
        for (n, &(bit, context)) in bits.iter().enumerate() {
            assert_eq!(decoder.code(false, &mut chances[context]), bit, "bit {n}");
        }
        assert!(decoder.is_at_end());
        bytes.len()
    }

    proptest! {
        #[test]
        fn any_bits_survive(bits in prop::collection::vec((any::<bool>(), 0usize..4), 0..3000)) {
            round_trip(&bits);
        }

        #[test]
        fn skewed_bits_survive(seeds in prop::collection::vec(any::<u8>(), 0..5000)) {
            let bits: Vec<_> = seeds.iter().map(|s| (*s < 3, usize::from(s % 2))).collect();
            round_trip(&bits);
        }
    }

    #[test]
    fn a_million_equal_bits_cost_a_few_bytes() {
        for bit in [false, true] {
            let bytes = round_trip(&vec![(bit, 0); 1_000_000]);
            assert!(bytes < 60, "{bytes} bytes");
        }
    }
}
