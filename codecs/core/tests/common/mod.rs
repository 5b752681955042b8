//! Seeded random material that unit tests, integration tests and benches share.

#![allow(dead_code, clippy::unwrap_used)]

use tessera_core::entropy::{LevelTensors, NetworkPrior, PriorTensors, TokenPrior};
use tessera_core::vq::{NestedCodebook, ResidualCodebook};
use tessera_core::{GridShape, TokenGrid};

/// SplitMix64: the same numbers everywhere, from integers alone.
pub struct Random(u64);

impl Random {
    /// A generator whose numbers depend on `seed` only.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound - 1`.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// From `-limit` to `limit`, denser around 0.
    pub fn around_zero(&mut self, limit: i32) -> i32 {
        let half = (limit / 2 + 1) as u32;
        self.below(half) as i32 + self.below(half) as i32 - (limit / 2)
    }

    /// From -1 to 1.
    pub fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Sizes of a random network.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Residual levels.
    pub levels: usize,
    /// Neighbours seen per level, at most 18.
    pub slots: usize,
    /// Values of an embedding.
    pub embed: usize,
    /// Units of the first hidden layer.
    pub h1: usize,
    /// Units of the second hidden layer.
    pub h2: usize,
    /// Bits per token.
    pub depth: u8,
}

/// The network that the default image pack ships.
pub const REAL: Sizes = Sizes { levels: 1, slots: 18, embed: 16, h1: 192, h2: 96, depth: 12 };

/// A network whose every part matters, small enough for exhaustive tests.
pub const SMALL: Sizes = Sizes { levels: 2, slots: 7, embed: 5, h1: 11, h2: 9, depth: 6 };

const SLOTS: [[i32; 3]; 18] = [
    [0, 0, -1],
    [0, -1, 0],
    [0, -1, 1],
    [0, -1, -1],
    [-1, 0, 0],
    [0, 0, -2],
    [0, -2, 0],
    [0, -1, 2],
    [0, -1, -2],
    [0, -2, 1],
    [0, -2, -1],
    [0, -2, 2],
    [0, -2, -2],
    [0, 0, -3],
    [0, -3, 0],
    [0, -1, 3],
    [0, -1, -3],
    [-1, 1, 1],
];

/// Random tensors whose log odds spread over a few nats.
pub fn tensors(sizes: Sizes, seed: u64) -> PriorTensors {
    let mut random = Random::new(seed);
    let mut bytes = |len: usize, limit: i32| -> Vec<i8> { (0..len).map(|_| random.around_zero(limit) as i8).collect() };
    let nodes = 1 << sizes.depth;
    let inputs = sizes.slots * sizes.embed;
    let levels = (0..sizes.levels)
        .map(|level| {
            let slot = |n: usize| {
                // Upper levels see the co-located tokens of the level before.
                let dl = if level > 0 && n % 3 == 2 { -1 } else { 0 };
                let [dt, dy, dx] = SLOTS[n];
                if dl < 0 { [dl, 0, -dy, -dx] } else { [dl, dt, dy, dx] }
            };
            LevelTensors {
                slots: (0..sizes.slots).map(slot).collect(),
                embed: bytes(2 * nodes * sizes.embed, 120),
                w1: bytes(sizes.h1 * inputs, 120),
                b1: bytes(sizes.h1, 120).iter().map(|&b| i32::from(b) * 99).collect(),
                q1: [1 << 20, 20 + shift(inputs)],
                w2: bytes(sizes.h2 * sizes.h1, 120),
                b2: bytes(sizes.h2, 120).iter().map(|&b| i32::from(b) * 99).collect(),
                q2: [1 << 20, 19 + shift(sizes.h1)],
                node: bytes(nodes * sizes.h2, 120),
                node_bias: bytes(nodes, 120).iter().map(|&b| i32::from(b) * 99).collect(),
                q3: [1 << 10, 8 + shift(sizes.h2)],
            }
        })
        .collect();
    PriorTensors { levels }
}

/// Shift that brings a sum of `terms` products of bytes back to a byte, about.
fn shift(terms: usize) -> i32 {
    4 + terms.ilog2() as i32 / 2
}

/// A random network prior.
pub fn network(sizes: Sizes, seed: u64) -> NetworkPrior {
    NetworkPrior::from_tensors(&tensors(sizes, seed)).unwrap()
}

/// Tokens drawn evenly.
pub fn random_grid(shape: GridShape, depths: &[u8], seed: u64) -> TokenGrid {
    let mut random = Random::new(seed);
    let per_level = shape.positions().len() as usize;
    let tokens = depths
        .iter()
        .flat_map(|&depth| std::iter::repeat_n(depth, per_level))
        .map(|depth| random.below(1 << depth) as u16)
        .collect();
    TokenGrid::from_tokens(shape, depths, tokens).unwrap()
}

/// Tokens drawn from a prior: what a stream looks like to a network that fits it.
pub fn sampled_grid(shape: GridShape, depths: &[u8], prior: &dyn TokenPrior, seed: u64) -> TokenGrid {
    let mut random = Random::new(seed);
    let mut session = prior.session(shape, depths).unwrap();
    let mut tokens = Vec::new();
    for &depth in depths {
        for _ in 0..shape.positions().len() {
            let mut node = 1;
            for _ in 0..depth {
                let one = random.below(1 << 16) < u32::from(session.probability(node));
                node = 2 * node + usize::from(one);
            }
            let token = (node - (1 << depth)) as u16;
            session.observe(token);
            tokens.push(token);
        }
    }
    TokenGrid::from_tokens(shape, depths, tokens).unwrap()
}

/// Residual levels of trees whose every node is the mean of its children; level `l` spans `2^-l`.
pub fn tree_codebook(dim: usize, depth: u8, levels: usize) -> ResidualCodebook {
    let level = |l: usize| {
        let mut random = Random::new(l as u64 + 1);
        let scale = 0.5f32.powi(l as i32);
        let mut nodes = vec![0.0; dim << (depth + 1)];
        // From the root down, children lie on both sides of their parent along one axis each depth.
        for node in 1..1usize << depth {
            let d = node.ilog2() as usize;
            let spread = scale * 0.5 * 0.75f32.powi((d / dim) as i32) * (1.0 + 0.1 * random.unit());
            for n in 0..dim {
                let value = nodes[node * dim + n];
                let step = if n == d % dim { spread } else { 0.0 };
                nodes[2 * node * dim + n] = value - step;
                nodes[(2 * node + 1) * dim + n] = value + step;
            }
        }
        NestedCodebook::new(dim, depth, nodes).unwrap()
    };
    ResidualCodebook::new((0..levels).map(level).collect()).unwrap()
}
