//! Triangles and vertices to decisions and back: one walk over the surface serves both directions.
//!
//! The surface grows from a first triangle of each of its parts. The oldest edge with a face on one side only is looked at next: is there a
//! face on its other side? If so, is its third vertex one end of the neighbouring open edges, one that is not there yet, or another one?
//! A new vertex is coded in the frame of the edge and the face behind it. Where vertices lie says much about how they are joined and the
//! other way round: everything that is known is a context of what is coded next.

use std::collections::{HashMap, VecDeque};

use tessera_core::entropy::{BitCoder, Decision};

use super::frame::{self, Frame};
use super::model::Model;
use super::{Point, Quantum};
use crate::error::{Error, Result};

/// Coordinates stay within ±2^24 units.
const REACH: i64 = 1 << 24;
/// Neighbouring ends that are asked about before others.
const CANDIDATES: usize = 4;
/// Vertices up to which one that is not next is found by its rank in distance.
const RANKED: usize = 4096;

/// What an encoder walks along: a mesh of which every directed edge belongs to one face at most.
pub(super) struct Plan {
    positions: Vec<Point>,
    /// Third vertex of the face on the left of a directed edge.
    third: HashMap<(u32, u32), u32>,
    seeds: VecDeque<[u32; 3]>,
    /// Own vertices in the order of coding.
    order: Vec<u32>,
    /// The place of own vertices in that order.
    placed: Vec<Option<u32>>,
}

impl Plan {
    pub fn new(positions: Vec<Point>, faces: &[[u32; 3]]) -> Self {
        let mut third = HashMap::with_capacity(3 * faces.len());
        for &[a, b, c] in faces {
            third.extend([((a, b), c), ((b, c), a), ((c, a), b)]);
        }
        let placed = vec![None; positions.len()];
        Self { positions, third, seeds: faces.iter().copied().collect(), order: Vec::new(), placed }
    }

    /// The next face that is not coded yet, as own vertices.
    fn seed(&mut self) -> Option<[u32; 3]> {
        while let Some([a, b, c]) = self.seeds.pop_front() {
            if self.third.contains_key(&(a, b)) {
                return Some([a, b, c]);
            }
        }
        None
    }

    fn take(&mut self, [a, b, c]: [u32; 3]) {
        for edge in [(a, b), (b, c), (c, a)] {
            self.third.remove(&edge);
        }
    }

    fn place(&mut self, own: u32) {
        self.placed[own as usize] = Some(self.order.len() as u32);
        self.order.push(own);
    }
}

/// Mesh in coded order.
#[derive(Debug, Default)]
pub(super) struct Coded {
    pub positions: Vec<Point>,
    pub faces: Vec<[u32; 3]>,
}

/// Codes `faces` triangles.
///
/// # Errors
/// As the coder's, and [`Error::Core`] for what no encoder writes.
pub(super) fn walk<C: BitCoder>(coder: &mut C, quantum: Quantum, faces: usize, plan: Option<Plan>) -> Result<Coded> {
    let mut walker = Walker {
        coder,
        model: Model::new(faces),
        quantum,
        plan,
        coded: Coded::default(),
        open: HashMap::new(),
        vertices: Vec::new(),
        queue: VecDeque::new(),
        last: [0; 3],
    };
    while walker.coded.faces.len() < faces {
        match walker.queue.pop_front() {
            Some(edge) => walker.visit(edge)?,
            None => walker.start()?,
        }
    }
    Ok(walker.coded)
}

/// What is known of a coded vertex.
#[derive(Debug, Clone, Default)]
struct Vertex {
    /// Ends of open edges that start here.
    ahead: Vec<u32>,
    /// Starts of open edges that end here.
    back: Vec<u32>,
    faces: u32,
    /// Edges of the surface's border found here.
    rims: u32,
    /// How far the surface rose at it from the face before, -2 to 2.
    bend: i64,
}

struct Walker<'a, C> {
    coder: &'a mut C,
    model: Model,
    quantum: Quantum,
    plan: Option<Plan>,
    coded: Coded,
    /// Directed edges whose face is not known yet, with the third vertex of the face on the other side.
    open: HashMap<(u32, u32), u32>,
    vertices: Vec<Vertex>,
    queue: VecDeque<(u32, u32)>,
    /// The magnitudes of the last new vertex's corrections.
    last: [u64; 3],
}

