//! Files of splats.

use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, MediaShape, PackRef, PriorKind};
use tessera_core::entropy::{BitDecoder, BitEncoder};
use tessera_core::{Error as CoreError, Limits, Rung};

use super::decode::{Decoded, Reading};
use super::encode::{Encoded, Sorted};
use super::options::Target;
use super::parts::Attribute;
use crate::error::{Error, Result};
use crate::lattice::{self, Precision};
use crate::octree;
use crate::shape::{Bounds, Cloud, Shape};
use crate::splat::{self, COLOR_UNIT, Palettes, Steps};
use crate::splats::{Splats, axes, coefficients};

/// Bytes of a number as the original has it.
const NUMBER: u64 = 4;
/// Tries to meet a size.
const TRIES: usize = 9;
/// Opacities of 1 are as far from it as this, in steps.
const OPEN: f64 = 0.25;

pub(super) fn encode(splats: &Splats, target: Target) -> Result<Encoded> {
    let limit = Limits::default().max_points / container::POINTS_OF_A_SPLAT;
    if splats.len() as u64 > limit {
        return Err(Error::Limit { what: "splats", claimed: splats.len() as u64, limit });
    }
    match target {
        Target::Quality(quality) if (0.0..=100.0).contains(&quality) => at_quality(splats, quality),
        Target::Quality(quality) => Err(Error::parameter(format!("a quality of {quality}; it is from 0 to 100"))),
        Target::Size(size) => sized(splats, size),
        Target::Ratio(ratio) if ratio >= 1.0 => {
            // Place, size, turn, opacity, colour, and how it changes.
            let numbers = 3 + 3 + 4 + 1 + 3 * (1 + coefficients(splats.degree) as u64);
            sized(splats, (splats.len() as f64 * (NUMBER * numbers) as f64 / ratio) as u64)
        }
        Target::Ratio(ratio) => Err(Error::parameter(format!("a ratio of {ratio}; it is 1 or more"))),
    }
}

/// The finest that fits a file of so many bytes.
fn sized(splats: &Splats, size: u64) -> Result<Encoded> {
    let fits = |encoded: &Encoded| encoded.bytes.len() as u64 <= size;
    let finest = at_quality(splats, 100.0)?;
    if fits(&finest) {
        return Ok(finest);
    }
    let mut best = at_quality(splats, 0.0)?;
    if !fits(&best) {
        return Err(Error::shape(format!(
            "the splats do not fit {size} bytes, {} at the least; ask for more, or leave splats out",
            best.bytes.len()
        )));
    }
    let (mut low, mut high) = (0.0, 100.0);
    for _ in 0..TRIES {
        let middle = (low + high) / 2.0;
        let encoded = at_quality(splats, middle)?;
        match fits(&encoded) {
            true => (low, best) = (middle, encoded),
            false => high = middle,
        }
    }
    Ok(best)
}

