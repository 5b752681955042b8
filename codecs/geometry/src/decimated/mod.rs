//! Meshes in hundreds of bytes to a few thousand: fewer triangles, coded with their vertices in one walk over the surface.
//!
//! The encoder takes away triangles until the rest, quantised as coarsely as its size allows, fits the budget; of several such pairs of
//! triangle count and step it keeps the one of which most is within 1 % of the original, and of those like it the nearest. The payload of a mesh chunk:
//!
//! | bytes | |
//! |---|---|
//! | 2 | the upper half of an `f32`: length of a unit |
//! | 1 | step along the surface, in units |
//! | 1 | step away from the surface, in units; steps of one length keep to a lattice |
//! | 3 varints | origin, each zigzag, in 2^16 units |
//! | rest | range coder: the walk's decisions |

mod frame;
mod integer;
mod model;
mod search;
mod sheets;
mod simplify;
mod walk;

use tessera_core::entropy::{BitDecoder, BitEncoder};

use crate::error::{Error, Result};
use crate::shape::{Bounds, Mesh, weld};
use crate::varint;
pub(crate) use search::{Coded, faces_of, within_bytes, within_error};
pub(crate) use simplify::{ladder, rung};

/// A mesh of about so many triangles, the vertices moved to where they fit best (meshoptimizer): what a user would do before another codec. Attributes
/// are dropped.
pub fn decimated(mesh: &Mesh, faces: usize) -> Mesh {
    simplify::pruned(&mesh.welded(), faces)
}

/// Whole units.
pub(crate) type Point = [i64; 3];

/// Most faces for each byte of a payload: what a few bytes claim takes no more memory than a real mesh.
const FACES_PER_BYTE: usize = 512;

/// Bits of the units between origins.
const ORIGIN_BITS: u32 = 16;

/// Units of a step away from the surface. Steps of the same length along it keep vertices on a lattice.
pub(crate) const LATTICE: u8 = 16;

/// Steps of new vertices, in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quantum {
    pub along: i64,
    pub away: i64,
}

impl Quantum {
    /// Where a vertex goes: with steps of one length, to the nearest of the places that are whole steps from the origin. What is flat along the axes
    /// stays so.
    pub fn settled(self, place: Point) -> Point {
        match self.along == self.away {
            true => place.map(|value| nearest_multiple(value, self.away)),
            false => place,
        }
    }
}

fn nearest_multiple(value: i64, step: i64) -> i64 {
    (value + step / 2).div_euclid(step) * step
}

/// Where whole units lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    unit: f32,
    origin: [i64; 3],
}

impl Grid {
    /// Units of about the given length around a mesh.
    fn new(bounds: Bounds, unit: f64) -> Self {
        let unit = f32::from_bits((unit as f32).max(f32::MIN_POSITIVE * 65_536.0).to_bits() & 0xffff_0000);
        let pitch = f64::from(unit) * f64::from(1 << ORIGIN_BITS);
        let origin = [0, 1, 2].map(|n| {
            let middle = (f64::from(bounds.min[n]) + f64::from(bounds.max[n])) / 2.0;
            (middle / pitch).round() as i64
        });
        Self { unit, origin }
    }

    fn place(&self, position: [f32; 3]) -> Point {
        [0, 1, 2]
            .map(|n| (f64::from(position[n]) / f64::from(self.unit)).round() as i64 - (self.origin[n] << ORIGIN_BITS))
    }

    fn position(&self, place: Point) -> [f32; 3] {
        [0, 1, 2].map(|n| ((place[n] + (self.origin[n] << ORIGIN_BITS)) as f64 * f64::from(self.unit)) as f32)
    }
}

/// The bytes of a mesh chunk, and the faces in them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload {
    pub bytes: Vec<u8>,
    pub faces: usize,
}

