//! Palettes of spherical harmonics: nested codebooks that are made for a file and sent in it, one for each residual level.

use rayon::prelude::*;
use tessera_core::Result;
use tessera_core::entropy::{BitCoder, Blend, Decision, table_bits};
use tessera_core::vq::NestedCodebook;

use super::{HARMONIC_UNIT, corrupt};
use crate::error::Result as Outcome;
use crate::octree::{Numbers, bucket};

/// Most residual levels, and depth of a palette.
const MAX_LEVELS: u8 = 8;
const MAX_DEPTH: u8 = 12;
/// Greatest value of a codeword in size, in steps.
const WIDEST: i32 = 1 << 14;
/// Vectors that a palette is made of, at most.
const TRAINED_ON: usize = 1 << 15;
/// Rounds of moving the two halves of a node, and all codewords at the end.
const HALVING: usize = 4;
const SETTLING: usize = 3;

/// Palettes as they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Palettes {
    /// Bits of a token.
    pub depth: u8,
    /// Units of a step of the codewords' values.
    pub step: u8,
    /// For each level, its codewords, of as many values as a splat has.
    pub levels: Vec<Vec<i32>>,
}

impl Palettes {
    /// Palettes for vectors of `dim` values, and which codewords stand for each vector, level after level. `weights` say how much each vector counts.
    pub fn train(
        vectors: &[f32],
        weights: &[f32],
        dim: usize,
        (levels, depth, step): (u8, u8, u8),
    ) -> Outcome<(Self, Vec<Vec<u16>>)> {
        let mut palettes = Self { depth, step, levels: Vec::new() };
        let mut tokens = Vec::new();
        let mut left = vectors.to_vec();
        for _ in 0..levels {
            let codewords: Vec<i32> = trained(&left, weights, dim, depth)?
                .iter()
                .map(|&value| (f64::from(value) * HARMONIC_UNIT / f64::from(step)).round() as i32)
                .map(|value| value.clamp(1 - WIDEST, WIDEST - 1))
                .collect();
            // What is chosen from is what will be decoded.
            let values: Vec<f32> = codewords.iter().map(|&value| valued(value, step)).collect();
            let book = with_parents(values, dim, depth)?;
            let chosen: Vec<u16> = left.par_chunks_exact(dim).map(|vector| book.nearest(depth, vector).0).collect();
            for (vector, &token) in left.chunks_exact_mut(dim).zip(&chosen) {
                vector.iter_mut().zip(book.centroid(depth, token)).for_each(|(value, centre)| *value -= centre);
            }
            palettes.levels.push(codewords);
            tokens.push(chosen);
        }
        Ok((palettes, tokens))
    }

    /// The values that the tokens of one splat stand for.
    pub fn values(&self, tokens: &[Vec<u16>], splat: usize, dim: usize) -> Vec<f32> {
        let mut sums = vec![0i32; dim];
        for (codewords, tokens) in self.levels.iter().zip(tokens) {
            let codeword = &codewords[usize::from(tokens[splat]) * dim..][..dim];
            sums.iter_mut().zip(codeword).for_each(|(sum, value)| *sum += value);
        }
        sums.into_iter().map(|sum| valued(sum, self.step)).collect()
    }

    /// Whether a payload's first bytes can be such.
    pub fn checked(levels: u8, depth: u8, step: u8) -> Result<(u8, u8, u8)> {
        match (1..=MAX_LEVELS).contains(&levels) && (1..=MAX_DEPTH).contains(&depth) && step > 0 {
            true => Ok((levels, depth, step)),
            false => Err(corrupt("palettes of splats are out of range")),
        }
    }
}

fn valued(value: i32, step: u8) -> f32 {
    (f64::from(value) * f64::from(step) / HARMONIC_UNIT) as f32
}

/// Codes the codewords of a level, path after path. The decoder ignores `codewords`.
pub(crate) fn code_palettes(
    coder: &mut impl BitCoder,
    (levels, depth, step): (u8, u8, u8),
    dim: usize,
    palettes: Option<&Palettes>,
) -> Result<Palettes> {
    let mut coded = Palettes { depth, step, levels: Vec::new() };
    let mut numbers = Numbers::new(16);
    for level in 0..levels {
        let mut codewords: Vec<i32> = Vec::new();
        for n in 0..dim << depth {
            let wanted = palettes.map_or(0, |palettes| palettes.levels[usize::from(level)][n]);
            // The same value of the codeword before, and the other channels' of this one.
            let above = n.checked_sub(dim).map_or(0, |n| codewords[n].unsigned_abs());
            let beside = n.checked_sub(1).map_or(0, |n| codewords[n].unsigned_abs());
            let place = (n % dim) as u64;
            let contexts = [place << 8 | u64::from(level), 1 << 20 | bucket(above) << 8 | bucket(beside)];
            let value = numbers.code_signed(coder, wanted, contexts, bucket(above) as usize)?;
            codewords.push(value.clamp(1 - WIDEST, WIDEST - 1));
        }
        coded.levels.push(codewords);
    }
    Ok(coded)
}

