//! As near to the original as a budget allows.

use super::simplify::{Bare, compact, fitted, simplified};
use super::surface::{Samples, Surface};
use super::{decode, encode_faces};
use crate::error::{Error, Result};
use crate::shape::{Bounds, Mesh};

/// What a mesh may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Greatest size of the payload in bytes.
    pub bytes: usize,
}

/// Steps away from the surface that are tried, as parts of the mean edge.
const STEPS: [f64; 4] = [0.03, 0.05, 0.08, 0.12];
/// Steps along the surface, in sixteenths of that.
const RATIO: u8 = 40;
/// Points by which surfaces are compared.
const SAMPLES: usize = 10_000;
/// Rounds of fitting.
const ROUNDS: usize = 4;

/// The payload whose surface is nearest to the mesh's among those that fit the budget.
///
/// # Errors
/// [`Error::Shape`] if there are no faces or nothing fits.
pub fn encode(mesh: &Mesh, budget: Budget) -> Result<Vec<u8>> {
    let whole = bare(mesh);
    if whole.faces.is_empty() {
        return Err(Error::shape("the mesh has no faces; code its vertices as a cloud"));
    }
    let original = Original::new(&whole);
    let mut best: Option<(f64, Vec<u8>)> = None;
    for part in STEPS {
        let Some(payload) = largest(&original, part, budget)? else { continue };
        let error = original.error(&decode(&payload, u64::MAX)?);
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, payload));
        }
    }
    best.map(|(_, payload)| payload).ok_or_else(|| Error::shape("the mesh does not fit this size; ask for more bytes"))
}

/// Triangles with one vertex at a place.
fn bare(mesh: &Mesh) -> Bare {
    let mut ids = std::collections::HashMap::new();
    let mut positions = Vec::new();
    let places: Vec<u32> = mesh
        .positions
        .iter()
        .map(|&position| {
            *ids.entry(position.map(|value| (value + 0.0).to_bits())).or_insert_with(|| {
                positions.push(position);
                positions.len() as u32 - 1
            })
        })
        .collect();
    let faces = mesh.faces.iter().map(|face| face.map(|n| places[n as usize]));
    let faces: Vec<[u32; 3]> = faces.filter(|[a, b, c]| a != b && b != c && c != a).collect();
    compact(&positions, &faces)
}

struct Original<'a> {
    mesh: &'a Bare,
    surface: Surface,
    samples: Samples,
    diagonal: f64,
}

impl<'a> Original<'a> {
    fn new(mesh: &'a Bare) -> Self {
        Self {
            mesh,
            surface: Surface::new(&mesh.positions, &mesh.faces),
            samples: Samples::new(&mesh.positions, &mesh.faces, SAMPLES),
            diagonal: Bounds::of(&mesh.positions).map_or(0.0, |bounds| bounds.diagonal()),
        }
    }

    /// Mean distance between the surfaces, both ways.
    fn error(&self, other: &Mesh) -> f64 {
        let mean = |samples: &Samples, surface: &Surface| {
            let distances = samples.points.iter().map(|&point| surface.nearest(point).map_or(self.diagonal, |n| n.squared.sqrt()));
            distances.sum::<f64>() / samples.points.len().max(1) as f64
        };
        let there = mean(&self.samples, &Surface::new(&other.positions, &other.faces));
        there + mean(&Samples::new(&other.positions, &other.faces, SAMPLES), &self.surface)
    }
}

/// The most faces that fit, with steps as a part of their mean edge.
fn largest(original: &Original<'_>, part: f64, budget: Budget) -> Result<Option<Vec<u8>>> {
    let mut best: Option<(usize, Vec<u8>)> = None;
    // About 14 bits a vertex to begin with.
    let mut target = (budget.bytes as f64 * 8.0 / 14.0 * 2.0) as usize;
    let mut tried = 0;
    while tried < 5 {
        tried += 1;
        let mut mesh = simplified(original.mesh, target.max(4).min(original.mesh.faces.len()));
        fitted(&mut mesh, &original.samples, ROUNDS);
        let payload = encode_faces(&mesh, part * mean_edge(&mesh), RATIO)?;
        let faces = mesh.faces.len();
        let share = budget.bytes as f64 / payload.len() as f64;
        if payload.len() <= budget.bytes {
            if best.as_ref().is_none_or(|(most, _)| faces > *most) {
                best = Some((faces, payload));
            }
            if share < 1.02 || faces == original.mesh.faces.len() {
                break;
            }
        }
        target = ((faces as f64) * (share * 0.99)) as usize;
        if target < 4 {
            break;
        }
    }
    Ok(best.map(|(_, payload)| payload))
}

fn mean_edge(mesh: &Bare) -> f64 {
    let edges = mesh.faces.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
    let lengths = edges.map(|(a, b)| {
        let (a, b) = (mesh.positions[a as usize], mesh.positions[b as usize]);
        (0..3).map(|n| (f64::from(a[n]) - f64::from(b[n])).powi(2)).sum::<f64>().sqrt()
    });
    lengths.sum::<f64>() / (3 * mesh.faces.len()).max(1) as f64
}
