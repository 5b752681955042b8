//! Levels to bytes and back: one walk serves both.

use tessera_core::entropy::{BitCoder, BitDecoder, BitEncoder, table_bits};
use tessera_core::{Error, Result};

use super::model::Model;
use super::walk::{Level, Walk};

/// Nodes from which on a group of levels is closed.
const GROUP_NODES: usize = 512;
/// Levels below a node from which on it may end with one point.
const LONE_LEVELS: u32 = 2;
/// Counters per point and input.
const COUNTERS_PER_POINT: u64 = 16;

/// What the nodes of a level are to say. The decoder has none.
trait Source {
    /// The whole code of the only point of a node, if it has one only.
    fn lone(&self, node: usize) -> Option<u64>;
    /// Which children of a node hold points; they become nodes of the next level.
    fn split(&mut self, node: usize) -> u8;
    /// Goes on to the next level.
    fn descend(&mut self);
}

/// A tree down to the level that was coded last.
pub(crate) struct Tree {
    depth: u32,
    most: u64,
    model: Model,
    /// The levels coded.
    levels: Vec<Level>,
    /// Codes of the nodes of the next level, and how many children their parent has.
    nodes: Vec<u64>,
    siblings: Vec<u8>,
    /// Whole codes of points that ended early.
    lone: Vec<u64>,
}

/// Where the points are, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaves {
    /// Whole codes, ascending. Bits that are not known are 0.
    pub codes: Vec<u64>,
    /// Levels that are missing below codes that are not whole; 0 for none.
    pub missing: u32,
    /// Codes that are whole though levels are missing.
    pub lone: Vec<u64>,
}

impl Tree {
    /// The root of a tree of `depth` levels, from 1 to 21, and of at most `points` leaves, at least 1.
    pub fn new(depth: u32, points: u64) -> Self {
        Self {
            depth,
            most: points,
            model: Model::new(table_bits(points.saturating_mul(COUNTERS_PER_POINT))),
            levels: Vec::new(),
            nodes: vec![0],
            siblings: vec![1],
            lone: Vec::new(),
        }
    }

    /// Decodes one group of levels.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupt`] for a payload that is not what an encoder writes here.
    pub fn decode_group(&mut self, payload: &[u8]) -> Result<()> {
        let Some((&count, coded)) = payload.split_first() else {
            return Err(Error::Truncated { what: "a group of levels is empty".to_owned() });
        };
        if count == 0 || self.levels.len() + usize::from(count) > self.depth as usize {
            return Err(corrupt("a group of levels goes deeper than the octree"));
        }
        let mut decoder = BitDecoder::new(coded)?;
        for _ in 0..count {
            self.code_level(&mut decoder, &mut Unknown)?;
        }
        decoder.finish()
    }

    /// Levels that are not coded yet.
    pub fn missing(&self) -> u32 {
        self.depth - self.levels.len() as u32
    }

    /// The leaves, or as much as is known of them.
    pub fn into_leaves(self) -> Leaves {
        let missing = self.missing();
        let mut codes: Vec<u64> = self.nodes.iter().map(|code| code << (3 * missing)).collect();
        let mut lone = self.lone;
        lone.sort_unstable();
        codes.extend(&lone);
        codes.sort_unstable();
        Leaves { codes, missing, lone: if missing == 0 { Vec::new() } else { lone } }
    }

