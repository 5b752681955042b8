//! How far two surfaces are apart.

use crate::error::{Error, Result};
use crate::shape::{Bounds, Mesh};
use crate::triangles::{Samples, Surface};

/// Points on each surface.
const SAMPLES: usize = 50_000;

/// Distances between surfaces, from points spread evenly over each to the other surface, in diagonals of the original's bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distances {
    /// Mean of the means there and back.
    pub mean: f64,
    /// The greatest, there or back.
    pub hausdorff: f64,
    /// Harmonic mean of the shares of points, there and back, that are within 1 %.
    pub f_score: f64,
    /// Mean of the absolute cosine between the normals at a point and at what is nearest to it, there and back.
    pub normals: f64,
}

/// Compares a mesh with the original.
///
/// # Errors
/// [`Error::Shape`] if one of them has no area.
pub fn compare(original: &Mesh, other: &Mesh) -> Result<Distances> {
    let diagonal = Bounds::of(&original.positions).map_or(0.0, |bounds| bounds.diagonal());
    let there = one_way(original, other, diagonal)?;
    let back = one_way(other, original, diagonal)?;
    let shares = there.close + back.close;
    Ok(Distances {
        mean: (there.mean + back.mean) / 2.0,
        hausdorff: there.greatest.max(back.greatest),
        f_score: if shares > 0.0 { 2.0 * there.close * back.close / shares } else { 0.0 },
        normals: (there.normals + back.normals) / 2.0,
    })
}

struct OneWay {
    mean: f64,
    greatest: f64,
    close: f64,
    normals: f64,
}

fn one_way(from: &Mesh, to: &Mesh, diagonal: f64) -> Result<OneWay> {
    let samples = Samples::new(&from.positions, &from.faces, SAMPLES);
    let surface = Surface::new(&to.positions, &to.faces);
    if to.faces.is_empty() {
        return Err(Error::shape("a mesh without faces has no distance"));
    }
    let mut sum = OneWay { mean: 0.0, greatest: 0.0, close: 0.0, normals: 0.0 };
    for (nearest, &face) in surface.nearest(&samples.points).iter().zip(&samples.faces) {
        let distance = nearest.squared.sqrt() / diagonal;
        sum.mean += distance;
        sum.greatest = sum.greatest.max(distance);
        sum.close += f64::from(distance <= 0.01);
        let (a, b) = (normal(from, face), normal(to, nearest.face));
        sum.normals += (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]).abs();
    }
    match samples.points.len() as f64 {
        count if count > 0.0 => {
            Ok(OneWay { mean: sum.mean / count, close: sum.close / count, normals: sum.normals / count, ..sum })
        }
        _ => Err(Error::shape("a mesh without area has no distance")),
    }
}

/// Of length 1, or 0 for a face without area.
fn normal(mesh: &Mesh, face: usize) -> [f64; 3] {
    let normal = crate::triangles::normal(&crate::triangles::places(&mesh.positions, &mesh.faces[face]));
    let length = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 { normal.map(|x| x / length) } else { normal }
}
