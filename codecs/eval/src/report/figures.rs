//! Numbers as a reader sees them.

use super::run::{MetricInfo, Run};

/// How the values of one metric are written, so that a column lines up.
#[derive(Clone, Copy)]
pub(super) struct Decimals(usize);

impl Decimals {
    /// About four digits of the largest finite value that the run has of a metric.
    pub(super) fn of(run: &Run, metric: &MetricInfo) -> Self {
        let values = run.cells.iter().filter_map(|cell| cell.metrics.get(&metric.name)).filter(|v| v.is_finite());
        let largest = values.fold(0.0_f64, |most, v| most.max(v.abs()));
        Self(match largest {
            v if v >= 1000.0 => 0,
            v if v >= 10.0 => 2,
            v if v > 1.0 => 3,
            _ => 4,
        })
    }

    pub(super) fn write(self, value: f64) -> String {
        if value == f64::INFINITY {
            "∞".to_owned()
        } else if value.is_finite() {
            signed(format!("{value:.*}", self.0))
        } else {
            "n/a".to_owned()
        }
    }
}

/// Bits per pixel or kilobits per second, to three digits.
pub(super) fn cost(value: f64) -> String {
    let decimals = if value < 0.1 {
        4
    } else if value < 10.0 {
        3
    } else {
        1
    };
    format!("{value:.decimals$}")
}

/// A percentage with its sign.
pub(super) fn percent(value: f64) -> String {
    let decimals = usize::from(value.abs() < 100.0);
    let text = format!("{value:+.decimals$}");
    // What rounds to nothing has no sign.
    signed(if text.trim_start_matches(['+', '-']).parse() == Ok(0.0) { "0.0".to_owned() } else { text })
}

/// A multiple.
pub(super) fn factor(value: f64) -> String {
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$}")
}

/// Bytes in thousands, separated.
pub(super) fn bytes(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Seconds, in the unit that needs no exponent.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if v < 0.0995 => format!("{:.1} ms", 1000.0 * v),
        v if v < 0.9995 => format!("{:.0} ms", 1000.0 * v),
        v => format!("{v:.2} s"),
    }
}

/// `1 file`, `2 files`.
pub(super) fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// With a minus sign in place of a hyphen.
fn signed(text: String) -> String {
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!(bytes(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(bytes(12), "12");
        assert_eq!(percent(-0.04), "0.0");
        assert_eq!(percent(-37.25), "\u{2212}37.2");
        assert_eq!(percent(240.4), "+240");
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(cost(0.03125), "0.0312");
        assert_eq!(count(1, "file"), "1 file");
    }
}
