//! What is wrong with a shape that was read, repaired where that is harmless.

use std::collections::HashSet;

use super::Format;
use crate::error::{Error, Result};
use crate::shape::{Mesh, Shape, turned};
use crate::splats::{Splats, unit};

/// Log odds of opacities stay within this, which is as good as nothing and everything.
const MOST_OPACITY: f32 = 16.0;

/// Checks a mesh, drops what is no triangle, and makes it a cloud if it has none.
pub(super) fn clean(mut mesh: Mesh, format: Format, notes: &mut Vec<String>) -> Result<Shape> {
    let name = format.name();
    if mesh.positions.is_empty() {
        return Err(Error::shape(format!("the {name} file holds no points; use a shape with content")));
    }
    let vertices = mesh.positions.len();
    if let Some(index) = mesh.faces.iter().flatten().find(|&&index| index as usize >= vertices) {
        return Err(Error::shape(format!(
            "a face of the {name} file refers to vertex {index} of {vertices}; repair the file"
        )));
    }
    drop_bad_attributes(&mut mesh, notes);
    if mesh.faces.is_empty() {
        drop_bad_points(&mut mesh, notes);
        let shape = Shape::Cloud(mesh.into_cloud());
        shape.check()?;
        return Ok(shape);
    }
    let bad = mesh.positions.iter().filter(|p| !finite(p)).count();
    if bad > 0 {
        return Err(Error::shape(format!(
            "{bad} vertices of the {name} file have coordinates that are not finite; repair the file"
        )));
    }
    let before = mesh.faces.len();
    mesh.faces.retain(|[a, b, c]| a != b && b != c && c != a);
    said(before - mesh.faces.len(), "faces without area are dropped", notes);
    let before = mesh.faces.len();
    let mut seen = HashSet::with_capacity(before);
    mesh.faces.retain(|face| seen.insert(turned(*face)));
    said(before - mesh.faces.len(), "faces that occur twice are dropped", notes);
    if mesh.faces.is_empty() {
        return Err(Error::shape(format!("the {name} file has no face with area; use a shape with content")));
    }
    let shape = Shape::Mesh(mesh);
    shape.check()?;
    Ok(shape)
}

/// Checks splats, drops those with numbers that are not finite, and makes rotations of length 1.
pub(super) fn clean_splats(mut splats: Splats, format: Format, notes: &mut Vec<String>) -> Result<Splats> {
    if splats.is_empty() {
        return Err(Error::shape(format!("the {} file holds no splats; use a shape with content", format.name())));
    }
    for opacity in &mut splats.opacities {
        *opacity = opacity.clamp(-MOST_OPACITY, MOST_OPACITY);
    }
    let good = |n: u32| {
        let n = n as usize;
        finite(&splats.positions[n])
            && finite(&splats.scales[n])
            && finite(&splats.rotations[n])
            && finite(&splats.colors[n])
            && splats.opacities[n].is_finite()
            && splats.harmonics_of(n).iter().all(finite)
    };
    // Not more than the limits allow, which is below 2^32.
    let kept: Vec<u32> = (0..splats.len() as u32).filter(|&n| good(n)).collect();
    if kept.len() < splats.len() {
        said(splats.len() - kept.len(), "splats with numbers that are not finite are dropped", notes);
        splats = splats.picked(&kept);
    }
    splats.rotations.iter_mut().for_each(|rotation| *rotation = unit(*rotation));
    splats.check()?;
    Ok(splats)
}

fn finite<const N: usize>(values: &[f32; N]) -> bool {
    values.iter().all(|x| x.is_finite())
}

/// Sensors mark what they did not see as not-a-number.
fn drop_bad_points(mesh: &mut Mesh, notes: &mut Vec<String>) {
    let good: Vec<bool> = mesh.positions.iter().map(finite).collect();
    let bad = good.iter().filter(|good| !**good).count();
    if bad == 0 {
        return;
    }
    said(bad, "points with coordinates that are not finite are dropped", notes);
    fn keep<T>(values: &mut Vec<T>, good: &[bool]) {
        let mut good = good.iter();
        values.retain(|_| good.next().is_some_and(|good| *good));
    }
    keep(&mut mesh.positions, &good);
    if let Some(normals) = &mut mesh.normals {
        keep(normals, &good);
    }
    if let Some(colors) = &mut mesh.colors {
        keep(colors, &good);
    }
    mesh.uvs = None;
}

fn drop_bad_attributes(mesh: &mut Mesh, notes: &mut Vec<String>) {
    if mesh.normals.as_ref().is_some_and(|normals| !normals.iter().all(finite)) {
        mesh.normals = None;
        notes.push("normals are dropped: some are not finite".to_owned());
    }
    if mesh.uvs.as_ref().is_some_and(|uvs| !uvs.iter().all(finite)) {
        mesh.uvs = None;
        notes.push("texture coordinates are dropped: some are not finite".to_owned());
    }
}

fn said(count: usize, what: &str, notes: &mut Vec<String>) {
    if count > 0 {
        notes.push(format!("{count} {what}"));
    }
}
