//! Claims about tokens to bytes and back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{REAL, SMALL, Sizes, network, random_grid, sampled_grid};
use proptest::prelude::*;
use tessera_core::entropy::{
    Adaptation, NetworkPrior, TokenDecoder, TokenEncoder, TokenPrior, UniformPrior, decode_tokens, encode_tokens,
    ideal_bits,
};
use tessera_core::{Error, GridShape, Limits, TokenGrid};

const IMAGE: GridShape = GridShape { levels: 1, t: 1, y: 32, x: 48 };

fn round_trip(grid: &TokenGrid, prior: &dyn TokenPrior) -> TokenGrid {
    let bytes = encode_tokens(grid, prior).unwrap();
    let limits = Limits::default();
    decode_tokens(&bytes, grid.shape(), grid.depths(), prior, &limits).unwrap()
}

/// Any small grid, with depths up to `max_depth`.
fn any_grid(max_levels: u8, max_depth: u8) -> impl Strategy<Value = TokenGrid> {
    (1..=max_levels, 1u32..4, 1u32..7, 1u32..7, any::<u64>()).prop_flat_map(move |(levels, t, y, x, seed)| {
        let shape = GridShape { levels, t, y, x };
        prop::collection::vec(1..=max_depth, usize::from(levels))
            .prop_map(move |depths| random_grid(shape, &depths, seed))
    })
}

proptest! {
    #[test]
    fn counts_and_grids_share_a_stream(
        most in 0u8..9, below in 0u8..9, first in any_grid(1, 6), second in any_grid(1, 6), cut in 0usize..400,
    ) {
        let (prior, limits, count) = (network(SMALL, 1), Limits::default(), most.saturating_sub(below));
        let mut encoder = TokenEncoder::default();
        encoder.put_count(count, most);
        encoder.put_grid(&first, &prior).unwrap();
        encoder.put_grid(&second, &UniformPrior).unwrap();
        let bytes = encoder.finish();
        let decode = |bytes: &[u8]| {
            let mut decoder = TokenDecoder::new(bytes)?;
            let count = decoder.take_count(most)?;
            let first = decoder.take_grid(first.shape(), first.depths(), &prior, &limits)?;
            let second = decoder.take_grid(second.shape(), second.depths(), &UniformPrior, &limits)?;
            decoder.finish()?;
            Ok::<_, Error>((count, first, second))
        };
        // Four bytes of zeros may be missing: the stream does not say so. What is cut further never gives the same; that it may give something else is what
        // checksums are for.
        if cut + 4 < bytes.len() {
            prop_assert_ne!(decode(&bytes[..cut]), Ok((count, first.clone(), second.clone())));
        }
        prop_assert!(decode(&[&bytes[..], &[1; 4]].concat()).is_err());
        prop_assert_eq!(decode(&bytes).unwrap(), (count, first, second));
    }

    #[test]
    fn tokens_survive_the_uniform_prior(grid in any_grid(4, 16)) {
        prop_assert_eq!(round_trip(&grid, &UniformPrior), grid);
    }

    #[test]
    fn tokens_survive_a_network_prior(grid in any_grid(2, 6), seed in 0u64..4) {
        prop_assert_eq!(round_trip(&grid, &network(SMALL, seed)), grid);
    }

    #[test]
    fn any_tensor_sizes_work(
        slots in 1usize..18, embed in 1usize..9, h1 in 1usize..40, h2 in 1usize..40, depth in 1u8..9,
    ) {
        let sizes = Sizes { levels: 1, slots, embed, h1, h2, depth };
        let shape = GridShape { levels: 1, t: 2, y: 3, x: 5 };
        let grid = random_grid(shape, &[depth], 1);
        prop_assert_eq!(round_trip(&grid, &network(sizes, 1)), grid);
    }

    #[test]
    fn any_bytes_decode_to_something_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200), trained: bool,
    ) {
        let small = network(SMALL, 1);
        let prior: &dyn TokenPrior = if trained { &small } else { &UniformPrior };
        let shape = GridShape { levels: 2, t: 1, y: 5, x: 7 };
        if let Ok(grid) = decode_tokens(&bytes, shape, &[6, 3], prior, &Limits::default()) {
            prop_assert_eq!(round_trip(&grid, prior), grid);
        }
    }
}

#[test]
fn coded_length_is_within_a_thousandth_of_ideal() {
    let prior = network(REAL, 1);
    let shape = GridShape { y: 43, x: 64, ..IMAGE };
    let random = random_grid(shape, &[12], 1);
    let fitting = sampled_grid(shape, &[12], &prior, 1);
    let shallow = sampled_grid(shape, &[7], &prior, 1);
    let cases: [(&TokenGrid, &dyn TokenPrior); 4] =
        [(&random, &UniformPrior), (&random, &prior), (&fitting, &prior), (&shallow, &prior)];
    for (grid, prior) in cases {
        let coded = 8.0 * encode_tokens(grid, prior).unwrap().len() as f64;
        let ideal = ideal_bits(grid, prior).unwrap();
        assert!(coded <= ideal * 1.001, "{coded} bits for {ideal}");
        assert!(coded >= ideal - 16.0, "{coded} bits for {ideal}");
    }
}

#[test]
fn the_uniform_prior_costs_the_raw_bits() {
    let grid = random_grid(GridShape { levels: 2, ..IMAGE }, &[12, 5], 1);
    let ideal = ideal_bits(&grid, &UniformPrior).unwrap();
    assert_eq!(ideal, grid.raw_bits() as f64);
}

