//! How far two sets of points are apart: the field's distances between points.

use crate::shape::Bounds;

/// Distances between an original and what came back, in the units of the coordinates unless said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distances {
    /// D1 as in MPEG's point cloud test conditions: 10 log10(3 p² / e) in dB, p the longest side of the original's box and e the greater of both
    /// mean squared distances to the nearest point. Infinite for equal sets.
    pub d1_psnr: f64,
    /// Mean of both mean distances to the nearest point.
    pub chamfer: f64,
    /// The greatest distance to the nearest point.
    pub hausdorff: f64,
    /// Harmonic mean of the shares of either set's points that have one of the other within 1 % of the original's diagonal.
    pub f_score: f64,
}

/// Compares two sets of points; `None` if one is empty.
///
/// ```
/// let cube = [[0.0, 0.0, 0.0], [10.0, 10.0, 10.0]];
/// let moved = [[0.0, 0.0, 1.0], [10.0, 10.0, 10.0]];
/// let distances = tessera_geometry::metrics::compare(&cube, &moved).unwrap();
/// assert_eq!((distances.chamfer, distances.hausdorff, distances.f_score), (0.5, 1.0, 0.5));
/// assert!((distances.d1_psnr - 27.78).abs() < 0.01);
/// ```
pub fn compare(original: &[[f32; 3]], decoded: &[[f32; 3]]) -> Option<Distances> {
    let bounds = Bounds::of(original)?;
    let near = bounds.diagonal() / 100.0;
    let there = one_way(original, decoded, near)?;
    let back = one_way(decoded, original, near)?;
    let squares = there.squares.max(back.squares);
    let sum = there.within + back.within;
    Some(Distances {
        d1_psnr: 10.0 * (3.0 * bounds.side().powi(2) / squares).log10(),
        chamfer: (there.mean + back.mean) / 2.0,
        hausdorff: there.most.max(back.most),
        f_score: if sum > 0.0 { 2.0 * there.within * back.within / sum } else { 0.0 },
    })
}

struct OneWay {
    squares: f64,
    mean: f64,
    most: f64,
    within: f64,
}

fn one_way(from: &[[f32; 3]], to: &[[f32; 3]], near: f64) -> Option<OneWay> {
    if from.is_empty() || to.is_empty() {
        return None;
    }
    let tree = Tree::new(to);
    let count = from.len() as f64;
    let mut sums = OneWay { squares: 0.0, mean: 0.0, most: 0.0, within: 0.0 };
    for point in from {
        let square = tree.nearest(point);
        sums.squares += square / count;
        sums.mean += square.sqrt() / count;
        sums.most = sums.most.max(square.sqrt());
        sums.within += if square.sqrt() <= near { 1.0 / count } else { 0.0 };
    }
    Some(sums)
}

/// A balanced k-d tree: the middle of a range divides it along its axis, which turns with the depth.
struct Tree {
    points: Vec<[f32; 3]>,
}

impl Tree {
    fn new(points: &[[f32; 3]]) -> Self {
        let mut points = points.to_vec();
        arrange(&mut points, 0);
        Self { points }
    }

    /// Squared distance to the nearest point.
    fn nearest(&self, point: &[f32; 3]) -> f64 {
        let mut best = f64::INFINITY;
        search(&self.points, point, 0, &mut best);
        best
    }
}

fn arrange(points: &mut [[f32; 3]], axis: usize) {
    let middle = points.len() / 2;
    if middle == 0 {
        return;
    }
    points.select_nth_unstable_by(middle, |a, b| a[axis].total_cmp(&b[axis]));
    let (below, above) = points.split_at_mut(middle);
    arrange(below, (axis + 1) % 3);
    arrange(&mut above[1..], (axis + 1) % 3);
}

fn search(points: &[[f32; 3]], point: &[f32; 3], axis: usize, best: &mut f64) {
    let middle = points.len() / 2;
    let Some(here) = points.get(middle) else { return };
    let apart = |axis: usize| f64::from(point[axis]) - f64::from(here[axis]);
    *best = best.min(apart(0).powi(2) + apart(1).powi(2) + apart(2).powi(2));
    let (below, above) = (&points[..middle], &points[middle + 1..]);
    let (first, second) = if apart(axis) < 0.0 { (below, above) } else { (above, below) };
    search(first, point, (axis + 1) % 3, best);
    if apart(axis).powi(2) < *best {
        search(second, point, (axis + 1) % 3, best);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_a_full_search_finds(
            points in prop::collection::vec(prop::array::uniform3(-9f32..9.0), 1..80), point in prop::array::uniform3(-12f32..12.0)
        ) {
            let square = |p: &[f32; 3]| (0..3).map(|a| (f64::from(p[a]) - f64::from(point[a])).powi(2)).sum::<f64>();
            let best = points.iter().map(square).fold(f64::INFINITY, f64::min);
            prop_assert!((Tree::new(&points).nearest(&point) - best).abs() < 1e-9);
        }
    }

    #[test]
    fn equal_sets_are_not_apart() {
        let points = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [3.0, 4.0, 5.0]];
        let distances = compare(&points, &points).unwrap();
        assert_eq!((distances.d1_psnr, distances.hausdorff, distances.f_score), (f64::INFINITY, 0.0, 1.0));
        assert!(compare(&points, &[]).is_none());
    }
}
