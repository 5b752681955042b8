//! Mixing the network's log odds with what the stream has taught so far.
//!
//! A logistic mixer as in lpaq (Mahoney), in log odds: the network's input times a weight, plus one
//! correction per context. The weight starts at 1 and the corrections at 0, so a fresh context
//! contributes nothing. All learn online by Newton steps that a prior damps: each keeps the curvature
//! `p(1-p)` it has seen, and moves by `error / (curvature + prior)`. A correction is thus the residual
//! between a context's own statistics and what the network predicts there, weighed by confidence.

use super::adaptation::Adaptation;
use super::logistic::{NAT_BITS, squash};

/// Neighbours whose paths are compared with a token's own, as (dt, dy, dx): left, above, above right,
/// above left, and the co-located token of the previous frame.
pub(super) const NEIGHBOURS: [(i8, i8, i8); 5] = [(0, 0, -1), (0, -1, 0), (0, -1, 1), (0, -1, -1), (-1, 0, 0)];
/// Index of the left neighbour in [`NEIGHBOURS`].
const LEFT: usize = 0;
/// Index of the co-located one.
const BEFORE: usize = 4;
/// 3 to the number of neighbours.
const AGREEMENTS: usize = 243;

/// Depths, from the root, that have corrections by the left neighbour's prefix.
const PREFIX_NODES_DEPTH: u32 = 6;
/// Bits of that prefix.
const PREFIX_BITS: u32 = 4;

/// Curvature of one fair decision, `p(1-p)` at 1/2, times 2^16.
const FAIR: i64 = 1 << 14;
const WEIGHT_ONE: i64 = 1 << 16;
/// The weight stays from 1/2 to 3/2.
const WEIGHT_RANGE: (i64, i64) = (WEIGHT_ONE / 2, WEIGHT_ONE * 3 / 2);
/// A correction stays within 2 nats.
const BIAS_LIMIT: i32 = 2 << NAT_BITS;

/// A learned addition to the log odds in one context.
#[derive(Debug, Clone, Copy, Default)]
struct Correction {
    /// In units of 2^-16 nat.
    bias: i32,
    /// Sum of `p(1-p)` so far, times 2^16.
    curvature: u32,
}

impl Correction {
    fn learn(&mut self, error: i64, curvature: i64, prior: u32, memory: u32) {
        let seen = (i64::from(self.curvature) + curvature).min(i64::from(memory) * FAIR);
        self.curvature = seen.min(i64::from(u32::MAX)) as u32;
        let step = (error << 16) / (i64::from(self.curvature) + i64::from(prior) * FAIR);
        self.bias = (self.bias + step as i32).clamp(-BIAS_LIMIT, BIAS_LIMIT);
    }
}

/// The weight on the network's log odds at one depth.
#[derive(Debug, Clone, Copy)]
struct Weight {
    /// Times 2^16.
    value: i64,
    /// Sum of `p(1-p)` times squared nats so far, times 2^16.
    curvature: i64,
}

/// One decision as predicted: what is needed to learn from its outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prediction {
    /// Heap node at which the decision is taken; 0 for none.
    pub node: usize,
    /// Probability of a 1, times 2^16.
    pub one: u16,
    /// The network's log odds in units of 2^-8 nat.
    stretched: i32,
    agreement: usize,
    prefix: Option<usize>,
    /// The bit that leads on to the expected token.
    expected: Option<bool>,
}

/// What the stream has taught about the tokens of one level.
#[derive(Debug, Clone)]
pub(super) struct Mixer {
    constants: Adaptation,
    depth: u32,
    weights: Vec<Weight>,
    nodes: Vec<Correction>,
    agreements: Vec<Correction>,
    prefixes: Vec<Correction>,
    /// Per depth, towards the expected token.
    follows: Vec<Correction>,
    /// The neighbours as heap nodes at full depth; 0 for none.
    leaves: [usize; NEIGHBOURS.len()],
    /// The expected token as a heap node at full depth; 0 for none.
    expected: usize,
}

