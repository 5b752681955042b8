//! How many bytes a video gets.
//!
//! A target is met with one rung for all of the video, and a lambda that is searched for: bytes fall as it rises. Groups of pictures do not depend on each
//! other, so the last few per cent are made up of two codings: some groups of the larger one, the rest of the smaller one.

use tessera_core::Rung;
use tessera_image::Ladder;

use super::coding::Coded;
use crate::error::{Error, Result};
use crate::store::{Place, Scratch};

/// Lambda over what a bit is worth in pictures: a token of a video is there in many frames, and fine tokens that stay are worth more than coarse ones
/// that come and go.
const WORTH: f32 = 100.0;
/// Greatest and least factors on a rung's usual lambda.
const RANGE: (f32, f32) = (1.0 / 64.0, 512.0);
/// Codings of all groups, at most.
const TRIES: u32 = 12;
/// How far below the target is close enough, as a share.
const CLOSE: f64 = 0.025;
/// By how much two codings on either side of the target may differ in bytes, as a natural logarithm, to be made one of the groups of both, and how many groups
/// that takes at least.
const MIXED: (f64, usize) = (0.15, 8);
/// How bytes fall with lambda, about: a power of it.
const POWER: f64 = -0.5;

/// One coding of all groups.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub rung: Rung,
    pub lambda: f32,
    /// Bytes of the whole file.
    pub bytes: u64,
    pub coded: Vec<Kept>,
}

/// A coded group whose bytes wait on disk.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// Without its payload.
    coded: Coded,
    payload: Place,
}

impl Kept {
    pub fn new(mut coded: Coded, scratch: &mut Scratch) -> Result<Self> {
        let payload = scratch.put(&std::mem::take(&mut coded.chunk.payload))?;
        Ok(Self { coded, payload })
    }

    /// The group with its payload.
    pub fn whole(&self, scratch: &mut Scratch) -> Result<Coded> {
        let mut coded = self.coded.clone();
        coded.chunk.payload = scratch.get(self.payload)?;
        Ok(coded)
    }
}

/// Bytes of the whole file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub bytes: u64,
    /// Whether more is an error.
    pub strict: bool,
}

/// The factor on lambda that bytes become so many times as many with, within the range that is searched.
pub(super) fn factor(ratio: f64) -> f32 {
    (ratio.powf(1.0 / POWER) as f32).clamp(RANGE.0, RANGE.1)
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

/// The coding that comes closest to a budget without exceeding it, a rung and a factor on its usual lambda being given to begin with; if even the least
/// exceeds it, the least, or an error if the budget is strict.
pub(super) fn fit(
    ladder: &Ladder,
    budget: Budget,
    (first, factor): (Rung, f32),
    mut attempt: impl FnMut(Rung, f32) -> Result<Trial>,
) -> Result<Trial> {
    let rungs = ladder.rungs();
    let range = (RANGE.0.ln(), RANGE.1.ln());
    let mut at = rungs.partition_point(|rung| *rung < first).min(rungs.len() - 1);
    let mut begin = factor.ln();
    loop {
        let rung = rungs[at];
        let own = usual_lambda(ladder, rung);
        let mut search = Search { range, under: None, over: None, power: POWER };
        let mut next = begin;
        for _ in 0..TRIES {
            let trial = attempt(rung, own * next.exp())?;
            search.add(next, trial, budget.bytes);
            match search.next(budget.bytes) {
                Some(again) => next = again,
                None => break,
            }
        }
        begin = 0.0;
        match (search.under, search.over) {
            (Some((_, under)), Some((_, over))) => return Ok(merged(under, &over, budget.bytes)),
            // Even the least lambda leaves bytes over: a finer rung.
            (Some((x, _)), None) if at + 1 < rungs.len() && x <= range.0 => at += 1,
            (Some((_, under)), None) => return Ok(under),
            // Even the greatest lambda leaves too many: as much coarser a rung.
            (None, Some((_, over))) if at > 0 => {
                let bits = ladder.bits(rung) * budget.bytes as f64 / over.bytes as f64;
                at = rungs.partition_point(|rung| ladder.bits(*rung) < bits).min(at - 1);
            }
            (None, Some((x, least))) if x >= range.1 => return least_of(least, budget),
            (None, _) => return least_of(attempt(rung, own * RANGE.1)?, budget),
        }
    }
}

fn least_of(least: Trial, budget: Budget) -> Result<Trial> {
    match least.bytes > budget.bytes && budget.strict {
        true => Err(Error::TooSmall { wanted: budget.bytes, least: least.bytes }),
        false => Ok(least),
    }
}

/// The search for a lambda of one rung.
struct Search {
    /// Natural logarithms of factors on the rung's usual lambda, as all `x` here.
    range: (f32, f32),
    /// The nearest coding that keeps the budget, and the nearest one that does not.
    under: Option<(f32, Trial)>,
    over: Option<(f32, Trial)>,
    /// The power of lambda that bytes go with, as far as it is known.
    power: f64,
}

impl Search {
    fn add(&mut self, x: f32, trial: Trial, budget: u64) {
        let side = if trial.bytes <= budget { &mut self.under } else { &mut self.over };
        if let Some((last, before)) = side
            && (x - *last).abs() > 0.01
        {
            let seen = (ln(trial.bytes) - ln(before.bytes)) / f64::from(x - *last);
            self.power = seen.clamp(4.0 * POWER, POWER / 4.0);
        }
        *side = Some((x, trial));
    }

    /// What to try next; `None` if what was found is good enough, or if there is nothing more.
    fn next(&self, budget: u64) -> Option<f32> {
        // The middle of what is close enough.
        let aim = ln(budget) - CLOSE / 2.0;
        let next = match (&self.over, &self.under) {
            (_, Some((_, under))) if under.bytes as f64 >= (1.0 - CLOSE) * budget as f64 => return None,
            (Some((high, over)), Some((low, under))) => {
                let between = ln(over.bytes) - ln(under.bytes);
                let mixed = under.coded.len() >= MIXED.1 && between <= MIXED.0;
                if mixed || low - high < 1e-3 {
                    return None;
                }
                let share = ((ln(over.bytes) - aim) / between) as f32;
                high + (low - high) * share.clamp(0.1, 0.9)
            }
            (Some((x, trial)), None) | (None, Some((x, trial))) => {
                let step = ((aim - ln(trial.bytes)) / self.power) as f32;
                // On to the other side, unless it is near.
                let next = (x + (1.05 * step).clamp(-4.0, 4.0)).clamp(self.range.0, self.range.1);
                if next == *x {
                    return None;
                }
                next
            }
            (None, None) => return None,
        };
        Some(next)
    }
}

fn ln(bytes: u64) -> f64 {
    (bytes.max(1) as f64).ln()
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
        let more = (large.payload.len + 4).saturating_sub(small.payload.len) as u64;
        if large.payload.len > small.payload.len && more <= spare {
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
