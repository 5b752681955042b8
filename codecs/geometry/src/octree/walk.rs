//! Walking a level in Morton order with the 27 cells around each node at hand.
//!
//! A cell around a node lies in one of the 27 cells around its parent. So the walk keeps the surroundings of the path down to the last node,
//! and works out anew only what lies below the last common ancestor: four thirds of a node each, on average, where points are dense.

/// No node there.
pub(super) const NONE: u32 = u32::MAX;
/// Index of the node itself among its surroundings, which are in the order x, y, z, the last fastest, each from -1 to 1.
pub(super) const CENTRE: usize = 13;

/// Nodes of a level, in Morton order.
#[derive(Default)]
pub(super) struct Level {
    /// Where each node's children begin in the next level, and below that, in the lowest eight bits, which children hold points:
    /// child `4x + 2y + z` at bit `4x + 2y + z`, none for a node that ends here.
    nodes: Vec<u64>,
}

impl Level {
    pub fn push(&mut self, first: u32, occupancy: u8) {
        self.nodes.push(u64::from(first) << 8 | u64::from(occupancy));
    }

    /// Which children of a node hold points, if there is such a node.
    pub fn occupancy(&self, node: usize) -> Option<u8> {
        self.nodes.get(node).map(|&node| node as u8)
    }

    /// Adds the nodes of a part of the level, whose children come after `before` others.
    pub fn extend(&mut self, part: &Self, before: u32) {
        self.nodes.extend(part.nodes.iter().map(|node| node + (u64::from(before) << 8)));
    }
}

/// How many children that hold points come before a child, by child and occupancy.
static RANK: [[u8; 256]; 8] = {
    let mut table = [[0; 256]; 8];
    let mut child = 0;
    while child < 8 {
        let mut occupancy = 0usize;
        while occupancy < 256 {
            table[child][occupancy] = (occupancy & ((1 << child) - 1)).count_ones() as u8;
            occupancy += 1;
        }
        child += 1;
    }
    table
};

/// The cells around a child that lie in one of the eight cells around its parent that it touches.
#[derive(Clone, Copy)]
struct Touched {
    parent: u8,
    count: u8,
    /// Which cell around the child, and which child of the parent's cell it is.
    cells: [(u8, u8); 8],
}

/// For each child: the eight cells around its parent.
static AROUND: [[Touched; 8]; 8] = {
    let mut table = [[Touched { parent: 0, count: 0, cells: [(0, 0); 8] }; 8]; 8];
    let mut child = 0;
    while child < 8 {
        let mut cell = 0;
        while cell < 27 {
            // From 1 to 4, where 2 and 3 are the parent's own halves.
            let x = (child >> 2 & 1) + cell / 9 + 1;
            let y = (child >> 1 & 1) + cell / 3 % 3 + 1;
            let z = (child & 1) + cell % 3 + 1;
            // Of the three parents on each axis a child touches two, of which the lower is 0 or 1.
            let which = 4 * ((x >> 1) - (child >> 2 & 1)) + 2 * ((y >> 1) - (child >> 1 & 1)) + (z >> 1) - (child & 1);
            let touched = &mut table[child][which];
            touched.parent = ((x >> 1) * 9 + (y >> 1) * 3 + (z >> 1)) as u8;
            touched.cells[touched.count as usize] = (cell as u8, ((x & 1) << 2 | (y & 1) << 1 | (z & 1)) as u8);
            touched.count += 1;
            cell += 1;
        }
        child += 1;
    }
    table
};

/// The surroundings of the path from the root to the last node visited.
pub(super) struct Walk {
    depth: u32,
    code: u64,
    path: Vec<[u32; 27]>,
}

impl Walk {
    /// A walk over the nodes `depth` levels below the root.
    pub fn new(depth: u32) -> Self {
        let mut root = [NONE; 27];
        root[CENTRE] = 0;
        let mut path = vec![[NONE; 27]; depth as usize + 1];
        path[0] = root;
        // A code that differs from all others at the root's children.
        Self { depth, code: u64::MAX, path }
    }

    /// Goes on to the node of a code; `levels` are those above it, from the root.
    pub fn go(&mut self, code: u64, levels: &[Level]) -> &[u32; 27] {
        let changed = code ^ self.code;
        let common = match changed {
            0 => self.depth,
            _ => self.depth.saturating_sub((63 - changed.leading_zeros()) / 3 + 1),
        };
        self.code = code;
        for depth in common + 1..=self.depth {
            let (above, below) = self.path.split_at_mut(depth as usize);
            let (parents, level) = (&above[depth as usize - 1], &levels[depth as usize - 1]);
            let child = (code >> (3 * (self.depth - depth)) & 7) as usize;
            for touched in &AROUND[child] {
                let cells = &touched.cells[..usize::from(touched.count)];
                let parent = parents[usize::from(touched.parent)];
                let node = if parent == NONE { 0 } else { level.nodes[parent as usize] };
                let (first, occupancy) = ((node >> 8) as u32, node as u8);
                for &(cell, own) in cells {
                    let rank = u32::from(RANK[usize::from(own)][usize::from(occupancy)]);
                    below[0][usize::from(cell)] = if occupancy >> own & 1 == 1 { first + rank } else { NONE };
                }
            }
        }
        &self.path[self.depth as usize]
    }
}
