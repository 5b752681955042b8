//! Distances back to triangles: a vertex in every cell that the surface goes through, a quadrangle across every edge that it crosses (surface nets,
//! Gibson 1998).

use tessera_core::entropy::Places;

use super::blocks::Around;
use super::grid::Grid;
use crate::shape::Mesh;

/// A cell without a vertex.
const NONE: u32 = u32::MAX;

/// Samples of blocks `[n][side+1]³`.
struct Samples<'a> {
    values: Vec<f32>,
    side: usize,
    around: &'a Around,
}

/// The surface where samples of blocks, `[n][side+1]³`, change their sign. Samples that blocks share are averaged, so that the blocks fit together.
pub(super) fn contour(samples: &[f32], side: usize, places: &Places, around: &Around, grid: &Grid) -> Mesh {
    let samples = Samples { values: shared(samples, side, around), side, around };
    let mut mesh = Mesh::default();
    let mut vertices = vec![NONE; around.count() * side.pow(3)];
    for (block, place) in places.sorted().iter().enumerate() {
        for cell in cells(side) {
            if let Some(vertex) = samples.vertex(block, cell) {
                vertices[samples.cell(block, cell)] = mesh.positions.len() as u32;
                let corner = place.map(|index| (index as usize * side) as f32);
                mesh.positions.push(grid.position([0, 1, 2].map(|axis| corner[axis] + vertex[axis])));
            }
        }
    }
    for block in 0..around.count() {
        for cell in cells(side) {
            for axis in 0..3 {
                if let Some((corners, outward)) = samples.crossing(block, cell, axis) {
                    let [a, b, c, d] = corners.map(|cell| vertices[cell]);
                    let quad = if outward { [a, b, c, d] } else { [a, d, c, b] };
                    mesh.faces.extend(halves(&mesh.positions, quad));
                }
            }
        }
    }
    // Cells at the rim have vertices that no face needs.
    mesh.welded()
}

/// Each sample as the mean of all blocks that have it.
fn shared(samples: &[f32], side: usize, around: &Around) -> Vec<f32> {
    let (wide, size) = (side + 1, (side + 1).pow(3));
    let at = |block: usize, [x, y, z]: [usize; 3]| block * size + (x * wide + y) * wide + z;
    let mut mean = samples.to_vec();
    // The others are in no other block.
    let rim = |place: &[usize; 3]| place.iter().any(|&n| n == 0 || n == side);
    for block in 0..around.count() {
        for [x, y, z] in cells(wide).filter(rim) {
            let steps = |n: usize| match n {
                0 => -1..=0,
                n if n == side => 0..=1,
                _ => 0..=0,
            };
            let (mut sum, mut count) = (0.0, 0.0);
            // In the order of the blocks' places, so that each of them gets the same sum.
            for a in steps(x) {
                for b in steps(y) {
                    for c in steps(z) {
                        if let Some(other) = around.beside(block, [a, b, c]) {
                            let local = |n: usize, step: i32| (n as i32 - step * side as i32) as usize;
                            sum += samples[at(other, [local(x, a), local(y, b), local(z, c)])];
                            count += 1.0;
                        }
                    }
                }
            }
            mean[at(block, [x, y, z])] = sum / count;
        }
    }
    mean
}

fn cells(side: usize) -> impl Iterator<Item = [usize; 3]> {
    (0..side).flat_map(move |x| (0..side).flat_map(move |y| (0..side).map(move |z| [x, y, z])))
}

impl Samples<'_> {
    fn value(&self, block: usize, [x, y, z]: [usize; 3]) -> f32 {
        let wide = self.side + 1;
        self.values[((block * wide + x) * wide + y) * wide + z]
    }

    /// Number of a cell among those of all blocks.
    fn cell(&self, block: usize, [x, y, z]: [usize; 3]) -> usize {
        ((block * self.side + x) * self.side + y) * self.side + z
    }

    /// The middle of the places where the surface crosses the edges of a cell, in steps of the block.
    fn vertex(&self, block: usize, cell: [usize; 3]) -> Option<[f32; 3]> {
        let corner = |n: usize| [cell[0] + (n >> 2 & 1), cell[1] + (n >> 1 & 1), cell[2] + (n & 1)];
        let inside = (0..8).filter(|&n| self.value(block, corner(n)) < 0.0).count();
        if inside == 0 || inside == 8 {
            return None;
        }
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for n in 0..8 {
            for axis in 0..3 {
                let bit = 4 >> axis;
                if n & bit != 0 {
                    continue;
                }
                let (from, to) = (corner(n), corner(n | bit));
                let (a, b) = (self.value(block, from), self.value(block, to));
                if (a < 0.0) != (b < 0.0) {
                    for (along, sum) in sum.iter_mut().enumerate() {
                        *sum += from[along] as f32 + if along == axis { a / (a - b) } else { 0.0 };
                    }
                    count += 1.0;
                }
            }
        }
        Some(sum.map(|sum| sum / count))
    }

    /// The cells around the edge that leaves a cell's first corner along an axis, counter-clockwise seen from its far end, if the surface crosses it
    /// and all four are there; and whether it leads out.
    fn crossing(&self, block: usize, cell: [usize; 3], axis: usize) -> Option<([usize; 4], bool)> {
        let mut far = cell;
        far[axis] += 1;
        let (a, b) = (self.value(block, cell), self.value(block, far));
        if (a < 0.0) == (b < 0.0) {
            return None;
        }
        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
        let mut corners = [0; 4];
        for (corner, (du, dv)) in corners.iter_mut().zip([(1, 1), (0, 1), (0, 0), (1, 0)]) {
            let (mut offset, mut at) = ([0; 3], cell);
            for (axis, back) in [(u, du), (v, dv)] {
                if back == 1 {
                    match at[axis] {
                        0 => (offset[axis], at[axis]) = (-1, self.side - 1),
                        _ => at[axis] -= 1,
                    }
                }
            }
            *corner = self.cell(self.around.beside(block, offset)?, at);
        }
        Some((corners, a < 0.0))
    }
}

/// Two triangles along the shorter diagonal.
fn halves(positions: &[[f32; 3]], [a, b, c, d]: [u32; 4]) -> [[u32; 3]; 2] {
    let squared = |a: u32, b: u32| {
        let (a, b) = (positions[a as usize], positions[b as usize]);
        (0..3).map(|n| (a[n] - b[n]).powi(2)).sum::<f32>()
    };
    match squared(a, c) <= squared(b, d) {
        true => [[a, b, c], [a, c, d]],
        false => [[b, c, d], [b, d, a]],
    }
}
