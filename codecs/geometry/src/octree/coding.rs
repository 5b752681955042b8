//! Levels to bytes and back: one walk serves both.

use std::ops::Range;

use tessera_core::entropy::{BitCoder, BitDecoder, BitEncoder, table_bits};
use tessera_core::{Error, Result};

use super::model::Model;
use super::walk::{Level, Walk};
use crate::varint;

/// Nodes from which on a level is coded in two parts, in four, in eight.
const PART_NODES: [usize; 3] = [1 << 17, 1 << 20, 1 << 22];
/// Nodes from which on a level says whether it is sparse.
const SPARSE_NODES: usize = 512;
/// Nodes from which on a group of levels is closed.
const GROUP_NODES: usize = 512;
/// Levels below a node from which on it may end with one point.
const LONE_LEVELS: u32 = 2;
/// Counters per point and input.
const COUNTERS_PER_POINT: u64 = 16;

/// What the nodes of one part of a level are to say. The decoder has none.
trait Source: Send {
    /// Whether most nodes of the level have a single child that holds points.
    fn sparse(&self) -> bool;
    /// The whole code of the only point of the part's next node, if it has one only.
    fn lone(&self) -> Option<u64>;
    /// Which children of the part's next node hold points; they become nodes of the next level.
    fn split(&mut self) -> u8;
    /// Passes over the part's next node, which ends here.
    fn skip(&mut self);
}

/// A tree down to the level that was coded last.
pub(crate) struct Tree {
    depth: u32,
    most: u64,
    /// One for each part of a level.
    models: Vec<Model>,
    /// The levels coded.
    levels: Vec<Level>,
    next: Nodes,
    /// Whole codes of points that ended early.
    lone: Vec<u64>,
}

/// The nodes of a level that is not coded yet.
#[derive(Default)]
struct Nodes {
    codes: Vec<u64>,
    /// How many children their parent has.
    siblings: Vec<u8>,
}

/// What coding a part of a level tells.
#[derive(Default)]
struct Part {
    /// Children count from the first of the part.
    level: Level,
    children: Nodes,
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
            models: vec![Model::new(table_bits(points.saturating_mul(COUNTERS_PER_POINT)))],
            levels: Vec::new(),
            next: Nodes { codes: vec![0], siblings: vec![1] },
            lone: Vec::new(),
        }
    }

    /// Decodes one group of levels.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupt`] for a payload that is not what an encoder writes here.
    pub fn decode_group(&mut self, payload: &[u8]) -> Result<()> {
        let Some((&count, mut coded)) = payload.split_first() else {
            return Err(Error::Truncated { what: "a group of levels is empty".to_owned() });
        };
        if count == 0 || self.levels.len() + usize::from(count) > self.depth as usize {
            return Err(corrupt("a group of levels goes deeper than the octree"));
        }
        let parts = self.parts();
        if parts > 1 && count > 1 {
            return Err(corrupt("a group has several levels in parts"));
        }
        let mut decoders = Vec::with_capacity(parts);
        for _ in 1..parts {
            let bytes = varint::take(&mut coded).map_err(|_| corrupt("the length of a part is missing"))?;
            let Some((part, rest)) = usize::try_from(bytes).ok().and_then(|bytes| coded.split_at_checked(bytes)) else {
                return Err(Error::Truncated { what: "a part of a level is cut off".to_owned() });
            };
            decoders.push(BitDecoder::new(part)?);
            coded = rest;
        }
        decoders.push(BitDecoder::new(coded)?);
        for _ in 0..count {
            let sources = std::iter::repeat_n(Unknown, parts);
            self.code_level(decoders.iter_mut().zip(sources).collect())?;
        }
        decoders.into_iter().try_for_each(BitDecoder::finish)
    }

    /// Levels that are not coded yet.
    pub fn missing(&self) -> u32 {
        self.depth - self.levels.len() as u32
    }

    /// The leaves, or as much as is known of them.
    pub fn into_leaves(self) -> Leaves {
        let missing = self.missing();
        let mut codes: Vec<u64> = self.next.codes.iter().map(|code| code << (3 * missing)).collect();
        let mut lone = self.lone;
        lone.sort_unstable();
        codes.extend(&lone);
        codes.sort_unstable();
        Leaves { codes, missing, lone: if missing == 0 { Vec::new() } else { lone } }
    }

    /// Parts of the next level, which are coded apart from each other, each with what its own part of the levels above taught.
    fn parts(&self) -> usize {
        let nodes = self.next.codes.len();
        let parts = PART_NODES.iter().filter(|&&least| nodes >= least).count();
        (1 << parts).max(self.models.len())
    }

    /// Codes the next level, each part with a coder and a source of its own.
    fn code_level<C: BitCoder + Send, S: Source>(&mut self, work: Vec<(&mut C, S)>) -> Result<Vec<S>> {
        let count = work.len();
        if count > self.models.len() {
            let copies = count / self.models.len();
            let models = std::mem::take(&mut self.models);
            self.models = models.into_iter().flat_map(|model| std::iter::repeat_n(model, copies)).collect();
        }
        let level = Known {
            levels: &self.levels,
            nodes: &self.next,
            left: self.depth - self.levels.len() as u32,
            most: self.most,
        };
        let ranges = (0..count).map(|part| part_of(level.nodes.codes.len(), part, count));
        let jobs = self.models.iter_mut().zip(work).zip(ranges);
        let job = |((model, (coder, mut source)), range)| {
            level.code(model, coder, &mut source, range).map(|part| (part, source))
        };
        let parts: Vec<Result<(Part, S)>> = match count {
            1 => jobs.map(job).collect(),
            _ => std::thread::scope(|scope| {
                let threads: Vec<_> = jobs.map(|one| scope.spawn(|| job(one))).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            }),
        };
        let (mut coded, mut next, mut sources) = (Level::default(), Nodes::default(), Vec::with_capacity(count));
        for part in parts {
            let (part, source) = part?;
            let before = next.codes.len() as u32;
            coded.extend(&part.level, before);
            next.codes.extend(part.children.codes);
            next.siblings.extend(part.children.siblings);
            self.lone.extend(part.lone);
            sources.push(source);
        }
        if (next.codes.len() + self.lone.len()) as u64 > self.most {
            return Err(too_many());
        }
        self.next = next;
        self.levels.push(coded);
        Ok(sources)
    }
}

