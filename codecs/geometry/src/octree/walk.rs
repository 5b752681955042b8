//! Walking a level in Morton order with the 27 cells around each node at hand.
//!
//! A cell around a node lies in one of the 27 cells around its parent. So the walk keeps the surroundings of the path down to the last node,
//! and works out anew only what lies below the last common ancestor: four thirds of a node each, on average, where points are dense.

/// No node there.
pub(super) const NONE: u32 = u32::MAX;
/// Index of the node itself among its surroundings, which are in the order x, y, z, the last fastest, each from -1 to 1.
pub(super) const CENTRE: usize = 13;

/// One level of the tree, in Morton order.
#[derive(Default)]
pub(super) struct Level {
    /// Which children hold points, child `4x + 2y + z` at bit `4x + 2y + z`. 0 for a node that ends here.
    pub occupancy: Vec<u8>,
    /// Where a node's children begin in the next level.
    pub first: Vec<u32>,
}

impl Level {
    /// The index in the next level of a node's child.
    fn child(&self, node: u32, child: usize) -> u32 {
        let occupancy = self.occupancy[node as usize];
        match occupancy >> child & 1 {
            1 => self.first[node as usize] + (occupancy & ((1 << child) - 1)).count_ones(),
            _ => NONE,
        }
    }
}

/// For each child and each cell around it: which cell around the parent it lies in, and which child of that.
const AROUND: [[(u8, u8); 27]; 8] = {
    let mut table = [[(0, 0); 27]; 8];
    let mut child = 0;
    while child < 8 {
        let mut cell = 0;
        while cell < 27 {
            // From 1 to 4, where 2 and 3 are the parent's own halves.
            let x = (child >> 2 & 1) + cell / 9 + 1;
            let y = (child >> 1 & 1) + cell / 3 % 3 + 1;
            let z = (child & 1) + cell % 3 + 1;
            let parent = (x >> 1) * 9 + (y >> 1) * 3 + (z >> 1);
            let own = (x & 1) << 2 | (y & 1) << 1 | (z & 1);
            table[child][cell] = (parent as u8, own as u8);
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
            for (cell, &(parent, own)) in below[0].iter_mut().zip(&AROUND[child]) {
                let parent = parents[usize::from(parent)];
                *cell = if parent == NONE { NONE } else { level.child(parent, usize::from(own)) };
            }
        }
        &self.path[self.depth as usize]
    }
}
