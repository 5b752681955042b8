//! Groups of frames go there and back, and what stays costs next to nothing.

use super::*;
use crate::entropy::searched::Search;
use crate::testing::{Random, SMALL, network, tree_codebook};

const SHAPE: GridShape = GridShape { levels: 2, t: 12, y: 9, x: 14 };

fn moving(seed: u64) -> TokenGrid {
    let mut random = Random::new(seed);
    let (y, x) = (SHAPE.y as usize, SHAPE.x as usize);
    let mut tokens = vec![0u16; SHAPE.len() as usize];
    for level in 0..2 {
        for t in 0..SHAPE.t as usize {
            for place in 0..y * x {
                let at = (level * 12 + t) * y * x + place;
                // A wall on the left that stays, noise on the right, and in between what moves a column every other frame.
                tokens[at] = match place % x {
                    0..5 if t > 0 => tokens[at - y * x],
                    5..10 => ((place % x + 100 - t / 2) * 7 % 64) as u16,
                    _ => random.below(64) as u16,
                };
            }
        }
    }
    TokenGrid::from_tokens(SHAPE, &[6, 6], tokens).unwrap()
}

#[test]
fn any_group_survives() {
    let prior = network(SMALL, 3);
    for seed in 0..4 {
        let grid = moving(seed);
        let coded = encode_gop(&grid, &prior).unwrap();
        assert_eq!(coded.grid, grid);
        let (back, tally) = decode_gop(&coded.bytes, SHAPE, &[6, 6], &prior, &Limits::default()).unwrap();
        assert_eq!(back, grid);
        assert_eq!(tally, coded.tally);
        let bits: f64 = tally.bits.iter().sum();
        assert!((coded.bytes.len() as f64 * 8.0 - bits).abs() < 32.0);
    }
}

/// Latents that drift a little on the left and are noise on the right.
fn latents(seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let (t, places) = (SHAPE.t as usize, (SHAPE.y * SHAPE.x) as usize);
    let base: Vec<f32> = (0..places * 4).map(|_| random.unit()).collect();
    (0..t * places * 4)
        .map(|n| match n / 4 % SHAPE.x as usize {
            0..9 => base[n % (places * 4)] + 0.05 * random.unit(),
            _ => random.unit(),
        })
        .collect()
}

fn search(latents: &[f32], lambda: f32, sticky: bool, steady: &dyn Fn(usize, usize, usize) -> bool) -> CodedGop {
    let how = Stickiness { search: Search { lambda, candidates: 8 }, steady, sticky };
    let rung = Rung { levels: 2, depth: 5 };
    search_gop(latents, SHAPE.positions(), rung, &tree_codebook(4, 6, 2), &network(SMALL, 3), &how).unwrap()
}

#[test]
fn chosen_tokens_survive_and_sticky_ones_take_fewer_bits_and_change_less() {
    let latents = latents(1);
    let [sticky, free] = [true, false].map(|sticky| search(&latents, 0.05, sticky, &|_, _, _| false));
    for coded in [&sticky, &free] {
        let (back, tally) = decode_gop(&coded.bytes, SHAPE, &[6, 5], &network(SMALL, 3), &Limits::default()).unwrap();
        assert_eq!(back, coded.grid);
        assert_eq!(tally, coded.tally);
    }
    assert!(sticky.bytes.len() * 10 < free.bytes.len() * 9, "{} {}", sticky.bytes.len(), free.bytes.len());
    let changed = |coded: &CodedGop| coded.tally.changed[1..].iter().sum::<u32>();
    assert!(changed(&sticky) * 2 < changed(&free), "{} {}", changed(&sticky), changed(&free));
}

#[test]
fn what_is_steady_stays_and_costs_next_to_nothing() {
    let coded = search(&latents(2), 0.0, true, &|_, _, _| true);
    let places = f64::from(SHAPE.y * SHAPE.x);
    assert!(coded.tally.changed[1..].iter().all(|&changed| changed == 0));
    assert!(coded.tally.bits[11] < 0.05 * places, "{:?}", coded.tally.bits);
}

#[test]
fn damaged_streams_never_panic() {
    let prior = network(SMALL, 3);
    let coded = encode_gop(&moving(7), &prior).unwrap();
    let mut random = Random::new(8);
    for _ in 0..40 {
        let mut bytes = coded.bytes.clone();
        let at = random.below(bytes.len() as u32) as usize;
        bytes[at] ^= 1 << random.below(8);
        bytes.truncate(random.below(bytes.len() as u32 + 1) as usize);
        let _ = decode_gop(&bytes, SHAPE, &[6, 6], &prior, &Limits::default());
    }
}