impl Mixer {
    /// A mixer that has learned nothing, for tokens of `depth` bits.
    pub fn new(depth: u8, constants: Adaptation) -> Self {
        let fresh = Weight { value: WEIGHT_ONE, curvature: 0 };
        let depth = u32::from(depth);
        let nodes = 1 << depth;
        Self {
            constants,
            depth,
            weights: vec![fresh; depth as usize],
            nodes: vec![Correction::default(); nodes],
            agreements: vec![Correction::default(); AGREEMENTS * depth as usize],
            prefixes: vec![Correction::default(); 1 << (PREFIX_NODES_DEPTH + PREFIX_BITS + 1)],
            follows: vec![Correction::default(); depth as usize],
            leaves: [0; NEIGHBOURS.len()],
            expected: 0,
        }
    }

    /// Goes on to a token with these neighbours, of which an expected token takes the co-located one's place.
    pub fn start(&mut self, neighbours: [Option<u16>; NEIGHBOURS.len()], expected: Option<u16>) {
        let leaf = |token: Option<u16>| token.map_or(0, |token| (1 << self.depth) + usize::from(token));
        self.leaves = neighbours.map(leaf);
        self.expected = leaf(expected);
        if expected.is_some() {
            self.leaves[BEFORE] = self.expected;
        }
    }

    /// The decision at `node`, from 1 to `2^depth - 1`, given the network's log odds in 2^-8 nat.
    pub fn predict(&self, node: usize, stretched: i32) -> Prediction {
        let depth = node.ilog2();
        let mut agreement = 0;
        for leaf in self.leaves {
            let below = leaf >> (self.depth - depth - 1);
            let state = if below >> 1 == node { 1 + (below & 1) } else { 0 };
            agreement = agreement * 3 + state;
        }
        let agreement = depth as usize * AGREEMENTS + agreement;
        let prefix = (depth < PREFIX_NODES_DEPTH).then(|| {
            let left = self.leaves[LEFT] >> self.depth.saturating_sub(PREFIX_BITS);
            node << (PREFIX_BITS + 1) | left
        });
        let weighted = (self.weights[depth as usize].value * i64::from(stretched)) >> 8;
        let below = self.expected >> (self.depth - depth - 1);
        let expected = (below >> 1 == node).then_some(below & 1 == 1);
        let follow = self.follows[depth as usize].bias;
        let bias = self.nodes[node].bias
            + self.agreements[agreement].bias
            + prefix.map_or(0, |prefix| self.prefixes[prefix].bias)
            + expected.map_or(0, |bit| if bit { follow } else { -follow });
        Prediction { node, one: squash(weighted as i32 + bias), stretched, agreement, prefix, expected }
    }

    /// Learns from the outcome of a decision.
    pub fn learn(&mut self, prediction: &Prediction, bit: bool) {
        let one = i64::from(prediction.one);
        let error = (i64::from(bit) << 16) - one;
        let curvature = (one * (65_536 - one)) >> 16;
        let c = self.constants;
        self.nodes[prediction.node].learn(error, curvature, c.node, c.memory);
        self.agreements[prediction.agreement].learn(error, curvature, c.agreement, c.memory);
        if let Some(prefix) = prediction.prefix {
            self.prefixes[prefix].learn(error, curvature, c.prefix, c.memory);
        }
        let depth = prediction.node.ilog2() as usize;
        if let Some(expected) = prediction.expected {
            let towards = if expected { error } else { -error };
            self.follows[depth].learn(towards, curvature, c.follow, c.memory);
        }
        let weight = &mut self.weights[depth];
        let nats = i64::from(prediction.stretched);
        weight.curvature += (curvature * nats * nats) >> 16;
        let step = ((error * nats) << 8) / (weight.curvature + i64::from(c.weight) * FAIR);
        weight.value = (weight.value + step).clamp(WEIGHT_RANGE.0, WEIGHT_RANGE.1);
    }
}
