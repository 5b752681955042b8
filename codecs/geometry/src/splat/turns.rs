//! How splats are turned, as finely as it shows.
//!
//! Turning an ellipsoid shows as much as the axes that change places differ. So there is one *main* axis, the shortest of a flat splat and the
//! longest of a long one, as an octahedral vector of as many bits as its length differs from the others', predicted from the splats before;
//! and an angle around it, of as many bits as the two others differ. A ball needs neither. Which end of an axis is which shows never, so the encoder takes
//! the one nearer to the guess.

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, Blend, Decision, table_bits};

use super::sizes::Size;
use crate::octree::{Near, Numbers, bucket, fold, unfold};

/// Most bits of half a main axis, and of an angle.
const MAIN_BITS: u32 = 9;
const ANGLE_BITS: u32 = 9;
/// Bits of an angle that are learned.
const LEARNED: u32 = 3;
/// Greatest difference of two axes that counts, in units of a logarithm.
const FAR: i64 = 256;
/// What the sizes of a vector's coordinates sum to where vectors are averaged.
const LENGTH: i32 = 1 << 12;

/// How a splat is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Turn {
    main: [u16; 2],
    angle: u16,
}

/// What is known of a splat before its turn is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rule {
    /// Whether the main axis is the longest.
    long: bool,
    /// Bits of each half of the main axis; 0 for none.
    main: u32,
    /// Bits of the angle; 0 for none.
    angle: u32,
}

impl Rule {
    /// For a size in steps of `step` units; `fineness` steps of a turn for a unit of what axes differ by.
    fn of([_, second, third]: Size, step: u8, fineness: u8) -> Self {
        let apart = |steps: i32| show((i64::from(steps) * i64::from(step)).min(FAR)) * i64::from(fineness);
        let long = second > third;
        let bits = |states: i64, most: u32| match states / 64 {
            0 | 1 => 0,
            states => (u64::BITS - (states.unsigned_abs() - 1).leading_zeros()).min(most),
        };
        let main = bits(apart(second + third), MAIN_BITS);
        // Half a turn has three times as many states as a unit.
        let angle = bits(3 * apart(if long { third } else { second }), ANGLE_BITS);
        Self { long, main: if main == 1 { 2 } else { main }, angle }
    }
}

/// How much turning shows for lengths whose logarithms differ by `x` units: about 2 sinh(x/64), in 64ths.
fn show(x: i64) -> i64 {
    2 * x + x * x * x / (3 * 64 * 64)
}

/// Codes the turns of splats of the given sizes, whose codes ascend. `axes` are the directions of their axes, longest first; the decoder has
/// none.
pub(crate) fn code_turns(
    coder: &mut impl BitCoder,
    codes: &[u64],
    sizes: &[Size],
    (step, fineness): (u8, u8),
    axes: Option<&[[[f64; 3]; 3]]>,
) -> Result<Vec<Turn>> {
    let bits = table_bits(codes.len() as u64);
    let mut numbers = Numbers::new(bits);
    let mut angles = Blend::<3, 1>::new(bits, [LEARNED as usize], LEARNED as usize);
    let mut coded: Vec<Turn> = Vec::new();
    let mut vectors: Vec<[i32; 3]> = Vec::new();
    let mut near = Near::default();
    let mut last = 0;
    for n in 0..codes.len() {
        let rule = Rule::of(sizes[n], step, fineness);
        let (guess, spread) = near.predict(codes[n], &vectors);
        let mut turn = Turn::default();
        let mut vector = guess;
        if rule.main > 0 {
            let greatest = (1 << rule.main) - 1;
            let wanted = axes.map_or([0; 2], |axes| nearest(axes[n][if rule.long { 0 } else { 2 }], guess, greatest));
            let folded = fold(guess, greatest);
            // In 64ths of the whole, whatever the bits.
            let spread = bucket(spread.iter().sum::<u32>() / (2 * LENGTH as u32 / 64));
            let kind = u64::from(rule.main) << 1 | u64::from(rule.long);
            let mut before = 0;
            for half in 0..2 {
                let own = (half as u64) << 20;
                let contexts = [own | kind << 12 | spread << 6 | before, own | 1 << 19 | kind << 6 | before];
                let set = half * 32 + usize::from(rule.long) * 16 + spread as usize;
                let difference = numbers.code_signed(coder, wanted[half] - folded[half], contexts, set)?;
                turn.main[half] = folded[half].saturating_add(difference).clamp(0, greatest) as u16;
                before = bucket(difference.unsigned_abs());
            }
            vector = unfold(turn.main, greatest).map(|x| x * LENGTH / greatest);
        }
        if rule.angle > 0 {
            let wanted = axes.map_or(0, |axes| around(&axes[n], turn.main, rule));
            let octant = u64::from(turn.main[0]) << 3 >> rule.main << 3 | u64::from(turn.main[1]) << 3 >> rule.main;
            let (mut angle, mut node) = (0u32, 1u64);
            for bit in (0..rule.angle).rev() {
                let wanted = wanted >> bit & 1 == 1;
                let index = rule.angle - 1 - bit;
                let taken = match index < LEARNED {
                    true => {
                        let contexts = [node, 1 << 16 | node << 8 | last, 1 << 17 | node << 8 | octant];
                        let decision = Decision { contexts, sets: [index as usize], scale: index as usize };
                        angles.code(coder, wanted, &decision)?
                    }
                    false => coder.code(wanted, 1 << 15)?,
                };
                angle = angle << 1 | u32::from(taken);
                node = node << 1 | u64::from(taken);
            }
            turn.angle = angle as u16;
            last = 1 + (u64::from(angle) << LEARNED >> rule.angle);
        }
        near.push(codes[n]);
        vectors.push(vector);
        coded.push(turn);
    }
    Ok(coded)
}

