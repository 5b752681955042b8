//! Fewer triangles with vertices where they fit the surface best.

use meshopt::SimplifyOptions;

use crate::shape::Mesh;
use crate::triangles::{Place, Surface};

/// How strongly a vertex stays where it was, in samples.
const STAY: f64 = 0.3;

/// When triangles are few enough.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// There are about so many.
    Faces(usize),
    /// The surface would move further than this.
    Error(f32),
}

/// Fewer faces of a mesh without duplicate positions. Small parts vanish, and sheets that touch may grow together, only if there are too many faces else.
pub(super) fn simplified(mesh: &Mesh, until: Until) -> Mesh {
    match until {
        Until::Faces(faces) => {
            let kept = collapsed(mesh, faces, f32::MAX, SimplifyOptions::None);
            match kept.faces.len() > faces + faces / 8 {
                true => pruned(mesh, faces),
                false => kept,
            }
        }
        Until::Error(error) => collapsed(mesh, 0, error, SimplifyOptions::Prune),
    }
}

/// Fewer faces of a mesh without duplicate positions; small parts may vanish, and sheets that touch may grow together. Vertices where they do would
/// stay else: where there are many, all the parts between them would vanish before the last of their faces.
pub(super) fn pruned(mesh: &Mesh, faces: usize) -> Mesh {
    collapsed(mesh, faces, f32::MAX, SimplifyOptions::Prune | SimplifyOptions::Permissive)
}

fn collapsed(mesh: &Mesh, faces: usize, error: f32, options: SimplifyOptions) -> Mesh {
    let mut indices: Vec<u32> = mesh.faces.as_flattened().to_vec();
    let mut positions = mesh.positions.clone();
    let mut none = vec![];
    let count = meshopt::simplify_with_update(
        &mut indices,
        &mut positions,
        &mut none,
        &[],
        0,
        None,
        3 * faces,
        error,
        options | SimplifyOptions::ErrorAbsolute,
        None,
    );
    indices.truncate(count);
    Mesh { positions, faces: indices.as_chunks::<3>().0.to_vec(), ..Mesh::default() }.welded()
}

/// A mesh without duplicate positions, and versions of it with a third of the faces each, down to a few times `least`: what is simplified further
/// starts from one of them.
pub(crate) fn ladder(whole: Mesh, least: usize) -> Vec<Mesh> {
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

/// The mesh of a ladder with the fewest faces that has at least so many, or all.
pub(crate) fn rung(ladder: &[Mesh], faces: usize) -> &Mesh {
    ladder.iter().rev().find(|mesh| mesh.faces.len() >= faces).unwrap_or(&ladder[0])
}

/// Moves the vertices so that the surface lies as near to samples of the original as it can: each sample pulls the corners of the face
/// nearest to it towards itself.
pub(super) fn fit(mesh: &mut Mesh, points: &[Place], rounds: usize) {
    for _ in 0..rounds {
        let surface = Surface::new(&mesh.positions, &mesh.faces);
        let mut pull = vec![([0.0f64; 3], STAY); mesh.positions.len()];
        for (&point, nearest) in points.iter().zip(surface.nearest(points)) {
            let corners = mesh.faces[nearest.face];
            let mut missing = point;
            for (&corner, weight) in corners.iter().zip(nearest.weights) {
                let position = mesh.positions[corner as usize];
                for axis in 0..3 {
                    missing[axis] -= weight * f64::from(position[axis]);
                }
            }
            for (&corner, weight) in corners.iter().zip(nearest.weights) {
                let (sum, total) = &mut pull[corner as usize];
                for axis in 0..3 {
                    sum[axis] += weight * missing[axis];
                }
                *total += weight * weight.max(0.5);
            }
        }
        for (position, (sum, total)) in mesh.positions.iter_mut().zip(pull) {
            for axis in 0..3 {
                position[axis] += (sum[axis] / total) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sheet of which every other triangle faces the other way, so that simplification takes each vertex for one where surfaces meet.
    fn checkered() -> Mesh {
        const SIDE: u32 = 40;
        let place = |n: u32| [n % SIDE, n / SIDE].map(|x| x as f32);
        let positions = (0..SIDE * SIDE).map(place).map(|[x, y]| [x, y, (x / 9.0).sin()]).collect();
        let squares = (0..SIDE * (SIDE - 1)).filter(|n| n % SIDE != SIDE - 1);
        let faces = squares.flat_map(|n| [[n, n + 1, n + SIDE], [n + 1, n + SIDE, n + SIDE + 1]]).collect();
        Mesh { positions, faces, ..Mesh::default() }
    }

    #[test]
    fn where_vertices_stick_there_are_as_many_faces_as_asked_for() {
        let mesh = checkered();
        assert!(collapsed(&mesh, 100, f32::MAX, SimplifyOptions::None).faces.len() > 1000);
        for faces in [30, 100, 300] {
            let found = simplified(&mesh, Until::Faces(faces)).faces.len();
            assert!((faces / 2..=faces + faces / 8).contains(&found), "{found} faces for {faces}");
        }
    }
}
