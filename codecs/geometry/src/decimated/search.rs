//! As near to the original as a size allows, or as small as an error allows.

use rayon::prelude::*;

use super::simplify::{Until, fitted, simplified};
use super::{LATTICE, Payload, decode, encode_faces};
use crate::error::{Error, Result};
use crate::likeness::{Likeness, Original};
use crate::shape::Mesh;

/// Steps that are tried: away from the surface, as parts of the mean edge, and along it, in sixteenths of that. Equal ones keep to a lattice, which
/// suits what is made of boxes.
const STEPS: [(f64, u8); 9] = [
    (0.01, 32),
    (0.016, 32),
    (0.026, 32),
    (0.042, 32),
    (0.07, 32),
    (0.025, LATTICE),
    (0.06, LATTICE),
    (0.14, LATTICE),
    (0.25, LATTICE),
];
/// Rounds of fitting.
const ROUNDS: usize = 3;
/// Tries to meet a budget.
const TRIES: usize = 6;
/// Bits a face takes, to begin with.
const FACE_BITS: f64 = 9.0;
/// Faces that are left of the smallest mesh.
const LEAST: usize = 4;
/// Finest step, as a part of the mean edge.
const FINEST: f64 = 0.0005;

/// A coded mesh.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coded {
    pub payload: Payload,
    pub vertices: usize,
    /// Mean distance between its surface and the original's, there and back, in units of the mesh.
    pub error: f64,
    pub likeness: Likeness,
}

/// What an encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// The surface of which most is near the original's, then nearest to it, in at most so many bytes.
    Bytes(usize),
    /// Few bytes for a surface that is off by about so much, in diagonals of the mesh's bounds.
    Error(f64),
}

/// Codes a mesh.
///
/// # Errors
/// [`Error::Shape`] if there are no faces or nothing fits.
pub(crate) fn encode(mesh: &Mesh, goal: Goal) -> Result<Coded> {
    let whole = mesh.welded();
    if whole.faces.is_empty() {
        return Err(Error::shape("the mesh has no faces with an area; code its vertices as a cloud"));
    }
    match goal {
        Goal::Bytes(bytes) => within_bytes(whole, bytes),
        Goal::Error(error) => within_error(&whole, error),
    }
}

fn within_error(whole: &Mesh, error: f64) -> Result<Coded> {
    let original = Original::new(whole);
    let step = error * original.diagonal;
    let mut mesh = simplified(whole, Until::Error(step as f32));
    if mesh.faces.is_empty() {
        mesh = simplified(whole, Until::Faces(LEAST));
    }
    let rounds = if mesh.faces.len() < whole.faces.len() { ROUNDS } else { 0 };
    fitted(&mut mesh, &original.samples, rounds);
    coded(&original, encode_faces(&mesh, step, 32)?)
}

fn within_bytes(whole: Mesh, bytes: usize) -> Result<Coded> {
    let ladder = ladder(whole, (bytes as f64 * 8.0 / FACE_BITS) as usize);
    let original = Original::new(&ladder[0]);
    let tried: Vec<Option<Coded>> =
        STEPS.into_par_iter().map(|steps| largest(&ladder, &original, steps, bytes)).collect::<Result<_>>()?;
    let best = tried.into_iter().flatten().min_by(|a, b| a.likeness.order(&b.likeness));
    let mut best = best.ok_or_else(|| Error::shape(format!("the mesh does not fit {bytes} bytes; ask for more")))?;
    // Where all faces fit, the rest goes into finer steps.
    if best.payload.faces == ladder[0].faces.len()
        && let Some(payload) = finest(&ladder[0], bytes)?
    {
        best = coded(&original, payload)?;
    }
    Ok(best)
}

/// All faces with the finest steps that fit, if finer ones than the ordinary do.
fn finest(whole: &Mesh, bytes: usize) -> Result<Option<Payload>> {
    let mut best = None;
    let (mut part, ratio) = STEPS[0];
    while part > FINEST {
        part /= 2.0;
        let payload = encode_faces(whole, part * mean_edge(whole), ratio)?;
        if payload.bytes.len() > bytes {
            break;
        }
        best = Some(payload);
    }
    Ok(best)
}

/// The mesh, and versions of it with a third of the faces each, down to a few times `least`: what is simplified further starts from one of
/// them.
fn ladder(whole: Mesh, least: usize) -> Vec<Mesh> {
    let mut ladder = vec![whole];
    while let Some(last) = ladder.last()
        && last.faces.len() / 3 > 4 * least
    {
        let next = simplified(last, Until::Faces(last.faces.len() / 3));
        if next.faces.is_empty() || next.faces.len() > last.faces.len() * 2 / 3 {
            break;
        }
        ladder.push(next);
    }
    ladder
}

fn coded(original: &Original, payload: Payload) -> Result<Coded> {
    let mesh = decode(&payload.bytes, payload.faces)?;
    let likeness = original.compared(&mesh);
    Ok(Coded { payload, vertices: mesh.positions.len(), error: likeness.error * original.diagonal, likeness })
}

/// The most faces that fit, with steps as a part of their mean edge.
fn largest(ladder: &[Mesh], original: &Original, steps: (f64, u8), bytes: usize) -> Result<Option<Coded>> {
    let all = ladder[0].faces.len();
    let mut best: Option<Payload> = None;
    // Targets that fit and that do not.
    let (mut low, mut high) = (LEAST as f64 - 1.0, all as f64 + 1.0);
    let mut target = (bytes as f64 * 8.0 / FACE_BITS).min(all as f64);
    for _ in 0..TRIES {
        let wanted = (target as usize).max(LEAST);
        let start = ladder.iter().rev().find(|mesh| mesh.faces.len() >= 2 * wanted).unwrap_or(&ladder[0]);
        let mut mesh = simplified(start, Until::Faces(wanted));
        let faces = mesh.faces.len();
        if faces == 0 {
            break;
        }
        fitted(&mut mesh, &original.samples, if faces < all { ROUNDS } else { 0 });
        let payload = encode_faces(&mesh, steps.0 * mean_edge(&mesh), steps.1)?;
        let share = bytes as f64 / payload.bytes.len() as f64;
        if share >= 1.0 {
            low = low.max(target);
            if best.as_ref().is_none_or(|best| payload.faces > best.faces) {
                best = Some(payload);
            }
            if share < 1.03 || faces == all {
                break;
            }
        } else {
            high = high.min(target);
        }
        // Bytes go with faces, mostly; where that leads nowhere the middle is next.
        let next = target * share * 0.985;
        target = if next > low && next < high { next } else { (low * high).sqrt() };
        if high - low < 2.0 {
            break;
        }
    }
    best.map(|payload| coded(original, payload)).transpose()
}

fn mean_edge(mesh: &Mesh) -> f64 {
    let edges = mesh.faces.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]);
    let lengths = edges.map(|(a, b)| {
        let (a, b) = (mesh.positions[a as usize], mesh.positions[b as usize]);
        (0..3).map(|n| (f64::from(a[n]) - f64::from(b[n])).powi(2)).sum::<f64>().sqrt()
    });
    lengths.sum::<f64>() / (3 * mesh.faces.len()).max(1) as f64
}
