//! Rate against distortion as SVG.

use std::fmt::Write as _;

use super::axis::Axis;
use super::escape::markup;
use super::figures::{self, Decimals};
use super::index::Index;
use super::means::{Trace, trace};
use super::palette::{self, Look};
use super::run::{MetricInfo, Unit};

/// One metric over all codecs: what a plot shows.
pub(super) struct Plot<'r> {
    pub(super) metric: &'r MetricInfo,
    pub(super) series: Vec<Series<'r>>,
    pub(super) decimals: Decimals,
    pub(super) unit: Unit,
}

/// One codec in a plot.
pub(super) struct Series<'r> {
    /// Position of the codec in the run.
    pub(super) codec: usize,
    pub(super) name: &'r str,
    look: Look,
    pub(super) trace: Trace,
}

/// Sides of a drawing and the height of its text, in its own units.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) text: f64,
}

/// Where the axes end, in units of the drawing.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl<'r> Plot<'r> {
    /// `None` where no codec has a point.
    pub(super) fn new(index: &Index<'r>, metric: &'r MetricInfo, looks: &[Look]) -> Option<Self> {
        let codecs = index.run.codecs.iter().zip(looks).enumerate();
        let series = codecs.map(|(codec, (info, &look))| Series {
            codec,
            name: &info.name,
            look,
            trace: trace(index, codec, metric),
        });
        let series: Vec<_> = series.filter(|series| !series.trace.points.is_empty()).collect();
        (!series.is_empty()).then(|| Self {
            metric,
            series,
            decimals: Decimals::of(index.run, metric),
            unit: index.run.unit(),
        })
    }

    /// Number of files that the means are taken over.
    pub(super) fn files(&self) -> String {
        let counts = self.series.iter().map(|series| series.trace.files);
        let (low, high) = counts.fold((usize::MAX, 0), |(low, high), n| (low.min(n), high.max(n)));
        if low == high { figures::count(low, "file") } else { format!("{low} to {high} files, by codec") }
    }

    /// `higher is better` or the reverse.
    pub(super) fn direction(&self) -> &'static str {
        if self.metric.higher_is_better { "higher is better" } else { "lower is better" }
    }

    /// A file of its own: title, legend, background, colours of light and dark.
    pub(super) fn standalone(&self) -> String {
        let size = Size { width: 800.0, height: 0.0, text: 14.0 };
        let legend = self.legend(size);
        let frame = Frame { left: 72.0, right: 772.0, top: 84.0, bottom: 444.0 };
        let height = frame.bottom + 66.0 + 24.0 * legend.len() as f64;
        let size = Size { height, ..size };
        let (name, unit) = (markup(&self.metric.name), self.unit.words);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" width=\"800\" height=\"{height}\" \
             font-family=\"system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif\" role=\"img\" \
             aria-label=\"{name} over {unit}\">\n<title>{name} over {unit}</title>\n<desc>{}</desc>\n<style>{}</style>\n",
            markup(&self.metric.about),
            style()
        );
        let _ = writeln!(
            svg,
            "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"799\" height=\"{}\" rx=\"10\"/>",
            height - 1.0
        );
        let _ = writeln!(
            svg,
            "<text class=\"strong\" x=\"28\" y=\"38\" font-size=\"20\" font-weight=\"650\">{name}</text>"
        );
        let under = format!("{}, mean over {}", self.direction(), self.files());
        let _ = writeln!(svg, "<text class=\"soft\" x=\"28\" y=\"62\" font-size=\"14\">{under}</text>");
        self.drawing(&mut svg, size, &frame);
        for (row, entries) in legend.iter().enumerate() {
            let y = frame.bottom + 66.0 + 24.0 * row as f64;
            for &(i, x) in entries {
                let series = &self.series[i];
                let look = series.look;
                let _ = writeln!(
                    svg,
                    "<g class=\"{}\"><path class=\"line\" d=\"M{x} {y}h28\"/><path class=\"mark\" d=\"{}\"/></g>\
                     <text class=\"{}\" x=\"{}\" y=\"{}\" font-size=\"14\">{}</text>",
                    class(look),
                    palette::marker(look.shape, x + 14.0, y, 4.5),
                    if look.ours { "strong" } else { "soft" },
                    x + 36.0,
                    y + 5.0,
                    markup(&shorten(series.name))
                );
            }
        }
        svg + "</svg>\n"
    }

    /// For a page that has heading, legend and styles; each marker says its values in `data-` attributes.
    pub(super) fn embedded(&self, size: Size) -> String {
        let t = size.text;
        let frame = Frame { left: 4.0 * t, right: size.width - t, top: 0.8 * t, bottom: size.height - 3.4 * t };
        let mut svg =
            format!("<svg viewBox=\"0 0 {} {}\" aria-hidden=\"true\" focusable=\"false\">\n", size.width, size.height);
        self.drawing(&mut svg, size, &frame);
        svg + "</svg>\n"
    }

    /// Rows of the legend: `(series, x)`.
    fn legend(&self, size: Size) -> Vec<Vec<(usize, f64)>> {
        let mut rows = vec![Vec::new()];
        let mut x = 28.0;
        for (i, series) in self.series.iter().enumerate() {
            // Without a font at hand: a little more than the mean width of a letter.
            let width = 36.0 + 0.6 * size.text * shorten(series.name).chars().count() as f64 + 26.0;
            if x + width > size.width && x > 28.0 {
                rows.push(Vec::new());
                x = 28.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((i, x));
            }
            x += width;
        }
        rows
    }

    fn drawing(&self, svg: &mut String, size: Size, frame: &Frame) {
        let points = || self.series.iter().flat_map(|series| &series.trace.points);
        let (width, height, t) = (frame.right - frame.left, frame.bottom - frame.top, size.text);
        let across = Axis::logarithmic(points().map(|p| p.1), (width / (4.2 * t)) as usize);
        let up = Axis::linear(points().map(|p| p.2), (height / (4.0 * t)) as usize);
        let x = |cost: f64| frame.left + width * across.place(cost);
        let y = |value: f64| frame.bottom - height * up.place(value);
        let _ = writeln!(svg, "<g class=\"axes\" font-size=\"{t}\">");
        for &tick in &across.ticks {
            let (at, label) = (x(tick), across.label(tick));
            let _ = write!(svg, "<path class=\"grid\" d=\"M{at:.1} {}V{}\"/>", frame.top, frame.bottom);
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                frame.bottom + 1.5 * t
            );
        }
        for &tick in &up.ticks {
            let (at, label) = (y(tick), up.label(tick));
            let _ = write!(svg, "<path class=\"grid\" d=\"M{} {at:.1}H{}\"/>", frame.left, frame.right);
            let (right, middle) = (frame.left - 0.6 * t, at + 0.35 * t);
            let _ = writeln!(svg, "<text x=\"{right:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{label}</text>");
        }
        let _ = writeln!(svg, "<path class=\"base\" d=\"M{} {}H{}\"/>", frame.left, frame.bottom, frame.right);
        let (middle, under) = (frame.left + width / 2.0, frame.bottom + 2.95 * t);
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{under:.1}\" text-anchor=\"middle\">{}, log scale</text></g>",
            self.unit.words
        );
        // The suite's own codecs last, on top of the others.
        for series in self.series.iter().filter(|s| !s.look.ours).chain(self.series.iter().filter(|s| s.look.ours)) {
            let _ = write!(svg, "<g class=\"series {}\" data-codec=\"{}\">", class(series.look), series.codec);
            let corner = |(i, p): (usize, &(String, f64, f64))| {
                format!("{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x(p.1), y(p.2))
            };
            let line: String = series.trace.points.iter().enumerate().map(corner).collect();
            let _ = write!(svg, "<path class=\"line\" d=\"{line}\"/>");
            for (rate, cost, value) in &series.trace.points {
                let radius = if series.look.ours { 0.36 * t } else { 0.3 * t };
                let _ = write!(
                    svg,
                    "<path class=\"mark\" data-rate=\"{}\" data-cost=\"{}\" data-value=\"{}\" d=\"{}\"/>",
                    markup(rate),
                    figures::cost(*cost),
                    self.decimals.write(*value),
                    palette::marker(series.look.shape, x(*cost), y(*value), radius)
                );
            }
            svg.push_str("</g>\n");
        }
    }
}

pub(super) fn class(look: Look) -> String {
    format!("c{}{}{}", look.color, if look.ours { " ours" } else { "" }, if look.dashed { " dashed" } else { "" })
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= 40 { name.to_owned() } else { name.chars().take(39).chain(['…']).collect() }
}

fn style() -> String {
    format!(
        ".card{{fill:#fff;stroke:#dfe2e6}}text{{fill:#555d66}}.strong{{fill:#16191d}}.soft{{fill:#454c54}}\
         .grid{{stroke:#e9ecef;fill:none}}.base{{stroke:#868e96;fill:none}}\
         .line{{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}}\
         .mark{{fill:currentColor;stroke:#fff;stroke-width:1}}.ours .line{{stroke-width:3.2}}.dashed .line{{stroke-dasharray:7 5}}{}\
         @media(prefers-color-scheme:dark){{.card{{fill:#14171b;stroke:#31363d}}text{{fill:#a7b0ba}}.strong{{fill:#f1f3f5}}\
         .soft{{fill:#c6ccd3}}.grid{{stroke:#262b31}}.base{{stroke:#79828c}}.mark{{stroke:#14171b}}{}}}",
        palette::rules(false),
        palette::rules(true)
    )
}
