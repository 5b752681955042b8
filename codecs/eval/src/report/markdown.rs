//! The tables that belong in a README.

use std::fmt::Write as _;

use super::bdrate::{BdRate, measured};
use super::figures::{self, Decimals};
use super::rates::{At, FACTORS, Matched};
use super::run::Run;

/// BD-rate of every codec of `run` against `anchor`: a row per codec, a column per metric.
///
/// A cell reads `percent (low to high; n)`, with the 95 % interval and the number of files whose ranges of quality overlap.
pub fn bd_rate_table(run: &Run, rows: &[BdRate], anchor: &str) -> String {
    let rows: Vec<BdRate> = rows.iter().filter(|row| row.anchor == anchor).cloned().collect();
    let metrics = measured(run, &rows);
    let mut text = format!("| bytes against {} at equal |", escape(anchor));
    for metric in &metrics {
        let _ = write!(text, " {} |", escape(&metric.name));
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(metrics.len()));
    text.push('\n');
    for codec in run.codecs.iter().filter(|codec| codec.name != anchor) {
        let name = escape(&codec.name);
        let _ = write!(text, "| {} |", if codec.ours { format!("**{name}**") } else { name });
        for metric in &metrics {
            let row = rows.iter().find(|row| row.codec == codec.name && row.metric == metric.name);
            let _ = write!(text, " {} |", row.map(bd_rate).unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

/// One cell of a BD-rate table.
pub(super) fn bd_rate(row: &BdRate) -> String {
    match row.delta {
        None if row.files == 0 => "no values in common".to_owned(),
        None => "no overlap".to_owned(),
        Some(delta) => {
            let interval = match delta.interval {
                Some((low, high)) => format!("{} to {}", figures::percent(low), figures::percent(high)),
                None => "no interval".to_owned(),
            };
            format!("{} % ({interval}; {})", figures::percent(delta.percent), figures::count(row.overlapping, "file"))
        }
    }
}

/// Matched bytes: `held low` and `held high` count the files on which an anchor has no file as small or as large, and its
/// smallest or largest stands in. For each of the suite's codecs and each metric a table, a row per step and anchor.
pub fn rates_table(run: &Run, rows: &[Matched]) -> String {
    let mut text = String::new();
    for codec in run.codecs.iter().filter(|codec| codec.ours) {
        for metric in &run.metrics {
            let rows: Vec<&Matched> =
                rows.iter().filter(|r| r.codec == codec.name && r.metric == metric.name).collect();
            if rows.is_empty() {
                continue;
            }
            let better = if metric.higher_is_better { "higher" } else { "lower" };
            let _ = writeln!(text, "**{}**, {} ({better} is better)\n", escape(&codec.name), escape(&metric.name));
            let _ = write!(text, "| rate | {} | {} | anchor |", run.unit().short, escape(&codec.name));
            for factor in FACTORS {
                let _ = write!(text, " at {factor}× bytes |");
            }
            text.push_str(" bytes for equal |\n|---|--:|--:|---|");
            text.push_str(&"--:|".repeat(FACTORS.len() + 1));
            text.push('\n');
            let decimals = Decimals::of(run, metric);
            for row in rows {
                let names =
                    (escape(&row.rate), figures::cost(row.cost), decimals.write(row.value), escape(&row.anchor));
                let _ = write!(text, "| {} | {} | {} | {} |", names.0, names.1, names.2, names.3);
                for at in &row.at {
                    let _ = write!(text, " {} |", value_at(at, decimals));
                }
                let _ = writeln!(text, " {} |", equal(row));
            }
            text.push('\n');
        }
    }
    text
}

/// An anchor's value and on how many files it was held at an end of its ladder.
pub(super) fn value_at(at: &At, decimals: Decimals) -> String {
    let held = match (at.held_low, at.held_high) {
        (0, 0) => String::new(),
        (low, 0) => format!(" (held low: {low})"),
        (0, high) => format!(" (held high: {high})"),
        (low, high) => format!(" (held low: {low}, high: {high})"),
    };
    decimals.write(at.value) + &held
}

/// The byte factor, and what is known where there is none.
pub(super) fn equal(row: &Matched) -> String {
    let equal = &row.equal;
    let mut parts = Vec::new();
    if let Some(factor) = equal.factor {
        let of = if equal.files == row.files {
            String::new()
        } else {
            format!(" ({})", figures::count(equal.files, "file"))
        };
        parts.push(format!("{}×{of}", figures::factor(factor)));
    }
    if equal.always_better > 0 {
        parts.push(format!("always better on {}", equal.always_better));
    }
    if equal.never_reached > 0 {
        parts.push(format!("never reached on {}", equal.never_reached));
    }
    parts.join(", ")
}

/// Text that Markdown leaves alone, on one line.
fn escape(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => safe.push(' '),
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_name_cannot_leave_its_cell() {
        assert_eq!(escape("a|b\n<img> _x_"), "a\\|b &lt;img> \\_x\\_");
    }
}
