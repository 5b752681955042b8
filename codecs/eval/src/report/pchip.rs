//! Piecewise cubic Hermite interpolation that keeps monotone data monotone.
//!
//! F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat.
//! Comput. 5(2), 1984, with the one-sided three-point slope at the ends that SciPy's `PchipInterpolator` uses.

/// An interpolant through points of rising abscissa.
pub(super) struct Pchip {
    x: Vec<f64>,
    y: Vec<f64>,
    slope: Vec<f64>,
}

impl Pchip {
    /// `None` unless there are two points or more, all finite, with `x` strictly rising.
    pub(super) fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let finite = x.iter().chain(&y).all(|v| v.is_finite());
        if x.len() < 2 || !finite || x.windows(2).any(|w| w[0] >= w[1]) {
            return None;
        }
        let slope = slopes(&x, &y);
        Some(Self { x, y, slope })
    }

    /// First and last abscissa.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.x[0], self.x[self.x.len() - 1])
    }

    /// The value at `x`, which is held to the range.
    pub(super) fn at(&self, x: f64) -> f64 {
        let (first, last) = self.range();
        let x = x.clamp(first, last);
        let piece = self.x.partition_point(|&knot| knot <= x).clamp(1, self.x.len() - 1) - 1;
        let (h, c) = self.cubic(piece);
        let t = (x - self.x[piece]) / h;
        c[0] + t * (c[1] + t * (c[2] + t * c[3]))
    }

    /// The integral from `from` to `to`, both held to the range.
    pub(super) fn integral(&self, from: f64, to: f64) -> f64 {
        let mut sum = 0.0;
        for piece in 0..self.x.len() - 1 {
            let (low, high) = (self.x[piece].max(from), self.x[piece + 1].min(to));
            if low < high {
                let (h, c) = self.cubic(piece);
                let primitive = |x: f64| {
                    let t = (x - self.x[piece]) / h;
                    h * t * (c[0] + t * (c[1] / 2.0 + t * (c[2] / 3.0 + t * c[3] / 4.0)))
                };
                sum += primitive(high) - primitive(low);
            }
        }
        sum
    }

    /// Width of a piece and its coefficients over the position in it, 0 to 1.
    fn cubic(&self, piece: usize) -> (f64, [f64; 4]) {
        let h = self.x[piece + 1] - self.x[piece];
        let rise = self.y[piece + 1] - self.y[piece];
        let (a, b) = (h * self.slope[piece], h * self.slope[piece + 1]);
        (h, [self.y[piece], a, 3.0 * rise - 2.0 * a - b, a + b - 2.0 * rise])
    }
}

fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let h: Vec<f64> = x.windows(2).map(|w| w[1] - w[0]).collect();
    let m: Vec<f64> = y.windows(2).zip(&h).map(|(w, h)| (w[1] - w[0]) / h).collect();
    if m.len() == 1 {
        return vec![m[0]; 2];
    }
    let mut slope = vec![end(h[0], h[1], m[0], m[1])];
    for i in 1..m.len() {
        let (w1, w2) = (2.0 * h[i] + h[i - 1], h[i] + 2.0 * h[i - 1]);
        let turns = m[i - 1] * m[i] <= 0.0;
        slope.push(if turns { 0.0 } else { (w1 + w2) / (w1 / m[i - 1] + w2 / m[i]) });
    }
    let last = m.len() - 1;
    slope.push(end(h[last], h[last - 1], m[last], m[last - 1]));
    slope
}

/// Slope at an end, from the two pieces next to it, the nearest first.
fn end(h0: f64, h1: f64, m0: f64, m1: f64) -> f64 {
    let d = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1);
    if d * m0 <= 0.0 {
        0.0
    } else if m0 * m1 <= 0.0 && d.abs() > 3.0 * m0.abs() {
        3.0 * m0
    } else {
        d
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_through_its_points_and_stays_monotone_between_them() {
        let points = [(0.0, 0.0), (1.0, 0.1), (2.0, 5.0), (5.0, 5.1)];
        let curve = Pchip::new(points).expect("four rising points");
        assert!(points.iter().all(|&(x, y)| (curve.at(x) - y).abs() < 1e-12));
        let values: Vec<f64> = (0..=500).map(|i| curve.at(f64::from(i) / 100.0)).collect();
        assert!(values.windows(2).all(|w| w[0] <= w[1] + 1e-12));
    }

    #[test]
    fn integral_is_that_of_the_values() {
        let curve = Pchip::new([(0.0, 1.0), (1.0, 3.0), (3.0, 3.5), (4.0, 9.0)]).expect("rising");
        let steps = 100_000;
        let width = (3.7 - 0.3) / f64::from(steps);
        let sum: f64 = (0..steps).map(|i| curve.at(0.3 + (f64::from(i) + 0.5) * width) * width).sum();
        assert!((curve.integral(0.3, 3.7) - sum).abs() < 1e-8);
    }

    #[test]
    fn fewer_than_two_rising_points_are_no_curve() {
        assert!(Pchip::new([(1.0, 1.0)]).is_none());
        assert!(Pchip::new([(1.0, 1.0), (1.0, 2.0)]).is_none());
        assert!(Pchip::new([(1.0, 1.0), (2.0, f64::INFINITY)]).is_none());
    }
}
