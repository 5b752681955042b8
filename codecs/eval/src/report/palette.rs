//! Colours and markers of codecs, the same in every plot.

use super::run::Run;

/// Light and dark variant of each colour: the first two for the suite's own codecs, the others for anchors.
pub(super) const COLORS: [(&str, &str); 9] = [
    ("#d9480f", "#ff8a4c"),
    ("#c2255c", "#f783ac"),
    ("#1864ab", "#74b3f0"),
    ("#2b8a3e", "#6fcf7f"),
    ("#6741d9", "#b197fc"),
    ("#0b7285", "#4dd0e1"),
    ("#846100", "#e6c34a"),
    ("#a61e4d", "#ffa8c5"),
    ("#495057", "#adb5bd"),
];

const OURS: usize = 2;

/// How a codec is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    /// Index into [`COLORS`].
    pub(super) color: usize,
    /// Index of the marker's shape.
    pub(super) shape: usize,
    /// Whether the line is dashed: when colours come round again.
    pub(super) dashed: bool,
    /// Whether it is one of the suite's own, drawn heavier.
    pub(super) ours: bool,
}

/// One look per codec of the run.
pub(super) fn looks(run: &Run) -> Vec<Look> {
    let (mut ours, mut anchors) = (0, 0);
    let look = |codec: &super::run::CodecInfo| {
        let (n, first, of) = if codec.ours { (&mut ours, 0, OURS) } else { (&mut anchors, OURS, COLORS.len() - OURS) };
        let look = Look {
            color: first + *n % of,
            shape: (first.min(1) + *n) % SHAPES,
            dashed: *n / of % 2 == 1,
            ours: codec.ours,
        };
        *n += 1;
        look
    };
    run.codecs.iter().map(look).collect()
}

const SHAPES: usize = 6;

/// Path of a marker around a point.
pub(super) fn marker(shape: usize, x: f64, y: f64, r: f64) -> String {
    let polygon = |points: &[(f64, f64)]| {
        let corner = |(i, (dx, dy)): (usize, &(f64, f64))| {
            format!("{}{:.1} {:.1}", if i == 0 { 'M' } else { 'L' }, x + dx * r, y + dy * r)
        };
        points.iter().enumerate().map(corner).collect::<String>() + "Z"
    };
    match shape % SHAPES {
        0 => format!("M{:.1} {y:.1}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z", x - r, d = 2.0 * r),
        1 => polygon(&[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]),
        2 => polygon(&[(0.0, -1.2), (1.1, 0.85), (-1.1, 0.85)]),
        3 => polygon(&[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)]),
        4 => polygon(&[(0.0, 1.2), (1.1, -0.85), (-1.1, -0.85)]),
        _ => polygon(&[(0.0, -1.2), (1.1, -0.3), (0.7, 1.0), (-0.7, 1.0), (-1.1, -0.3)]),
    }
}

/// Style rules that give each colour its class, `c0` and so on, for a selector before it; light or dark.
pub(super) fn rules(dark: bool) -> String {
    let rule = |(i, color): (usize, &(&str, &str))| format!(".c{i}{{color:{}}}", if dark { color.1 } else { color.0 });
    COLORS.iter().enumerate().map(rule).collect()
}
