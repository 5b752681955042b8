//! How quality goes from frame to frame, of videos.

use std::fmt::Write as _;

use super::escape::markup;
use super::figures;
use super::index::Index;
use super::palette::Look;
use super::plot;
use crate::Cell;

/// Bits per pixel at which codecs are shown side by side: each at its rate nearest to it.
const SHOWN_AT: f64 = 0.01;
/// Sides of a drawing.
const SIDES: (f64, f64) = (520.0, 220.0);
/// Room for the numbers at its left and below.
const ROOM: (f64, f64) = (56.0, 22.0);

/// A figure for each file and metric that was measured frame by frame; `None` where none was.
pub(super) fn frames(index: &Index<'_>, looks: &[Look]) -> Option<String> {
    let mut html = String::new();
    for &file in &index.files {
        for metric in &index.run.metrics {
            let curves: Vec<(&Cell, Look, &[f64])> = looks
                .iter()
                .enumerate()
                .filter_map(|(codec, look)| {
                    let cells = index.files_of(codec).get(file)?.values();
                    let far = |cell: &&Cell| (cell.cost() / SHOWN_AT).ln().abs();
                    let near = cells.copied().min_by(|a, b| far(a).total_cmp(&far(b)))?;
                    Some((near, *look, near.by_frame.get(&metric.name)?.as_slice()))
                })
                .collect();
            if !curves.is_empty() {
                figure(&mut html, file, &metric.name, &curves);
            }
        }
    }
    (!html.is_empty()).then_some(html)
}

fn figure(html: &mut String, file: &str, metric: &str, curves: &[(&Cell, Look, &[f64])]) {
    let values = || curves.iter().flat_map(|(.., values)| values.iter().copied());
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let range = if high > low { high - low } else { 1.0 };
    let (width, height) = (SIDES.0 - ROOM.0 - 8.0, SIDES.1 - ROOM.1 - 8.0);
    let name = markup(metric);
    let _ = write!(
        html,
        "<figure class=\"plot\"><figcaption><h3>{}: {name}</h3><p>frame by frame, each codec at its rate nearest to {SHOWN_AT} bpp: {}</p></figcaption>\
         <svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{name} frame by frame\"><g class=\"axes\">\
         <text x=\"{x}\" y=\"16\" text-anchor=\"end\" font-size=\"12\" fill=\"currentColor\">{}</text>\
         <text x=\"{x}\" y=\"{y}\" text-anchor=\"end\" font-size=\"12\" fill=\"currentColor\">{}</text></g>",
        markup(file),
        legend(curves),
        SIDES.0,
        SIDES.1,
        short(high),
        short(low),
        x = ROOM.0 - 6.0,
        y = 8.0 + height,
    );
    for (_, look, values) in curves {
        let step = width / values.len().saturating_sub(1).max(1) as f64;
        let point = |(n, value): (usize, &f64)| {
            let (x, y) = (ROOM.0 + step * n as f64, 8.0 + height * (high - value) / range);
            format!("{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' })
        };
        let path: String = values.iter().enumerate().map(point).collect();
        let _ =
            write!(html, "<g class=\"{}\"><path class=\"line\" fill=\"none\" d=\"{path}\"/></g>", plot::class(*look));
    }
    html.push_str("</svg></figure>\n");
}

fn legend(curves: &[(&Cell, Look, &[f64])]) -> String {
    let entry = |(cell, ..): &(&Cell, Look, &[f64])| {
        format!("{} {} ({} bpp)", markup(&cell.codec), markup(&cell.rate), figures::cost(cell.cost()))
    };
    curves.iter().map(entry).collect::<Vec<_>>().join(", ")
}

fn short(value: f64) -> String {
    if value.abs() >= 10.0 { format!("{value:.1}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Extent;
    use crate::report::palette::looks;
    use crate::report::{CodecInfo, MetricInfo, Run};

    #[test]
    fn each_codec_is_drawn_at_its_rate_nearest_to_a_hundredth() {
        let cell = |codec: &str, step: u32, bytes: u64| Cell {
            file: "a.mp4".to_owned(),
            codec: codec.to_owned(),
            rate: format!("rate {step}"),
            step,
            extent: Extent::Clip { width: 100, height: 100, frames: 4 },
            bytes,
            encode_seconds: 0.0,
            decode_seconds: 0.0,
            peak_bytes: None,
            metrics: BTreeMap::from([("psnr".to_owned(), 30.0)]),
            by_frame: BTreeMap::from([("psnr".to_owned(), vec![29.0, 31.0, 30.0, f64::from(30 + step)])]),
            kept: None,
        };
        let codec = |name: &str| CodecInfo { name: name.to_owned(), ours: name == "x", ..CodecInfo::default() };
        let metric = MetricInfo { name: "psnr".to_owned(), higher_is_better: true, ..MetricInfo::default() };
        let run = Run {
            codecs: vec![codec("x"), codec("y")],
            metrics: vec![metric],
            // 0.002, 0.01 and 0.1 bits per pixel.
            cells: vec![cell("x", 0, 10), cell("x", 1, 50), cell("y", 0, 500)],
            ..Run::default()
        };
        let html = frames(&Index::new(&run), &looks(&run)).unwrap();
        assert!(html.contains("x rate 1") && html.contains("y rate 0") && !html.contains("x rate 0"), "{html}");
        assert_eq!(html.matches("<path").count(), 2);
        let bare = Run { cells: vec![], ..run };
        assert_eq!(frames(&Index::new(&bare), &looks(&bare)), None);
    }
}
