//! The contexts of an octree's decisions.

use std::sync::LazyLock;

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, Blend, Decision};

use super::walk::{CENTRE, NONE};

/// Contexts of a decision about a child.
const INPUTS: usize = 8;
/// Sets of weights: by child, by neighbours of the node, by what is known of the neighbours of the child.
const SETS: [usize; 3] = [8, 27, 27 * 27];
/// Scales of the last correction: by child and weight of the child's neighbours.
const SCALES: usize = 8 * 64;

/// The cells of half a node's size in and around it are the bits of a word, 16x + 4y + z, each coordinate from 0 to 3; the node has 1 and 2.
/// For each cell around a node, by its occupancy: the bits of its children.
static CHILDREN: LazyLock<Box<[[u64; 256]; 27]>> =
    LazyLock::new(|| Box::new(std::array::from_fn(|cell| std::array::from_fn(|occupancy| children(cell, occupancy)))));

fn children(cell: usize, occupancy: usize) -> u64 {
    let bit = |child: usize| {
        // From -1 to 4 before the cut.
        let [x, y, z] = [(cell / 9, child >> 2), (cell / 3 % 3, child >> 1), (cell % 3, child)]
            .map(|(cell, half)| (2 * cell + (half & 1)).wrapping_sub(1));
        if x < 4 && y < 4 && z < 4 { 1 << (16 * x + 4 * y + z) } else { 0 }
    };
    (0..8).filter(|child| occupancy >> child & 1 == 1).map(bit).sum()
}

/// For each child: the bits of the cells that touch it with a face, an edge, a corner.
const TOUCHING: [[u64; 3]; 8] = {
    let mut table = [[0; 3]; 8];
    let mut child = 0;
    while child < 8 {
        let mut cell = 0;
        while cell < 27 {
            let (dx, dy, dz) = (cell / 9, cell / 3 % 3, cell % 3);
            let apart = (dx != 1) as usize + (dy != 1) as usize + (dz != 1) as usize;
            if apart > 0 {
                let (x, y, z) = ((child >> 2 & 1) + dx, (child >> 1 & 1) + dy, (child & 1) + dz);
                table[child][apart - 1] |= 1 << (16 * x + 4 * y + z);
            }
            cell += 1;
        }
        child += 1;
    }
    table
};

/// For each child: the seven cells around the node that touch the child, faces first, then the three faces beyond.
const NEAR: [[u8; 10]; 8] = {
    let mut table = [[0; 10]; 8];
    let mut child = 0;
    while child < 8 {
        let (x, y, z) = ((child >> 2 & 1) * 2, (child >> 1 & 1) * 2, (child & 1) * 2);
        table[child] = [
            cell(x, 1, 1),
            cell(1, y, 1),
            cell(1, 1, z),
            cell(x, y, 1),
            cell(x, 1, z),
            cell(1, y, z),
            cell(x, y, z),
            cell(2 - x, 1, 1),
            cell(1, 2 - y, 1),
            cell(1, 1, 2 - z),
        ];
        child += 1;
    }
    table
};

const fn cell(x: usize, y: usize, z: usize) -> u8 {
    (9 * x + 3 * y + z) as u8
}

/// The six faces.
const FACES: u32 = 1 << 4 | 1 << 10 | 1 << 12 | 1 << 14 | 1 << 16 | 1 << 22;

/// What is learned of a tree while it is coded.
pub(super) struct Model {
    children: Blend<INPUTS, 3>,
    lone: Blend<2, 1>,
    table: &'static [[u64; 256]; 27],
}

/// A node's surroundings as the contexts need them.
pub(super) struct Surroundings {
    /// Cells around the node that hold points, without the node itself.
    pub neighbours: u32,
    /// Half-size cells that hold points, and those that might.
    ones: u64,
    open: u64,
    /// Where the neighbours' points are on average, relative to the node.
    centroid: u64,
}

impl Model {
    /// `table_bits` as for [`Blend::new`].
    pub fn new(table_bits: u32) -> Self {
        Self { children: Blend::new(table_bits, SETS, SCALES), lone: Blend::new(10, [1], 1), table: &CHILDREN }
    }

