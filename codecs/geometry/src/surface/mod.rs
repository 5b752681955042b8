//! Meshes as tokens: blocks of a distance field that the surface goes through, each a vector of a learned codebook.
//!
//! ```text
//! triangles ──field──▶ distances near the surface ──blocks──▶ encoder ──▶ tokens and where they are
//! tokens ──codebook──▶ decoder ──▶ distances ──contour──▶ triangles
//! ```
//!
//! Sheets get two sides: the surface is taken a little outside of where it is. So every mesh will do, open, not orientable or crossing itself,
//! and rooms that no way leads into are filled. The payload of the one chunk of tokens:
//!
//! | bytes | |
//! |---|---|
//! | 2 | the upper half of an `f32`: length of a step |
//! | 3 varints | place of the first block's corner, each zigzag, in quarters of a step |
//! | 1 | levels of the octree of blocks |
//! | for each group of levels | varint length, then the group as in an octree file |
//! | rest | the tokens, blocks ascending by their places, first axis slowest |

mod blocks;
mod contour;
mod field;
mod grid;
mod model;
mod search;

pub use model::SurfaceCodec;
pub(crate) use search::{Coded, encode};

use tessera_core::container::{Chunk, ChunkKind};
use tessera_core::entropy::{Places, TokenDecoder, TokenEncoder};
use tessera_core::{LatentShape, Limits, Rung, TokenGrid};

use crate::error::{Error, Result};
use crate::octree::{self, Tree};
use crate::shape::Mesh;
use blocks::Around;
use grid::Grid;
use model::Tables;

/// Deepest octree of blocks.
const MAX_DEPTH: u8 = 8;
/// Most blocks: what the networks need for them stays below a gigabyte.
const MAX_BLOCKS: usize = 8192;

/// What a file holds of a surface.
#[derive(Debug, Clone, PartialEq)]
struct Tokens {
    grid: Grid,
    places: Places,
    tokens: TokenGrid,
}

impl Tokens {
    /// The chunk that holds it.
    fn chunk(&self, tables: &Tables) -> Result<Chunk> {
        let mut payload = Vec::new();
        self.grid.put(&mut payload);
        let mut codes: Vec<u64> = self.places.sorted().iter().map(|&place| octree::code_of(place)).collect();
        codes.sort_unstable();
        let most = self.places.sorted().iter().flatten().max().copied().unwrap_or(0);
        let depth = (u32::BITS - most.leading_zeros()).max(1);
        payload.push(depth as u8);
        for group in octree::encode_groups(&codes, depth, codes.len() as u64)? {
            crate::varint::put(&mut payload, group.len() as u64);
            payload.extend(group);
        }
        let mut encoder = TokenEncoder::default();
        tables.with_prior(&self.places, |prior| encoder.put_grid(&self.tokens, prior))?;
        payload.extend(encoder.finish());
        Ok(Chunk { token_crc: Some(self.tokens.crc()), ..Chunk::new(ChunkKind::Tokens, payload) })
    }

    /// What the chunk holds.
    fn read(chunk: &Chunk, count: usize, rung: Rung, tables: &Tables, limits: &Limits) -> Result<Self> {
        if count > MAX_BLOCKS {
            let (claimed, limit) = (count as u64, MAX_BLOCKS as u64);
            return Err(Error::Core(tessera_core::Error::Limit { what: "number of blocks".into(), claimed, limit }));
        }
        let mut payload = &chunk.payload[..];
        let grid = Grid::take(&mut payload)?;
        let Some((&depth, mut payload)) = payload.split_first() else { return Err(truncated()) };
        if !(1..=MAX_DEPTH).contains(&depth) {
            return Err(Error::corrupt(format!("an octree of blocks of depth {depth}")));
        }
        let mut tree = Tree::new(depth.into(), count as u64);
        while tree.missing() > 0 {
            let length = usize::try_from(crate::varint::take(&mut payload)?).unwrap_or(usize::MAX);
            let (group, rest) = payload.split_at_checked(length).ok_or_else(truncated)?;
            tree.decode_group(group)?;
            payload = rest;
        }
        let leaves = tree.into_leaves().codes;
        if leaves.len() != count {
            return Err(Error::corrupt(format!("the octree has {} leaves for {count} blocks", leaves.len())));
        }
        let places = Places::new(leaves.into_iter().map(octree::place_of).collect());
        let shape = row(places.len()).grid(rung.levels);
        let depths = tables.depths(rung)?;
        let mut decoder = TokenDecoder::new(payload)?;
        let tokens = tables.with_prior(&places, |prior| decoder.take_grid(shape, &depths, prior, limits))?;
        decoder.finish()?;
        if chunk.token_crc.is_some_and(|crc| crc != tokens.crc()) {
            return Err(
                tessera_core::Error::Mismatch { what: "the tokens are not those that were coded".into() }.into()
            );
        }
        Ok(Self { grid, places, tokens })
    }

    /// The surface.
    fn mesh(&self, codec: &SurfaceCodec) -> Result<Mesh> {
        let around = Around::new(&self.places);
        let samples = codec.synthesise(&self.tokens, &around)?;
        Ok(contour::contour(&samples, codec.side(), &self.places, &around, &self.grid))
    }
}

