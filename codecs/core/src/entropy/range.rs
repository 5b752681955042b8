//! Binary range coding through constriction.
//!
//! Words of 16 bits, a state of 64, probabilities of 16: at least 32 bits of precision are left at
//! every decision. The bytes are constriction's words, big endian, ended by the shortest bytes that
//! still lie in the final interval when zeros follow.

use std::convert::Infallible;
use std::num::NonZeroU16;

use constriction::backends::ReadWords;
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{RangeDecoder, RangeEncoder};
use constriction::stream::{Code, Decode, Encode};
use constriction::{CoderError, Queue};

use crate::error::{Error, Result};

const PRECISION: usize = 16;
const WORD_BITS: u32 = 16;
/// Position of the state's top word, the last one that is written.
const CLOSING_SHIFT: u32 = u64::BITS - WORD_BITS;
/// Words by which the decoder, filling its state, is ahead of the encoder.
const LOOKAHEAD: u32 = u64::BITS / WORD_BITS;

/// One binary decision; `one` is the probability of a 1 in units of 2^-16. The interval of 0 is the lower one.
#[derive(Debug, Clone, Copy)]
struct Decision {
    one: NonZeroU16,
}

impl Decision {
    fn new(one: u16) -> Self {
        Self { one: NonZeroU16::new(one).unwrap_or(NonZeroU16::MIN) }
    }

    fn zero(self) -> NonZeroU16 {
        // 2^16 - one, which wraps to a nonzero number because `one` is not zero.
        NonZeroU16::new(self.one.get().wrapping_neg()).unwrap_or(NonZeroU16::MIN)
    }
}

impl EntropyModel<PRECISION> for Decision {
    type Symbol = bool;
    type Probability = u16;
}

impl EncoderModel<PRECISION> for Decision {
    fn left_cumulative_and_probability(&self, symbol: impl std::borrow::Borrow<bool>) -> Option<(u16, NonZeroU16)> {
        Some(match *symbol.borrow() {
            false => (0, self.zero()),
            true => (self.zero().get(), self.one),
        })
    }
}

impl DecoderModel<PRECISION> for Decision {
    fn quantile_function(&self, quantile: u16) -> (bool, u16, NonZeroU16) {
        let zero = self.zero();
        if quantile < zero.get() { (false, 0, zero) } else { (true, zero.get(), self.one) }
    }
}

/// Either direction of coding, so that one walk over a model serves both.
pub trait BitCoder {
    /// Codes one bit and returns it; `one`, which is not 0, is the probability of a 1 times 2^16. The encoder writes `bit`, the
    /// decoder ignores it.
    ///
    /// # Errors
    /// As [`BitDecoder::take`]; the encoder has none.
    fn code(&mut self, bit: bool, one: u16) -> Result<bool>;

    /// Codes the low `count` bits of `value` as fair ones, most significant first.
    ///
    /// # Errors
    /// As [`code`](Self::code).
    fn code_fair(&mut self, value: u32, count: u32) -> Result<u32> {
        (0..count).rev().try_fold(0, |coded, n| Ok(coded << 1 | u32::from(self.code(value >> n & 1 == 1, 1 << 15)?)))
    }
}

impl BitCoder for BitEncoder {
    fn code(&mut self, bit: bool, one: u16) -> Result<bool> {
        self.put(bit, one);
        Ok(bit)
    }
}

impl BitCoder for BitDecoder<'_> {
    fn code(&mut self, _: bool, one: u16) -> Result<bool> {
        self.take(one)
    }
}

/// Turns binary decisions into bytes.
pub struct BitEncoder {
    coder: RangeEncoder<u16, u64>,
}

impl Default for BitEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl BitEncoder {
    /// An encoder that has written nothing.
    pub fn new() -> Self {
        Self { coder: RangeEncoder::new() }
    }

    /// Codes `bit`, of which `one / 65,536` is the probability to be 1; `one` is not 0.
    pub fn put(&mut self, bit: bool, one: u16) {
        let coded: std::result::Result<(), CoderError<_, Infallible>> =
            self.coder.encode_symbol(bit, Decision::new(one));
        debug_assert!(coded.is_ok(), "both symbols have an interval");
    }

    /// The bytes. Trailing zeros of the closing word are left out: the decoder supplies them.
    pub fn finish(self) -> Vec<u8> {
        let state = self.coder.state();
        let (lower, range) = (state.lower(), state.range().get());
        let Ok(mut words) = self.coder.into_compressed();
        if range == u64::MAX {
            return Vec::new();
        }
        // constriction closes with the first multiple of 2^48 above `lower`, and with a zero word
        // where that alone would not survive concatenation.
        let top_word = |value: u64| (value >> CLOSING_SHIFT) as u16;
        let up_to_multiple = |mask: u64| lower.wrapping_add(mask) & !mask;
        let close = up_to_multiple((1 << CLOSING_SHIFT) - 1);
        if top_word(lower.wrapping_add(range)) == top_word(close) {
            words.pop();
        }
        let open_words = words.len() - 1;
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        // The point of the interval with most trailing zeros, so with fewest bytes.
        let shortest = (0..WORD_BITS)
            .map(|bits| up_to_multiple((1 << (CLOSING_SHIFT + bits)) - 1))
            .take_while(|point| point.wrapping_sub(lower) < range)
            .last()
            .unwrap_or(close);
        add(&mut bytes, top_word(shortest.wrapping_sub(close)));
        while bytes.len() > 2 * open_words && bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes
    }
}

