//! Claims about bands, threads and entropy-constrained search.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Random, SMALL, network, random_grid, tree_codebook};
use proptest::prelude::*;
use tessera_core::entropy::{Search, bands, encode_searched, ideal_bits};
use tessera_core::{Error, GridShape, LatentShape, Limits, Rung};

proptest! {
    #[test]
    fn bands_cover_every_row_once_and_keep_their_size(
        levels in 1u8..5, t in 1u32..4, y in 1u32..600, x in 1u32..600,
    ) {
        let shape = GridShape { levels, t, y, x };
        let bands = bands::split(shape, &Limits::default()).unwrap();
        let mut row = 0;
        for band in &bands {
            prop_assert_eq!(band.rows.start, row);
            prop_assert_eq!(band.shape, GridShape { y: band.rows.end - row, ..shape });
            prop_assert!(band.shape.len() <= bands::MAX_BAND_TOKENS || band.shape.y == 1);
            row = band.rows.end;
        }
        prop_assert_eq!(row, y);
        let heights = || bands.iter().map(|band| band.shape.y);
        prop_assert!(heights().max().unwrap() - heights().min().unwrap() <= 1);
    }
}

#[test]
fn bytes_and_tokens_do_not_depend_on_the_thread_count() {
    let prior = network(SMALL, 1);
    let shape = GridShape { levels: 2, t: 2, y: 90, x: 150 };
    let grid = random_grid(shape, &[6, 4], 1);
    let coded = bands::encode_bands(&grid, &prior, 1).unwrap();
    assert_eq!(coded.len(), 4);
    for threads in [0, 1, 2, 3, 64] {
        assert_eq!(bands::encode_bands(&grid, &prior, threads).unwrap(), coded);
        let limits = Limits::default();
        let back = bands::decode_bands(&coded, shape, &[6, 4], &prior, &limits, threads);
        assert_eq!(back.unwrap(), grid);
    }
}

#[test]
fn one_damaged_band_costs_no_other() {
    let prior = network(SMALL, 1);
    let shape = GridShape { levels: 1, t: 1, y: 200, x: 200 };
    let grid = random_grid(shape, &[6], 1);
    let limits = Limits::default();
    let mut coded = bands::encode_bands(&grid, &prior, 2).unwrap();
    let middle = coded[1].bytes.len() / 2;
    coded[1].bytes[middle] ^= 4;
    assert!(bands::decode_bands(&coded, shape, &[6], &prior, &limits, 2).is_err());
    let mut rescued = tessera_core::TokenGrid::new(shape, &[6]).unwrap();
    let split = bands::split(shape, &limits).unwrap();
    for (band, coded) in split.iter().zip(&coded) {
        if let Ok(tokens) = bands::decode_band(band, coded, &[6], &prior, &limits) {
            bands::insert(&mut rescued, band, &tokens).unwrap();
        }
    }
    for (n, band) in split.iter().enumerate() {
        let same = bands::extract(&rescued, band) == bands::extract(&grid, band);
        assert_eq!(same, n != 1);
    }
}

#[test]
fn tokens_coded_with_another_prior_are_a_mismatch_or_damage_never_other_tokens() {
    let shape = GridShape { levels: 1, t: 1, y: 8, x: 9 };
    let grid = random_grid(shape, &[6], 1);
    let coded = bands::encode_bands(&grid, &network(SMALL, 1), 1).unwrap();
    for seed in 2..20 {
        let other = network(SMALL, seed);
        let result = bands::decode_bands(&coded, shape, &[6], &other, &Limits::default(), 1);
        assert!(matches!(result, Err(Error::Mismatch { .. } | Error::Truncated { .. } | Error::Corrupt { .. })));
    }
}

#[test]
fn a_missing_or_additional_band_is_damage() {
    let prior = network(SMALL, 1);
    let shape = GridShape { levels: 1, t: 1, y: 200, x: 200 };
    let mut coded = bands::encode_bands(&random_grid(shape, &[6], 1), &prior, 2).unwrap();
    coded.push(coded[0].clone());
    for _ in 0..2 {
        let result = bands::decode_bands(&coded, shape, &[6], &prior, &Limits::default(), 1);
        assert!(matches!(result, Err(Error::Corrupt { .. })));
        coded.truncate(coded.len() - 2);
    }
}

#[test]
fn a_band_of_another_grid_is_refused() {
    let limits = Limits::default();
    let shape = GridShape { levels: 1, t: 1, y: 200, x: 200 };
    let mut grid = random_grid(shape, &[6], 1);
    let split = bands::split(shape, &limits).unwrap();
    let mut band = split[2].clone();
    let tokens = bands::extract(&grid, &split[0]).unwrap();
    assert!(bands::insert(&mut grid, &band, &tokens).is_err());
    band.rows = 300..300 + band.shape.y;
    assert!(bands::extract(&grid, &band).is_err());
    band.rows = 9..9;
    assert!(bands::extract(&grid, &band).is_err());
}

fn smooth_latents(shape: LatentShape, dim: usize) -> Vec<f32> {
    let mut random = Random::new(4);
    let mut latents = vec![0.0; shape.len() as usize * dim];
    for n in 0..latents.len() {
        let left = if n < dim { 0.0 } else { latents[n - dim] };
        latents[n] = 0.9 * left + 0.3 * random.unit();
    }
    latents
}

