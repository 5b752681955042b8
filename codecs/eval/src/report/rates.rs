//! The suite's own codecs beside anchors at equal bytes, and at several times the bytes.

use std::collections::BTreeMap;

use super::curve::{Cost, Curve, Read};
use super::index::Index;
use super::means::mean;
use super::run::{MetricInfo, Run};
use crate::Cell;

/// Multiples of a codec's own bytes that an anchor is given.
pub const FACTORS: [f64; 3] = [1.0, 3.0, 6.0];

/// One step of one of the suite's own codecs beside one anchor, under one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The suite's codec.
    pub codec: String,
    /// Step on its ladder.
    pub step: u32,
    /// That step, as the codec names it.
    pub rate: String,
    /// The anchor.
    pub anchor: String,
    /// Metric.
    pub metric: String,
    /// Files that both have; all means are over these.
    pub files: usize,
    /// Cost of the suite's codec: [`Cell::cost`].
    pub cost: f64,
    /// The metric of the suite's codec.
    pub value: f64,
    /// The metric of the anchor at [`FACTORS`] times the bytes.
    pub at: [At; FACTORS.len()],
    /// The bytes that the anchor needs.
    pub equal: Equal,
}

/// An anchor's metric at a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Mean over files.
    pub value: f64,
    /// Files on which the anchor's smallest file is larger: its value stands in, which flatters the anchor.
    pub held_low: usize,
    /// Files on which the anchor's largest file is smaller: its value stands in, at fewer bytes than were allowed.
    pub held_high: usize,
}

/// Bytes of an anchor at the quality of the suite's codec.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equal {
    /// Multiple of the suite's bytes: geometric mean over `files`; `None` where there are none.
    pub factor: Option<f64>,
    /// Files on which the anchor has settings on both sides of that quality.
    pub files: usize,
    /// Files on which the anchor's worst picture is better.
    pub always_better: usize,
    /// Files on which the anchor's best picture is worse.
    pub never_reached: usize,
}

/// Every step of every codec that is the suite's own, beside every codec that is not, under every metric.
///
/// An anchor's metric is interpolated over the logarithm of bytes, file by file, and held at the ends of its ladder.
pub fn matched(run: &Run) -> Vec<Matched> {
    let index = Index::new(run);
    let mut rows = Vec::new();
    for metric in &run.metrics {
        let anchors: Vec<_> = run.codecs.iter().enumerate().filter(|(_, codec)| !codec.ours).collect();
        let anchors: Vec<_> = anchors.into_iter().map(|(a, codec)| (codec, index.curves(a, metric))).collect();
        for (c, codec) in run.codecs.iter().enumerate().filter(|(_, codec)| codec.ours) {
            for (step, rate) in index.steps(c) {
                for (anchor, curves) in &anchors {
                    if let Some(row) = row(&pairs(&index, c, step, metric, curves), metric) {
                        let names = (codec.name.clone(), rate.to_owned(), anchor.name.clone());
                        rows.push(Matched { codec: names.0, step, rate: names.1, anchor: names.2, ..row });
                    }
                }
            }
        }
    }
    rows
}

/// A cell of ours, its quality, and the anchor's curve on the same file.
type Pair<'a> = (&'a Cell, f64, &'a Curve);

fn pairs<'a>(
    index: &Index<'a>,
    codec: usize,
    step: u32,
    metric: &MetricInfo,
    curves: &'a BTreeMap<&'a str, Curve>,
) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for (&file, cells) in index.files_of(codec) {
        let Some((&cell, curve)) = cells.get(&step).zip(curves.get(file)) else { continue };
        if let Some(value) = cell.metrics.get(&metric.name).copied().filter(|v| v.is_finite()) {
            pairs.push((cell, metric.quality(value), curve));
        }
    }
    pairs
}

/// The numbers of a row, its names left empty; `None` without files.
fn row(pairs: &[Pair<'_>], metric: &MetricInfo) -> Option<Matched> {
    if pairs.is_empty() {
        return None;
    }
    let log_bytes = |cell: &Cell| (cell.bytes as f64).ln();
    let at = FACTORS.map(|factor| {
        let (mut held_low, mut held_high) = (0, 0);
        let values = pairs.iter().map(|(cell, _, curve)| match curve.quality_at(log_bytes(cell) + factor.ln()) {
            Read::Within(quality) => quality,
            Read::HeldLow(quality) => {
                held_low += 1;
                quality
            }
            Read::HeldHigh(quality) => {
                held_high += 1;
                quality
            }
        });
        let value = metric.quality(mean(values));
        At { value, held_low, held_high }
    });
    let (mut logs, mut always_better, mut never_reached) = (Vec::new(), 0, 0);
    for (cell, quality, curve) in pairs {
        match curve.cost_of(*quality) {
            Cost::Bytes(bytes) => logs.push(bytes - log_bytes(cell)),
            Cost::AlwaysBetter => always_better += 1,
            Cost::NeverReached => never_reached += 1,
        }
    }
    let factor = (!logs.is_empty()).then(|| mean(logs.iter().copied()).exp());
    Some(Matched {
        codec: String::new(),
        step: 0,
        rate: String::new(),
        anchor: String::new(),
        metric: metric.name.clone(),
        files: pairs.len(),
        cost: mean(pairs.iter().map(|(cell, _, _)| cell.cost())),
        value: metric.quality(mean(pairs.iter().map(|(_, quality, _)| *quality))),
        at,
        equal: Equal { factor, files: logs.len(), always_better, never_reached },
    })
}