    /// What is known around node `node` of a level; of `occupancy` the nodes before it.
    pub fn look(&self, around: &[u32; 27], node: usize, occupancy: &[u8]) -> Surroundings {
        let (mut neighbours, mut ones, mut open) = (0u32, 0u64, 0u64);
        let (mut sums, mut count) = ([0i32; 3], 0i32);
        for (cell, &index) in around.iter().enumerate() {
            if index == NONE || cell == CENTRE {
                continue;
            }
            neighbours |= 1 << cell;
            count += 1;
            let place = [cell / 9, cell / 3 % 3, cell % 3].map(|p| 4 * (p as i32 - 1));
            let known = (index as usize) < node;
            let held = if known { occupancy[index as usize] } else { 0xff };
            let children = self.table[cell][usize::from(held)];
            if known {
                ones |= children;
                let all = held.count_ones() as i32;
                let high = [0xf0, 0xcc, 0xaa].map(|half| (held & half).count_ones() as i32);
                for axis in 0..3 {
                    // A node that ends here has no children; its point counts in the middle.
                    sums[axis] += place[axis] + if all == 0 { 0 } else { (2 * high[axis] - all) * 2 / all };
                }
            } else {
                open |= children;
                for axis in 0..3 {
                    sums[axis] += place[axis];
                }
            }
        }
        let mean = |sum: i32| if count == 0 { 0 } else { (2 * sum).div_euclid(count).clamp(-15, 15) as u64 & 31 };
        let centroid = mean(sums[0]) | mean(sums[1]) << 5 | mean(sums[2]) << 10 | (count.min(15) as u64) << 15;
        Surroundings { neighbours, ones, open, centroid }
    }

    /// Codes whether the node holds one point alone. `left` levels are below it.
    pub fn lone(&mut self, coder: &mut impl BitCoder, bit: bool, left: u32, siblings: u32) -> Result<bool> {
        let contexts = [u64::from(left) << 4 | u64::from(siblings), u64::from(siblings)];
        self.lone.code(coder, bit, &Decision { contexts, sets: [0], scale: 0 })
    }

    /// Codes which children hold points: at least one.
    pub fn occupancy(&mut self, coder: &mut impl BitCoder, wanted: u8, mut around: Surroundings) -> Result<u8> {
        let neighbours = around.neighbours;
        let count = neighbours.count_ones() as usize;
        let faces = u64::from(neighbours & FACES);
        let mut node = 1u64;
        for child in 0..8usize {
            if child == 7 && node == 1 << 7 {
                // None so far: it is this one.
                node = node << 1 | 1;
                break;
            }
            let [face, edge, corner] = TOUCHING[child];
            let (ones, open) = (around.ones, around.open);
            let near = NEAR[child].iter().rev().fold(0, |near, cell| near << 1 | u64::from(neighbours >> cell & 1));
            let which = child as u64;
            let (held, free) = (ones & (face | edge | corner), open & (face | edge | corner));
            let (faces_held, faces_open) = (ones & face, open & face);
            let weight = 4 * faces_held.count_ones() + 2 * (ones & edge).count_ones() + (ones & corner).count_ones();
            let contexts = [
                faces << 8 | node,
                pair(faces_held, faces_open) ^ which,
                pair(held, free) ^ which,
                near << 8 | node,
                pair(ones & (face | edge), open & (face | edge)) ^ which,
                u64::from(neighbours) << 8 | node,
                pair(ones & (face | corner), open & (face | corner)) ^ which,
                around.centroid << 8 | node,
            ];
            let sets = [child, count, held.count_ones() as usize * 27 + free.count_ones() as usize];
            let decision = Decision { contexts, sets, scale: child << 6 | (weight as usize).min(63) };
            let bit = self.children.code(coder, wanted >> child & 1 == 1, &decision)?;
            node = node << 1 | u64::from(bit);
            let own = 16 * ((child >> 2) + 1) + 4 * ((child >> 1 & 1) + 1) + (child & 1) + 1;
            around.ones |= u64::from(bit) << own;
        }
        // The path is most significant first, from child 0.
        Ok((node as u8).reverse_bits())
    }
}

/// One number of two sets of cells.
fn pair(ones: u64, open: u64) -> u64 {
    ones.wrapping_mul(0x9FB2_1C65_1E98_DF25) ^ open.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32)
}