/// Codes triangles as they are, with vertices at steps of `step` away from the surface and `ratio` sixteenths of that along it. Vertices
/// that come to one place become one, or are `apart` still: then the surface stays joined as it is, and faces between them come to nothing.
pub(crate) fn encode_faces(mesh: &Mesh, step: f64, ratio: u8, apart: bool) -> Result<Payload> {
    let Some(bounds) = Bounds::of(&mesh.positions) else {
        return Err(Error::shape("the mesh has no vertices; use one with content"));
    };
    let quantum = Quantum { along: i64::from(ratio), away: i64::from(LATTICE) };
    let grid = Grid::new(bounds, step / 16.0);
    let places: Vec<Point> = mesh.positions.iter().map(|&position| quantum.settled(grid.place(position))).collect();
    let (places, faces) = match apart {
        true => sheets::sheets(&places, &mesh.faces),
        false => {
            let (places, faces) = weld(&places, &mesh.faces, |place| place);
            sheets::sheets(&places, &faces)
        }
    };
    let mut payload = Vec::new();
    payload.extend(((grid.unit.to_bits() >> 16) as u16).to_le_bytes());
    payload.extend([quantum.along as u8, quantum.away as u8]);
    for origin in grid.origin {
        varint::put_signed(&mut payload, origin);
    }
    let mut encoder = BitEncoder::new();
    walk::walk(&mut encoder, quantum, faces.len(), Some(walk::Plan::new(places, &faces)))?;
    payload.extend(encoder.finish());
    Ok(Payload { bytes: payload, faces: faces.len() })
}

/// The mesh of a payload with so many faces.
///
/// # Errors
/// [`Error::Core`] for damaged payloads.
pub(crate) fn decode(mut payload: &[u8], faces: usize) -> Result<Mesh> {
    if faces / FACES_PER_BYTE > payload.len() {
        return Err(Error::corrupt(format!("{} bytes cannot hold {faces} faces", payload.len())));
    }
    let [low, high, along, away, rest @ ..] = payload else { return Err(truncated()) };
    let unit = f32::from_bits(u32::from(u16::from_le_bytes([*low, *high])) << 16);
    payload = rest;
    if !unit.is_normal() || unit < 0.0 || *along == 0 || *away == 0 {
        return Err(Error::corrupt("the mesh has steps without length"));
    }
    let mut origin = [0; 3];
    for value in &mut origin {
        *value = varint::take_signed(&mut payload)?;
        if value.abs() > 1 << 40 {
            return Err(Error::corrupt("the mesh is out of reach"));
        }
    }
    let quantum = Quantum { along: i64::from(*along), away: i64::from(*away) };
    let grid = Grid { unit, origin };
    let mut decoder = BitDecoder::new(payload)?;
    let coded = walk::walk(&mut decoder, quantum, faces, None)?;
    decoder.finish()?;
    let positions: Vec<[f32; 3]> = coded.positions.iter().map(|&place| grid.position(place)).collect();
    if !positions.as_flattened().iter().all(|value| value.is_finite()) {
        return Err(Error::corrupt("the mesh is out of reach"));
    }
    let corners = |face: &[u32; 3]| face.map(|n| coded.positions[n as usize]);
    let is_face = |face: &[u32; 3]| matches!(corners(face), [a, b, c] if a != b && b != c && c != a);
    let faces = coded.faces.iter().copied().filter(is_face).collect();
    Ok(Mesh { positions, faces, ..Mesh::default() })
}

fn truncated() -> Error {
    Error::Core(tessera_core::Error::Truncated { what: "the mesh ends early".into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn vertices_at_one_place_stay_apart_and_faces_between_them_are_left_out() {
        let place = |n: u32| [f64::from(n) * 0.4, f64::from(n % 2), 0.0].map(|x| x as f32);
        let strip = Mesh {
            positions: (0..40).map(place).collect(),
            faces: (0..38).map(|n| if n % 2 == 0 { [n, n + 2, n + 1] } else { [n, n + 1, n + 2] }).collect(),
            ..Mesh::default()
        };
        let decoded = |step, apart| {
            let payload = encode_faces(&strip, step, LATTICE, apart).unwrap();
            (payload.faces, decode(&payload.bytes, payload.faces).unwrap())
        };
        assert_eq!(decoded(0.1, true), decoded(0.1, false));
        let (coded, mesh) = decoded(1.0, true);
        assert_eq!((coded, mesh.positions.len()), (38, 40));
        let mut shown = mesh.welded();
        let (_, welded) = decoded(1.0, false);
        shown.faces.dedup();
        assert_eq!((mesh.faces.len() < 38, shown.faces.len()), (true, welded.faces.len()));
    }
}
