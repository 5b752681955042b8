//! Parts of the page as HTML. Every text from outside passes through [`markup`].

use std::fmt::Write as _;

use super::bdrate::{BdRate, measured};
use super::escape::markup;
use super::figures::{self, Decimals};
use super::markdown;
use super::palette::{self, Look};
use super::plot::{self, Plot, Size};
use super::rates::{FACTORS, Matched};
use super::run::Run;

/// Rows of the table of files; more are in the CSV.
const MOST_ROWS: usize = 3000;

/// The drawing on a wide page and that on a phone.
const SIZES: [(&str, Size); 2] = [
    ("wide", Size { width: 520.0, height: 340.0, text: 13.0 }),
    ("narrow", Size { width: 350.0, height: 290.0, text: 12.0 }),
];

/// A marker with a line, for legends.
fn swatch(look: Look) -> String {
    let marker = palette::marker(look.shape, 14.0, 7.0, 4.5);
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 28 14\" aria-hidden=\"true\" focusable=\"false\"><g class=\"{}\">\
         <path class=\"line\" d=\"M0 7H28\"/><path class=\"mark\" d=\"{marker}\"/></g></svg>",
        plot::class(look)
    )
}

/// Check boxes that show and hide codecs in the plots.
pub(super) fn toggles(run: &Run, looks: &[Look]) -> String {
    let toggle = |(i, (codec, look)): (usize, (&super::run::CodecInfo, &Look))| {
        let ours = if codec.ours { " <em>ours</em>" } else { "" };
        let name = markup(&codec.name);
        format!(
            "<label class=\"toggle\"><input type=\"checkbox\" checked data-codec=\"{i}\">{}<span>{name}</span>{ours}</label>\n",
            swatch(*look)
        )
    };
    run.codecs.iter().zip(looks).enumerate().map(toggle).collect()
}

/// One figure per metric, with its values as a table below.
pub(super) fn plots(plots: &[&Plot<'_>]) -> String {
    let mut html = String::new();
    for plot in plots {
        let name = markup(&plot.metric.name);
        let _ = writeln!(
            html,
            "<figure class=\"plot\"><figcaption><h3>{name}</h3><p>{}, mean over {}</p></figcaption>\n\
             <div class=\"chart\" tabindex=\"0\" role=\"group\" aria-label=\"{name} over {}; arrow keys go from point to point\">",
            plot.direction(),
            plot.files(),
            plot.unit.words
        );
        for (class, size) in SIZES {
            let _ = write!(html, "<div class=\"{class}\">{}</div>", plot.embedded(size));
        }
        html.push_str("<div class=\"tip\" role=\"status\" hidden></div></div>\n<details><summary>Values</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Values\">");
        let _ = write!(
            html,
            "<table><thead><tr><th scope=\"col\">codec</th><th scope=\"col\">rate</th><th scope=\"col\" class=\"n\">{}</th><th scope=\"col\" class=\"n\">{name}</th></tr></thead><tbody>",
            plot.unit.short
        );
        for series in &plot.series {
            for (rate, cost, value) in &series.trace.points {
                let (codec, rate) = (markup(series.name), markup(rate));
                let (cost, value) = (figures::cost(*cost), plot.decimals.write(*value));
                let _ = write!(
                    html,
                    "<tr><td>{codec}</td><td>{rate}</td><td class=\"n\">{cost}</td><td class=\"n\">{value}</td></tr>"
                );
            }
        }
        html.push_str("</tbody></table></div></details></figure>\n");
    }
    html
}

/// Choices of a `<select>`.
pub(super) fn options<'n>(names: impl Iterator<Item = &'n str>, chosen: Option<&str>) -> String {
    let option = |(i, name): (usize, &str)| {
        let selected = if chosen == Some(name) { " selected" } else { "" };
        format!("<option value=\"{i}\"{selected}>{}</option>", markup(name))
    };
    names.enumerate().map(option).collect()
}