impl<C: BitCoder> Walker<'_, C> {
    /// Codes the first triangle of a part.
    fn start(&mut self) -> Result<()> {
        let seed = self.plan.as_mut().and_then(Plan::seed);
        let mut reference = self.coded.positions.last().copied().unwrap_or_default();
        let mut ids = [0; 3];
        for (n, id) in ids.iter_mut().enumerate() {
            let step = self.quantum.away;
            let goal = seed.map(|seed| self.own(seed[n]));
            let mut point = reference;
            for axis in 0..3 {
                let wanted = goal.map_or(0, |goal| rounded(goal[axis] - reference[axis], step));
                let context = 1 << 12 | (n as u64) << 2;
                let moved = self.model.numbers.code(self.coder, wanted, [context, context | axis as u64, 0], 0)?;
                point[axis] += moved * step;
            }
            *id = self.add(point, seed.map(|seed| seed[n]))?;
            reference = point;
        }
        self.join(ids);
        if let (Some(plan), Some(seed)) = (&mut self.plan, seed) {
            plan.take(seed);
        }
        Ok(())
    }

    /// Finds the face on the left of an open edge, if there is one.
    fn visit(&mut self, (a, b): (u32, u32)) -> Result<()> {
        let Some(&o) = self.open.get(&(a, b)) else { return Ok(()) };
        let frame = Frame::new(self.at(a), self.at(b), self.at(o));
        let own = self.plan.as_ref().map(|plan| {
            let (a, b) = (plan.order[a as usize], plan.order[b as usize]);
            plan.third.get(&(a, b)).map(|&third| [a, b, third])
        });
        let own_third = own.flatten().map(|own| own[2]);
        let (va, vb) = (&self.vertices[a as usize], &self.vertices[b as usize]);
        let rims = u64::from(va.rims.min(2) * 3 + vb.rims.min(2));
        let contexts = [rims, 16 | u64::from((va.rims + vb.rims).min(1)), 32];
        if self.join_bit(matches!(own, Some(None)), contexts, 0)? {
            self.close((a, b));
            self.vertices[a as usize].rims += 1;
            self.vertices[b as usize].rims += 1;
            return Ok(());
        }
        let placed = own_third.and_then(|third| self.plan.as_ref().and_then(|plan| plan.placed[third as usize]));
        let guess = self.guess(&frame);
        let c = match self.neighbour((a, b), &frame, guess, placed)? {
            Some(c) => c,
            None if self.join_bit(own_third.is_some() && placed.is_none(), [64, 65, 66], 2)? => {
                self.new_vertex((a, b, o), &frame, guess, own_third)?
            }
            None => self.other(frame.global(guess), placed)?,
        };
        if c == a || c == b {
            return Err(Error::corrupt("a triangle of the mesh has one vertex twice"));
        }
        if let (Some(plan), Some(Some(own))) = (&mut self.plan, own) {
            plan.take(own);
        }
        self.join([a, b, c]);
        Ok(())
    }

    /// Where a third vertex is expected: along and away from the edge.
    fn guess(&self, frame: &Frame) -> Point {
        let [along, behind] = frame.behind;
        let along = -along / 2;
        [along.clamp(-frame.length, frame.length), (behind + frame.length * 7 / 8) / 2, 0]
    }

    /// Asks whether the third vertex is at the other end of a neighbouring open edge.
    fn neighbour(
        &mut self,
        (a, b): (u32, u32),
        frame: &Frame,
        guess: Point,
        placed: Option<u32>,
    ) -> Result<Option<u32>> {
        let (va, vb) = (&self.vertices[a as usize], &self.vertices[b as usize]);
        let mut candidates: Vec<(bool, i64, u32, u64)> = Vec::new();
        for (&c, kind) in vb.ahead.iter().map(|c| (c, 0)).chain(va.back.iter().map(|c| (c, 1))) {
            if c == a || c == b {
                continue;
            }
            match candidates.iter_mut().find(|candidate| candidate.2 == c) {
                Some(both) => (both.0, both.3) = (false, 2),
                None => {
                    let from = frame::sub(frame.local(self.coded.positions[c as usize]), guess);
                    candidates.push((true, frame::dot(from, from), c, kind));
                }
            }
        }
        candidates.sort_unstable();
        for (n, &(_, _, c, kind)) in candidates.iter().take(CANDIDATES).enumerate() {
            let [mut u, v, w] = frame.local(self.at(c));
            if kind == 1 {
                u = -u;
            }
            let unit = frame.length.max(1);
            let bucket = |value: i64, low: i64, count: i64| (value * 4 / unit - low).clamp(0, count - 1) as u64;
            let (fine_u, fine_v) = (bucket(u, -6, 12), bucket(v, -4, 12));
            let rise = bucket(w.abs(), 0, 6);
            let shared = if kind == 1 { a } else { b };
            let valence = u64::from(self.vertices[shared as usize].faces.min(9));
            let n = (n as u64).min(2);
            let contexts = [
                1 << 10 | fine_u << 6 | fine_v << 2 | kind,
                1 << 11 | valence << 7 | (fine_v / 2) << 4 | n << 2 | kind,
                1 << 12 | rise << 8 | valence << 4 | n << 2 | kind,
            ];
            if self.join_bit(placed == Some(c), contexts, 1)? {
                return Ok(Some(c));
            }
        }
        Ok(None)
    }

    /// Codes a vertex in the frame of an edge.
    fn new_vertex(&mut self, (a, b, o): (u32, u32, u32), frame: &Frame, guess: Point, own: Option<u32>) -> Result<u32> {
        let bends = [a, b, o].map(|n| self.vertices[n as usize].bend);
        let bend: i64 = bends.iter().sum();
        let goal = own.map(|own| frame.local(self.own(own)));
        let Quantum { along, away } = self.quantum;
        let size = u64::from((frame.length * frame.length / (along * along)).max(1).ilog2().min(31));
        let mut local = guess;
        let mut found = [0u64; 3];
        // Away from the edge first: how far tells how much the others may vary.
        for (n, (axis, step)) in [(1, along), (0, along), (2, away)].into_iter().enumerate() {
            if axis == 2 {
                local[2] = local[1] * bend / 24;
            }
            let wanted = goal.map_or(0, |goal| rounded(goal[axis] - local[axis], step));
            let before = if n == 0 { self.last[1].min(7) } else { found[n - 1].min(7) };
            let behind = (frame.behind[1].max(1) * 4 / frame.length.max(1)).clamp(0, 7) as u64;
            let n = n as u64;
            let tilt = (bend + 6) as u64;
            let contexts = [
                2 << 12 | size << 2 | n,
                3 << 12 | size << 5 | before << 2 | n,
                4 << 12 | (size / 2) << 5 | behind << 2 | n,
            ];
            let sign = match axis {
                2 => 16 | tilt,
                1 => 32 | behind,
                _ => 48,
            };
            let moved = self.model.numbers.code(self.coder, wanted, contexts, sign)?;
            local[axis] += moved * step;
            found[n as usize] = u64::from((moved.unsigned_abs() * 2).max(1).ilog2());
        }
        self.last = found;
        let id = self.add(self.quantum.settled(frame.global(local)), own)?;
        self.vertices[id as usize].bend = (local[2] * 4 / local[1].abs().max(1)).clamp(-2, 2);
        Ok(id)
    }

    /// Codes a vertex that is neither new nor next to the edge.
    fn other(&mut self, expected: Point, placed: Option<u32>) -> Result<u32> {
        let count = self.coded.positions.len();
        let context = [5 << 12, 0, 0];
        if count > RANKED {
            let wanted = placed.unwrap_or(0);
            let bits = count.ilog2() + 1;
            let found = self.coder.code_fair(wanted, bits)?;
            return match (found as usize) < count {
                true => Ok(found),
                false => Err(Error::corrupt("a vertex of the mesh is missing")),
            };
        }
        let mut ranks: Vec<(i64, u32)> = (0..)
            .zip(&self.coded.positions)
            .map(|(n, &point)| {
                let from = frame::sub(point, expected);
                (frame::dot(from, from), n)
            })
            .collect();
        ranks.sort_unstable();
        let rank = placed.and_then(|id| ranks.iter().position(|&(_, n)| n == id)).unwrap_or(0);
        let found = self.model.numbers.code(self.coder, rank as i64, context, 64)?;
        let found = usize::try_from(found).ok().and_then(|rank| ranks.get(rank));
        found.map(|&(_, id)| id).ok_or_else(|| Error::corrupt("a vertex of the mesh is missing"))
    }

    fn join_bit(&mut self, bit: bool, contexts: [u64; 3], set: usize) -> Result<bool> {
        Ok(self.model.joins.code(self.coder, bit, &Decision { contexts, sets: [set], scale: set })?)
    }

    fn own(&self, vertex: u32) -> Point {
        self.plan.as_ref().map_or([0; 3], |plan| plan.positions[vertex as usize])
    }

    fn at(&self, vertex: u32) -> Point {
        self.coded.positions[vertex as usize]
    }

    fn add(&mut self, point: Point, own: Option<u32>) -> Result<u32> {
        if point.iter().any(|value| value.abs() > REACH) {
            return Err(Error::corrupt("a vertex of the mesh is out of reach"));
        }
        let id = self.coded.positions.len() as u32;
        self.coded.positions.push(point);
        self.vertices.push(Vertex::default());
        if let (Some(plan), Some(own)) = (&mut self.plan, own) {
            plan.place(own);
        }
        Ok(id)
    }

    /// Adds a face, and opens the edges at which another one may be.
    fn join(&mut self, face: [u32; 3]) {
        let [a, b, c] = face;
        self.coded.faces.push(face);
        for (from, to, third) in [(a, b, c), (b, c, a), (c, a, b)] {
            self.vertices[from as usize].faces += 1;
            if self.open.contains_key(&(from, to)) {
                self.close((from, to));
            } else if self.open.insert((to, from), third).is_none() {
                self.vertices[to as usize].ahead.push(from);
                self.vertices[from as usize].back.push(to);
                self.queue.push_back((to, from));
            }
        }
    }

    fn close(&mut self, (from, to): (u32, u32)) {
        self.open.remove(&(from, to));
        self.vertices[from as usize].ahead.retain(|&end| end != to);
        self.vertices[to as usize].back.retain(|&start| start != from);
    }
}

/// The nearest multiple.
fn rounded(value: i64, step: i64) -> i64 {
    (value + step / 2).div_euclid(step)
}