/// Codes the tokens of `count` splats: paths of `depth` bits, level after level for each splat. The decoder ignores `tokens`.
pub(crate) fn code_tokens(
    coder: &mut impl BitCoder,
    count: usize,
    (levels, depth): (u8, u8),
    tokens: Option<&[Vec<u16>]>,
) -> Result<Vec<Vec<u16>>> {
    let mut blend = Blend::<4, 1>::new(table_bits(count as u64 * 4), [usize::from(levels) * 9], usize::from(levels));
    let mut coded: Vec<Vec<u16>> = vec![Vec::new(); usize::from(levels)];
    for n in 0..count {
        let mut above = 0;
        for level in 0..usize::from(levels) {
            let wanted = tokens.map_or(0, |tokens| tokens[level][n]);
            let before = |back: usize| n.checked_sub(back).map(|n| 1 << depth | u32::from(coded[level][n]));
            let before = [before(1), before(2)];
            let mut node = 1u32;
            for bit in (0..depth).rev() {
                // What the splats before took here, if they came by: 0 for not, 1 or 2 for a 0 or a 1.
                let [first, second] = before.map(|path| match path {
                    Some(path) if path >> (bit + 1) == node => 1 + u64::from(path >> bit & 1),
                    _ => 0,
                });
                let own = (level as u64) << 40 | u64::from(node);
                let last = before[0].map_or(0, |path| u64::from(path >> depth.saturating_sub(4)));
                let contexts = [
                    own,
                    1 << 60 | own << 4 | first << 2 | second,
                    2 << 60 | own << 16 | last,
                    3 << 60 | own << 16 | above,
                ];
                let set = level * 9 + (first * 3 + second) as usize;
                let taken =
                    blend.code(coder, wanted >> bit & 1 == 1, &Decision { contexts, sets: [set], scale: level })?;
                node = node << 1 | u32::from(taken);
            }
            // The leading bits say where the residual comes from.
            above = u64::from(node >> depth.saturating_sub(6));
            coded[level].push((node & ((1 << depth) - 1)) as u16);
        }
    }
    Ok(coded)
}

/// The leaves of a tree of centroids: each node's data halved by two centroids, then all leaves settled together.
fn trained(vectors: &[f32], weights: &[f32], dim: usize, depth: u8) -> Outcome<Vec<f32>> {
    let count = vectors.len() / dim;
    let every = count.div_ceil(TRAINED_ON).max(1);
    let picked: Vec<usize> = (0..count).step_by(every).collect();
    let vector = |n: usize| &vectors[n * dim..][..dim];
    let mut centres = mean(&picked, vectors, weights, dim);
    let mut members = vec![picked.clone()];
    for _ in 0..depth {
        let halves: Vec<[(Vec<f32>, Vec<usize>); 2]> = members
            .par_iter()
            .enumerate()
            .map(|(node, own)| halved(own, &centres[node * dim..][..dim], vectors, weights))
            .collect();
        let halves = halves.into_iter().flatten();
        (centres, members) = halves.fold((Vec::new(), Vec::new()), |(mut centres, mut members), (centre, own)| {
            centres.extend(centre);
            members.push(own);
            (centres, members)
        });
    }
    for _ in 0..SETTLING {
        let book = with_parents(centres.clone(), dim, depth)?;
        let chosen: Vec<u16> = picked.par_iter().map(|&n| book.nearest(depth, vector(n)).0).collect();
        let mut members = vec![Vec::new(); 1 << depth];
        for (&n, token) in picked.iter().zip(chosen) {
            members[usize::from(token)].push(n);
        }
        for (leaf, own) in members.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            centres[leaf * dim..][..dim].copy_from_slice(&mean(own, vectors, weights, dim));
        }
    }
    Ok(centres)
}

