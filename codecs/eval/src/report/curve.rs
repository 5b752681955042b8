//! Bytes against quality, for one codec on one file under one metric.

use super::pchip::Pchip;

/// The settings worth using: those that no setting of fewer or as many bytes matches in quality.
///
/// Quality rises with better pictures; a metric of which less is better comes in with its sign turned.
pub(super) struct Curve {
    /// `(ln bytes, quality)`, both strictly rising.
    front: Vec<(f64, f64)>,
    /// Most bytes that were measured, as a logarithm.
    last: f64,
    quality: Option<Pchip>,
    log_bytes: Option<Pchip>,
}

/// A quality read from a [`Curve`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Read {
    /// Between two measured sizes, or at one.
    Within(f64),
    /// The codec was never asked for so few bytes: the quality of its smallest file.
    HeldLow(f64),
    /// The codec was never asked for so many bytes: the quality of its best file.
    HeldHigh(f64),
}

/// The logarithm of bytes for a quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cost {
    /// `ln bytes`.
    Bytes(f64),
    /// Its worst picture is better.
    AlwaysBetter,
    /// Its best picture is worse.
    NeverReached,
}

impl Curve {
    /// From `(bytes, quality)` in any order; `None` where no quality is a finite number.
    pub(super) fn new(points: impl IntoIterator<Item = (u64, f64)>) -> Option<Self> {
        let mut all: Vec<(f64, f64)> = points
            .into_iter()
            .filter(|(bytes, q)| *bytes > 0 && q.is_finite())
            .map(|(b, q)| ((b as f64).ln(), q))
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let last = all.last()?.0;
        let mut front: Vec<(f64, f64)> = Vec::new();
        for point in all {
            if front.last().is_none_or(|best| point.1 > best.1) {
                front.push(point);
            }
        }
        let quality = Pchip::new(front.iter().copied());
        let log_bytes = Pchip::new(front.iter().map(|&(b, q)| (q, b)));
        Some(Self { front, last, quality, log_bytes })
    }

    /// Lowest and highest quality.
    pub(super) fn qualities(&self) -> (f64, f64) {
        (self.front[0].1, self.front[self.front.len() - 1].1)
    }

    /// The best quality within a number of bytes, given as a logarithm.
    pub(super) fn quality_at(&self, log_bytes: f64) -> Read {
        // A size that was measured is found again in spite of rounding in the logarithm.
        let slack = 1e-9;
        let (worst, best) = self.qualities();
        if log_bytes < self.front[0].0 - slack {
            Read::HeldLow(worst)
        } else if log_bytes > self.last + slack {
            Read::HeldHigh(best)
        } else {
            Read::Within(self.quality.as_ref().map_or(best, |curve| curve.at(log_bytes)))
        }
    }

    /// The bytes for a quality.
    pub(super) fn cost_of(&self, quality: f64) -> Cost {
        let (worst, best) = self.qualities();
        if quality < worst {
            Cost::AlwaysBetter
        } else if quality > best {
            Cost::NeverReached
        } else {
            Cost::Bytes(self.log_bytes.as_ref().map_or(self.front[0].0, |curve| curve.at(quality)))
        }
    }

    /// The mean difference of `ln bytes` to `anchor` over the qualities that both reach, and the share of this curve's own
    /// range of quality that those are; `None` where they share none.
    pub(super) fn log_bytes_over(&self, anchor: &Self) -> Option<(f64, f64)> {
        let (ours, theirs) = (self.log_bytes.as_ref()?, anchor.log_bytes.as_ref()?);
        let ((a, b), (c, d)) = (ours.range(), theirs.range());
        let (low, high) = (a.max(c), b.min(d));
        let width = high - low;
        (width > 0.0).then(|| ((ours.integral(low, high) - theirs.integral(low, high)) / width, width / (b - a)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cost_more_for_nothing_are_left_out() {
        let curve = Curve::new([(100, 1.0), (200, 3.0), (300, 2.5), (400, 4.0), (400, 3.9)]).expect("finite");
        assert_eq!(curve.front.iter().map(|p| p.1).collect::<Vec<_>>(), [1.0, 3.0, 4.0]);
        let Read::Within(between) = curve.quality_at(300f64.ln()) else { panic!("300 bytes were measured") };
        assert!((3.0..4.0).contains(&between));
    }

    #[test]
    fn outside_of_the_ladder_values_are_held_and_bytes_are_not_invented() {
        let curve = Curve::new([(100, 1.0), (200, 3.0), (800, 3.0)]).expect("finite");
        assert_eq!(curve.quality_at(50f64.ln()), Read::HeldLow(1.0));
        assert_eq!(curve.quality_at(800f64.ln()), Read::Within(3.0));
        assert_eq!(curve.quality_at(900f64.ln()), Read::HeldHigh(3.0));
        assert_eq!(curve.cost_of(0.5), Cost::AlwaysBetter);
        assert_eq!(curve.cost_of(3.5), Cost::NeverReached);
    }

    #[test]
    fn curves_without_a_common_quality_have_no_difference() {
        let low = Curve::new([(100, 1.0), (200, 2.0)]).expect("finite");
        let high = Curve::new([(100, 2.0), (200, 3.0)]).expect("finite");
        assert!(low.log_bytes_over(&high).is_none());
        let point = Curve::new([(100, 1.5)]).expect("finite");
        assert!(point.log_bytes_over(&low).is_none());
        assert!(Curve::new([(100, f64::INFINITY)]).is_none());
    }
}
