//! What a report is made of.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Cell, Error, Extent, Failure, Result};

/// Columns that a report has anyway.
const TAKEN: [&str; 8] =
    ["bpp", "kbps", "kilobytes", "bits_per_point", "bytes_per_splat", "rate", "encoding_time", "decoding_time"];

/// One evaluation: everything that was measured, and everything that could not be.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// Title of the report.
    pub name: String,
    /// What was evaluated and how, in a sentence or two.
    pub description: String,
    /// Codecs, in the order in which they are shown.
    pub codecs: Vec<CodecInfo>,
    /// Codec that the others are compared with until a reader asks for another; without it, the first that is not the suite's own.
    #[serde(default)]
    pub anchor: Option<String>,
    /// Metrics, in the order in which they are shown.
    pub metrics: Vec<MetricInfo>,
    /// Measurements.
    pub cells: Vec<Cell>,
    /// Measurements that failed.
    pub failures: Vec<Failure>,
    /// Codecs and metrics that were asked for and are not at hand.
    pub missing: Vec<Missing>,
}

/// Names of a unit.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) short: &'static str,
    pub(crate) column: &'static str,
    pub(crate) words: &'static str,
}

/// A codec of a [`Run`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct CodecInfo {
    /// Key, as in [`Cell::codec`].
    pub name: String,
    /// Library, version and fixed settings in one line.
    pub settings: String,
    /// Whether it is one of the suite's own, as opposed to an anchor.
    pub ours: bool,
}

/// A metric of a [`Run`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct MetricInfo {
    /// Key, as in [`Cell::metrics`].
    pub name: String,
    /// Unit and definition in one line.
    pub about: String,
    /// Whether a larger value is a better picture.
    pub higher_is_better: bool,
}

/// A codec or a metric that the run had to do without.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do to have it.
    pub remedy: String,
}

impl Run {
    /// How much there is of the first file; a run without cells is one of pictures.
    pub(crate) fn extent(&self) -> Extent {
        self.cells.first().map_or(Extent::Picture { width: 0, height: 0 }, |cell| cell.extent)
    }

    /// The unit of [`Cell::cost`] as tables name it, as columns of files name it, and in words.
    pub(crate) fn unit(&self) -> Unit {
        match self.extent() {
            Extent::Picture { .. } | Extent::Clip { .. } => {
                Unit { short: "bpp", column: "bpp", words: "bits per pixel" }
            }
            Extent::Sound { .. } => Unit { short: "kbit/s", column: "kbps", words: "kilobits per second" },
            Extent::Mesh { .. } => Unit { short: "kB", column: "kilobytes", words: "kilobytes" },
            Extent::Cloud { .. } => Unit { short: "bit/point", column: "bits_per_point", words: "bits per point" },
            Extent::Splats { .. } => Unit { short: "B/splat", column: "bytes_per_splat", words: "bytes per splat" },
        }
    }

    /// Whether everything that is computed later is defined.
    ///
    /// # Errors
    /// [`Error::Parameter`]: a codec or a metric that is listed twice, a cell of an unknown codec, two cells at one place, a
    /// file of no bytes, a picture without pixels, pictures beside sounds or shapes, a time that is no number.
    pub(crate) fn check(&self) -> Result<()> {
        let fail = |what: String| Err(Error::Parameter(what));
        let mut codecs = HashSet::new();
        if let Some(twice) = self.codecs.iter().find(|codec| !codecs.insert(codec.name.as_str())) {
            return fail(format!("codec {:?} is listed twice; give each its own name", twice.name));
        }
        let mut metrics = HashSet::new();
        if let Some(twice) = self.metrics.iter().find(|metric| !metrics.insert(metric.name.as_str())) {
            return fail(format!("metric {:?} is listed twice; give each its own name", twice.name));
        }
        if let Some(taken) = self.metrics.iter().find(|metric| TAKEN.contains(&metric.name.as_str())) {
            return fail(format!("metric {:?} has the name of another column; rename it", taken.name));
        }
        let mut places = HashSet::new();
        for cell in &self.cells {
            let place = format!("{:?}, codec {:?}, step {}", cell.file, cell.codec, cell.step);
            if !codecs.contains(cell.codec.as_str()) {
                return fail(format!("{place}: the run lists no such codec"));
            }
            if !places.insert((&cell.file, &cell.codec, cell.step)) {
                return fail(format!("{place}: measured twice; remove one of the two cells"));
            }
            if cell.bytes == 0 || cell.extent.is_empty() {
                return fail(format!("{place}: {} bytes for {}", cell.bytes, cell.extent));
            }
            if !cell.extent.is_like(self.cells[0].extent) {
                return fail(format!(
                    "{place}: a report is of pictures, of sounds or of shapes of one form; make one of each"
                ));
            }
            if !(cell.encode_seconds.is_finite() && cell.decode_seconds.is_finite()) {
                return fail(format!("{place}: a time is not a number"));
            }
        }
        Ok(())
    }
}
