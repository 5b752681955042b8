//! Contexts that learn from nothing, and their logistic mixture: for data that no trained prior knows.
//!
//! A decision is looked at in `N` contexts. Each has a counter, the running mean of the bits seen there; the means, as log odds, are
//! weighted, added and squashed (logistic mixing as in lpaq, Mahoney). A weight belongs to an input and to how often its context was seen,
//! so that what is known well counts for more; `S` sets of weights, each chosen by a small context of its own, add up. Last comes a
//! correction of the mixture's probability by what came of such probabilities before (a secondary estimation).

use std::sync::LazyLock;

use super::logistic::{P_MAX, P_MIN, squash};
use super::range::BitCoder;
use crate::error::Result;

/// Bits of a counter's mean, and of its count below that.
const MEAN_BITS: u32 = 22;
const COUNT_BITS: u32 = 32 - MEAN_BITS;
/// Greatest count: from then on a counter forgets.
const COUNT_MAX: u32 = 255;
/// A counter that has seen nothing.
const FRESH: u32 = 1 << 31;
/// Contexts that differ in these lowest bits only lie side by side, so that they come into the cache together.
const LINE_BITS: u32 = 4;
/// Kinds of count, each with weights of its own.
const KINDS: usize = 8;
/// Learning rate of the weights.
const RATE: i32 = 5;
/// Learning rate of the biases, as a shift.
const BIAS_SHIFT: u32 = 6;
/// A weight stays within ±16, a bias within ±16 nats.
const WEIGHT_LIMIT: i32 = 16 << 16;
/// Intervals of the last correction's scale.
const STEPS: usize = 32;

/// `2^16 / (n + 1.6)`.
const STEP_OF: [u32; COUNT_MAX as usize + 1] = {
    let mut table = [0; COUNT_MAX as usize + 1];
    let mut n = 0;
    while n < table.len() {
        table[n] = 655_360 / (10 * n as u32 + 16);
        n += 1;
    }
    table
};

/// The kind of each count: 0, 1, 2, up to 4, up to 8, up to 20, up to 100, more.
const KIND_OF: [u8; COUNT_MAX as usize + 1] = {
    let mut table = [0; COUNT_MAX as usize + 1];
    let mut n = 0;
    while n < table.len() {
        table[n] = match n {
            0..=2 => n as u8,
            3..=4 => 3,
            5..=8 => 4,
            9..=20 => 5,
            21..=100 => 6,
            _ => 7,
        };
        n += 1;
    }
    table
};

/// First weight of an input of each kind, in 1/64, for one input and one set; divided by the number of sets.
const FIRST: [i32; KINDS] = [0, 10, 12, 14, 16, 18, 20, 22];

/// Log odds in 2^-8 nat of a mean's upper 12 bits `i`: the least v from -2,047 to 2,047 with `squash(v) >= 16 i + 8`.
static STRETCH: LazyLock<Box<[i16; 4096]>> = LazyLock::new(|| {
    let mut v = -2047i16;
    Box::new(std::array::from_fn(|i| {
        while v < 2047 && usize::from(squash(i32::from(v) << 8)) < 16 * i + 8 {
            v += 1;
        }
        v
    }))
});

/// How many bits tables need for about `decisions` distinct contexts: from 10 to 20.
pub fn table_bits(decisions: u64) -> u32 {
    (decisions.max(1).ilog2() + 1).clamp(10, 20)
}

/// One decision as `N` contexts and `S` choices of weights see it.
#[derive(Debug, Clone, Copy)]
pub struct Decision<const N: usize, const S: usize> {
    /// Anything that identifies each context; it is hashed.
    pub contexts: [u64; N],
    /// Which weights are used, each below the number of sets that its choice has.
    pub sets: [usize; S],
    /// Which scale corrects the outcome, below their number.
    pub scale: usize,
}

/// Probabilities of decisions, learned as they are coded. The same bits, contexts and sizes give the same probabilities on every machine.
#[derive(Clone)]
pub struct Blend<const N: usize, const S: usize> {
    stretch: &'static [i16; 4096],
    table_bits: u32,
    /// `[N][2^table_bits]`: mean above count.
    counters: Vec<u32>,
    /// Per choice, per set, `[N][KINDS]`, times 2^16.
    weights: [Vec<[[i32; KINDS]; N]>; S],
    /// Per choice, per set: what is added whatever the contexts say, in 2^-16 nat.
    biases: [Vec<i32>; S],
    scales: Vec<[u16; STEPS + 1]>,
}