/// Adds to a big-endian number that ends in a 16-bit word.
fn add(bytes: &mut [u8], value: u16) {
    let mut carry = u32::from(value);
    for byte in bytes.iter_mut().rev() {
        carry += u32::from(*byte);
        *byte = carry as u8;
        carry >>= 8;
    }
}

/// Turns bytes back into binary decisions.
pub struct BitDecoder<'a> {
    coder: RangeDecoder<u16, u64, Words<'a>>,
}

impl<'a> BitDecoder<'a> {
    /// A decoder of what one encoder wrote.
    ///
    /// # Errors
    /// None on real input; the signature follows the coder's.
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        let words = Words { payload, past_end: 0 };
        let coder = RangeDecoder::with_backend(words).map_err(|PastEnd| past_end())?;
        Ok(Self { coder })
    }

    /// Decodes one bit; `one` is not 0.
    ///
    /// # Errors
    /// [`Error::Truncated`] once the bits run past any that an encoder could have meant,
    /// [`Error::Corrupt`] for bytes that no encoder writes.
    pub fn take(&mut self, one: u16) -> Result<bool> {
        self.coder.decode_symbol(Decision::new(one)).map_err(|error| match error {
            CoderError::Backend(PastEnd) => past_end(),
            CoderError::Frontend(_) => Error::corrupt("the coded tokens are not decodable"),
        })
    }

    /// Checks that the payload was read to its end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if bytes are left.
    pub fn finish(self) -> Result<()> {
        // The closing word was written or left out, so the last read is 3 or 4 words past the end.
        let (words, ..) = self.coder.into_raw_parts();
        if words.past_end < LOOKAHEAD - 1 {
            return Err(Error::corrupt("the coded tokens are longer than their count"));
        }
        Ok(())
    }
}

fn past_end() -> Error {
    Error::truncated("the coded tokens are shorter than their count")
}

/// The payload as big-endian words, then zeros as far as the decoder looks ahead.
struct Words<'a> {
    payload: &'a [u8],
    past_end: u32,
}

/// The decoder asked for more words than an encoder can have left out.
#[derive(Debug)]
struct PastEnd;

impl ReadWords<u16, Queue> for Words<'_> {
    type ReadError = PastEnd;

    fn read(&mut self) -> std::result::Result<Option<u16>, PastEnd> {
        match *self.payload {
            [high, low, ref rest @ ..] => {
                self.payload = rest;
                Ok(Some(u16::from_be_bytes([high, low])))
            }
            [high] => {
                self.payload = &[];
                Ok(Some(u16::from_be_bytes([high, 0])))
            }
            [] if self.past_end < LOOKAHEAD => {
                self.past_end += 1;
                Ok(Some(0))
            }
            [] => Err(PastEnd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn random_decisions(random: &mut Random, count: usize) -> Vec<(bool, u16)> {
        (0..count)
            .map(|_| {
                let one = match random.below(4) {
                    0 => 32,
                    1 => 65_504,
                    _ => 32 + random.below(65_473) as u16,
                };
                (random.below(1 << 16) < u32::from(one), one)
            })
            .collect()
    }

    fn encode(decisions: &[(bool, u16)]) -> Vec<u8> {
        let mut encoder = BitEncoder::new();
        for &(bit, one) in decisions {
            encoder.put(bit, one);
        }
        encoder.finish()
    }

    fn decode(payload: &[u8], decisions: &[(bool, u16)]) -> Result<Vec<bool>> {
        let mut decoder = BitDecoder::new(payload)?;
        let bits = decisions.iter().map(|&(_, one)| decoder.take(one));
        let bits = bits.collect::<Result<_>>()?;
        decoder.finish()?;
        Ok(bits)
    }

    #[test]
    fn decisions_survive_and_cost_at_most_nine_bits_above_ideal() {
        let mut random = Random::new(1);
        for count in (1..400).chain([5_000, 50_000]) {
            let decisions = random_decisions(&mut random, count);
            let payload = encode(&decisions);
            let bits = decode(&payload, &decisions).unwrap();
            assert!(bits.iter().eq(decisions.iter().map(|(bit, _)| bit)));
            let cost = |&(bit, one): &(bool, u16)| {
                let one = f64::from(one) / 65_536.0;
                -(if bit { one } else { 1.0 - one }).log2()
            };
            let ideal: f64 = decisions.iter().map(cost).sum();
            let coded = 8.0 * payload.len() as f64;
            assert!(coded <= ideal + 9.0 + ideal * 1e-6, "{coded} for {ideal}");
        }
    }

    #[test]
    fn runs_of_certain_decisions_survive() {
        for one in [32, 65_504] {
            for bit in [false, true] {
                for count in [1, 100, 20_000] {
                    let decisions = vec![(bit, one); count];
                    let payload = encode(&decisions);
                    assert_eq!(decode(&payload, &decisions), Ok(vec![bit; count]));
                }
            }
        }
    }

    #[test]
    fn a_payload_short_of_two_words_or_with_two_words_more_is_refused() {
        let mut random = Random::new(2);
        let decisions = random_decisions(&mut random, 500);
        let mut payload = encode(&decisions);
        for cut in 0..payload.len() - 4 {
            assert!(decode(&payload[..cut], &decisions).is_err());
        }
        payload.extend([1; 4]);
        let error = decode(&payload, &decisions).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }));
    }
}
