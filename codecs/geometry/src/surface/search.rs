//! As near to the original as a size allows.

use std::collections::HashSet;

use rayon::prelude::*;
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
/// How far outside of the surface its two sides are taken, in steps: so far with all grids,
const OFFSET: f32 = 0.25;
/// and so far with the best of them,
const OFFSETS: [f32; 2] = [0.1, 0.4];
/// which are so many.
const REFINED: usize = 3;
/// Bits that a block takes with its place: what resolutions are tried is those between.
const BLOCK_BITS: std::ops::RangeInclusive<f64> = 5.0..=20.0;
/// How many times as many blocks as samples touch the surface may go through.
const FEW_TOUCHED: f64 = 1.5;
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

/// Tokens that fit.
struct Found {
    chunk: Chunk,
    rung: Rung,
    tokens: Tokens,
    /// Place of the grid among those that are tried.
    grid: usize,
}

/// Whether a chunk of so many blocks fits.
type Fits<'a> = dyn Fn(&Chunk, u32, Rung) -> Result<bool> + Sync + 'a;

/// The surface of which most is near the original's, then nearest to it, whose chunk `fits` says fits; `None` where none does. `bytes` is about what fits.
///
/// # Errors
/// Those of the networks.
pub(crate) fn encode(
    mesh: &Mesh,
    original: &Original,
    codec: &SurfaceCodec,
    bytes: usize,
    fits: &Fits,
) -> Result<Option<Coded>> {
    let Some(bounds) = Bounds::of(&mesh.positions) else { return Ok(None) };
    let mut fields: Vec<(Grid, Field)> = Vec::new();
    for steps in STEPS {
        let grid = Grid::new(bounds, steps);
        // Finer grids have more blocks.
        let (least, side) = (BLOCK_BITS.start(), codec.side() as f64);
        let bits = block_bits(bytes, touched(original, &grid, side));
        if bits < *least {
            break;
        }
        if bits > FEW_TOUCHED * BLOCK_BITS.end() {
            continue;
        }
        let Some(field) = Field::new(mesh, &grid, codec.side()) else { break };
        let bits = block_bits(bytes, field.near(OFFSET).0.len());
        if bits < *BLOCK_BITS.start() {
            break;
        }
        fields.push((grid, field));
    }
    let taken = |(n, offset): (usize, f32)| -> Result<Option<Found>> {
        let (grid, field) = &fields[n];
        let (places, samples) = field.near(offset);
        if !BLOCK_BITS.contains(&block_bits(bytes, places.len())) || places.len() > MAX_BLOCKS {
            return Ok(None);
        }
        let found = finest(codec, grid, (places, &samples), fits)?;
        Ok(found.map(|(chunk, rung, tokens)| Found { chunk, rung, tokens, grid: n }))
    };
    let glanced = |tried: Vec<(usize, f32)>| {
        let found: Vec<_> = tried.into_par_iter().map(taken).collect::<Result<_>>()?;
        original.glanced(found.into_iter().flatten().collect(), |found: &Found| found.tokens.mesh(codec))
    };
    let mut seen = glanced((0..fields.len()).map(|n| (n, OFFSET)).collect())?;
    seen.sort_by(|a, b| a.likeness.order(&b.likeness));
    let best = seen.iter().take(REFINED).flat_map(|seen| OFFSETS.map(|offset| (seen.of.grid, offset)));
    seen.extend(glanced(best.collect())?);
    Ok(original.best(seen).map(|best| {
        let Found { chunk, rung, tokens, .. } = best.of;
        let blocks = tokens.places.len() as u32;
        let error = best.likeness.error * original.diagonal;
        Coded { chunk, blocks, rung, vertices: best.mesh.positions.len(), error, likeness: best.likeness }
    }))
}

/// Blocks that hold a sample of the surface: nearly all that it goes through.
fn touched(original: &Original, grid: &Grid, side: f64) -> usize {
    let block = |&point: &[f64; 3]| grid.place(point).map(|along| (along / side) as u32);
    original.samples.points.iter().map(block).collect::<HashSet<_>>().len()
}

fn block_bits(bytes: usize, blocks: usize) -> f64 {
    bytes as f64 * 8.0 / blocks.max(1) as f64
}

/// Blocks with as many bits as fit.
fn finest(
    codec: &SurfaceCodec,
    grid: &Grid,
    (places, samples): (Places, &[f32]),
    fits: &Fits,
) -> Result<Option<(Chunk, Rung, Tokens)>> {
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
    Ok(found)
}