/// A table per anchor, all but that of `chosen` hidden.
pub(super) fn bd_rates(run: &Run, rows: &[BdRate], chosen: &str) -> String {
    let mut html = String::new();
    let metrics = measured(run, rows);
    for (a, anchor) in run.codecs.iter().enumerate() {
        let hidden = if anchor.name == chosen { "" } else { " hidden" };
        let name = markup(&anchor.name);
        let _ = write!(
            html,
            "<table data-anchor=\"{a}\"{hidden}><caption>Bytes against {name} at equal quality</caption><thead><tr><th scope=\"col\">codec</th>"
        );
        for metric in &metrics {
            let _ = write!(html, "<th scope=\"col\" class=\"n\">{}</th>", markup(&metric.name));
        }
        html.push_str("</tr></thead><tbody>");
        for codec in run.codecs.iter().filter(|codec| codec.name != anchor.name) {
            let ours = if codec.ours { " class=\"own\"" } else { "" };
            let _ = write!(html, "<tr{ours}><th scope=\"row\">{}</th>", markup(&codec.name));
            for metric in &metrics {
                let row =
                    rows.iter().find(|r| r.anchor == anchor.name && r.codec == codec.name && r.metric == metric.name);
                html.push_str(&row.map(bd_rate).unwrap_or_else(|| "<td></td>".to_owned()));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>\n");
    }
    html
}

fn bd_rate(row: &BdRate) -> String {
    let Some(delta) = row.delta else {
        let why = if row.files == 0 { "no values in common" } else { "no overlap" };
        return format!("<td class=\"n none\">{why}</td>");
    };
    // Coloured only where the interval says which of the two is smaller.
    let class = match delta.interval {
        Some((_, high)) if high < 0.0 => " fewer",
        Some((low, _)) if low > 0.0 => " more",
        _ => "",
    };
    let interval = match delta.interval {
        Some((low, high)) => format!("{} to {}", figures::percent(low), figures::percent(high)),
        None => "no interval".to_owned(),
    };
    let of = if row.overlapping < row.files {
        format!("{} of {}", row.overlapping, row.files)
    } else {
        row.files.to_string()
    };
    let noun = if row.files == 1 { "file" } else { "files" };
    let overlap = (100.0 * delta.overlap).round();
    format!(
        "<td class=\"n{class}\"><b>{} %</b><small>{interval}</small><small>{of} {noun}, overlap {overlap} %</small></td>",
        figures::percent(delta.percent)
    )
}

/// A table per codec of ours and metric, all but the first hidden.
pub(super) fn rates(run: &Run, rows: &[Matched]) -> String {
    let mut html = String::new();
    for (c, codec) in run.codecs.iter().enumerate().filter(|(_, codec)| codec.ours) {
        for (m, metric) in run.metrics.iter().enumerate() {
            let rows: Vec<&Matched> =
                rows.iter().filter(|r| r.codec == codec.name && r.metric == metric.name).collect();
            let hidden = if html.is_empty() { "" } else { " hidden" };
            let decimals = Decimals::of(run, metric);
            let (name, own) = (markup(&metric.name), markup(&codec.name));
            let better = if metric.higher_is_better { "higher" } else { "lower" };
            let _ = write!(
                html,
                "<table data-own=\"{c}\" data-metric=\"{m}\"{hidden}><caption>{name}, {better} is better</caption><thead><tr><th scope=\"col\">{own}</th><th scope=\"col\" class=\"n\">{}</th><th scope=\"col\" class=\"n\">{name}</th><th scope=\"col\">anchor</th>",
                run.unit().short
            );
            for factor in FACTORS {
                let _ = write!(html, "<th scope=\"col\" class=\"n\">at {factor}× bytes</th>");
            }
            html.push_str("<th scope=\"col\" class=\"n\">bytes for equal</th></tr></thead><tbody>");
            let mut last = None;
            for row in rows {
                let first = last.replace(row.step) != Some(row.step);
                let (class, rate, cost, value) = (
                    if first { " class=\"first\"" } else { "" },
                    markup(&row.rate),
                    figures::cost(row.cost),
                    decimals.write(row.value),
                );
                let _ = write!(
                    html,
                    "<tr{class}><td>{rate}</td><td class=\"n\">{cost}</td><td class=\"n\"><b>{value}</b></td><td>{}</td>",
                    markup(&row.anchor)
                );
                for at in &row.at {
                    let text = markdown::value_at(at, decimals);
                    let (value, held) = text
                        .split_once(" (")
                        .map_or((text.as_str(), ""), |(value, held)| (value, held.trim_end_matches(')')));
                    let _ = write!(html, "<td class=\"n\">{value}<small>{held}</small></td>");
                }
                let _ = write!(html, "<td class=\"n\">{}</td></tr>", markdown::equal(row));
            }
            if last.is_none() {
                let _ = write!(
                    html,
                    "<tr><td colspan=\"{}\" class=\"none\">No file has this metric from both.</td></tr>",
                    5 + FACTORS.len()
                );
            }
            html.push_str("</tbody></table>\n");
        }
    }
    html
}

/// The table of files.
pub(super) fn cells(run: &Run) -> String {
    let metrics: Vec<_> = run.metrics.iter().map(|metric| (metric, Decimals::of(run, metric))).collect();
    let mut html = String::from("<table id=\"cells\"><thead><tr>");
    let head = |name: &str, number: bool| {
        let class = if number { " class=\"n\"" } else { "" };
        format!("<th scope=\"col\"{class} aria-sort=\"none\"><button type=\"button\">{}</button></th>", markup(name))
    };
    html.extend(["file", "codec", "rate"].map(|name| head(name, false)));
    html.extend(["bytes", run.unit().short].map(|name| head(name, true)));
    html.extend(metrics.iter().map(|(metric, _)| head(&metric.name, true)));
    html.extend(["encode", "decode"].map(|name| head(name, true)));
    html.push_str("</tr></thead><tbody>\n");
    let number = |value: f64, text: &str| format!("<td class=\"n\" data-v=\"{value}\">{text}</td>");
    let place = |name: &str| run.codecs.iter().position(|codec| codec.name == name).unwrap_or_default();
    for cell in run.cells.iter().take(MOST_ROWS) {
        let _ = write!(
            html,
            "<tr data-codec=\"{}\"><th scope=\"row\">{}</th><td>{}</td>",
            place(&cell.codec),
            markup(&cell.file),
            markup(&cell.codec)
        );
        let _ = write!(html, "<td data-v=\"{}\">{}</td>", cell.step, markup(&cell.rate));
        html.push_str(&number(cell.bytes as f64, &figures::bytes(cell.bytes)));
        html.push_str(&number(cell.cost(), &figures::cost(cell.cost())));
        for (metric, decimals) in &metrics {
            match cell.metrics.get(&metric.name) {
                Some(&value) => html.push_str(&number(value, &decimals.write(value))),
                None => html.push_str("<td class=\"n none\">n/a</td>"),
            }
        }
        html.extend([cell.encode_seconds, cell.decode_seconds].map(|value| number(value, &figures::seconds(value))));
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>");
    html
}

/// How many rows the table of files has of how many.
pub(super) fn rows_shown(run: &Run) -> String {
    match run.cells.len() {
        n if n > MOST_ROWS => format!("The first {MOST_ROWS} of {n} measurements; all are in cells.csv."),
        n => format!("All {}.", figures::count(n, "measurement")),
    }
}

/// What failed and what is missing; empty for nothing.
pub(super) fn troubles(run: &Run) -> String {
    let mut html = String::new();
    if !run.missing.is_empty() {
        html.push_str("<h3>Not at hand</h3><ul class=\"troubles\">");
        for missing in &run.missing {
            let _ = write!(
                html,
                "<li><b>{}</b> {}<br><small>{}</small></li>",
                markup(&missing.what),
                markup(&missing.why),
                markup(&missing.remedy)
            );
        }
        html.push_str("</ul>");
    }
    if !run.failures.is_empty() {
        html.push_str("<h3>Failed</h3><ul class=\"troubles\">");
        for failure in &run.failures {
            let rate = failure.rate.as_deref().map(|rate| format!(", {}", markup(rate))).unwrap_or_default();
            let _ = write!(
                html,
                "<li><b>{}</b> {}{rate}<br><small>{}</small></li>",
                markup(&failure.file),
                markup(&failure.codec),
                markup(&failure.what)
            );
        }
        html.push_str("</ul>");
    }
    html
}

/// Names and one line on each.
pub(super) fn definitions<'n>(items: impl Iterator<Item = (&'n str, &'n str, &'n str)>) -> String {
    let item = |(name, mark, text): (&str, &str, &str)| {
        let mark = if mark.is_empty() { String::new() } else { format!(" <em>{mark}</em>") };
        format!("<div><dt>{}{mark}</dt><dd>{}</dd></div>", markup(name), markup(text))
    };
    items.map(item).collect()
}