#[test]
fn a_greater_lambda_costs_distortion_and_saves_bits() {
    let codebook = tree_codebook(4, 6, 2);
    let prior = network(SMALL, 1);
    let shape = LatentShape { t: 1, y: 20, x: 24 };
    let rung = Rung { levels: 2, depth: 6 };
    let latents = smooth_latents(shape, 4);
    let mut last: Option<(f64, f64)> = None;
    for lambda in [0.0, 0.01, 0.03, 0.1] {
        let search = Search { lambda, candidates: 8 };
        let grid = encode_searched(&latents, shape, rung, &codebook, &prior, search).unwrap();
        let bits = ideal_bits(&grid, &prior).unwrap();
        let back = codebook.dequantize(&grid).unwrap();
        let squares = latents.iter().zip(&back).map(|(a, b)| f64::from(a - b).powi(2));
        let error: f64 = squares.sum();
        match last {
            None => assert_eq!(grid, codebook.quantize(&latents, shape, rung).unwrap()),
            Some((fewer, more)) => assert!(bits < fewer && error > more, "lambda {lambda}"),
        }
        last = Some((bits, error));
    }
}

#[test]
fn one_candidate_is_the_nearest_whatever_lambda() {
    let codebook = tree_codebook(4, 6, 1);
    let prior = network(SMALL, 1);
    let shape = LatentShape { t: 1, y: 6, x: 5 };
    let rung = Rung { levels: 1, depth: 5 };
    let latents = smooth_latents(shape, 4);
    let search = Search { lambda: 9.0, candidates: 1 };
    let grid = encode_searched(&latents, shape, rung, &codebook, &prior, search).unwrap();
    assert_eq!(grid, codebook.quantize(&latents, shape, rung).unwrap());
}

#[test]
fn a_searched_token_is_the_cheapest_of_its_candidates() {
    let codebook = tree_codebook(4, 6, 1);
    let prior = network(SMALL, 2);
    let shape = LatentShape { t: 1, y: 5, x: 6 };
    let rung = Rung { levels: 1, depth: 6 };
    let latents = smooth_latents(shape, 4);
    let search = Search { lambda: 0.05, candidates: 8 };
    let grid = encode_searched(&latents, shape, rung, &codebook, &prior, search).unwrap();
    use tessera_core::entropy::TokenPrior;
    let mut session = prior.session(grid.shape(), grid.depths()).unwrap();
    let mut candidates = Vec::new();
    for (vector, &chosen) in latents.chunks_exact(4).zip(grid.tokens()) {
        codebook.levels()[0].nearest_n(6, vector, 8, &mut candidates);
        let mut cost = |index: u16, distortion: f32| {
            let leaf = 64 + usize::from(index);
            let bits: f64 = (0..6)
                .map(|step| {
                    let one = f64::from(session.probability(leaf >> (step + 1))) / 65_536.0;
                    -(if leaf >> step & 1 == 1 { one } else { 1.0 - one }).log2()
                })
                .sum();
            f64::from(distortion) + 0.05 * bits
        };
        let costs: Vec<(u16, f64)> = candidates.iter().map(|c| (c.index, cost(c.index, c.distortion))).collect();
        let least = costs.iter().map(|c| c.1).fold(f64::INFINITY, f64::min);
        let own = costs.iter().find(|c| c.0 == chosen).unwrap().1;
        assert!(own <= least + 1e-5);
        session.observe(chosen);
    }
}

#[test]
fn search_by_bands_does_not_depend_on_the_thread_count() {
    let codebook = tree_codebook(2, 6, 2);
    let prior = network(SMALL, 1);
    let shape = LatentShape { t: 2, y: 70, x: 100 };
    let rung = Rung { levels: 2, depth: 3 };
    let latents = smooth_latents(shape, 2);
    let search = Search { lambda: 0.02, candidates: 4 };
    let run = |threads| bands::search_bands(&latents, shape, rung, &codebook, &prior, search, threads).unwrap();
    let grid = run(1);
    assert_eq!(run(2), grid);
    assert_eq!(run(5), grid);
    // Each band is what a search of its rows alone gives.
    let band = &bands::split(grid.shape(), &Limits::default()).unwrap()[1];
    let frame = |t: u32| {
        let row = |y: u32| ((t * shape.y + y) * shape.x * 2) as usize;
        &latents[row(band.rows.start)..row(band.rows.end)]
    };
    let own = [frame(0), frame(1)].concat();
    let positions = band.shape.positions();
    let alone = encode_searched(&own, positions, rung, &codebook, &prior, search).unwrap();
    assert_eq!(bands::extract(&grid, band).unwrap(), alone);
}

#[test]
fn searches_outside_their_range_are_refused() {
    let codebook = tree_codebook(4, 6, 1);
    let prior = network(SMALL, 1);
    let shape = LatentShape { t: 1, y: 1, x: 1 };
    let rung = Rung { levels: 1, depth: 6 };
    for (lambda, candidates) in [(-0.1, 8), (f32::NAN, 8), (f32::INFINITY, 8), (0.1, 0)] {
        let search = Search { lambda, candidates };
        let result = encode_searched(&[0.0; 4], shape, rung, &codebook, &prior, search);
        assert!(matches!(result, Err(Error::Parameter { .. })));
    }
}
