//! The contexts of an octree's decisions.

use std::sync::LazyLock;

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, Blend, Decision};

use super::walk::{Cells, Level};

/// Contexts of a decision about a child.
const INPUTS: usize = 6;
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

/// The cell of a child is at `origin` + `MIDDLE`, the 26 that touch it lie around.
const fn origin(child: usize) -> u32 {
    (16 * (child >> 2 & 1) + 4 * (child >> 1 & 1) + (child & 1)) as u32
}
const MIDDLE: u32 = 16 + 4 + 1;

/// The cells that touch the child at origin 0 with a face, an edge, a corner.
const FACES: u64 = touching(1);
const EDGES: u64 = touching(2);
const CORNERS: u64 = touching(3);

const fn touching(axes: usize) -> u64 {
    let (mut cells, mut cell) = (0, 0);
    while cell < 27 {
        let (x, y, z) = (cell / 9, cell / 3 % 3, cell % 3);
        if (x != 1) as usize + (y != 1) as usize + (z != 1) as usize == axes {
            cells |= 1 << (16 * x + 4 * y + z);
        }
        cell += 1;
    }
    cells
}

/// Where the cells around a node are, in quarters of its side.
const PLACES: [[i32; 3]; 27] = {
    let (mut table, mut cell) = ([[0; 3]; 27], 0);
    while cell < 27 {
        let at = cell as i32;
        table[cell] = [4 * (at / 9 - 1), 4 * (at / 3 % 3 - 1), 4 * (at % 3 - 1)];
        cell += 1;
    }
    table
};

/// Where a node's children are on average, in quarters of its side from its middle, by occupancy; the middle for a node that ends here.
static MEANS: [[i8; 3]; 256] = {
    let (mut table, mut occupancy) = ([[0; 3]; 256], 1usize);
    while occupancy < 256 {
        let all = occupancy.count_ones() as i32;
        let mut axis = 0;
        while axis < 3 {
            let high = (occupancy & [0xf0, 0xcc, 0xaa][axis]).count_ones() as i32;
            table[occupancy][axis] = ((2 * high - all) * 2 / all) as i8;
            axis += 1;
        }
        occupancy += 1;
    }
    table
};

/// The six cells that share a face with the node.
const NODE_FACES: u32 = 1 << 4 | 1 << 10 | 1 << 12 | 1 << 14 | 1 << 16 | 1 << 22;

