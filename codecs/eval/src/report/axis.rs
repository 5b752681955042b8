//! Scales and their ticks.

/// A range of values laid over a range of coordinates.
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Values that get a label and a line.
    pub(super) ticks: Vec<f64>,
    decimals: usize,
}

impl Axis {
    /// A linear axis around the values, with about `count` ticks.
    pub(super) fn linear(values: impl Iterator<Item = f64>, count: usize) -> Self {
        let (low, high) = extent(values);
        let pad = if high > low { 0.06 * (high - low) } else { 0.5 * high.abs().max(1e-3) };
        let (low, high) = (low - pad, high + pad);
        let rough = (high - low) / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| nice * power >= rough).unwrap_or(10.0);
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let ticks = (first..=last).map(|n| n as f64 * step).collect();
        Self { low, high, log: false, ticks, decimals: (-step.log10().floor()).clamp(0.0, 6.0) as usize }
    }

    /// A logarithmic axis around positive values: ticks at 1, 2 and 5 of each decade, or at more where those are too few,
    /// or at fewer where they are too many.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>, count: usize) -> Self {
        let (low, high) = extent(values);
        let pad = (high / low).powf(0.05).max(1.08);
        let (low, high) = (low / pad, high * pad);
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let ticks = |digits: &[f64]| -> Vec<f64> {
            let all = decades.clone().flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
            all.filter(|tick| (low..=high).contains(tick)).collect()
        };
        let (many, usual, few) =
            (ticks(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]), ticks(&[1.0, 2.0, 5.0]), ticks(&[1.0]));
        let ticks = match usual.len() {
            n if n < 3 => many,
            n if n > count && few.len() > 1 => few,
            _ => usual,
        };
        Self { low, high, log: true, ticks, decimals: 0 }
    }

    /// Place of a value, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let (low, high, value) =
            if self.log { (self.low.ln(), self.high.ln(), value.ln()) } else { (self.low, self.high, value) };
        (value - low) / (high - low)
    }

    pub(super) fn label(&self, tick: f64) -> String {
        let text = if self.log {
            // Two digits are all that a tick has; what rounding leaves behind them is cut.
            let decimals = (1.0 - tick.log10().floor()).clamp(0.0, 8.0) as usize;
            let text = format!("{tick:.decimals$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        } else {
            format!("{:.*}", self.decimals, tick + 0.0)
        };
        text.replace('-', "\u{2212}")
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        assert_eq!(labels(&Axis::linear([22.1, 37.9].into_iter(), 5)), ["25", "30", "35"]);
        assert_eq!(labels(&Axis::linear([0.91, 0.988].into_iter(), 5)), ["0.92", "0.94", "0.96", "0.98"]);
        assert_eq!(labels(&Axis::logarithmic([0.02, 1.5].into_iter(), 8)), ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(&Axis::logarithmic([0.031, 0.062].into_iter(), 8)), ["0.03", "0.04", "0.05", "0.06"]);
        assert_eq!(labels(&Axis::logarithmic([0.01, 90.0].into_iter(), 8)), ["0.01", "0.1", "1", "10", "100"]);
    }

    #[test]
    fn one_value_still_has_an_axis() {
        for axis in [Axis::linear([3.0].into_iter(), 5), Axis::logarithmic([0.3].into_iter(), 8)] {
            assert!(!axis.ticks.is_empty() && axis.ticks.iter().all(|&t| (0.0..=1.0).contains(&axis.place(t))));
        }
    }
}
