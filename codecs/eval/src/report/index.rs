//! Cells by codec and file.

use std::collections::{BTreeMap, BTreeSet};

use super::curve::Curve;
use super::run::{MetricInfo, Run};
use crate::Cell;

/// A run with its cells found by codec, file and step.
pub(super) struct Index<'r> {
    pub(super) run: &'r Run,
    /// Per codec of the run: file to step to cell.
    by_codec: Vec<BTreeMap<&'r str, BTreeMap<u32, &'r Cell>>>,
    pub(super) files: BTreeSet<&'r str>,
}

impl<'r> Index<'r> {
    pub(super) fn new(run: &'r Run) -> Self {
        let place: BTreeMap<&str, usize> = run.codecs.iter().enumerate().map(|(i, c)| (c.name.as_str(), i)).collect();
        let mut by_codec = vec![BTreeMap::<&str, BTreeMap<u32, &Cell>>::new(); run.codecs.len()];
        for cell in &run.cells {
            if let Some(&codec) = place.get(cell.codec.as_str()) {
                by_codec[codec].entry(&cell.file).or_default().insert(cell.step, cell);
            }
        }
        Self { run, by_codec, files: run.cells.iter().map(|cell| cell.file.as_str()).collect() }
    }

    /// Files of a codec, each with its cells by step.
    pub(super) fn files_of(&self, codec: usize) -> &BTreeMap<&'r str, BTreeMap<u32, &'r Cell>> {
        &self.by_codec[codec]
    }

    /// Steps of a codec's ladder with the name of the rate: all that any file has.
    pub(super) fn steps(&self, codec: usize) -> BTreeMap<u32, &'r str> {
        let cells = self.by_codec[codec].values().flatten();
        cells.map(|(&step, cell)| (step, cell.rate.as_str())).collect()
    }

    /// Files that have every step of the codec's ladder.
    pub(super) fn complete(&self, codec: usize) -> Vec<Vec<&'r Cell>> {
        let steps = self.steps(codec).len();
        let whole = self.by_codec[codec].values().filter(|cells| cells.len() == steps);
        whole.map(|cells| cells.values().copied().collect()).collect()
    }

    /// Curves of a codec under a metric, by file.
    pub(super) fn curves(&self, codec: usize, metric: &MetricInfo) -> BTreeMap<&'r str, Curve> {
        let curve = |cells: &BTreeMap<u32, &Cell>| {
            Curve::new(
                cells.values().filter_map(|cell| Some((cell.bytes, metric.quality(*cell.metrics.get(&metric.name)?)))),
            )
        };
        self.by_codec[codec].iter().filter_map(|(&file, cells)| Some((file, curve(cells)?))).collect()
    }
}

impl MetricInfo {
    /// The value with its sign turned where less is better; its own inverse.
    pub(super) fn quality(&self, value: f64) -> f64 {
        if self.higher_is_better { value } else { -value }
    }
}