/// The nodes of a part of a level.
fn part_of(nodes: usize, part: usize, parts: usize) -> Range<usize> {
    nodes * part / parts..nodes * (part + 1) / parts
}

/// A level about to be coded, and the levels above it.
struct Known<'a> {
    levels: &'a [Level],
    nodes: &'a Nodes,
    /// Levels from this one on.
    left: u32,
    most: u64,
}

impl Known<'_> {
    fn code(
        &self,
        model: &mut Model,
        coder: &mut impl BitCoder,
        source: &mut impl Source,
        range: Range<usize>,
    ) -> Result<Part> {
        let sparse = self.nodes.codes.len() >= SPARSE_NODES && coder.code_fair(u32::from(source.sparse()), 1)? == 1;
        let mut walk = Walk::new(self.levels.len() as u32);
        let mut part = Part::default();
        part.level.reserve(range.len());
        for node in range.clone() {
            let (code, siblings) = (self.nodes.codes[node], self.nodes.siblings[node]);
            let around = model.look(walk.go(code, self.levels), range.start, &part.level);
            let first = part.children.codes.len() as u32;
            if around.neighbours == 0 && self.left >= LONE_LEVELS {
                let lone = source.lone();
                if model.lone(coder, lone.is_some(), self.left, siblings.into())? {
                    let rest = code_rest(coder, lone.unwrap_or(0), self.left)?;
                    part.lone.push(code << (3 * self.left) | rest);
                    part.level.push(first, 0);
                    source.skip();
                    continue;
                }
            }
            let wanted = source.split();
            let single = match sparse {
                true => model.single(coder, wanted, &around, siblings)?,
                false => None,
            };
            let occupancy = match single {
                Some(child) => 1 << child,
                None => model.occupancy(coder, wanted, around)?,
            };
            part.level.push(first, occupancy);
            let children = (0..8).filter(|child| occupancy >> child & 1 == 1);
            part.children.codes.extend(children.map(|child| code << 3 | child));
            part.children.siblings.resize(part.children.codes.len(), occupancy.count_ones() as u8);
            if (part.children.codes.len() + part.lone.len()) as u64 > self.most {
                return Err(too_many());
            }
        }
        Ok(part)
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

#[derive(Clone)]
struct Unknown;

impl Source for Unknown {
    fn sparse(&self) -> bool {
        false
    }

    fn lone(&self) -> Option<u64> {
        None
    }

    fn split(&mut self) -> u8 {
        0
    }

    fn skip(&mut self) {}
}

/// The nodes of a part of a level as ranges of sorted codes.
struct Sorted<'a> {
    codes: &'a [u64],
    /// Levels below the nodes.
    left: u32,
    sparse: bool,
    nodes: std::slice::Iter<'a, (u32, u32)>,
    children: Vec<(u32, u32)>,
}

