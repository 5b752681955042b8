//! Walking a grid with the network.

use super::kernel::{dot, padded, widen};
use super::tensors::Level;
use crate::entropy::adaptation::Adaptation;
use crate::entropy::mixer::{Mixer, NEIGHBOURS, Prediction};
use crate::entropy::places::Places;
use crate::entropy::prior::{Order, PriorSession};
use crate::token::GridShape;

/// Greatest magnitude of the network's log odds, in units of 2^-8 nat.
const STRETCHED_MAX: i64 = 2047;

/// A walk over one grid.
pub(super) struct NetworkSession<'a> {
    levels: &'a [Level],
    shape: GridShape,
    order: Order,
    /// Where the tokens of a level are, if they do not fill a grid: then they are its one row.
    places: Option<&'a Places>,
    depths: Vec<u8>,
    /// Tokens observed so far, in coding order.
    tokens: Vec<u16>,
    at: Position,
    /// Per level, what its tokens have taught.
    mixers: Vec<Mixer>,
    /// What the current token is expected to be.
    expected: Option<u16>,
    /// Whether `second` holds the activations for the current position.
    is_ready: bool,
    input: Vec<i16>,
    first: Vec<i16>,
    second: Vec<i16>,
    /// Latest prediction per depth; on the way down a path, all of its decisions.
    path: Vec<Prediction>,
}

/// Coordinates of the current token.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    level: usize,
    t: u32,
    y: u32,
    x: u32,
}

impl<'a> NetworkSession<'a> {
    /// Starts at the first token. The caller has checked shape and depths against the levels.
    pub fn new(
        levels: &'a [Level],
        adaptation: Adaptation,
        (shape, order): (GridShape, Order),
        places: Option<&'a Places>,
        depths: &[u8],
    ) -> Self {
        let mut session = Self {
            levels,
            shape,
            order,
            places,
            depths: depths.to_vec(),
            tokens: Vec::new(),
            at: Position::default(),
            mixers: depths.iter().map(|&depth| Mixer::new(depth, adaptation)).collect(),
            expected: None,
            is_ready: false,
            input: Vec::new(),
            first: Vec::new(),
            second: Vec::new(),
            path: Vec::new(),
        };
        session.enter_level();
        session
    }

    /// Sizes the buffers for the current level.
    fn enter_level(&mut self) {
        let level = &self.levels[self.at.level];
        let depth = self.depths[self.at.level];
        self.input = vec![0; padded(level.slots.len() * level.embed_width)];
        self.first = vec![0; level.first.outputs()];
        self.second = vec![0; level.second.outputs()];
        self.path = vec![Prediction::default(); usize::from(depth)];
    }

    /// Number of tokens that precede a level of a frame in coding order.
    fn plane_start(&self, level: usize, t: usize) -> usize {
        let planes = match self.order {
            Order::ByLevel => level * self.shape.t as usize + t,
            Order::ByFrame => t * self.depths.len() + level,
        };
        planes * self.shape.y as usize * self.shape.x as usize
    }

    /// Where the token at an offset from the current position comes in coding order, at `level`, if there is one.
    fn neighbour(&self, level: usize, dt: i32, dy: i32, dx: i32) -> Option<usize> {
        if let Some(places) = self.places {
            return Some(self.plane_start(level, 0) + places.beside(self.at.x as usize, [dt, dy, dx])?);
        }
        let shift = |at: u32, by: i32, len: u32| {
            let to = i64::from(at) + i64::from(by);
            (0..i64::from(len)).contains(&to).then_some(to as usize)
        };
        let t = shift(self.at.t, dt, self.shape.t)?;
        let y = shift(self.at.y, dy, self.shape.y)?;
        let x = shift(self.at.x, dx, self.shape.x)?;
        Some(self.plane_start(level, t) + y * self.shape.x as usize + x)
    }

    /// Computes the activations for the current position.
    fn prepare(&mut self) {
        let level = &self.levels[self.at.level];
        for (n, &[dl, dt, dy, dx]) in level.slots.iter().enumerate() {
            let seen = self.at.level.wrapping_add_signed(dl as isize);
            let row = match self.neighbour(seen, dt, dy, dx).map(|index| self.tokens.get(index)) {
                Some(Some(&token)) => (1 << self.depths[seen]) + usize::from(token),
                Some(None) => 1,
                None => 0,
            };
            let slot = &mut self.input[n * level.embed_width..][..level.embed_width];
            widen(self.levels[seen].embedding(row), slot);
        }
        level.first.apply(&self.input, &mut self.first);
        level.second.apply(&self.first, &mut self.second);
        let here = |(dt, dy, dx): (i8, i8, i8)| {
            let index = self.neighbour(self.at.level, dt.into(), dy.into(), dx.into())?;
            self.tokens.get(index).copied()
        };
        let neighbours = NEIGHBOURS.map(here);
        self.mixers[self.at.level].start(neighbours, self.expected);
        self.is_ready = true;
    }

    fn predict(&mut self, node: usize) -> Prediction {
        if !self.is_ready {
            self.prepare();
        }
        let level = &self.levels[self.at.level];
        let weights = &level.node[node * level.node_width..][..level.node_width];
        let sum = level.node_bias[node] + dot(weights, &self.second);
        let stretched = level.node_scale.apply(sum, -STRETCHED_MAX, STRETCHED_MAX);
        let prediction = self.mixers[self.at.level].predict(node, stretched);
        self.path[node.ilog2() as usize] = prediction;
        prediction
    }

    fn is_finished(&self) -> bool {
        self.at.level == self.depths.len() || self.at.t == self.shape.t
    }

    /// Takes the current token and goes on to the next.
    fn advance(&mut self, token: u16) {
        self.tokens.push(token);
        self.is_ready = false;
        self.expected = None;
        self.at.x += 1;
        if self.at.x < self.shape.x {
            return;
        }
        self.at.x = 0;
        self.at.y += 1;
        if self.at.y < self.shape.y {
            return;
        }
        self.at.y = 0;
        let (frames, levels) = (self.shape.t, self.depths.len());
        match self.order {
            Order::ByLevel if self.at.t + 1 < frames => self.at.t += 1,
            Order::ByLevel => (self.at.t, self.at.level) = (0, self.at.level + 1),
            Order::ByFrame if self.at.level + 1 < levels => self.at.level += 1,
            Order::ByFrame => (self.at.t, self.at.level) = (self.at.t + 1, 0),
        }
        if !self.is_finished() {
            self.enter_level();
        }
    }
}

impl PriorSession for NetworkSession<'_> {
    fn probability(&mut self, node: usize) -> u16 {
        if self.is_finished() || node == 0 || node >> self.depths[self.at.level] != 0 {
            return 1 << 15;
        }
        self.predict(node).one
    }

    fn observe(&mut self, token: u16) {
        if self.is_finished() {
            return;
        }
        let depth = usize::from(self.depths[self.at.level]);
        let leaf = (1 << depth) + (usize::from(token) & ((1 << depth) - 1));
        for d in 0..depth {
            let below = leaf >> (depth - d - 1);
            let mut prediction = self.path[d];
            if !self.is_ready || prediction.node != below >> 1 {
                prediction = self.predict(below >> 1);
            }
            self.mixers[self.at.level].learn(&prediction, below & 1 == 1);
        }
        self.path.fill(Prediction::default());
        self.advance((leaf - (1 << depth)) as u16);
    }

    fn skip(&mut self, token: u16) {
        if !self.is_finished() {
            self.advance(token);
        }
    }

    fn expect(&mut self, token: u16) {
        self.expected = Some(token);
        self.is_ready = false;
    }
}
