//! Any triangles as sheets that have at most one face on each side of an edge.

use std::collections::{HashMap, HashSet};

use crate::shape::turned;

/// Cuts where three or more faces share an edge, where neighbours face different ways, and where sheets touch in a point; leaves out
/// faces without three different vertices, and faces that are there twice.
pub(super) fn sheets<P: Copy>(positions: &[P], faces: &[[u32; 3]]) -> (Vec<P>, Vec<[u32; 3]>) {
    let mut seen = HashSet::new();
    let faces: Vec<[u32; 3]> = faces
        .iter()
        .copied()
        .filter(|&[a, b, c]| a != b && b != c && c != a && seen.insert(turned([a, b, c])))
        .collect();
    let mut uses: HashMap<(u32, u32), Vec<u32>> = HashMap::with_capacity(3 * faces.len());
    for (n, &[a, b, c]) in (0..).zip(&faces) {
        for (corner, edge) in [(0, (a, b)), (1, (b, c)), (2, (c, a))] {
            uses.entry(edge).or_default().push(3 * n + corner);
        }
    }
    // Corners are one vertex where a clean edge joins them.
    let mut parents: Vec<u32> = (0..3 * faces.len() as u32).collect();
    for (&(a, b), left) in &uses {
        let ([left], Some([right])) = (left.as_slice(), uses.get(&(b, a)).map(Vec::as_slice)) else { continue };
        let next = |corner: u32| if corner % 3 == 2 { corner - 2 } else { corner + 1 };
        unite(&mut parents, *left, next(*right));
        unite(&mut parents, next(*left), *right);
    }
    let mut ids = HashMap::new();
    let (mut cut_positions, mut cut_faces) = (Vec::new(), Vec::with_capacity(faces.len()));
    for (n, face) in faces.iter().enumerate() {
        cut_faces.push(std::array::from_fn(|corner| {
            let root = find(&mut parents, (3 * n + corner) as u32);
            *ids.entry(root).or_insert_with(|| {
                cut_positions.push(positions[face[corner] as usize]);
                cut_positions.len() as u32 - 1
            })
        }));
    }
    (cut_positions, cut_faces)
}

fn find(parents: &mut [u32], mut n: u32) -> u32 {
    while parents[n as usize] != n {
        parents[n as usize] = parents[parents[n as usize] as usize];
        n = parents[n as usize];
    }
    n
}

fn unite(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b) as usize] = a.min(b);
}
