//! How far two sets of points are apart: the field's distances between points.

use rstar::RTree;
use rstar::primitives::GeomWithData;

use crate::shape::Bounds;

/// Points that a plane goes through.
const NEIGHBOURS: usize = 12;
/// Rounds of finding its normal.
const POWERS: usize = 60;

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

/// D2 as in MPEG's point cloud test conditions, in dB: as D1, of the distances along the normals of the original. Without normals those of planes through
/// a point's neighbours are taken; a decoded point has that of the nearest original. Infinite for equal sets, `None` if one is empty.
pub fn d2_psnr(original: &[[f32; 3]], normals: Option<&[[f32; 3]]>, decoded: &[[f32; 3]]) -> Option<f64> {
    let bounds = Bounds::of(original)?;
    let tree = numbered(original);
    let back = numbered(decoded);
    let normals: Vec<[f64; 3]> = match normals {
        Some(normals) => normals.iter().map(|normal| unit(normal.map(f64::from))).collect(),
        None => original.iter().map(|point| plane(&tree, point.map(f64::from))).collect(),
    };
    let along = |a: [f64; 3], b: [f64; 3], normal: [f64; 3]| {
        (0..3).map(|axis| (a[axis] - b[axis]) * normal[axis]).sum::<f64>().powi(2)
    };
    let mut sums = [0.0; 2];
    for point in original {
        let point = point.map(f64::from);
        let nearest = back.nearest_neighbor(point)?.geom();
        // The nearest original of what is nearest has its normal.
        let normal = normals[tree.nearest_neighbor(*nearest)?.data];
        sums[0] += along(point, *nearest, normal) / original.len() as f64;
    }
    for point in decoded {
        let point = point.map(f64::from);
        let nearest = tree.nearest_neighbor(point)?;
        sums[1] += along(point, *nearest.geom(), normals[nearest.data]) / decoded.len() as f64;
    }
    Some(10.0 * (3.0 * bounds.side().powi(2) / sums[0].max(sums[1])).log10())
}

type Numbered = RTree<GeomWithData<[f64; 3], usize>>;

fn numbered(points: &[[f32; 3]]) -> Numbered {
    RTree::bulk_load(points.iter().enumerate().map(|(n, point)| GeomWithData::new(point.map(f64::from), n)).collect())
}

/// The normal of the plane that fits a point's neighbours best.
fn plane(tree: &Numbered, point: [f64; 3]) -> [f64; 3] {
    let near: Vec<[f64; 3]> = tree.nearest_neighbor_iter(point).take(NEIGHBOURS).map(|near| *near.geom()).collect();
    let count = near.len().max(1) as f64;
    let mean: [f64; 3] = std::array::from_fn(|axis| near.iter().map(|p| p[axis]).sum::<f64>() / count);
    let spread = |i: usize, j: usize| near.iter().map(|p| (p[i] - mean[i]) * (p[j] - mean[j])).sum::<f64>();
    let spread: [[f64; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| spread(i, j)));
    let trace = spread[0][0] + spread[1][1] + spread[2][2];
    // The direction of least spread is that of most of what is left of the trace.
    let mut normal = unit([0.61, 0.53, 0.59]);
    for _ in 0..POWERS {
        normal =
            unit(std::array::from_fn(|i| trace * normal[i] - (0..3).map(|j| spread[i][j] * normal[j]).sum::<f64>()));
    }
    normal
}

fn unit(vector: [f64; 3]) -> [f64; 3] {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 { vector.map(|x| x / length) } else { [0.0, 0.0, 1.0] }
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
    fn along_a_plane_nothing_is_off_and_away_from_it_all_is() {
        let flat: Vec<[f32; 3]> = (0..400).map(|n| [(n % 20) as f32, (n / 20) as f32, 0.0]).collect();
        let moved =
            |by: [f32; 3]| -> Vec<[f32; 3]> { flat.iter().map(|p| [p[0] + by[0], p[1] + by[1], by[2]]).collect() };
        for normals in [None, Some(&vec![[0.0, 0.0, 2.0]; 400][..])] {
            assert!(d2_psnr(&flat, normals, &moved([0.3, 0.2, 0.0])).unwrap() > 100.0);
            let away = d2_psnr(&flat, normals, &moved([0.0, 0.0, 0.5])).unwrap();
            assert!((away - compare(&flat, &moved([0.0, 0.0, 0.5])).unwrap().d1_psnr).abs() < 1e-6, "{away}");
        }
        assert!(d2_psnr(&flat, None, &flat).unwrap().is_infinite() && d2_psnr(&flat, None, &[]).is_none());
    }

    #[test]
    fn equal_sets_are_not_apart() {
        let points = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [3.0, 4.0, 5.0]];
        let distances = compare(&points, &points).unwrap();
        assert_eq!((distances.d1_psnr, distances.hausdorff, distances.f_score), (f64::INFINITY, 0.0, 1.0));
        assert!(compare(&points, &[]).is_none());
    }
}
