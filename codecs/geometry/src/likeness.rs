//! How like the original a mesh is: what the choice between meshes of one size goes by.

use std::cmp::Ordering;

use crate::shape::{Bounds, Mesh};
use crate::triangles::{Samples, Surface};

/// Points by which surfaces are compared.
const SAMPLES: usize = 10_000;
/// A distance that is near, in diagonals: that of the field's F-score.
const NEAR: f64 = 0.01;
/// F-scores that differ by less are equal.
const EQUAL: f64 = 0.0005;

/// A mesh that others are compared with.
pub(crate) struct Original {
    surface: Surface,
    pub samples: Samples,
    /// Of its bounds.
    pub diagonal: f64,
}

/// How like the original a mesh is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    /// Sum of the mean distances there and back, in diagonals.
    pub error: f64,
    /// Harmonic mean of the shares of either surface that are near the other.
    pub f_score: f64,
}

impl Likeness {
    /// Orders what is better first: more of the surface near the original's, then a lesser distance.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |likeness: &Self| -((likeness.f_score / EQUAL).round() as i64);
        rank(self).cmp(&rank(other)).then(self.error.total_cmp(&other.error))
    }
}

impl Original {
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            surface: Surface::new(&mesh.positions, &mesh.faces),
            samples: Samples::new(&mesh.positions, &mesh.faces, SAMPLES),
            diagonal: Bounds::of(&mesh.positions).map_or(0.0, |bounds| bounds.diagonal()).max(f64::MIN_POSITIVE),
        }
    }

    pub fn compared(&self, other: &Mesh) -> Likeness {
        let one_way = |samples: &Samples, surface: &Surface| {
            let far = |point| surface.nearest(point).map_or(1.0, |nearest| nearest.squared.sqrt() / self.diagonal);
            let count = samples.points.len().max(1) as f64;
            let add = |(sum, near): (f64, f64), far: f64| (sum + far / count, near + f64::from(far <= NEAR) / count);
            samples.points.iter().map(|&point| far(point)).fold((0.0, 0.0), add)
        };
        let (there, covered) = one_way(&self.samples, &Surface::new(&other.positions, &other.faces));
        let (back, right) = one_way(&Samples::new(&other.positions, &other.faces, SAMPLES / 2), &self.surface);
        let shares = covered + right;
        let f_score = if shares > 0.0 { 2.0 * covered * right / shares } else { 0.0 };
        Likeness { error: there + back, f_score }
    }
}
