//! CSV (RFC 4180): numbers in full precision, one table a file.

use super::bdrate::BdRate;
use super::rates::{FACTORS, Matched};
use super::run::Run;
use crate::{Error, Extent, Result};

/// One line per cell, a column per metric.
pub(super) fn cells(run: &Run) -> Result<Vec<u8>> {
    let sides: &[&str] = match run.extent() {
        Extent::Picture { .. } => &["width", "height"],
        Extent::Clip { .. } => &["width", "height", "frames"],
        Extent::Sound { .. } => &["seconds"],
        Extent::Mesh { .. } => &["faces"],
        Extent::Cloud { .. } => &["points"],
        Extent::Splats { .. } => &["splats"],
    };
    let costs = ["bytes", run.unit().column, "encode_seconds", "decode_seconds"];
    let fixed = ["file", "codec", "step", "rate"].iter().chain(sides).chain(&costs);
    let head = fixed.copied().map(str::to_owned).chain(run.metrics.iter().map(|metric| metric.name.clone()));
    let line = |cell: &crate::Cell| {
        let mut line = vec![cell.file.clone(), cell.codec.clone(), cell.step.to_string(), cell.rate.clone()];
        match cell.extent {
            Extent::Picture { width, height } => line.extend([width, height].map(|side| side.to_string())),
            Extent::Clip { width, height, frames } => {
                line.extend([width, height, frames].map(|count| count.to_string()));
            }
            Extent::Sound { seconds } => line.push(seconds.to_string()),
            Extent::Mesh { faces: count } | Extent::Cloud { points: count } | Extent::Splats { splats: count } => {
                line.push(count.to_string());
            }
        }
        line.push(cell.bytes.to_string());
        line.extend([cell.cost(), cell.encode_seconds, cell.decode_seconds].map(|value| value.to_string()));
        let value = |name: &str| cell.metrics.get(name).map(f64::to_string).unwrap_or_default();
        line.extend(run.metrics.iter().map(|metric| value(&metric.name)));
        line
    };
    table(head, run.cells.iter().map(line))
}

/// One line per cell, metric and frame that was measured.
pub(super) fn frames(run: &Run) -> Result<Vec<u8>> {
    let head = ["file", "codec", "rate", "metric", "place", "value"].map(str::to_owned);
    let lines = run.cells.iter().flat_map(|cell| {
        cell.by_frame.iter().flat_map(move |(metric, values)| {
            values.iter().enumerate().map(move |(place, value)| {
                let [place, value] = [place.to_string(), value.to_string()];
                vec![cell.file.clone(), cell.codec.clone(), cell.rate.clone(), metric.clone(), place, value]
            })
        })
    });
    table(head.into_iter(), lines)
}

/// One line per anchor, codec and metric; empty numbers where nothing overlaps.
pub(super) fn bd_rates(rows: &[BdRate]) -> Result<Vec<u8>> {
    let head = [
        "anchor",
        "codec",
        "metric",
        "files",
        "overlapping_files",
        "bd_rate_percent",
        "low_95",
        "high_95",
        "overlap",
        "note",
    ];
    let line = |row: &BdRate| {
        let delta = row.delta;
        let interval = delta.and_then(|delta| delta.interval);
        let note = match (row.files, row.overlapping) {
            (0, _) => "no values in common",
            (_, 0) => "no overlap of quality",
            (_, 1) => "one file: no interval",
            _ => "",
        };
        vec![
            row.anchor.clone(),
            row.codec.clone(),
            row.metric.clone(),
            row.files.to_string(),
            row.overlapping.to_string(),
            number(delta.map(|delta| delta.percent)),
            number(interval.map(|interval| interval.0)),
            number(interval.map(|interval| interval.1)),
            number(delta.map(|delta| delta.overlap)),
            note.to_owned(),
        ]
    };
    table(head.into_iter().map(str::to_owned), rows.iter().map(line))
}

/// One line per codec, step, anchor and metric.
pub(super) fn rates(run: &Run, rows: &[Matched]) -> Result<Vec<u8>> {
    let mut head: Vec<String> =
        ["codec", "step", "rate", "anchor", "metric", "files", run.unit().column, "value"].map(str::to_owned).into();
    for factor in FACTORS {
        head.extend(["value", "held_low", "held_high"].map(|what| format!("anchor_{what}_at_{factor}x")));
    }
    head.extend(
        ["byte_factor", "byte_factor_files", "anchor_always_better", "anchor_never_reached"].map(str::to_owned),
    );
    let line = |row: &Matched| {
        let mut line =
            vec![row.codec.clone(), row.step.to_string(), row.rate.clone(), row.anchor.clone(), row.metric.clone()];
        line.extend([row.files.to_string(), row.cost.to_string(), row.value.to_string()]);
        for at in &row.at {
            line.extend([at.value.to_string(), at.held_low.to_string(), at.held_high.to_string()]);
        }
        line.push(number(row.equal.factor));
        line.extend([row.equal.files, row.equal.always_better, row.equal.never_reached].map(|n| n.to_string()));
        line
    };
    table(head.into_iter(), rows.iter().map(line))
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn table(head: impl Iterator<Item = String>, lines: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let failed = |what: &dyn std::fmt::Display| Error::Failed(format!("cannot write a table: {what}"));
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(head).map_err(|e| failed(&e))?;
    for line in lines {
        writer.write_record(line).map_err(|e| failed(&e))?;
    }
    writer.into_inner().map_err(|e| failed(&e))
}
