//! The least distortion within a budget of bytes.
//!
//! Bytes rise along the ladder and fall with lambda, distortion the other way, both nearly always.
//! A bisection over the rungs, each at its own lambda, finds the last that fits; then that one's
//! lambda is lowered and the next one's raised until each just fits, and the better one wins. Only encodings
//! that were made and measured are ever returned, so a budget holds whatever the curves do.

use tessera_core::Rung;

use super::Ladder;
use crate::error::Result;

/// Greatest factor on a rung's own lambda.
const MOST: f32 = 16.0;
/// Factor at which hardly any bit is worth its distortion.
const EXTREME: f32 = 4096.0;
/// Bisections of a factor.
const STEPS: u32 = 3;
/// Usual share of the uncoded bits that entropy coding leaves.
const CODED_SHARE: f64 = 0.8;

/// One encoding that was tried.
#[derive(Debug, Clone)]
pub(crate) struct Trial<T> {
    pub rung: Rung,
    pub lambda: f32,
    /// Bytes of the whole file.
    pub bytes: u64,
    /// Sum of squared latent errors.
    pub distortion: f64,
    /// What was made.
    pub result: T,
}

/// The best encoding of at most `budget` bytes, or `None` if nothing fits.
///
/// `positions` guesses where to begin. Without `searching`, lambda is 0 always and only rungs are tried.
pub(crate) fn fit<T>(
    ladder: &Ladder,
    budget: u64,
    positions: u64,
    searching: bool,
    mut attempt: impl FnMut(Rung, f32) -> Result<Trial<T>>,
) -> Result<Option<Trial<T>>> {
    let rungs = ladder.rungs();
    let own = |rung: Rung| if searching { ladder.lambda(rung) } else { 0.0 };
    // Rungs below `fits` fit, those from `over` on do not.
    let (mut fits, mut over) = (0, rungs.len());
    let mut best: Option<Trial<T>> = None;
    let guess = budget as f64 * 8.0 / (positions as f64 * CODED_SHARE);
    let mut next = rungs.partition_point(|rung| ladder.bits(*rung) <= guess);
    let mut stride = 1;
    while fits < over {
        let rung = rungs[next.clamp(fits, over - 1)];
        let at = next.clamp(fits, over - 1);
        let trial = attempt(rung, own(rung))?;
        if trial.bytes <= budget {
            fits = at + 1;
            best = better(best, trial, budget);
            next = if over == rungs.len() { at + stride } else { (fits + over) / 2 };
        } else {
            over = at;
            next = if fits == 0 { at.saturating_sub(stride) } else { (fits + over) / 2 };
        }
        stride *= 2;
    }
    if !searching {
        return Ok(best);
    }
    if let Some(below) = fits.checked_sub(1) {
        let (rung, lambda) = (rungs[below], own(rungs[below]));
        let plain = attempt(rung, 0.0)?;
        if plain.bytes <= budget {
            best = better(best, plain, budget);
        } else {
            best = narrow(best, budget, (1.0 / MOST, 1.0), |factor| attempt(rung, lambda * factor))?;
        }
    }
    if let Some(&rung) = rungs.get(fits) {
        let lambda = own(rung);
        best = narrow(best, budget, (1.0, MOST), |factor| attempt(rung, lambda * factor))?;
        if best.is_none() {
            best = narrow(best, budget, (MOST, EXTREME), |factor| attempt(rung, lambda * factor))?;
        }
    }
    if best.is_none() {
        best = better(None, least(ladder, searching, attempt)?, budget);
    }
    Ok(best)
}

/// The smallest encoding.
pub(crate) fn least<T>(
    ladder: &Ladder,
    searching: bool,
    mut attempt: impl FnMut(Rung, f32) -> Result<Trial<T>>,
) -> Result<Trial<T>> {
    let rung = ladder.rungs()[0];
    let factor = if searching { EXTREME } else { 0.0 };
    attempt(rung, ladder.lambda(rung) * factor)
}

/// Bisects, in ratios, for the least factor that fits. `range` is not tried at its ends.
fn narrow<T>(
    mut best: Option<Trial<T>>,
    budget: u64,
    range: (f32, f32),
    mut attempt: impl FnMut(f32) -> Result<Trial<T>>,
) -> Result<Option<Trial<T>>> {
    let (mut over, mut fits) = (range.0.log2(), range.1.log2());
    for _ in 0..STEPS {
        let middle = (over + fits) / 2.0;
        let trial = attempt(middle.exp2())?;
        if trial.bytes <= budget {
            fits = middle;
            best = better(best, trial, budget);
        } else {
            over = middle;
        }
    }
    Ok(best)
}

/// The one of less distortion among those that fit.
fn better<T>(best: Option<Trial<T>>, trial: Trial<T>, budget: u64) -> Option<Trial<T>> {
    match best {
        Some(best) if trial.bytes > budget || best.distortion <= trial.distortion => Some(best),
        _ => (trial.bytes <= budget).then_some(trial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Ladder {
        Ladder::new((3, 12, 4), 16, 0.1, 1536, 1 << 22)
    }

    /// A made-up source: a bit less for each octave of lambda over a tenth of the rung's own.
    fn source(rung: Rung, lambda: f32) -> Result<Trial<()>> {
        let ladder = ladder();
        let bits = ladder.bits(rung);
        let octaves = f64::from((1.0 + 10.0 * lambda / ladder.lambda(rung)).log2());
        let left = (bits - 0.5 * octaves).max(0.02);
        Ok(Trial {
            rung,
            lambda,
            bytes: 30 + (1536.0 * left / 8.0) as u64,
            distortion: (-2.0 * bits / 16.0).exp2() * (1.0 + 0.01 * octaves * octaves),
            result: (),
        })
    }

    #[test]
    fn budgets_are_kept_and_used() {
        let mut tries = Vec::new();
        for budget in (300..9000).step_by(37) {
            let mut count = 0;
            let found = fit(&ladder(), budget, 1536, true, |rung, lambda| {
                count += 1;
                source(rung, lambda)
            });
            let trial = found.unwrap().unwrap();
            assert!(trial.bytes <= budget);
            assert!(trial.bytes * 10 >= budget * 8 || budget > 8000, "{} of {budget}", trial.bytes);
            tries.push(count);
        }
        assert!(tries.iter().max() <= Some(&16), "{tries:?}");
    }

    #[test]
    fn more_bytes_never_hurt() {
        let mut last = f64::INFINITY;
        for budget in (300..9000).step_by(100) {
            let trial = fit(&ladder(), budget, 1536, true, source).unwrap().unwrap();
            assert!(trial.distortion <= last * 1.05, "{budget}");
            last = trial.distortion;
        }
    }

    #[test]
    fn what_cannot_fit_is_none_and_the_least_says_how_much() {
        let least_bytes = least(&ladder(), true, source).unwrap().bytes;
        assert!(fit(&ladder(), least_bytes - 1, 1536, true, source).unwrap().is_none());
        assert!(fit(&ladder(), least_bytes, 1536, true, source).unwrap().is_some());
    }

    #[test]
    fn without_searching_only_nearest_tokens_are_tried() {
        let found = fit(&ladder(), 2000, 1536, false, |rung, lambda| {
            assert_eq!(lambda, 0.0);
            source(rung, lambda)
        });
        let trial = found.unwrap().unwrap();
        assert_eq!(trial.rung, Rung { levels: 1, depth: 10 });
    }
}
