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