/// Bits of streams that `truth` generates, under the prior alone and with adaptation.
fn bits_alone_and_adapted(prior: &NetworkPrior, truth: &NetworkPrior) -> (f64, f64) {
    let alone = prior.clone().with_adaptation(Adaptation::OFF);
    let truth = truth.clone().with_adaptation(Adaptation::OFF);
    let mut bits = (0.0, 0.0);
    for seed in 0..3 {
        let grid = sampled_grid(IMAGE, &[12], &truth, seed);
        bits.0 += ideal_bits(&grid, &alone).unwrap();
        bits.1 += ideal_bits(&grid, prior).unwrap();
    }
    bits
}

#[test]
fn adaptation_costs_a_perfect_network_at_most_three_thousandths() {
    for seed in 1..3 {
        let prior = network(REAL, seed);
        let (alone, adapted) = bits_alone_and_adapted(&prior, &prior);
        assert!(adapted < alone * 1.003, "{adapted} after {alone}");
    }
}

#[test]
fn adaptation_helps_a_network_that_is_too_sure_too_unsure_or_biased() {
    let truth = common::tensors(REAL, 1);
    let mut unsure = truth.clone();
    unsure.levels[0].q3[1] += 1;
    let mut sure = truth.clone();
    sure.levels[0].q3[1] -= 1;
    let mut biased = truth.clone();
    for bias in biased.levels[0].node_bias.iter_mut().step_by(3) {
        *bias += 15_000;
    }
    let truth = NetworkPrior::from_tensors(&truth).unwrap();
    for tensors in [unsure, sure, biased] {
        let prior = NetworkPrior::from_tensors(&tensors).unwrap();
        let (alone, adapted) = bits_alone_and_adapted(&prior, &truth);
        assert!(adapted < alone * 0.99, "{adapted} after {alone}");
    }
}

#[test]
fn probabilities_do_not_depend_on_what_else_was_asked() {
    let prior = network(SMALL, 3);
    let shape = GridShape { levels: 2, t: 1, y: 4, x: 5 };
    let grid = random_grid(shape, &[6, 4], 5);
    let mut plain = prior.session(shape, grid.depths()).unwrap();
    let mut asked = prior.session(shape, grid.depths()).unwrap();
    for (level, &depth) in grid.depths().iter().enumerate() {
        for &token in grid.level(level) {
            let all: Vec<u16> = (1..1 << depth).map(|n| asked.probability(n)).collect();
            for node in (1..1 << depth).rev() {
                assert_eq!(asked.probability(node), all[node - 1]);
            }
            let leaf = (1 << depth) + usize::from(token);
            for step in 1..=depth {
                let node = leaf >> step;
                assert_eq!(plain.probability(node), all[node - 1]);
            }
            plain.observe(token);
            asked.observe(token);
        }
    }
    // After the last token, a session answers and ignores without a panic.
    plain.observe(9);
    let _ = plain.probability(1);
}

#[test]
fn a_session_ignores_nodes_and_bits_outside_its_depth() {
    let prior = network(SMALL, 3);
    let shape = GridShape { levels: 1, t: 1, y: 2, x: 2 };
    let mut session = prior.session(shape, &[3]).unwrap();
    for node in [0, 8, 64, usize::MAX] {
        assert_eq!(session.probability(node), 1 << 15);
    }
    session.observe(u16::MAX);
    let mut other = prior.session(shape, &[3]).unwrap();
    other.observe(7);
    for node in 1..8 {
        assert_eq!(session.probability(node), other.probability(node));
    }
}

#[test]
fn a_stream_cut_short_or_extended_is_refused() {
    for prior in [&network(SMALL, 1) as &dyn TokenPrior, &UniformPrior] {
        let shape = GridShape { levels: 2, t: 1, y: 6, x: 7 };
        let grid = sampled_grid(shape, &[6, 5], prior, 2);
        let bytes = encode_tokens(&grid, prior).unwrap();
        let decode = |bytes: &[u8]| decode_tokens(bytes, shape, grid.depths(), prior, &Limits::default());
        for cut in 0..bytes.len() - 4 {
            assert!(decode(&bytes[..cut]).is_err());
        }
        let longer = [&bytes[..], &[0; 4]].concat();
        assert!(matches!(decode(&longer), Err(Error::Corrupt { .. })));
    }
}

#[test]
fn few_bytes_that_claim_many_tokens_fail_fast() {
    let shape = GridShape { levels: 1, t: 1, y: 2048, x: 2048 };
    let limits = Limits::default();
    for prior in [&network(SMALL, 1) as &dyn TokenPrior, &UniformPrior] {
        let error = decode_tokens(&[0x5a; 40], shape, &[6], prior, &limits).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }));
    }
    let more = GridShape { t: 2, ..shape };
    let error = decode_tokens(&[0x5a; 40], more, &[6], &UniformPrior, &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }));
}

#[test]
fn a_prior_that_knows_fewer_levels_or_bits_is_a_mismatch() {
    let prior = network(SMALL, 1);
    for depths in [&[7u8][..], &[6, 7], &[6, 6, 6]] {
        let shape = GridShape { levels: depths.len() as u8, t: 1, y: 2, x: 2 };
        let grid = random_grid(shape, depths, 1);
        let error = encode_tokens(&grid, &prior).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }));
    }
}
