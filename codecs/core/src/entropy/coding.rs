//! One stream of tokens.

use super::prior::TokenPrior;
use super::range::{BitDecoder, BitEncoder};
use crate::error::Result;
use crate::limits::Limits;
use crate::token::{GridShape, TokenGrid};

/// Codes a grid as one stream under `prior`.
///
/// The stream holds neither shape nor depths; [`decode_tokens`] needs both. Its length is within
/// 0.1 % and two bytes of [`ideal_bits`].
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_tokens(grid: &TokenGrid, prior: &dyn TokenPrior) -> Result<Vec<u8>> {
    encode_joined(&[grid], prior)
}

/// Codes grids one after the other as one stream: each from fresh state under `prior`, but closed only once.
///
/// # Errors
/// As [`TokenPrior::session`].
pub fn encode_joined(grids: &[&TokenGrid], prior: &dyn TokenPrior) -> Result<Vec<u8>> {
    let mut encoder = BitEncoder::new();
    for grid in grids {
        for_each_decision(grid, prior, |bit, one| encoder.put(bit, one))?;
    }
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
    let mut decoder = BitDecoder::new(payload)?;
    let grid = decode_next(&mut decoder, shape, depths, prior, limits)?;
    decoder.finish()?;
    Ok(grid)
}

/// Decodes a stream of [`encode_joined`] whose grids have one level each, of these shapes and depths.
///
/// # Errors
/// As [`decode_tokens`].
pub fn decode_joined(
    payload: &[u8],
    grids: &[(GridShape, u8)],
    prior: &dyn TokenPrior,
    limits: &Limits,
) -> Result<Vec<TokenGrid>> {
    let mut decoder = BitDecoder::new(payload)?;
    let next = |&(shape, depth): &(GridShape, u8)| decode_next(&mut decoder, shape, &[depth], prior, limits);
    let grids = grids.iter().map(next).collect::<Result<_>>()?;
    decoder.finish()?;
    Ok(grids)
}

fn decode_next(
    decoder: &mut BitDecoder<'_>,
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
                let bit = decoder.take(session.probability(node))?;
                node = 2 * node + usize::from(bit);
            }
            // `depth` steps from node 1 lead to 2^depth + token.
            *token = (node - (1 << depth)) as u16;
            session.observe(*token);
        }
    }
    Ok(grid)
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
