//! One stream of tokens.

use super::prior::TokenPrior;
use super::range::{BitDecoder, BitEncoder};
use crate::error::Result;
use crate::limits::Limits;
use crate::token::{GridShape, TokenGrid};

/// Probability of a decision of which nothing is known.
const EVEN: u16 = 1 << 15;

/// Codes a grid as one stream under `prior`.
///
/// The stream holds neither shape nor depths; [`decode_tokens`] needs both. Its length is within
/// 0.1 % and two bytes of [`ideal_bits`].
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_tokens(grid: &TokenGrid, prior: &dyn TokenPrior) -> Result<Vec<u8>> {
    let mut encoder = TokenEncoder::default();
    encoder.put_grid(grid, prior)?;
    Ok(encoder.finish())
}

/// Decodes a stream of [`encode_tokens`].
///
/// A range coder notices little damage by itself: compare [`TokenGrid::crc`] with a stored one.
///
/// # Errors
/// [`Error::Limit`](crate::Error::Limit) for more tokens than `limits` allow,
/// [`Error::Truncated`](crate::Error::Truncated) or [`Error::Corrupt`](crate::Error::Corrupt) for a payload
/// that is too short or too long for the shape, and those of [`TokenPrior::session`].
pub fn decode_tokens(
    payload: &[u8],
    shape: GridShape,
    depths: &[u8],
    prior: &dyn TokenPrior,
    limits: &Limits,
) -> Result<TokenGrid> {
    let mut decoder = TokenDecoder::new(payload)?;
    let grid = decoder.take_grid(shape, depths, prior, limits)?;
    decoder.finish()?;
    Ok(grid)
}

/// Codes several things one after the other as one stream, which is closed only once.
#[derive(Default)]
pub struct TokenEncoder {
    bits: BitEncoder,
}

impl TokenEncoder {
    /// Codes `count` of at most `most` in `count` + 1 bits: ones, then a zero unless `most` is reached.
    pub fn put_count(&mut self, count: u8, most: u8) {
        for n in 0..most.min(count.saturating_add(1)) {
            self.bits.put(n < count, EVEN);
        }
    }

    /// Codes a grid, from fresh state under `prior`.
    ///
    /// # Errors
    /// As [`TokenPrior::session`].
    pub fn put_grid(&mut self, grid: &TokenGrid, prior: &dyn TokenPrior) -> Result<()> {
        for_each_decision(grid, prior, |bit, one| self.bits.put(bit, one))
    }

    /// The stream.
    pub fn finish(self) -> Vec<u8> {
        self.bits.finish()
    }
}

/// Decodes what a [`TokenEncoder`] coded, in the same order.
pub struct TokenDecoder<'a> {
    bits: BitDecoder<'a>,
}

impl<'a> TokenDecoder<'a> {
    /// Begins with a stream.
    ///
    /// # Errors
    /// None on real input; the signature follows the coder's.
    pub fn new(payload: &'a [u8]) -> Result<Self> {
        Ok(Self { bits: BitDecoder::new(payload)? })
    }

    /// A number of at most `most`.
    ///
    /// # Errors
    /// As [`decode_tokens`].
    pub fn take_count(&mut self, most: u8) -> Result<u8> {
        for count in 0..most {
            if !self.bits.take(EVEN)? {
                return Ok(count);
            }
        }
        Ok(most)
    }

    /// A grid.
    ///
    /// # Errors
    /// As [`decode_tokens`].
    pub fn take_grid(
        &mut self,
        shape: GridShape,
        depths: &[u8],
        prior: &dyn TokenPrior,
        limits: &Limits,
    ) -> Result<TokenGrid> {
        let mut grid = TokenGrid::with_limits(shape, depths, limits)?;
        let mut session = prior.session(shape, depths)?;
        let per_level = grid.level(0).len();
        let levels = grid.tokens_mut().chunks_exact_mut(per_level);
        for (tokens, &depth) in levels.zip(depths) {
            for token in tokens {
                let mut node = 1;
                for _ in 0..depth {
                    let bit = self.bits.take(session.probability(node))?;
                    node = 2 * node + usize::from(bit);
                }
                // `depth` steps from node 1 lead to 2^depth + token.
                *token = (node - (1 << depth)) as u16;
                session.observe(*token);
            }
        }
        Ok(grid)
    }

    /// Checks that the stream was read to its end.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) if something is left.
    pub fn finish(self) -> Result<()> {
        self.bits.finish()
    }
}

/// Bits that `prior` needs for `grid` with an ideal coder: the sum of -log2 p. For reports only.
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn ideal_bits(grid: &TokenGrid, prior: &dyn TokenPrior) -> Result<f64> {
    let mut bits = 0.0;
    for_each_decision(grid, prior, |bit, one| {
        let ones = if bit { u32::from(one) } else { 65_536 - u32::from(one) };
        bits -= (f64::from(ones) / 65_536.0).log2();
    })?;
    Ok(bits)
}

fn for_each_decision(grid: &TokenGrid, prior: &dyn TokenPrior, mut decide: impl FnMut(bool, u16)) -> Result<()> {
    let mut session = prior.session(grid.shape(), grid.depths())?;
    for (level, &depth) in grid.depths().iter().enumerate() {
        for &token in grid.level(level) {
            let leaf = (1 << depth) + usize::from(token);
            for step in (0..depth).rev() {
                let bit = leaf >> step & 1 == 1;
                decide(bit, session.probability(leaf >> (step + 1)));
            }
            session.observe(token);
        }
    }
    Ok(())
}