impl<const N: usize, const S: usize> Blend<N, S> {
    /// One that has learned nothing, with `2^table_bits` counters per input, from 5 to 24; `sets` says how many sets of weights each
    /// choice has.
    pub fn new(table_bits: u32, sets: [usize; S], scales: usize) -> Self {
        let table_bits = table_bits.clamp(LINE_BITS + 1, 24);
        let first = FIRST.map(|weight| weight * 1024 / S as i32);
        let scale: [u16; STEPS + 1] = std::array::from_fn(|n| squash((n as i32 - 16) << 15));
        Self {
            stretch: &STRETCH,
            table_bits,
            counters: vec![FRESH; N << table_bits],
            weights: sets.map(|sets| vec![[first; N]; sets]),
            biases: sets.map(|sets| vec![0; sets]),
            scales: vec![scale; scales],
        }
    }

    /// The probability of a 1 times 2^16 that [`code`](Self::code) would use.
    pub fn probability(&self, decision: &Decision<N, S>) -> u16 {
        self.mix(decision).one
    }

    /// Codes one bit and learns from it.
    ///
    /// # Errors
    /// As [`BitCoder::code`].
    #[inline]
    pub fn code(&mut self, coder: &mut impl BitCoder, bit: bool, decision: &Decision<N, S>) -> Result<bool> {
        let Mix { at, odds, kinds, p, near, one } = self.mix(decision);

        let bit = coder.code(bit, one)?;

        let near = &mut self.scales[decision.scale][near];
        let target = if bit { 65_535 } else { 0 };
        *near = (i32::from(*near) + ((target - i32::from(*near)) >> 6)) as u16;
        let error = (i32::from(bit) << 16) - p;
        for (weights, &set) in self.weights.iter_mut().zip(&decision.sets) {
            let weights = &mut weights[set];
            for n in 0..N {
                let weight = &mut weights[n][kinds[n]];
                // Below 2^31: 2^11 times 2^16 times the rate.
                *weight = (*weight + ((odds[n] * error * RATE) >> 18)).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
            }
        }
        for (biases, &set) in self.biases.iter_mut().zip(&decision.sets) {
            biases[set] = (biases[set] + (error >> BIAS_SHIFT)).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
        }
        for at in at {
            observe(&mut self.counters[at], bit);
        }
        Ok(bit)
    }

    #[inline]
    fn mix(&self, decision: &Decision<N, S>) -> Mix<N> {
        let mut at = [0; N];
        let mut odds = [0i32; N];
        let mut kinds = [0usize; N];
        for n in 0..N {
            at[n] = n << self.table_bits | self.hash(decision.contexts[n], n);
            let counter = self.counters[at[n]];
            odds[n] = i32::from(self.stretch[(counter >> 20) as usize]);
            kinds[n] = usize::from(KIND_OF[(counter & ((1 << COUNT_BITS) - 1)).min(COUNT_MAX) as usize]);
        }
        let mut sum = 0i64;
        for (biases, &set) in self.biases.iter().zip(&decision.sets) {
            sum += i64::from(biases[set]) << 8;
        }
        for (weights, &set) in self.weights.iter().zip(&decision.sets) {
            let weights = &weights[set];
            for n in 0..N {
                sum += i64::from(weights[n][kinds[n]]) * i64::from(odds[n]);
            }
        }
        // Within ±8 nats, in 2^-16 nat.
        let mixed = (sum >> 8).clamp(-(8 << 16) + 1, (8 << 16) - 1) as i32;
        let p = i32::from(squash(mixed));

        let place = (mixed + (8 << 16)) as u32;
        let (step, part) = ((place >> 15) as usize, (place & 0x7fff) as i32);
        let scale = &self.scales[decision.scale];
        let (low, high) = (i32::from(scale[step]), i32::from(scale[step + 1]));
        let seen = low + (((high - low) * part) >> 15);
        let one = ((p + seen) >> 1).clamp(P_MIN, P_MAX) as u16;
        Mix { at, odds, kinds, p, near: step + usize::from(part >= 1 << 14), one }
    }