impl Source for Sorted<'_> {
    fn sparse(&self) -> bool {
        self.sparse
    }

    fn lone(&self) -> Option<u64> {
        let &(start, end) = self.nodes.as_slice().first()?;
        (end - start == 1).then(|| self.codes[start as usize])
    }

    fn split(&mut self) -> u8 {
        let Some(&(mut start, end)) = self.nodes.next() else { return 0 };
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

    fn skip(&mut self) {
        self.nodes.next();
    }
}

/// Codes a tree of `depth` levels, from 1 to 21, whose leaves are `codes`: at least one, ascending, all different, below 2^(3 depth).
/// `points` is what [`Tree::new`] is told when they are decoded, at least their number.
pub(crate) fn encode_groups(codes: &[u64], depth: u32, points: u64) -> Result<Vec<Vec<u8>>> {
    let all = u32::try_from(codes.len()).map_err(|_| corrupt("too many points"))?;
    let mut tree = Tree::new(depth, points);
    let mut nodes = vec![(0, all)];
    let mut groups = Vec::new();
    while tree.missing() > 0 {
        let parts = tree.parts();
        let mut encoders: Vec<BitEncoder> = (0..parts).map(|_| BitEncoder::new()).collect();
        let (mut levels, mut coded) = (0u8, 0);
        while tree.missing() > 0 && coded < GROUP_NODES {
            coded += nodes.len();
            let left = tree.missing();
            let sparse = is_sparse(codes, left, &nodes);
            let work = encoders.iter_mut().enumerate().map(|(part, encoder)| {
                let nodes = nodes[part_of(nodes.len(), part, parts)].iter();
                (encoder, Sorted { codes, left, sparse, nodes, children: Vec::new() })
            });
            let sources = tree.code_level(work.collect())?;
            nodes = sources.into_iter().flat_map(|source| source.children).collect();
            levels += 1;
        }
        let mut group = vec![levels];
        let streams: Vec<Vec<u8>> = encoders.into_iter().map(BitEncoder::finish).collect();
        for stream in &streams[..parts - 1] {
            varint::put(&mut group, stream.len() as u64);
            group.extend(stream);
        }
        group.extend(&streams[parts - 1]);
        groups.push(group);
    }
    Ok(groups)
}

/// Whether most nodes, ranges of codes, have a single child.
fn is_sparse(codes: &[u64], left: u32, nodes: &[(u32, u32)]) -> bool {
    let child = |leaf: u32| codes[leaf as usize] >> (3 * (left - 1));
    2 * nodes.iter().filter(|&&(start, end)| child(start) == child(end - 1)).count() > nodes.len()
}

fn too_many() -> Error {
    corrupt("an octree has more leaves than the header says")
}

fn corrupt(what: &str) -> Error {
    Error::Corrupt { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::code_of;
    use super::*;

    /// Every second place of a plane: levels of single children, the last of 2^17 nodes and more.
    fn plane() -> Vec<u64> {
        let row = |x: u32| (0..400).map(move |y: u32| code_of([2 * x, 2 * y, (x + y) / 2]));
        let mut codes: Vec<u64> = (0..400).flat_map(row).collect();
        codes.sort_unstable();
        codes
    }

    #[test]
    fn large_levels_are_coded_in_parts_and_come_back() {
        let codes = plane();
        let points = codes.len() as u64;
        let groups = encode_groups(&codes, 10, points).unwrap();
        let mut tree = Tree::new(10, points);
        for group in &groups {
            tree.decode_group(group).unwrap();
        }
        assert_eq!(tree.models.len(), 2);
        assert_eq!(tree.into_leaves().codes, codes);
    }

    #[test]
    fn parts_that_are_cut_off_are_errors() {
        let codes = plane();
        let points = codes.len() as u64;
        let groups = encode_groups(&codes, 10, points).unwrap();
        let (last, before) = groups.split_last().unwrap();
        let decode = |payload: &[u8]| {
            let mut tree = Tree::new(10, points);
            before.iter().for_each(|group| tree.decode_group(group).unwrap());
            tree.decode_group(payload)
        };
        for cut in [0, 1, 2, 3, last.len() / 3, last.len() - 3] {
            assert!(decode(&last[..cut]).is_err(), "{cut} of {} bytes", last.len());
        }
        // Two levels in a group that has parts, and a first part that is longer than all.
        assert!(decode(&[&[2], &last[1..]].concat()).is_err());
        assert!(decode(&[&[1, 255, 255, 255, 127], &last[1..]].concat()).is_err());
    }
}
