//! Means over files, step by step of a codec's ladder.

use super::index::Index;
use super::run::MetricInfo;
use crate::Cell;

/// A codec's ladder, over the files that have all of its steps.
pub(super) struct Ladder {
    /// Files that have all steps.
    pub(super) files: usize,
    /// Files that have any.
    pub(super) of: usize,
    /// From the fewest bytes.
    pub(super) steps: Vec<Step>,
}

/// Means of one step.
pub(super) struct Step {
    pub(super) rate: String,
    pub(super) cost: f64,
    pub(super) encode_seconds: f64,
    pub(super) decode_seconds: f64,
}

/// A metric along a codec's ladder.
pub(super) struct Trace {
    /// Files that have all steps, and this metric as a finite number at each.
    pub(super) files: usize,
    /// `(rate, cost, value)`, means over those files.
    pub(super) points: Vec<(String, f64, f64)>,
}

/// The ladder of a codec. The mean of the cost is that of the files' own, whatever their sizes.
pub(super) fn ladder(index: &Index<'_>, codec: usize) -> Ladder {
    let files = index.complete(codec);
    let steps = index.steps(codec).into_values().enumerate();
    let step = |(i, rate): (usize, &str)| Step {
        rate: rate.to_owned(),
        cost: mean(files.iter().map(|cells| cells[i].cost())),
        encode_seconds: mean(files.iter().map(|cells| cells[i].encode_seconds)),
        decode_seconds: mean(files.iter().map(|cells| cells[i].decode_seconds)),
    };
    let steps = if files.is_empty() { Vec::new() } else { steps.map(step).collect() };
    Ladder { files: files.len(), of: index.files_of(codec).len(), steps }
}

/// A metric along the ladder of a codec; without points where no file has it at all steps.
pub(super) fn trace(index: &Index<'_>, codec: usize, metric: &MetricInfo) -> Trace {
    let value = |cell: &Cell| cell.metrics.get(&metric.name).copied().filter(|v| v.is_finite());
    let mut files = index.complete(codec);
    files.retain(|cells| cells.iter().all(|cell| value(cell).is_some()));
    if files.is_empty() {
        return Trace { files: 0, points: Vec::new() };
    }
    let point = |(i, rate): (usize, &str)| {
        let cost = mean(files.iter().map(|cells| cells[i].cost()));
        (rate.to_owned(), cost, mean(files.iter().filter_map(|cells| value(cells[i]))))
    };
    Trace { files: files.len(), points: index.steps(codec).into_values().enumerate().map(point).collect() }
}

/// Arithmetic mean; not a number for no values.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    sum / f64::from(n)
}
