//! As near to the original as a size allows.

use tessera_core::container::Chunk;
use tessera_core::entropy::{Places, Search, encode_searched};
use tessera_core::{Rung, ladder};

use super::blocks::Around;
use super::field::Field;
use super::grid::Grid;
use super::model::SurfaceCodec;
use super::{MAX_BLOCKS, Tokens, row};
use crate::error::Result;
use crate::likeness::{Likeness, Original};
use crate::shape::{Bounds, Mesh};

/// Steps along the longest side that are tried.
const STEPS: [f64; 13] = [20.0, 24.0, 28.0, 34.0, 40.0, 48.0, 57.0, 68.0, 80.0, 96.0, 114.0, 136.0, 160.0];
/// How far outside of the surface its two sides are taken, in steps.
const OFFSETS: [f32; 3] = [0.1, 0.25, 0.4];
/// Bits that a block takes with its place: what resolutions are tried is those between.
const BLOCK_BITS: std::ops::RangeInclusive<f64> = 5.0..=26.0;
/// Codewords from which one is chosen.
const CANDIDATES: usize = 16;

/// A coded surface.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coded {
    pub chunk: Chunk,
    pub blocks: u32,
    pub rung: Rung,
    pub vertices: usize,
    /// Mean distance between its surface and the original's, there and back, in units of the mesh.
    pub error: f64,
    pub likeness: Likeness,
}

/// The surface of which most is near the original's, then nearest to it, whose chunk `fits` says fits; `None` where none does. `bytes` is about what fits.
///
/// # Errors
/// Those of the networks.
pub(crate) fn encode(
    mesh: &Mesh,
    original: &Original,
    codec: &SurfaceCodec,
    bytes: usize,
    fits: &dyn Fn(&Chunk, u32, Rung) -> Result<bool>,
) -> Result<Option<Coded>> {
    let Some(bounds) = Bounds::of(&mesh.positions) else { return Ok(None) };
    let mut best: Option<Coded> = None;
    for steps in STEPS {
        let grid = Grid::new(bounds, steps);
        let Some(field) = Field::new(mesh, &grid, codec.side()) else { break };
        let mut coarse = true;
        for offset in OFFSETS {
            let (places, samples) = field.near(offset);
            let bits = bytes as f64 * 8.0 / places.len().max(1) as f64;
            coarse &= bits > *BLOCK_BITS.start();
            if !BLOCK_BITS.contains(&bits) || places.len() > MAX_BLOCKS {
                continue;
            }
            let found = finest(original, codec, &grid, (places, &samples), fits)?;
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| found.likeness.order(&best.likeness).is_lt())
            {
                best = Some(found);
            }
        }
        // Finer grids have more blocks.
        if !coarse {
            break;
        }
    }
    Ok(best)
}

/// Blocks with as many bits as fit.
fn finest(
    original: &Original,
    codec: &SurfaceCodec,
    grid: &Grid,
    (places, samples): (Places, &[f32]),
    fits: &dyn Fn(&Chunk, u32, Rung) -> Result<bool>,
) -> Result<Option<Coded>> {
    let tables = codec.tables();
    let around = Around::new(&places);
    let latents = codec.analyse(samples, &around)?;
    let blocks = places.len() as u32;
    let rungs = ladder(tables.min_depth, tables.codebook.full_depth(), tables.codebook.max_levels());
    let mut tokens = Tokens { grid: *grid, places, tokens: tessera_core::TokenGrid::new(row(1).grid(1), &[1])? };
    // The last rung that fits: bytes grow with rungs.
    let (mut low, mut high, mut found) = (0, rungs.len(), None);
    while low < high {
        let middle = low + (high - low) / 2;
        let rung = rungs[middle];
        let lambda = if codec.is_trained() { tables.search_lambda } else { 0.0 };
        let search = Search { lambda, candidates: CANDIDATES };
        tokens.tokens = tables.with_prior(&tokens.places, |prior| {
            encode_searched(&latents, row(blocks as usize), rung, &tables.codebook, prior, search)
        })?;
        let chunk = tokens.chunk(tables)?;
        match fits(&chunk, blocks, rung)? {
            true => {
                low = middle + 1;
                found = Some((chunk, rung, tokens.clone()));
            }
            false => high = middle,
        }
    }
    let Some((chunk, rung, tokens)) = found else { return Ok(None) };
    let mesh = tokens.mesh(codec)?;
    let likeness = original.compared(&mesh);
    let error = likeness.error * original.diagonal;
    Ok(Some(Coded { chunk, blocks, rung, vertices: mesh.positions.len(), error, likeness }))
}
