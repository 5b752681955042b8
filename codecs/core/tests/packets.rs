//! Claims about interleaved packets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use proptest::prelude::*;
use tessera_core::entropy::{Search, UniformPrior, packets};
use tessera_core::{GridShape, LatentShape, Limits, Rung, TokenGrid};

proptest! {
    #[test]
    fn every_token_is_in_one_packet(levels in 1u8..4, t in 1u32..3, y in 1u32..200, x in 1u32..300) {
        let shape = GridShape { levels, t, y, x };
        let packets = packets::split(shape, &Limits::default()).unwrap();
        let mut seen = vec![0; (y * x) as usize];
        for packet in &packets {
            prop_assert_eq!(packet.places(x).count() as u64 * u64::from(t) * u64::from(levels), packet.shape().len());
            packet.places(x).for_each(|place| seen[place] += 1);
        }
        prop_assert!(seen.iter().all(|&times| times == 1));
    }
}

fn grid(shape: GridShape, depths: &[u8]) -> TokenGrid {
    let mut state = 7u64;
    let positions = shape.positions().len() as usize;
    let tokens = (0..shape.len() as usize).map(|n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as u16 & ((1 << depths[n / positions]) - 1)
    });
    TokenGrid::from_tokens(shape, depths, tokens.collect()).unwrap()
}

#[test]
fn a_grid_survives_and_threads_change_nothing() {
    let shape = GridShape { levels: 2, t: 1, y: 70, x: 131 };
    let (grid, limits) = (grid(shape, &[6, 4]), Limits::default());
    let coded = packets::encode_packets(&grid, &UniformPrior, 1).unwrap();
    assert_eq!(packets::encode_packets(&grid, &UniformPrior, 3).unwrap(), coded);
    let mut back = TokenGrid::new(shape, &[6, 4]).unwrap();
    for (packet, bytes) in packets::split(shape, &limits).unwrap().iter().zip(&coded) {
        let tokens = packets::decode_packet(packet, bytes, &[6, 4], &UniformPrior, &limits).unwrap();
        packets::insert(&mut back, packet, &tokens).unwrap();
    }
    assert_eq!(back, grid);
    let coded: Vec<&[u8]> = coded.iter().map(Vec::as_slice).collect();
    for threads in [1, 3] {
        assert_eq!(packets::decode_packets(&coded, shape, &[6, 4], &UniformPrior, &limits, threads).unwrap(), grid);
    }
    assert!(packets::decode_packets(&coded[1..], shape, &[6, 4], &UniformPrior, &limits, 1).is_err());
}

#[test]
fn a_lost_packet_leaves_all_neighbours_of_its_tokens() {
    let shape = GridShape { levels: 1, t: 1, y: 24, x: 30 };
    let packets = packets::split(shape, &Limits::default()).unwrap();
    assert_eq!(packets.len(), 16);
    for packet in &packets {
        let lost: Vec<usize> = packet.places(30).collect();
        for place in &lost {
            let (y, x) = (place / 30, place % 30);
            for (dy, dx) in [(0, 1), (1, 0), (1, 1)] {
                assert!(!lost.contains(&((y + dy) * 30 + x + dx)));
            }
        }
    }
    // Two that follow each other do not touch either: bursts are dealt out as well.
    for pair in packets.windows(2) {
        let other: Vec<usize> = pair[1].places(30).collect();
        assert!(pair[0].places(30).all(|place| !other.contains(&(place + 1))));
    }
}

#[test]
fn small_grids_have_few_packets() {
    let count = |y, x| packets::split(GridShape { levels: 1, t: 1, y, x }, &Limits::default()).unwrap().len();
    assert_eq!([count(1, 1), count(4, 8), count(8, 8), count(16, 16), count(1, 1000)], [1, 1, 2, 8, 4]);
}

#[test]
fn nearest_tokens_are_the_same_in_packets() {
    let book = common::tree_codebook(4, 6, 1);
    let shape = LatentShape { t: 1, y: 20, x: 21 };
    let latents: Vec<f32> = (0..420 * 4).map(|n| ((n * 37 % 101) as f32 - 50.0) / 60.0).collect();
    let rung = Rung { levels: 1, depth: 6 };
    let search = Search { lambda: 0.0, candidates: 1 };
    let found = packets::search_packets(&latents, shape, rung, &book, &UniformPrior, search, 2).unwrap();
    assert_eq!(found, book.quantize(&latents, shape, rung).unwrap());
}

#[test]
fn packets_of_another_grid_are_refused() {
    let shape = GridShape { levels: 1, t: 1, y: 24, x: 30 };
    let packets = packets::split(shape, &Limits::default()).unwrap();
    let small = grid(GridShape { y: 9, x: 9, ..shape }, &[6]);
    assert!(packets.iter().any(|packet| packets::extract(&small, packet).is_err()));
    let mut whole = grid(shape, &[6]);
    assert!(packets::insert(&mut whole, &packets[0], &small).is_err());
}