/// The node's own children.
const OWN: u64 = {
    let (mut cells, mut child) = (0, 0);
    while child < 8 {
        cells |= 1 << (origin(child) + MIDDLE);
        child += 1;
    }
    cells
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

/// Around the children that are left on the way to a single one, by the way so far: cells on the one side and on the other of what is
/// decided next.
const SIDES: [[u64; 2]; 8] = {
    let (mut table, mut node) = ([[0; 2]; 8], 1);
    while node < 8 {
        // Decided so far, and the coordinate that comes next: x, y, z.
        let decided = if node < 2 {
            0
        } else if node < 4 {
            1
        } else {
            2
        };
        let (mut around, mut child) = (0, 0);
        while child < 8 {
            if (8 | child) >> (3 - decided) == node {
                around |= (FACES | EDGES | CORNERS) << origin(child);
            }
            child += 1;
        }
        let mut cell = 0;
        while cell < 64 {
            let at = cell >> (4 - 2 * decided) & 3;
            table[node][at / 2] |= around & !OWN & 1 << cell;
            cell += 1;
        }
        node += 1;
    }
    table
};

/// What is learned of a tree while it is coded.
#[derive(Clone)]
pub(super) struct Model {
    children: Blend<INPUTS, 3>,
    single: Blend<4, 2>,
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
        Self {
            children: Blend::new(table_bits, SETS, SCALES),
            single: Blend::new(table_bits, [27 * 8, 4096], 8),
            lone: Blend::new(10, [1], 1),
            table: &CHILDREN,
        }
    }

    /// What is known around a node of a level, of which `before` are the nodes before it from node `start` on.
    pub fn look(&self, cells: &Cells, start: usize, before: &Level) -> Surroundings {
        let (mut neighbours, mut ones, mut open) = (0u32, 0u64, 0u64);
        let (mut sums, mut count) = ([0i32; 3], 0i32);
        for (cell, node) in cells.around() {
            neighbours |= 1 << cell;
            count += 1;
            let place = &PLACES[cell];
            let known = node.checked_sub(start).and_then(|index| before.occupancy(index));
            let children = self.table[cell][usize::from(known.unwrap_or(0xff))];
            if let Some(held) = known {
                ones |= children;
                for (sum, (place, mean)) in sums.iter_mut().zip(place.iter().zip(&MEANS[usize::from(held)])) {
                    *sum += place + i32::from(*mean);
                }
            } else {
                open |= children;
                for axis in 0..3 {
                    sums[axis] += place[axis];
                }
            }
        }
        let mean = |sum: i32| if count == 0 { 0 } else { (2 * sum).div_euclid(count).clamp(-15, 15) as u64 & 31 };
        let centroid = mean(sums[0]) | mean(sums[1]) << 5 | mean(sums[2]) << 10 | (count.min(3) as u64) << 15;
        Surroundings { neighbours, ones, open, centroid }
    }

    /// Codes whether the node holds one point alone. `left` levels are below it.
    pub fn lone(&mut self, coder: &mut impl BitCoder, bit: bool, left: u32, siblings: u32) -> Result<bool> {
        let contexts = [u64::from(left) << 4 | u64::from(siblings), u64::from(siblings)];
        self.lone.code(coder, bit, &Decision { contexts, sets: [0], scale: 0 })
    }

    /// Codes which is the only child that holds points, or that there are more. Of the node's parent so many children hold points.
    pub fn single(
        &mut self,
        coder: &mut impl BitCoder,
        wanted: u8,
        around: &Surroundings,
        siblings: u8,
    ) -> Result<Option<usize>> {
        let mut step = |bit: bool, seen: u64, node: usize| {
            let contexts = [
                around.neighbours.into(),
                around.centroid,
                u64::from(around.neighbours & NODE_FACES) << 3 | u64::from(siblings - 1),
                around.ones.wrapping_mul(0x9FB2_1C65_1E98_DF25) >> 4,
            ]
            .map(|context: u64| context << 3 | node as u64);
            let sets = [around.neighbours.count_ones() as usize * 8 + node, seen as usize];
            self.single.code(coder, bit, &Decision { contexts, sets, scale: node })
        };
        let known = u64::from(around.ones.count_ones().min(15)) << 6 | u64::from(around.open.count_ones().min(63));
        if !step(wanted.count_ones() == 1, known, 0)? {
            return Ok(None);
        }
        let mut node = 1;
        for below in (0..3).rev() {
            let [low, high] = SIDES[node].map(|side| {
                let (ones, open) = ((around.ones & side).count_ones(), (around.open & side).count_ones());
                u64::from(ones.min(7)) << 3 | u64::from((open / 2).min(7))
            });
            let bit = step(wanted.trailing_zeros() >> below & 1 == 1, low << 6 | high, node)?;
            node = 2 * node + usize::from(bit);
        }
        Ok(Some(node - 8))
    }

    /// Codes which children hold points: at least one.
    pub fn occupancy(&mut self, coder: &mut impl BitCoder, wanted: u8, mut around: Surroundings) -> Result<u8> {
        let neighbours = around.neighbours;
        let count = neighbours.count_ones() as usize;
        let whole = u64::from(neighbours);
        around.open |= OWN;
        let mut node = 1u64;
        for (child, cells) in NEAR.iter().enumerate() {
            if child == 7 && node == 1 << 7 {
                // None so far: it is this one.
                node = node << 1 | 1;
                break;
            }
            let own = origin(child);
            around.open &= !(1 << (own + MIDDLE));
            let (ones, open) = (around.ones >> own, around.open >> own);
            let (held, free) = (ones & (FACES | EDGES | CORNERS), open & (FACES | EDGES | CORNERS));
            let near = cells.iter().rev().fold(0, |near, cell| near << 1 | u64::from(neighbours >> cell & 1));
            let (faces, edges, corners) = (held & FACES, held & EDGES, held & CORNERS);
            let weight = 4 * faces.count_ones() + 2 * edges.count_ones() + corners.count_ones();
            let contexts = [
                pair(faces, free & FACES),
                step(near, child, node),
                pair(faces | edges, free & (FACES | EDGES)),
                step(whole, child, node),
                pair(faces | corners, free & (FACES | CORNERS)),
                step(around.centroid, child, node),
            ];
            let sets = [child, count, held.count_ones() as usize * 27 + free.count_ones() as usize];
            let decision = Decision { contexts, sets, scale: child << 6 | (weight as usize).min(63) };
            let bit = self.children.code(coder, wanted >> child & 1 == 1, &decision)?;
            node = node << 1 | u64::from(bit);
            around.ones |= u64::from(bit) << (own + MIDDLE);
        }
        // The path is most significant first, from child 0.
        Ok((node as u8).reverse_bits())
    }
}

/// A context of a node and the way so far, `node`, to a child. Four steps share a line of counters.
fn step(context: u64, child: usize, node: u64) -> u64 {
    match child {
        0..4 => context << 9 | node,
        _ => {
            let (before, rest) = (node >> (child - 4), node & ((1 << (child - 4)) - 1));
            context << 9 | before << 4 | 1 << (child - 4) | rest
        }
    }
}

/// One number of two sets of cells.
fn pair(ones: u64, open: u64) -> u64 {
    (ones.wrapping_mul(0x9FB2_1C65_1E98_DF25) ^ open.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32)) >> 4
}