fn at_quality(all: &Splats, quality: f64) -> Result<Encoded> {
    let steps = Steps::of(quality, all);
    let level = |n: usize| (all.opacity(n) * f64::from(steps.opacity)).round() as u8;
    let seen: Vec<u32> = (0..all.len() as u32).filter(|&n| level(n as usize) > 0).collect();
    // Where nothing is seen, everything is kept, so that there is something.
    let splats = if seen.is_empty() { all.clone() } else { all.picked(&seen) };
    let mut notes = Vec::new();
    if splats.len() < all.len() {
        notes.push(format!("{} splats that hardly show are dropped", all.len() - splats.len()));
    }
    // Not more than the limit, which is below 2^32.
    let points = splats.len() as u32;
    let fit = lattice::fit(&splats.positions, Precision::Error(reachable(&splats, steps.place)))?;
    let sorted = Sorted::new(&splats.positions, &fit);
    let splats = splats.picked(&sorted.order);
    let mut chunks = Vec::new();
    for (sequence, payload) in (0u32..).zip(octree::encode_groups(&sorted.leaves, fit.depth.into(), points.into())?) {
        chunks.push(Chunk { sequence, ..Chunk::new(ChunkKind::Levels, payload) });
    }
    let counts = sorted.counts.iter().any(|&count| count > 1);
    let codes = &sorted.codes;
    if counts {
        chunks.push(Attribute::Counts.chunk(written(&[], |coder| {
            octree::code_counts(coder, Some(&sorted.counts), sorted.leaves.len(), points).map(drop)
        })?));
    }
    let place_bytes = chunks.iter().map(|chunk| chunk.payload.len() as u64).sum();

    let (sizes, turned): (Vec<_>, Vec<_>) = (0..splats.len()).map(|n| shape_of(&splats, n, steps.size)).unzip();
    chunks.push(
        Attribute::Sizes
            .chunk(written(&[steps.size], |coder| splat::code_sizes(coder, codes, Some(&sizes)).map(drop))?),
    );
    chunks.push(Attribute::Turns.chunk(written(&[steps.turn], |coder| {
        splat::code_turns(coder, codes, &sizes, (steps.size, steps.turn), Some(&turned)).map(drop)
    })?));
    let level = |n: usize| (splats.opacity(n) * f64::from(steps.opacity)).round() as u8;
    let opacities: Vec<u8> = (0..splats.len()).map(level).collect();
    chunks.push(Attribute::Opacities.chunk(written(&[steps.opacity], |coder| {
        splat::code_opacities(coder, codes, (&sizes, steps.size), steps.opacity, Some(&opacities)).map(drop)
    })?));
    let step = COLOR_UNIT / f64::from(steps.color);
    let whole = |value: f32| (f64::from(value) * step).round().clamp(-8191.0, 8191.0) as i32;
    let colors: Vec<[i32; 3]> = splats.colors.iter().map(|color| color.map(whole)).collect();
    chunks.push(
        Attribute::SplatColors
            .chunk(written(&[steps.color], |coder| splat::code_levels(coder, codes, Some(&colors)).map(drop))?),
    );
    if let Some(form) = steps.palettes {
        let dim = 3 * coefficients(splats.degree);
        let weights: Vec<f32> = (0..splats.len()).map(|n| splats.opacity(n) as f32).collect();
        let (palettes, tokens) = Palettes::train(splats.harmonics.as_flattened(), &weights, dim, form)?;
        let (levels, depth, step) = form;
        chunks.push(Attribute::Harmonics.chunk(written(&[levels, depth, step], |coder| {
            splat::code_palettes(coder, form, dim, Some(&palettes))?;
            splat::code_tokens(coder, splats.len(), (levels, depth), Some(&tokens)).map(drop)
        })?));
    }
    let tier = GeometryTier::Splats {
        points,
        depth: fit.depth,
        lattice: fit.lattice,
        counts,
        degree: splats.degree,
        antialiased: splats.antialiased,
    };
    let header = Header {
        pack: PackRef::NONE,
        rung: Rung { levels: 1, depth: 1 },
        prior: PriorKind::Uniform,
        media: MediaShape::Geometry(tier),
    };
    let bytes = container::write(&header, &chunks)?;
    let why = "splats: centres are coded as the leaves of an octree, how colours change by palettes";
    let error = if fit.exact { 0.0 } else { 0.5 / fit.lattice.divisor };
    Ok(Encoded { bytes, tier, why, points: points.into(), place_bytes, error, notes })
}

/// The wanted error of a coordinate, or the least that an octree can have.
fn reachable(splats: &Splats, wanted: f64) -> f64 {
    let side = Bounds::of(&splats.positions).map_or(0.0, |bounds| bounds.side());
    wanted.max(side / f64::from(1u32 << (lattice::MAX_DEPTH + 1)) * 1.001).max(f64::MIN_POSITIVE)
}

/// The size of a splat, and the directions of its axes, longest first.
fn shape_of(splats: &Splats, n: usize, step: u8) -> ([i32; 3], [[f64; 3]; 3]) {
    let directions = axes(splats.rotations[n]);
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| splats.scales[n][b].total_cmp(&splats.scales[n][a]));
    let lengths = order.map(|axis| f64::from(splats.scales[n][axis]));
    (splat::size_of(lengths, step), order.map(|axis| directions[axis]))
}

/// A payload of a few bytes and one stream.
fn written(head: &[u8], code: impl FnOnce(&mut BitEncoder) -> tessera_core::Result<()>) -> Result<Vec<u8>> {
    let mut encoder = BitEncoder::new();
    code(&mut encoder)?;
    Ok([head, &encoder.finish()].concat())
}

