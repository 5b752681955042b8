//! A channel's frames in segments: each is coded from fresh state, so damage stays in one and threads share them.

use tessera_core::entropy::bands::Band;
use tessera_core::{Error as CoreError, Limits};

use crate::error::Result;
use crate::frames;

/// Most frames of a segment.
pub(super) const MAX_SEGMENT: u64 = 4096;

/// Cuts `frames` frames of `levels` tokens into segments, whose lengths differ by at most one.
pub(super) fn split(frames: u64, levels: u8, channels: u8, limits: &Limits) -> Result<Vec<Band>> {
    let tokens = frames.saturating_mul(channels.into()).saturating_mul(levels.into());
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
            Band { rows: 0..1, shape: frames::shape(levels, t) }
        })
        .collect())
}