    fn code_level<C: BitCoder>(&mut self, coder: &mut C, source: &mut impl Source) -> Result<()> {
        let depth = self.levels.len() as u32;
        let left = self.depth - depth;
        let nodes = std::mem::take(&mut self.nodes);
        let siblings = std::mem::take(&mut self.siblings);
        let mut walk = Walk::new(depth);
        let mut level = Level::default();
        for (n, (&code, &siblings)) in nodes.iter().zip(&siblings).enumerate() {
            let around = self.model.look(walk.go(code, &self.levels), n, &level.occupancy);
            level.first.push(self.nodes.len() as u32);
            if around.neighbours == 0 && left >= LONE_LEVELS {
                let lone = source.lone(n);
                if self.model.lone(coder, lone.is_some(), left, siblings.into())? {
                    self.lone.push(code << (3 * left) | code_rest(coder, lone.unwrap_or(0), left)?);
                    level.occupancy.push(0);
                    continue;
                }
            }
            let occupancy = self.model.occupancy(coder, source.split(n), around)?;
            level.occupancy.push(occupancy);
            let children = (0..8).filter(|child| occupancy >> child & 1 == 1);
            self.nodes.extend(children.map(|child| code << 3 | child));
            self.siblings.resize(self.nodes.len(), occupancy.count_ones() as u8);
            if (self.nodes.len() + self.lone.len()) as u64 > self.most {
                return Err(corrupt("an octree has more leaves than the header says"));
            }
        }
        self.levels.push(level);
        source.descend();
        Ok(())
    }
}

/// Codes the lower bits of a code, three for each level.
fn code_rest(coder: &mut impl BitCoder, code: u64, levels: u32) -> Result<u64> {
    let mut coded = 0;
    for level in (0..levels).rev() {
        coded = coded << 3 | u64::from(coder.code_fair((code >> (3 * level)) as u32 & 7, 3)?);
    }
    Ok(coded)
}

struct Unknown;

impl Source for Unknown {
    fn lone(&self, _: usize) -> Option<u64> {
        None
    }

    fn split(&mut self, _: usize) -> u8 {
        0
    }

    fn descend(&mut self) {}
}

/// The nodes of a level as ranges of sorted codes.
struct Sorted<'a> {
    codes: &'a [u64],
    /// Levels below the nodes.
    left: u32,
    nodes: Vec<(u32, u32)>,
    children: Vec<(u32, u32)>,
}

impl Source for Sorted<'_> {
    fn lone(&self, node: usize) -> Option<u64> {
        let (start, end) = self.nodes[node];
        (end - start == 1).then(|| self.codes[start as usize])
    }

    fn split(&mut self, node: usize) -> u8 {
        let (mut start, end) = self.nodes[node];
        let shift = 3 * (self.left - 1);
        let mut occupancy = 0;
        while start < end {
            let child = self.codes[start as usize] >> shift;
            let rest = &self.codes[start as usize..end as usize];
            let next = start + rest.partition_point(|code| code >> shift == child) as u32;
            self.children.push((start, next));
            occupancy |= 1 << (child & 7);
            start = next;
        }
        occupancy
    }

    fn descend(&mut self) {
        self.nodes = std::mem::take(&mut self.children);
        self.left = self.left.saturating_sub(1);
    }
}

/// Codes a tree of `depth` levels, from 1 to 21, whose leaves are `codes`: at least one, ascending, all different, below 2^(3 depth).
/// `points` is what [`Tree::new`] is told when they are decoded, at least their number.
pub(crate) fn encode_groups(codes: &[u64], depth: u32, points: u64) -> Result<Vec<Vec<u8>>> {
    let all = u32::try_from(codes.len()).map_err(|_| corrupt("too many points"))?;
    let mut tree = Tree::new(depth, points);
    let mut source = Sorted { codes, left: depth, nodes: vec![(0, all)], children: Vec::new() };
    let mut groups = Vec::new();
    while tree.missing() > 0 {
        let mut encoder = BitEncoder::new();
        let (mut levels, mut nodes) = (0u8, 0);
        while tree.missing() > 0 && nodes < GROUP_NODES {
            nodes += tree.nodes.len();
            tree.code_level(&mut encoder, &mut source)?;
            levels += 1;
        }
        let mut group = vec![levels];
        group.extend(encoder.finish());
        groups.push(group);
    }
    Ok(groups)
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { what: what.to_owned() }
}