/// The surface that a file's chunk of tokens holds, of so many blocks.
///
/// # Errors
/// [`Error::Core`] for damaged chunks, and those of the networks.
pub(crate) fn decode(chunks: &[Chunk], count: u32, rung: Rung, codec: &SurfaceCodec, limits: &Limits) -> Result<Mesh> {
    let chunk = chunks.iter().find(|chunk| chunk.kind == ChunkKind::Tokens && chunk.sequence == 0);
    let chunk = chunk.ok_or_else(|| Error::corrupt("the tokens of the surface are missing"))?;
    Tokens::read(chunk, count as usize, rung, codec.tables(), limits)?.mesh(codec)
}

/// Latents of so many blocks are one row.
fn row(count: usize) -> LatentShape {
    LatentShape { t: 1, y: 1, x: count as u32 }
}

fn truncated() -> Error {
    Error::Core(tessera_core::Error::Truncated { what: "the surface ends early".into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;
    use std::f64::consts::{PI, TAU};

    use super::field::Field;
    use super::*;
    use crate::likeness::Original;
    use crate::shape::Bounds;

    /// A closed ball, or its upper half, which is open.
    fn ball(whole: bool) -> Mesh {
        let (rings, around) = (24u32, 48u32);
        let last = if whole { rings } else { rings / 2 };
        let mut mesh = Mesh::default();
        for (ring, step) in (0..=last).flat_map(|ring| (0..around).map(move |step| (ring, step))) {
            let (a, b) = (f64::from(ring) / f64::from(rings) * PI, f64::from(step) / f64::from(around) * TAU);
            mesh.positions.push([a.sin() * b.cos(), a.sin() * b.sin() * 0.8, a.cos() * 1.3].map(|x| x as f32 - 9.0));
            if ring < last {
                let at = |ring: u32, step: u32| ring * around + step % around;
                let [a, b, c, d] = [at(ring, step), at(ring + 1, step), at(ring + 1, step + 1), at(ring, step + 1)];
                mesh.faces.extend([[a, b, c], [a, c, d]]);
            }
        }
        mesh.welded()
    }

    /// The mesh from its own distances, taken at an offset.
    fn through(mesh: &Mesh, side: usize, steps: f64, offset: f32) -> Mesh {
        let grid = Grid::new(Bounds::of(&mesh.positions).unwrap(), steps);
        let mut bytes = Vec::new();
        grid.put(&mut bytes);
        assert_eq!(Grid::take(&mut &bytes[..]).unwrap(), grid);
        let (places, samples) = Field::new(mesh, &grid, side).unwrap().near(offset);
        assert_eq!(samples.len(), places.len() * (side + 1).pow(3));
        contour::contour(&samples, side, &places, &Around::new(&places), &grid)
    }

    /// Whether each edge is there as often in one direction as in the other.
    fn is_closed(mesh: &Mesh) -> bool {
        let mut edges: HashMap<(u32, u32), i32> = HashMap::new();
        for &[a, b, c] in &mesh.faces {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *edges.entry((from.min(to), from.max(to))).or_default() += if from < to { 1 } else { -1 };
            }
        }
        edges.values().all(|&sum| sum == 0)
    }

    fn volume(mesh: &Mesh) -> f64 {
        let part = |face: &[u32; 3]| {
            let [a, b, c] = face.map(|n| mesh.positions[n as usize].map(|x| f64::from(x) + 9.0));
            let normal = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
            (0..3).map(|n| a[n] * normal[n]).sum::<f64>() / 6.0
        };
        mesh.faces.iter().map(part).sum()
    }

    #[test]
    fn what_is_closed_stays_so_and_faces_outwards() {
        let mesh = ball(true);
        for (side, steps, offset) in [(8, 30.0, 0.0), (16, 50.0, 0.3), (8, 100.0, 0.0)] {
            let made = through(&mesh, side, steps, offset);
            assert!(is_closed(&made) && made.faces.len() > 1000);
            let like = Original::new(&mesh).compared(&made);
            assert!(like.f_score > 0.999 && like.error < 0.5 / steps, "{like:?}");
            // Offsets swell it.
            let ratio = volume(&made) / (4.0 / 3.0 * PI * 0.8 * 1.3);
            assert!((0.97..1.1).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn sheets_get_two_sides() {
        let mesh = ball(false);
        let made = through(&mesh, 8, 60.0, 0.5);
        assert!(is_closed(&made));
        let like = Original::new(&mesh).compared(&made);
        assert!(like.f_score > 0.99, "{like:?}");
        // Next to nothing is between the sides, where half of a ball would be.
        assert!((0.0..0.5).contains(&volume(&made)), "{}", volume(&made));
    }

    #[test]
    fn rooms_without_a_way_in_are_filled() {
        let (mut mesh, room) = (ball(true), ball(true));
        let first = mesh.positions.len() as u32;
        mesh.positions.extend(room.positions.iter().map(|place| place.map(|x| (x + 9.0) * 0.5 - 9.0)));
        mesh.faces.extend(room.faces.iter().map(|&[a, b, c]| [a + first, c + first, b + first]));
        let (made, solid) = (through(&mesh, 16, 60.0, 0.0), through(&ball(true), 16, 60.0, 0.0));
        assert!((volume(&made) / volume(&solid) - 1.0).abs() < 0.01);
    }
}