/// Two centroids of the members of a node, and whose they are.
fn halved(own: &[usize], centre: &[f32], vectors: &[f32], weights: &[f32]) -> [(Vec<f32>, Vec<usize>); 2] {
    let dim = centre.len();
    let vector = |n: usize| &vectors[n * dim..][..dim];
    let mut spread = vec![0.0f32; dim];
    for &n in own {
        spread.iter_mut().zip(vector(n)).zip(centre).for_each(|((s, v), c)| *s += weights[n] * (v - c) * (v - c));
    }
    let widest = (0..dim).fold(0, |widest, n| if spread[n] > spread[widest] { n } else { widest });
    let side = |n: usize| usize::from(vector(n)[widest] > centre[widest]);
    let split = |side: &dyn Fn(usize) -> usize| {
        let mut parts = [Vec::new(), Vec::new()];
        own.iter().for_each(|&n| parts[side(n)].push(n));
        parts
    };
    let mut parts = split(&side);
    let mut centres = [centre.to_vec(), centre.to_vec()];
    for _ in 0..HALVING {
        for (centre, part) in centres.iter_mut().zip(&parts).filter(|(_, part)| !part.is_empty()) {
            *centre = mean(part, vectors, weights, dim);
        }
        let apart =
            |n: usize, centre: &[f32]| -> f32 { vector(n).iter().zip(centre).map(|(v, c)| (v - c) * (v - c)).sum() };
        parts = split(&|n| usize::from(apart(n, &centres[1]) < apart(n, &centres[0])));
    }
    let [first, second] = centres;
    let [low, high] = parts;
    [(first, low), (second, high)]
}

fn mean(own: &[usize], vectors: &[f32], weights: &[f32], dim: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; dim];
    let mut total = 0.0;
    for &n in own {
        let weight = f64::from(weights[n]).max(1e-6);
        total += weight;
        sum.iter_mut().zip(&vectors[n * dim..][..dim]).for_each(|(sum, &value)| *sum += weight * f64::from(value));
    }
    sum.into_iter().map(|sum| if total > 0.0 { (sum / total) as f32 } else { 0.0 }).collect()
}

/// A codebook of leaves; a parent is the mean of its children.
fn with_parents(leaves: Vec<f32>, dim: usize, depth: u8) -> Result<NestedCodebook> {
    let mut nodes = vec![0.0; dim << depth];
    nodes.extend(leaves);
    for node in (1..1usize << depth).rev() {
        for n in 0..dim {
            nodes[node * dim + n] = (nodes[2 * node * dim + n] + nodes[(2 * node + 1) * dim + n]) / 2.0;
        }
    }
    NestedCodebook::new(dim, depth, nodes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tessera_core::entropy::{BitDecoder, BitEncoder};

    /// Vectors around a few places, unevenly.
    fn vectors(count: usize, dim: usize) -> Vec<f32> {
        (0..count * dim).map(|n| ((n / dim % 7 * (n % dim + 1)) as f32).sin() + 0.01 * (n as f32 * 1.7).cos()).collect()
    }

    #[test]
    fn palettes_and_tokens_come_back_and_more_of_them_are_nearer() {
        let (count, dim) = (500, 9);
        let vectors = vectors(count, dim);
        let mut before = f32::INFINITY;
        for (levels, depth) in [(1, 1), (1, 3), (2, 3), (3, 4)] {
            let form = (levels, depth, 2);
            let (palettes, tokens) = Palettes::train(&vectors, &[1.0; 500], dim, form).unwrap();
            let mut encoder = BitEncoder::new();
            code_palettes(&mut encoder, form, dim, Some(&palettes)).unwrap();
            code_tokens(&mut encoder, count, (levels, depth), Some(&tokens)).unwrap();
            let bytes = encoder.finish();
            let mut decoder = BitDecoder::new(&bytes).unwrap();
            assert_eq!(code_palettes(&mut decoder, form, dim, None).unwrap(), palettes);
            assert_eq!(code_tokens(&mut decoder, count, (levels, depth), None).unwrap(), tokens);
            decoder.finish().unwrap();
            let off: f32 = (0..count)
                .flat_map(|n| palettes.values(&tokens, n, dim).into_iter().zip(&vectors[n * dim..][..dim]))
                .map(|(a, b)| (a - b).powi(2))
                .sum();
            assert!(off < before, "{levels} levels of {depth} bits: {off} after {before}");
            before = off;
        }
        assert!(before / 4500.0 < 1e-3, "{before}");
    }
}