    #[inline]
    fn hash(&self, context: u64, input: usize) -> usize {
        let mixed = (context >> LINE_BITS ^ (input as u64 + 1) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let line = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> (64 + LINE_BITS - self.table_bits);
        (line as usize) << LINE_BITS | (context as usize & ((1 << LINE_BITS) - 1))
    }
}

/// A decision's probability and what it is made of.
struct Mix<const N: usize> {
    /// The counters, their log odds and their kinds.
    at: [usize; N],
    odds: [i32; N],
    kinds: [usize; N],
    /// The mixture before the last correction, times 2^16.
    p: i32,
    /// The nearer point of the scale.
    near: usize,
    /// What is coded with.
    one: u16,
}

/// Moves a counter's mean towards a bit, the less the more it has seen.
#[inline]
fn observe(counter: &mut u32, bit: bool) {
    let (mean, count) = (*counter >> COUNT_BITS, *counter & ((1 << COUNT_BITS) - 1));
    let count = count.min(COUNT_MAX);
    let step = u64::from(STEP_OF[count as usize]);
    let mean = match bit {
        true => mean + ((u64::from((1 << MEAN_BITS) - 1 - mean) * step) >> 16) as u32,
        false => mean - ((u64::from(mean) * step) >> 16) as u32,
    };
    *counter = mean << COUNT_BITS | (count + 1).min(COUNT_MAX);
}

#[cfg(test)]
mod tests {
    use super::super::range::{BitDecoder, BitEncoder};
    use super::*;
    use crate::testing::Random;

    /// Bits of which every second one repeats the one before it.
    fn source(count: usize) -> Vec<bool> {
        let mut random = Random::new(5);
        let mut bits: Vec<bool> = Vec::new();
        for n in 0..count {
            bits.push(if n % 2 == 1 { bits[n - 1] } else { random.below(2) == 1 });
        }
        bits
    }

    fn walk(coder: &mut impl BitCoder, bits: Option<&[bool]>, count: usize) -> Vec<bool> {
        let mut blend = Blend::<2, 1>::new(10, [2], 1);
        let mut coded = vec![false; count];
        for n in 0..count {
            let last = n.checked_sub(1).is_some_and(|n| coded[n]);
            let context = (n as u64 % 2) << 1 | u64::from(last);
            let decision = Decision { contexts: [context, u64::from(last)], sets: [n % 2], scale: 0 };
            coded[n] = blend.code(coder, bits.is_some_and(|bits| bits[n]), &decision).unwrap();
        }
        coded
    }

    #[test]
    fn what_is_learned_is_not_paid_for_and_comes_back() {
        let bits = source(20_000);
        let mut encoder = BitEncoder::new();
        walk(&mut encoder, Some(&bits), bits.len());
        let bytes = encoder.finish();
        assert!(bytes.len() < 1_300, "{} bytes for 1,250 bytes of chance", bytes.len());
        let mut decoder = BitDecoder::new(&bytes).unwrap();
        assert_eq!(walk(&mut decoder, None, bits.len()), bits);
        decoder.finish().unwrap();
    }

    #[test]
    fn the_least_table_takes_any_context() {
        fn walk(coder: &mut impl BitCoder, coding: bool) -> Vec<bool> {
            let mut blend = Blend::<2, 1>::new(1, [1], 1);
            let mut code = |n: u64| {
                let decision = Decision { contexts: [n, u64::MAX - n], sets: [0], scale: 0 };
                blend.code(coder, coding && n.is_multiple_of(3), &decision).unwrap()
            };
            (0..200).map(&mut code).collect()
        }
        let mut encoder = BitEncoder::new();
        let bits = walk(&mut encoder, true);
        assert!((0u64..200).zip(&bits).all(|(n, &bit)| bit == n.is_multiple_of(3)));
        let bytes = encoder.finish();
        let mut decoder = BitDecoder::new(&bytes).unwrap();
        assert_eq!(walk(&mut decoder, false), bits);
        decoder.finish().unwrap();
    }

    #[test]
    fn stretching_inverts_squashing() {
        for i in 1..4095 {
            let back = i32::from(squash(i32::from(STRETCH[i]) << 8));
            assert!((back - (16 * i as i32 + 8)).abs() <= 64, "{i}: {back}");
        }
    }
}
