//! Walking a level in Morton order with the 27 cells around each node at hand.
//!
//! A cell around a node lies in one of the 27 cells around its parent. So the walk keeps the surroundings of the path down to the last node,
//! and works out anew only what lies below the last common ancestor: four thirds of a node each, on average, where points are dense.

/// Index of the node itself among its surroundings, which are in the order x, y, z, the last fastest, each from -1 to 1.
const CENTRE: usize = 13;

/// Nodes of a level, in Morton order.
#[derive(Default)]
pub(super) struct Level {
    /// Where each node's children begin in the next level, and below that, in the lowest eight bits, which children hold points:
    /// child `4x + 2y + z` at bit `4x + 2y + z`, none for a node that ends here.
    nodes: Vec<u64>,
}

impl Level {
    pub fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve(nodes);
    }

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
    /// Which children of that cell they are, as a set.
    children: u8,
    count: u8,
    /// Which cell around the child, and which child of the parent's cell it is.
    cells: [(u8, u8); 8],
}

/// For each child: the eight cells around its parent.
static AROUND: [[Touched; 8]; 8] = {
    let mut table = [[Touched { parent: 0, children: 0, count: 0, cells: [(0, 0); 8] }; 8]; 8];
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
            let own = ((x & 1) << 2 | (y & 1) << 1 | (z & 1)) as u8;
            touched.children |= 1 << own;
            touched.cells[touched.count as usize] = (cell as u8, own);
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
    path: Vec<Cells>,
}

/// The nodes among the 27 cells around a node.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    /// Which cells are nodes: cell `n` at bit `n`.
    present: u32,
    /// Which nodes of the level those cells are.
    nodes: [u32; 27],
}

impl Cells {
    /// The cells around the node itself that are nodes, and which nodes they are.
    pub fn around(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut left = self.present & !(1 << CENTRE);
        std::iter::from_fn(move || {
            let cell = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            self.nodes.get(cell).map(|&node| (cell, node as usize))
        })
    }
}

impl Walk {
    /// A walk over the nodes `depth` levels below the root.
    pub fn new(depth: u32) -> Self {
        let root = Cells { present: 1 << CENTRE, nodes: [0; 27] };
        // A code that differs from all others at the root's children.
        Self { depth, code: u64::MAX, path: vec![root; depth as usize + 1] }
    }

    /// Goes on to the node of a code; `levels` are those above it, from the root.
    pub fn go(&mut self, code: u64, levels: &[Level]) -> &Cells {
        let changed = code ^ self.code;
        let common = match changed {
            0 => self.depth,
            _ => self.depth.saturating_sub((63 - changed.leading_zeros()) / 3 + 1),
        };
        self.code = code;
        for depth in common + 1..=self.depth {
            let (above, below) = self.path.split_at_mut(depth as usize);
            let (parents, cells) = (&above[depth as usize - 1], &mut below[0]);
            let level = &levels[depth as usize - 1];
            let child = (code >> (3 * (self.depth - depth)) & 7) as usize;
            cells.present = 0;
            for touched in &AROUND[child] {
                if parents.present >> touched.parent & 1 == 0 {
                    continue;
                }
                let node = level.nodes[parents.nodes[usize::from(touched.parent)] as usize];
                let (first, occupancy) = ((node >> 8) as u32, node as u8);
                if occupancy & touched.children == 0 {
                    continue;
                }
                for &(cell, own) in &touched.cells[..usize::from(touched.count)] {
                    if occupancy >> own & 1 == 1 {
                        let before = RANK[usize::from(own)][usize::from(occupancy)];
                        cells.nodes[usize::from(cell)] = first + u32::from(before);
                        cells.present |= 1 << cell;
                    }
                }
            }
        }
        &self.path[self.depth as usize]
    }
}
