//! Cells to tables, plots and one page.
//!
//! ```text
//!              ┌─▶ cells.csv
//! Run ─ Index ─┼─▶ Ladder, Trace (means) ──▶ results/<codec>.json, plots/<metric>.svg
//!              └─▶ Curve (per file) ─┬─▶ BdRate ──▶ bdrate.csv, bdrate.md
//!                                    └─▶ Matched ─▶ rates.csv, rates.md
//! all of these, and Gallery (pictures) or Sounds ──▶ index.html
//! ```
//!
//! The page is a list of sections, and one of which a run has nothing is left out. A further medium is a further section:
//! its cells' artefacts, a part of `page.html` between two marks, and its name in `Page::html`.

mod axis;
mod bdrate;
mod bootstrap;
mod curve;
mod escape;
mod figures;
mod frames;
mod gallery;
mod index;
mod markdown;
mod means;
mod output;
mod page;
mod palette;
mod pchip;
mod plot;
mod rates;
mod results;
mod run;
mod sections;
mod sounds;
mod spectrogram;
mod tables;

use std::path::{Path, PathBuf};

pub use bdrate::{BdRate, Delta, bd_rates};
pub use gallery::original;
pub use markdown::{bd_rate_table, rates_table};
pub use rates::{At, Equal, FACTORS, Matched, matched};
pub use run::{CodecInfo, MetricInfo, Missing, Run};

use crate::{Extent, Result};
use index::Index;
use output::Output;
use page::Page;

/// Files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Paths, in the order in which they were written.
    pub files: Vec<PathBuf>,
}

/// Writes the report of `run` into the folder `out`, which is made if need be; each file appears whole or not at all.
///
/// `kept` holds what [`Cell::kept`](crate::Cell::kept) names, and the originals where [`original`] says. Cells of which nothing was
/// kept leave no mark among the pictures or sounds of the page; without any there is no such section.
///
/// # Errors
/// [`Error::Parameter`](crate::Error::Parameter) where the run contradicts itself, [`Error::Io`](crate::Error::Io) where a
/// file cannot be read or written.
pub fn write(run: &Run, kept: &Path, out: &Path) -> Result<Written> {
    run.check()?;
    let index = Index::new(run);
    let mut output = Output::new(out);
    output.write("cells.csv", &tables::cells(run)?)?;
    let stems = output::stems(run.codecs.iter().map(|codec| codec.name.as_str()));
    for (codec, stem) in stems.iter().enumerate() {
        output.write(&format!("results/{stem}.json"), results::json(&index, codec).as_bytes())?;
    }
    let looks = palette::looks(run);
    let names = output::stems(run.metrics.iter().map(|metric| metric.name.as_str()));
    let plots = run
        .metrics
        .iter()
        .zip(names)
        .filter_map(|(metric, stem)| Some((plot::Plot::new(&index, metric, &looks)?, stem)));
    let plots: Vec<_> = plots.collect();
    for (plot, stem) in &plots {
        output.write(&format!("plots/{stem}.svg"), plot.standalone().as_bytes())?;
    }
    let bd_rates = bd_rates(run);
    output.write("bdrate.csv", &tables::bd_rates(&bd_rates)?)?;
    if let Some(anchor) = bdrate::default_anchor(run) {
        output.write("bdrate.md", bd_rate_table(run, &bd_rates, anchor).as_bytes())?;
    }
    let matched = matched(run);
    output.write("rates.csv", &tables::rates(run, &matched)?)?;
    output.write("rates.md", rates_table(run, &matched).as_bytes())?;
    let plots = plots.iter().map(|(plot, _)| plot).collect();
    let (gallery, sounds) = match run.extent() {
        Extent::Sound { .. } => (None, sounds::sounds(&index, kept)?),
        // Videos are not kept.
        Extent::Clip { .. } => (None, None),
        Extent::Picture { .. } | Extent::Mesh { .. } | Extent::Cloud { .. } | Extent::Splats { .. } => {
            (gallery::gallery(&index, kept)?, None)
        }
    };
    let frames = frames::frames(&index, &looks);
    if frames.is_some() {
        output.write("frames.csv", &tables::frames(run)?)?;
    }
    let page = Page { run, looks: &looks, plots, bd_rates: &bd_rates, matched: &matched, gallery, sounds, frames };
    output.write("index.html", page.html().as_bytes())?;
    Ok(Written { files: output.finish() })
}
