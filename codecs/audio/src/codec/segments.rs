//! A channel's tokens in segments: each is coded from fresh state, so damage stays in one and threads share them.

use tessera_core::entropy::bands::Band;
use tessera_core::{Error as CoreError, GridShape, Limits};

use crate::error::Result;

/// Most tokens of a segment.
pub(super) const MAX_SEGMENT: u64 = 4096;

/// Cuts `frames` tokens into segments, whose lengths differ by at most one.
pub(super) fn split(frames: u64, channels: u8, limits: &Limits) -> Result<Vec<Band>> {
    let tokens = frames.saturating_mul(channels.into());
    if tokens > limits.max_tokens {
        return Err(CoreError::Limit {
            what: "number of tokens".to_owned(),
            claimed: tokens,
            limit: limits.max_tokens,
        }
        .into());
    }
    let count = frames.div_ceil(MAX_SEGMENT);
    let start = |segment: u64| segment * frames / count;
    Ok((0..count)
        .map(|segment| {
            // At most `MAX_SEGMENT`.
            let t = (start(segment + 1) - start(segment)) as u32;
            Band { rows: 0..1, shape: GridShape { levels: 1, t, y: 1, x: 1 } }
        })
        .collect())
}
