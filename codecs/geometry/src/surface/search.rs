//! As near to the original as a size allows.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use tessera_core::container::Chunk;
use tessera_core::entropy::{Places, Search, encode_searched};
use tessera_core::{Rung, ladder};

use super::blocks::Around;
use super::field::Field;
use super::grid::Grid;
use super::model::SurfaceCodec;
use super::{MAX_BLOCKS, Tokens, row};
use crate::decimated::rung;
use crate::error::Result;
use crate::likeness::{Likeness, Original, Seen};
use crate::shape::{Bounds, Mesh};

/// Steps along the longest side that are tried.
const STEPS: [f64; 13] = [20.0, 24.0, 28.0, 34.0, 40.0, 48.0, 57.0, 68.0, 80.0, 96.0, 114.0, 136.0, 160.0];
/// How far outside of the surface its two sides are taken, in steps. The thicker a sheet, the coarser the tokens that keep it.
const OFFSETS: [f32; 6] = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85];
/// Which of them are tried first,
const FIRST: [usize; 2] = [1, 4];
/// with so many grids, the finest that fit;
const FINEST: usize = 2;
/// then what is next to the best, so many times.
const ROUNDS: usize = 2;
/// Surfaces that are worth comparing by all points.
const FINALISTS: usize = 3;
/// Faces of which a grid shows no more.
const FACES: usize = 7_000;
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

/// What is tried: the place of a grid, and that of an offset.
type Try = (usize, usize);

/// Tokens that fit.
struct Found {
    chunk: Chunk,
    rung: Rung,
    tokens: Tokens,
    tried: Try,
}

/// Whether a chunk of so many blocks fits.
type Fits<'a> = dyn Fn(&Chunk, u32, Rung) -> Result<bool> + Sync + 'a;

/// The surface of which most is near the original's, then nearest to it, whose chunk `fits` says fits; `None` where none does. `bytes` is about what fits,
/// the ladder that of the mesh.
///
/// # Errors
/// Those of the networks.
pub(crate) fn encode(
    ladder: &[Mesh],
    original: &Original,
    codec: &SurfaceCodec,
    bytes: usize,
    fits: &Fits,
) -> Result<Option<Coded>> {
    let mesh = rung(ladder, FACES);
    let Some(bounds) = Bounds::of(&ladder[0].positions) else { return Ok(None) };
    // Finer grids have more blocks.
    let (least, most) = (*BLOCK_BITS.start(), FEW_TOUCHED * BLOCK_BITS.end());
    let may_fit = |grid: &Grid| {
        let bits = block_bits(bytes, touched(original, grid, codec.side() as f64));
        bits >= least && bits <= most
    };
    let grids: Vec<Grid> = STEPS.into_iter().map(|steps| Grid::new(bounds, steps)).filter(may_fit).collect();
    let taken = |field: &Field, tried: Try| -> Result<Option<Found>> {
        let (n, offset) = tried;
        let (places, samples) = field.near(OFFSETS[offset]);
        if !BLOCK_BITS.contains(&block_bits(bytes, places.len())) || places.len() > MAX_BLOCKS {
            return Ok(None);
        }
        let found = finest(codec, &grids[n], (places, &samples), fits)?;
        Ok(found.map(|(chunk, rung, tokens)| Found { chunk, rung, tokens, tried }))
    };
    let mut fields: BTreeMap<usize, Option<Field>> = BTreeMap::new();
    let mut tried: HashSet<Try> = HashSet::new();
    let mut look = |tries: Vec<Try>| -> Result<Vec<Seen<Found>>> {
        let new: Vec<Try> = tries.into_iter().filter(|&place| tried.insert(place)).collect();
        for &(n, _) in &new {
            fields.entry(n).or_insert_with(|| Field::new(mesh, &grids[n], codec.side()));
        }
        let found = new.into_par_iter().filter_map(|place| Some(taken(fields.get(&place.0)?.as_ref()?, place)));
        let found: Vec<_> = found.collect::<Result<_>>()?;
        original.glanced(found.into_iter().flatten().collect(), |found: &Found| found.tokens.mesh(codec))
    };
    let (mut seen, mut looked) = (Vec::new(), 0);
    for n in (0..grids.len()).rev() {
        let found = look(FIRST.map(|offset| (n, offset)).to_vec())?;
        looked += usize::from(!found.is_empty());
        seen.extend(found);
        if looked == FINEST {
            break;
        }
    }
    for _ in 0..ROUNDS {
        seen.sort_by(|a, b| a.likeness.order(&b.likeness));
        let Some(best) = seen.first() else { break };
        let (n, offset) = best.of.tried;
        let all = (0..grids.len()).flat_map(|n| (0..OFFSETS.len()).map(move |offset| (n, offset)));
        seen.extend(look(all.filter(|place| place.0.abs_diff(n) + place.1.abs_diff(offset) == 1).collect())?);
    }
    seen.sort_by(|a, b| a.likeness.order(&b.likeness));
    seen.truncate(FINALISTS);
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
