//! Claims about which network tensors are accepted, and what tells two priors apart.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SMALL, tensors};
use tessera_core::Error;
use tessera_core::entropy::{Adaptation, NetworkPrior, PriorTensors, TokenPrior};

fn refuses(change: impl Fn(&mut PriorTensors)) -> String {
    let mut changed = tensors(SMALL, 1);
    change(&mut changed);
    match NetworkPrior::from_tensors(&changed) {
        Err(Error::Parameter { what }) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn slots_of_levels_that_are_not_decoded_are_refused() {
    for slot in [[0, 0, 0, 0], [1, -1, -1, -1], [1, 0, 0, 0], [i32::MAX, -1, 0, 0]] {
        let what = refuses(|t| t.levels[0].slots[1] = slot);
        assert!(what.contains("not decoded before"), "{what}");
    }
    // A level before the first does not exist.
    refuses(|t| t.levels[0].slots[1] = [-1, 0, 0, 0]);
    refuses(|t| t.levels[1].slots[1] = [-2, 0, 0, 0]);
    refuses(|t| t.levels[1].slots[1] = [i32::MIN, 0, 0, 0]);
}

#[test]
fn slots_anywhere_else_are_accepted() {
    for slot in [
        [0, 0, 0, -1],
        [0, 0, 0, 1],
        [0, 0, 1, -5],
        [0, i32::MAX, -9, -9],
        [0, 0, -1, 1000],
        [0, -1, i32::MAX, i32::MAX],
        [0, i32::MIN, i32::MIN, i32::MIN],
        [-1, i32::MAX, 5, 5],
        [-1, 0, 0, 0],
    ] {
        let mut t = tensors(SMALL, 1);
        t.levels[1].slots[1] = slot;
        let prior = NetworkPrior::from_tensors(&t).unwrap();
        let shape = tessera_core::GridShape { levels: 2, t: 2, y: 3, x: 3 };
        let grid = common::random_grid(shape, &[6, 6], 1);
        tessera_core::entropy::encode_tokens(&grid, &prior).unwrap();
    }
}

#[test]
fn sums_that_could_leave_32_bits_are_refused() {
    for sign in [1, -1] {
        for change in [
            (|t, b| t.levels[0].b1[3] = b) as fn(&mut PriorTensors, i32),
            |t, b| t.levels[1].b2[3] = b,
            |t, b| t.levels[0].node_bias[5] = b,
        ] {
            let what = refuses(|t| change(t, sign * (i32::MAX - 100)));
            assert!(what.contains("32 bits"), "{what}");
        }
    }
}

#[test]
fn scales_outside_their_range_are_refused() {
    for scale in [[0, 8], [-5, 8], [1, 0], [1, 63], [1, -1]] {
        refuses(|t| t.levels[0].q1 = scale);
        refuses(|t| t.levels[0].q2 = scale);
        refuses(|t| t.levels[1].q3 = scale);
    }
}

#[test]
fn arrays_that_do_not_fit_together_are_refused() {
    refuses(|t| t.levels.clear());
    refuses(|t| t.levels[0] = Default::default());
    refuses(|t| t.levels[0].w1.truncate(9));
    refuses(|t| t.levels[0].w2.push(1));
    refuses(|t| t.levels[0].node.push(1));
    refuses(|t| t.levels[0].embed.truncate(127));
    refuses(|t| t.levels[0].slots.truncate(2));
    refuses(|t| t.levels[0].slots.clear());
    refuses(|t| t.levels[0].b1.clear());
    refuses(|t| t.levels[0].b2.clear());
    refuses(|t| {
        t.levels[0].node_bias.pop();
    });
}

#[test]
fn levels_may_not_see_embeddings_of_another_width() {
    let mut t = tensors(SMALL, 1);
    let narrow = common::Sizes { embed: 4, ..SMALL };
    t.levels[0] = tensors(narrow, 1).levels[0].clone();
    assert!(NetworkPrior::from_tensors(&t).is_err());
}

#[test]
fn every_parameter_changes_the_fingerprint() {
    let print = |t: &PriorTensors| NetworkPrior::from_tensors(t).unwrap().fingerprint();
    let base = tensors(SMALL, 1);
    let mut prints = vec![print(&base)];
    let changes: [fn(&mut PriorTensors); 11] = [
        |t| t.levels[1].slots[0] = [0, -1, 0, 3],
        |t| t.levels[1].embed[5] ^= 1,
        |t| t.levels[1].w1[5] ^= 1,
        |t| t.levels[1].b1[5] ^= 1,
        |t| t.levels[1].q1[1] += 1,
        |t| t.levels[1].w2[5] ^= 1,
        |t| t.levels[1].b2[5] ^= 1,
        |t| t.levels[1].q2[0] += 1,
        |t| t.levels[1].node[25] ^= 1,
        |t| t.levels[1].node_bias[5] ^= 1,
        |t| t.levels[1].q3[1] += 1,
    ];
    for change in changes {
        let mut changed = base.clone();
        change(&mut changed);
        prints.push(print(&changed));
    }
    let prior = NetworkPrior::from_tensors(&base).unwrap();
    prints.push(prior.with_adaptation(Adaptation::OFF).fingerprint());
    prints.sort_unstable();
    let count = prints.len();
    prints.dedup();
    assert_eq!(prints.len(), count);
}

#[test]
fn scattered_tokens_have_the_neighbours_of_their_places() {
    use tessera_core::entropy::{Places, TokenPrior, decode_tokens, encode_tokens, ideal_bits};
    use tessera_core::{GridShape, Limits};
    // Places that fill a grid are that grid.
    let mut t = tensors(SMALL, 3);
    let prior = NetworkPrior::from_tensors(&t).unwrap();
    let full = Places::new((0..24).map(|n| [n / 12, n / 4 % 3, n % 4]).collect());
    let dense = common::random_grid(GridShape { levels: 2, t: 2, y: 3, x: 4 }, &[6, 5], 5);
    let row = GridShape { levels: 2, t: 1, y: 1, x: 24 };
    let scattered = tessera_core::TokenGrid::from_tokens(row, &[6, 5], dense.tokens().to_vec()).unwrap();
    let coded = encode_tokens(&scattered, &prior.over(&full)).unwrap();
    assert_eq!(coded, encode_tokens(&dense, &prior).unwrap());
    assert_eq!(prior.over(&full).fingerprint(), prior.fingerprint());
    let back = decode_tokens(&coded, row, &[6, 5], &prior.over(&full), &Limits::default()).unwrap();
    assert_eq!(back, scattered);
    // Far apart, they have none; a slot ahead tells what is there from what is not.
    let far = Places::new((0..24).map(|n| [50 * n, 0, 0]).collect());
    let alone = ideal_bits(&scattered, &prior.over(&far)).unwrap();
    assert_ne!(alone, ideal_bits(&scattered, &prior.over(&full)).unwrap());
    t.levels[0].slots[0] = [0, 0, 0, 1];
    let ahead = NetworkPrior::from_tensors(&t).unwrap();
    assert_ne!(ideal_bits(&scattered, &ahead.over(&full)).unwrap(), ideal_bits(&scattered, &ahead.over(&far)).unwrap());
    assert!(encode_tokens(&scattered, &prior.over(&Places::new(vec![[0; 3]]))).is_err());
}
