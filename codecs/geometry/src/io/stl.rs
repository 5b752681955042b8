//! STL, text and binary.

use std::collections::HashMap;

use super::{IoLimits, View, check, text};
use crate::error::{Error, Result};
use crate::shape::{Mesh, Shape};

const HEAD: usize = 84;
const FACET: usize = 50;

/// Binary files are known by their length, text by its first two words.
pub(super) fn is_stl(bytes: &[u8]) -> bool {
    is_binary(bytes) || is_text(bytes)
}

fn is_binary(bytes: &[u8]) -> bool {
    count(bytes).is_some_and(|count| count > 0 && bytes.len() as u64 == HEAD as u64 + FACET as u64 * u64::from(count))
}

fn count(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(HEAD - 4..HEAD)?.try_into().ok()?))
}

fn is_text(bytes: &[u8]) -> bool {
    let lines = text::first_lines(bytes, 2);
    lines.first().is_some_and(|line| line.starts_with(b"solid"))
        && lines.get(1).is_some_and(|line| line.starts_with(b"facet") || line.starts_with(b"endsolid"))
}

/// Corners at one place become one vertex. Normals are those of the faces, so they are not kept.
pub(super) fn read(bytes: &[u8], limits: &IoLimits, _notes: &mut Vec<String>) -> Result<Mesh> {
    let mut corners = Corners { limits, mesh: Mesh::default(), known: HashMap::new() };
    if is_binary(bytes) {
        check("faces of the file", ((bytes.len() - HEAD) / FACET) as u64, limits.max_faces)?;
        for facet in bytes[HEAD..].chunks_exact(FACET) {
            // A normal of 12 bytes, then three corners of 12.
            let float = |n: usize| f32::from_le_bytes([facet[n], facet[n + 1], facet[n + 2], facet[n + 3]]);
            let corner = |n: usize| std::array::from_fn(|axis| float(12 * (n + 1) + 4 * axis));
            corners.face([corner(0), corner(1), corner(2)])?;
        }
        return Ok(corners.mesh);
    }
    let mut facet: Vec<[f32; 3]> = Vec::new();
    for (n, line) in text::lines(bytes) {
        let mut words = text::words(line);
        match words.next() {
            Some(b"vertex") => facet.push(text::numbers(&mut words, n, "a vertex")?),
            Some(b"endloop") => {
                let corners_of: [[f32; 3]; 3] = facet.as_slice().try_into().map_err(|_| {
                    Error::shape(format!(
                        "the facet that ends in line {n} has {} corners, not 3; repair the file",
                        facet.len()
                    ))
                })?;
                corners.face(corners_of)?;
                facet.clear();
            }
            Some(b"solid" | b"facet" | b"outer" | b"endfacet" | b"endsolid") | None => {}
            Some(_) => return Err(Error::shape(format!("line {n} of the STL file is no STL; repair the file"))),
        }
    }
    match facet.is_empty() {
        true => Ok(corners.mesh),
        false => Err(Error::shape("the STL file ends within a facet; fetch a good copy of the file")),
    }
}

struct Corners<'a> {
    limits: &'a IoLimits,
    mesh: Mesh,
    known: HashMap<[u32; 3], u32>,
}

impl Corners<'_> {
    fn face(&mut self, corners: [[f32; 3]; 3]) -> Result<()> {
        check("faces of the file", self.mesh.faces.len() as u64 + 1, self.limits.max_faces)?;
        let face = corners.map(|corner| {
            let positions = &mut self.mesh.positions;
            *self.known.entry(corner.map(f32::to_bits)).or_insert_with(|| {
                positions.push(corner);
                (positions.len() - 1) as u32
            })
        });
        check("points of the file", self.mesh.positions.len() as u64, self.limits.max_points)?;
        self.mesh.faces.push(face);
        Ok(())
    }
}

pub(super) fn write(shape: &Shape, notes: &mut Vec<String>) -> Result<Vec<u8>> {
    let view = View::of(shape);
    if view.faces.is_empty() {
        return Err(Error::shape("STL holds triangles, and the shape has points only; use PLY, OBJ, glTF or XYZ"));
    }
    let dropped = [
        (view.normals.is_some(), "normals of vertices"),
        (view.uvs.is_some(), "texture coordinates"),
        (view.colors.is_some(), "colours"),
    ];
    notes.extend(dropped.iter().filter(|(there, _)| *there).map(|(_, what)| format!("STL holds no {what}: dropped")));
    let count =
        u32::try_from(view.faces.len()).map_err(|_| Error::shape("STL holds fewer than 2^32 faces; use PLY"))?;
    let mut out = vec![0; HEAD - 4];
    out[..7].copy_from_slice(b"tessera");
    out.extend(count.to_le_bytes());
    for face in view.faces {
        let [a, b, c] = face.map(|index| view.positions[index as usize]);
        let normal = normal(a, b, c);
        for value in [normal, a, b, c].as_flattened() {
            out.extend(value.to_le_bytes());
        }
        out.extend([0, 0]);
    }
    Ok(out)
}

fn normal(a: [f32; 3], b: [f32; 3], c: [f32; 3]) -> [f32; 3] {
    let minus = |p: [f32; 3]| std::array::from_fn::<f64, 3, _>(|axis| f64::from(p[axis]) - f64::from(a[axis]));
    let (u, v) = (minus(b), minus(c));
    let cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let length = cross.iter().map(|x| x * x).sum::<f64>().sqrt();
    match length > 0.0 {
        true => cross.map(|x| (x / length) as f32),
        false => [0.0; 3],
    }
}