/// The halves of an axis, or of its other end where that is nearer to the guess.
fn nearest(axis: [f64; 3], guess: [i32; 3], greatest: i32) -> [i32; 2] {
    let along: f64 = (0..3).map(|n| axis[n] * f64::from(guess[n])).sum();
    let whole = axis.map(|x| ((if along < 0.0 { -x } else { x }) * f64::from(1 << 20)).round() as i32);
    fold(whole, greatest)
}

/// The main axis, and two at right angles to it and each other.
fn frame(main: [u16; 2], bits: u32) -> [[f64; 3]; 3] {
    let axis = match bits {
        0 => [0.0, 0.0, 1.0],
        bits => normal(unfold(main, (1 << bits) - 1).map(f64::from)),
    };
    let least = (0..3).fold(0, |least, n| if axis[n].abs() < axis[least].abs() { n } else { least });
    let mut unit = [0.0; 3];
    unit[least] = 1.0;
    let first = normal(cross(axis, unit));
    [axis, first, cross(axis, first)]
}

/// The angle of the second axis around the main one, in steps of half a turn.
fn around(axes: &[[f64; 3]; 3], main: [u16; 2], rule: Rule) -> u32 {
    let [_, first, second] = frame(main, rule.main);
    let other = axes[if rule.long { 1 } else { 0 }];
    let dot = |a: [f64; 3]| a[0] * other[0] + a[1] * other[1] + a[2] * other[2];
    let steps = f64::from(1 << rule.angle);
    ((dot(second).atan2(dot(first)) / std::f64::consts::PI * steps).round() as i64).rem_euclid(steps as i64) as u32
}

/// The rotation of a turn: its axes are those of [`scales_of`](super::scales_of).
pub(crate) fn rotation_of(turn: Turn, size: Size, (step, fineness): (u8, u8)) -> [f32; 4] {
    let rule = Rule::of(size, step, fineness);
    let [main, first, second] = frame(turn.main, rule.main);
    let angle = f64::from(turn.angle) / f64::from(1 << rule.angle) * std::f64::consts::PI;
    let (sin, cos) = angle.sin_cos();
    let other: [f64; 3] = std::array::from_fn(|n| cos * first[n] + sin * second[n]);
    crate::splats::rotation(match rule.long {
        true => [main, other, cross(main, other)],
        false => [other, cross(main, other), main],
    })
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn normal(a: [f64; 3]) -> [f64; 3] {
    let length = a.iter().map(|x| x * x).sum::<f64>().sqrt();
    a.map(|x| x / length)
}
