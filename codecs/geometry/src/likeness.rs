//! How like the original a mesh is: what the choice between meshes of one size goes by.

use std::cmp::Ordering;

use rayon::prelude::*;

use crate::error::Result;
use crate::shape::{Bounds, Mesh};
use crate::triangles::{Samples, Surface};

/// Points by which surfaces are compared.
const SAMPLES: usize = 10_000;
/// Points that are enough to tell which of many are worth comparing.
const FEW: usize = 2000;
/// Surfaces that are worth it.
const FINALISTS: usize = 8;
/// A distance that is near, in diagonals: that of the field's F-score.
const NEAR: f64 = 0.01;
/// An F-score at which a surface is as near as can be told.
pub(crate) const ALL_NEAR: f64 = 0.9995;
/// F-scores that differ by less are equal.
const EQUAL: f64 = 0.0005;

/// A mesh that others are compared with.
pub(crate) struct Original {
    surface: Surface,
    pub samples: Samples,
    few: Samples,
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

/// A candidate with its mesh.
pub(crate) struct Seen<T> {
    pub of: T,
    pub mesh: Mesh,
    pub likeness: Likeness,
}

impl Likeness {
    /// Orders what is better first: more of the surface near the original's, unless all is, then a lesser distance.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |likeness: &Self| -((likeness.f_score.min(ALL_NEAR) / EQUAL).round() as i64);
        rank(self).cmp(&rank(other)).then(self.error.total_cmp(&other.error))
    }
}

impl Original {
    pub fn new(mesh: &Mesh) -> Self {
        Self {
            surface: Surface::new(&mesh.positions, &mesh.faces),
            samples: Samples::new(&mesh.positions, &mesh.faces, SAMPLES),
            few: Samples::new(&mesh.positions, &mesh.faces, FEW),
            diagonal: Bounds::of(&mesh.positions).map_or(0.0, |bounds| bounds.diagonal()).max(f64::MIN_POSITIVE),
        }
    }

    pub fn compared(&self, other: &Mesh) -> Likeness {
        self.compared_at(&self.samples, other)
    }

    /// The meshes of candidates, and how like the original they are by a few points of each.
    pub fn glanced<T: Send>(
        &self,
        candidates: Vec<T>,
        mesh: impl Fn(&T) -> Result<Mesh> + Sync,
    ) -> Result<Vec<Seen<T>>> {
        let glance = |of: T| {
            let mesh = mesh(&of)?;
            let likeness = self.compared_at(&self.few, &mesh);
            Ok(Seen { of, mesh, likeness })
        };
        candidates.into_par_iter().map(glance).collect()
    }

    /// The one that is most like the original by all points, of those that are by a few; `None` for none.
    pub fn best<T: Send>(&self, mut seen: Vec<Seen<T>>) -> Option<Seen<T>> {
        seen.sort_by(|a, b| a.likeness.order(&b.likeness));
        seen.truncate(FINALISTS);
        seen.par_iter_mut().for_each(|seen| seen.likeness = self.compared(&seen.mesh));
        seen.into_iter().min_by(|a, b| a.likeness.order(&b.likeness))
    }

    fn compared_at(&self, samples: &Samples, other: &Mesh) -> Likeness {
        let one_way = |samples: &Samples, surface: &Surface| {
            let nearest = surface.nearest(&samples.points);
            let count = samples.points.len().max(1) as f64;
            // What is nowhere is as far as can be.
            let nowhere = (samples.points.len() - nearest.len()) as f64 / count;
            let far = nearest.iter().map(|nearest| nearest.squared.sqrt() / self.diagonal);
            far.fold((nowhere, 0.0), |(sum, near), far| (sum + far / count, near + f64::from(far <= NEAR) / count))
        };
        let (there, covered) = one_way(samples, &Surface::new(&other.positions, &other.faces));
        let (back, right) =
            one_way(&Samples::new(&other.positions, &other.faces, samples.points.len() / 2), &self.surface);
        let shares = covered + right;
        let f_score = if shares > 0.0 { 2.0 * covered * right / shares } else { 0.0 };
        Likeness { error: there + back, f_score }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_best_of_many_is_the_one_that_is_least_moved() {
        let corners = (0..8).map(|n| [n & 1, n >> 1 & 1, n >> 2].map(|x| x as f32)).collect();
        let sides = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
        let faces = sides.into_iter().flat_map(|[a, b, c, d]| [[a, b, c], [a, c, d]]).collect();
        let cube = Mesh { positions: corners, faces, ..Mesh::default() };
        let original = Original::new(&cube);
        let moved = |&by: &f32| {
            let positions = cube.positions.iter().map(|place| place.map(|x| x + by)).collect();
            Ok(Mesh { positions, ..cube.clone() })
        };
        let seen = original.glanced(vec![0.3, -0.2, 0.02, 0.1, -0.01, 0.05, 0.4, 0.015], moved).unwrap();
        let best = original.best(seen).unwrap();
        assert_eq!(best.of, -0.01);
        assert_eq!(best.likeness, original.compared(&best.mesh));
        assert!(original.best(Vec::<Seen<f32>>::new()).is_none());
        let nothing = original.compared(&Mesh::default());
        assert_eq!((nothing.f_score, nothing.error > 0.9), (0.0, true));
    }
}