pub(super) fn decode(mut reading: Reading<'_>, tier: GeometryTier) -> Result<Decoded> {
    let GeometryTier::Splats { points, depth, lattice, counts, degree, antialiased } = tier else {
        return Err(Error::corrupt("the file holds no splats"));
    };
    let tree = reading.tree(depth, points, &lattice, counts)?;
    let (codes, bits) = match tree {
        Ok(codes) => (codes, depth),
        Err((coarse, bits)) => {
            reading.losses.push("what splats are beyond centres is that of finer levels".to_owned());
            return Ok(Decoded { shape: Shape::Cloud(coarse), tier, bits, losses: reading.losses });
        }
    };
    let place = |code: &u64| {
        let place = octree::place_of(*code);
        std::array::from_fn(|axis| lattice::coordinate(&lattice, axis, place[axis].into()))
    };
    let positions: Vec<[f32; 3]> = codes.iter().map(place).collect();
    if codes.len() != points as usize {
        // Without the repetitions, what is whose is not known.
        return Ok(Decoded { shape: Shape::Cloud(Cloud::new(positions)), tier, bits, losses: reading.losses });
    }
    let sizes = headed(&mut reading, Attribute::Sizes, |coder, [step]| {
        Ok((positive(step)?, splat::code_sizes(coder, &codes, None)?))
    })?;
    let others = match &sizes {
        None => None,
        Some((step, sizes)) => {
            let turns = headed(&mut reading, Attribute::Turns, |coder, [fineness]| {
                let fineness = positive(fineness)?;
                Ok((fineness, splat::code_turns(coder, &codes, sizes, (*step, fineness), None)?))
            })?;
            let opacities = headed(&mut reading, Attribute::Opacities, |coder, [most]| {
                let most = positive(most)?;
                Ok((most, splat::code_opacities(coder, &codes, (sizes, *step), most, None)?))
            })?;
            turns.zip(opacities)
        }
    };
    let colors = headed(&mut reading, Attribute::SplatColors, |coder, [step]| {
        Ok((positive(step)?, splat::code_levels(coder, &codes, None)?))
    })?;
    let value = |level: i32, step: u8| (f64::from(level) * f64::from(step) / COLOR_UNIT) as f32;
    let colors: Option<Vec<[f32; 3]>> =
        colors.map(|(step, levels)| levels.into_iter().map(|rgb| rgb.map(|level| value(level, step))).collect());
    let (Some((step, sizes)), Some(((fineness, turns), (most, opacities))), Some(colors)) = (sizes, others, colors)
    else {
        // What is left are centres.
        return Ok(Decoded { shape: Shape::Cloud(Cloud::new(positions)), tier, bits, losses: reading.losses });
    };
    let harmonics = match coefficients(degree) {
        0 => Some(Vec::new()),
        count => headed(&mut reading, Attribute::Harmonics, |coder, [levels, depth, step]| {
            let form = Palettes::checked(levels, depth, step)?;
            let palettes = splat::code_palettes(coder, form, 3 * count, None)?;
            let tokens = splat::code_tokens(coder, codes.len(), (levels, depth), None)?;
            Ok((0..codes.len()).flat_map(|n| triples(palettes.values(&tokens, n, 3 * count))).collect())
        })?,
    };
    let turned = turns.iter().zip(&sizes);
    let splats = Splats {
        scales: sizes.iter().map(|&size| splat::scales_of(size, step)).collect(),
        rotations: turned.map(|(&turn, &size)| splat::rotation_of(turn, size, (step, fineness))).collect(),
        opacities: opacities.iter().map(|&level| log_odds(level, most)).collect(),
        colors,
        degree: if harmonics.is_some() { degree } else { 0 },
        harmonics: harmonics.unwrap_or_default(),
        antialiased,
        positions,
    };
    Ok(Decoded { shape: Shape::Splats(splats), tier, bits, losses: reading.losses })
}

/// An attribute whose payload begins with `N` bytes of its own.
fn headed<T, const N: usize>(
    reading: &mut Reading<'_>,
    attribute: Attribute,
    code: impl FnOnce(&mut BitDecoder<'_>, [u8; N]) -> tessera_core::Result<T>,
) -> Result<Option<T>> {
    let Some(payload) = reading.payload(attribute)? else { return Ok(None) };
    let Some((head, coded)) = payload.split_first_chunk() else {
        return Err(CoreError::Truncated { what: format!("{} end early", attribute.name()) }.into());
    };
    let mut decoder = BitDecoder::new(coded)?;
    let decoded = code(&mut decoder, *head)?;
    decoder.finish()?;
    Ok(Some(decoded))
}

fn positive(step: u8) -> tessera_core::Result<u8> {
    match step {
        0 => Err(CoreError::Corrupt { what: "splats have a step without length".to_owned() }),
        step => Ok(step),
    }
}

fn triples(values: Vec<f32>) -> Vec<[f32; 3]> {
    values.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect()
}

fn log_odds(level: u8, most: u8) -> f32 {
    let most = f64::from(most);
    let share = f64::from(level).clamp(OPEN, most - OPEN) / most;
    (share / (1.0 - share)).ln() as f32
}
