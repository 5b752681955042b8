//! Bytes at equal quality, as a percentage: the Bjøntegaard delta of rate.
//!
//! G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with monotone piecewise
//! cubic curves in place of one cubic polynomial, as JVET's common test conditions have it.

use super::bootstrap;
use super::index::Index;
use super::means::mean;
use super::run::{MetricInfo, Run};

/// A codec against an anchor under one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct BdRate {
    /// Codec that counts as 0 %.
    pub anchor: String,
    /// Codec that is compared with it.
    pub codec: String,
    /// Metric.
    pub metric: String,
    /// Files on which both codecs have a finite value of the metric.
    pub files: usize,
    /// Files on which their ranges of quality overlap.
    pub overlapping: usize,
    /// What those say; `None` where there are none.
    pub delta: Option<Delta>,
}

/// A mean over files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    /// Percent of bytes more (positive) or fewer (negative) than the anchor at equal quality: the arithmetic mean over files.
    pub percent: f64,
    /// 95 % bootstrap confidence interval of the mean, in percent; `None` for one file.
    pub interval: Option<(f64, f64)>,
    /// Share of the codec's own range of quality that the anchor reaches too, 0 to 1, mean over files.
    pub overlap: f64,
}

/// Every codec of `run` against every other, metric by metric; anchors, then codecs, in the order of the run.
///
/// Per file the logarithm of bytes is interpolated over quality for both codecs (settings that cost more bytes for no better
/// quality left out), and its mean difference over the qualities that both reach is the file's value. Quality that only one
/// of them reaches does not count: nothing is extrapolated.
pub fn bd_rates(run: &Run) -> Vec<BdRate> {
    let index = Index::new(run);
    let mut rows = Vec::new();
    for metric in &run.metrics {
        let curves: Vec<_> = (0..run.codecs.len()).map(|codec| index.curves(codec, metric)).collect();
        for (a, anchor) in run.codecs.iter().enumerate() {
            for (c, codec) in run.codecs.iter().enumerate().filter(|&(c, _)| c != a) {
                let pairs: Vec<_> =
                    curves[c].iter().filter_map(|(file, ours)| Some((ours, curves[a].get(file)?))).collect();
                let found: Vec<_> = pairs.iter().filter_map(|(ours, theirs)| ours.log_bytes_over(theirs)).collect();
                rows.push(BdRate {
                    anchor: anchor.name.clone(),
                    codec: codec.name.clone(),
                    metric: metric.name.clone(),
                    files: pairs.len(),
                    overlapping: found.len(),
                    delta: delta(&found),
                });
            }
        }
    }
    rows
}

/// From `(mean difference of ln bytes, share of the range)` per file.
fn delta(files: &[(f64, f64)]) -> Option<Delta> {
    if files.is_empty() {
        return None;
    }
    let percents: Vec<f64> = files.iter().map(|(difference, _)| 100.0 * difference.exp_m1()).collect();
    Some(Delta {
        percent: mean(percents.iter().copied()),
        interval: bootstrap::interval(&percents),
        overlap: mean(files.iter().map(|(_, share)| *share)),
    })
}

/// The codec that others are compared with unless a reader asks for another: [`Run::anchor`], or the first that is not the
/// suite's own.
pub(super) fn default_anchor(run: &Run) -> Option<&str> {
    let named = run.codecs.iter().find(|codec| Some(&codec.name) == run.anchor.as_ref());
    let anchor = named.or_else(|| run.codecs.iter().find(|codec| !codec.ours)).or(run.codecs.first());
    anchor.map(|codec| codec.name.as_str())
}

/// Metrics of which a pair has a file.
pub(super) fn measured<'r>(run: &'r Run, rows: &[BdRate]) -> Vec<&'r MetricInfo> {
    run.metrics.iter().filter(|metric| rows.iter().any(|row| row.metric == metric.name && row.files > 0)).collect()
}
