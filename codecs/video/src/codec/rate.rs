//! How many bytes a video gets.
//!
//! A target is met with one rung for all of the video, and a lambda that is searched for: bytes fall as it rises. Groups of pictures do not depend on each
//! other, so the last few per cent are made up of two codings: some groups of the larger one, the rest of the smaller one.

use tessera_core::Rung;
use tessera_image::Ladder;

use super::coding::Coded;
use crate::error::{Error, Result};

/// Lambda over what a bit is worth in pictures: a token of a video is there in many frames, and fine tokens that stay are worth more than coarse ones
/// that come and go.
const WORTH: f32 = 100.0;
/// Greatest and least factors on a rung's usual lambda.
const RANGE: (f32, f32) = (1.0 / 64.0, 512.0);
/// Codings of all groups, at most.
const TRIES: u32 = 12;
/// How close to the target is close enough, as a share.
const CLOSE: f64 = 0.01;

/// One coding of all groups.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub rung: Rung,
    pub lambda: f32,
    /// Bytes of the whole file.
    pub bytes: u64,
    pub coded: Vec<Coded>,
}

/// Bytes of the whole file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub bytes: u64,
    /// Whether more is an error.
    pub strict: bool,
}

/// What a bit is worth at a rung, in squared latent distance.
pub(super) fn usual_lambda(ladder: &Ladder, rung: Rung) -> f32 {
    WORTH * ladder.lambda(rung)
}

/// Eighths of a side, rung and factor on its usual lambda of a quality from 0 to 100. From 50, one full level, on the rungs rise; below, lambda does, and frames shrink.
pub(super) fn of_quality(ladder: &Ladder, quality: f32) -> (u8, Rung, f32) {
    let eighths = match quality {
        q if q < 12.0 => 3,
        q if q < 25.0 => 4,
        q if q < 40.0 => 6,
        _ => 8,
    };
    let rung = ladder.of_quality(quality.max(50.0));
    (eighths, rung, ((50.0 - quality).max(0.0) / 20.0).exp2())
}

/// The coding that comes closest to a budget without exceeding it, `first` being the rung to begin with; if even the least exceeds it, the least, or an
/// error if the budget is strict.
pub(super) fn fit(
    ladder: &Ladder,
    budget: Budget,
    first: Rung,
    mut attempt: impl FnMut(Rung, f32) -> Result<Trial>,
) -> Result<Trial> {
    let rungs = ladder.rungs();
    let mut at = rungs.partition_point(|rung| *rung < first).min(rungs.len() - 1);
    loop {
        let rung = rungs[at];
        let own = usual_lambda(ladder, rung);
        let (mut under, mut over): (Option<Trial>, Option<Trial>) = (None, None);
        let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
        let mut next = 0.0f32;
        for _ in 0..TRIES {
            let tried = next;
            let trial = attempt(rung, own * tried.exp())?;
            let ratio = trial.bytes as f64 / budget.bytes as f64;
            if trial.bytes <= budget.bytes {
                high = next;
                let done = ratio > 1.0 - CLOSE;
                under = Some(trial);
                if done {
                    break;
                }
            } else {
                low = next;
                over = Some(trial);
            }
            next = match (&over, &under) {
                // Bytes are about a power of lambda between two codings.
                (Some(over), Some(under)) => {
                    let log = |bytes: u64| (bytes as f64).ln();
                    let share = (log(over.bytes) - log(budget.bytes)) / (log(over.bytes) - log(under.bytes));
                    low + (high - low) * (share as f32).clamp(0.25, 0.75)
                }
                // Twice lambda saves about a quarter.
                _ => next + 2.0 * (ratio.ln() as f32).clamp(-1.5, 1.5) + if over.is_some() { 0.2 } else { -0.2 },
            };
            // A bound that was tried is the end of it.
            let bounded = next.clamp(RANGE.0.ln(), RANGE.1.ln());
            if bounded == tried || high - low < 1e-3 {
                break;
            }
            next = bounded;
        }
        match (under, over) {
            (Some(under), Some(over)) => return Ok(merged(under, &over, budget.bytes)),
            // Even the least lambda leaves bytes over: a finer rung.
            (Some(_), None) if at + 1 < rungs.len() => at += 1,
            (Some(under), None) => return Ok(under),
            // Even the greatest lambda leaves too many: as much coarser a rung.
            (None, Some(over)) if at > 0 => {
                let bits = ladder.bits(rung) * budget.bytes as f64 / over.bytes as f64;
                at = rungs.partition_point(|rung| ladder.bits(*rung) < bits).min(at - 1);
            }
            (None, _) => {
                let least = attempt(rung, own * RANGE.1)?;
                return match least.bytes > budget.bytes && budget.strict {
                    true => Err(Error::TooSmall { wanted: budget.bytes, least: least.bytes }),
                    false => Ok(least),
                };
            }
        }
    }
}

/// The smaller coding with as many groups of the larger one as fit, spread over the video.
fn merged(mut under: Trial, over: &Trial, budget: u64) -> Trial {
    let mut spare = budget - under.bytes;
    let count = under.coded.len();
    // Every group once, far ones after each other, the same on every run.
    let stride = (1..count).rev().find(|stride| is_coprime(*stride, count) && stride * 5 <= count * 3).unwrap_or(1);
    for n in 0..count {
        let at = n * stride % count;
        let (small, large) = (&under.coded[at], &over.coded[at]);
        // The length of a length may take a byte more, and so may the offsets of the index.
        let more = (large.chunk.payload.len() + 4).saturating_sub(small.chunk.payload.len()) as u64;
        if large.chunk.payload.len() > small.chunk.payload.len() && more <= spare {
            spare -= more;
            under.bytes += more;
            under.coded[at] = large.clone();
        }
    }
    under
}

fn is_coprime(mut a: usize, mut b: usize) -> bool {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}
