//! XYZ: a point a line.

use super::{IoLimits, View, check, text};
use crate::error::Result;
use crate::shape::{Mesh, Shape};

/// Whether the first lines are numbers, at least three each.
pub(super) fn is_xyz(bytes: &[u8]) -> bool {
    let lines = text::first_lines(bytes, 8);
    let count = |line: &[u8]| text::words(line).map(text::number).collect::<Option<Vec<f32>>>().map_or(0, |n| n.len());
    // Some files begin with their number of points.
    let lines = match lines.split_first() {
        Some((first, rest)) if count(first) == 1 && !rest.is_empty() => rest.to_vec(),
        _ => lines,
    };
    !lines.is_empty() && lines.iter().all(|line| count(line) >= 3)
}

/// Six numbers a line are a place and a colour if the last three are whole and from 0 to 255, else a place and a normal.
pub(super) fn read(bytes: &[u8], limits: &IoLimits, notes: &mut Vec<String>) -> Result<Mesh> {
    let mut mesh = Mesh::default();
    let mut six: Vec<[f32; 3]> = Vec::new();
    let mut further = false;
    for (n, line) in text::lines(bytes) {
        let count = text::words(line).count();
        if count == 0 || (count == 1 && mesh.positions.is_empty()) {
            continue;
        }
        let mut words = text::words(line);
        check("points of the file", mesh.positions.len() as u64 + 1, limits.max_points)?;
        mesh.positions.push(text::numbers(&mut words, n, "a point")?);
        if count >= 6 {
            six.push(text::numbers(&mut words, n, "a colour or normal")?);
        }
        further |= count > 6 || count == 4 || count == 5;
    }
    if six.len() == mesh.positions.len() {
        let is_color = |values: &[f32; 3]| values.iter().all(|x| (0.0..=255.0).contains(x) && x.fract() == 0.0);
        match six.iter().all(is_color) {
            true => mesh.colors = Some(six.iter().map(|values| values.map(|x| x as u8)).collect()),
            false => mesh.normals = Some(six),
        }
    } else if !six.is_empty() {
        notes.push("colours or normals are dropped: not every point has one".to_owned());
    }
    if further {
        notes.push("further columns are dropped".to_owned());
    }
    Ok(mesh)
}

pub(super) fn write(shape: &Shape, notes: &mut Vec<String>) -> Vec<u8> {
    let view = View::of(shape);
    let dropped = [
        (!view.faces.is_empty(), "faces"),
        (view.uvs.is_some(), "texture coordinates"),
        (view.colors.is_some() && view.normals.is_some(), "normals"),
    ];
    notes.extend(
        dropped.iter().filter(|(there, _)| *there).map(|(_, what)| format!("XYZ holds no {what} here: dropped")),
    );
    let mut out = Vec::new();
    for (n, position) in view.positions.iter().enumerate() {
        let start = out.len();
        text::put(&mut out, *position);
        match (view.colors, view.normals) {
            (Some(colors), _) => text::put(&mut out, colors[n].map(f32::from)),
            (None, Some(normals)) => text::put(&mut out, normals[n]),
            (None, None) => {}
        }
        out.remove(start);
        out.push(b'\n');
    }
    out
}
