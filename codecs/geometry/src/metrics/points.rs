//! How far two sets of points are apart: the field's distances between points.

use rstar::RTree;

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
/// let distances = tessera_geometry::metrics::points::compare(&cube, &moved).unwrap();
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
    let tree = RTree::bulk_load(to.iter().map(|point| point.map(f64::from)).collect());
    let count = from.len() as f64;
    let mut sums = OneWay { squares: 0.0, mean: 0.0, most: 0.0, within: 0.0 };
    for point in from {
        let point = point.map(f64::from);
        let nearest = tree.nearest_neighbor(point)?;
        let square: f64 = (0..3).map(|axis| (point[axis] - nearest[axis]).powi(2)).sum();
        sums.squares += square / count;
        sums.mean += square.sqrt() / count;
        sums.most = sums.most.max(square.sqrt());
        sums.within += if square.sqrt() <= near { 1.0 / count } else { 0.0 };
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn cloud() -> impl Strategy<Value = Vec<[f32; 3]>> {
        prop::collection::vec(prop::array::uniform3(-9f32..9.0), 1..60)
    }

    proptest! {
        #[test]
        fn the_greatest_distance_is_that_of_a_full_search(one in cloud(), other in cloud()) {
            let apart = |a: &[f32; 3], b: &[f32; 3]| (0..3).map(|n| (f64::from(a[n]) - f64::from(b[n])).powi(2)).sum::<f64>().sqrt();
            let way = |from: &[[f32; 3]], to: &[[f32; 3]]| {
                let nearest = |a| to.iter().map(|b| apart(a, b)).fold(f64::INFINITY, f64::min);
                from.iter().map(nearest).fold(0.0, f64::max)
            };
            let found = compare(&one, &other).unwrap().hausdorff;
            prop_assert!((found - way(&one, &other).max(way(&other, &one))).abs() < 1e-9);
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
