//! Coordinates to whole numbers and back.

use tessera_core::container::Lattice;

use crate::error::{Error, Result};
use crate::shape::Bounds;

/// Most bits of an index.
pub(crate) const MAX_DEPTH: u8 = 21;
/// Points below which none is taken for an outlier.
const GUARDED: usize = 64;
/// The share of points at either end of an axis that may be outliers: one in so many.
const OUTLIERS: usize = 500;
/// How many times the extent of the other points outliers must span.
const FAR: f64 = 8.0;
/// Bits that [`Precision::Lossless`] keeps in the tree where no lattice holds the coordinates.
const EXACT_BITS: u8 = 18;

/// How finely coordinates are kept.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Precision {
    /// Whole numbers as they are; others as with 11 bits.
    #[default]
    Auto,
    /// To the last bit.
    Lossless,
    /// The longest side of the box in `2^n - 1` steps, n from 1 to 21. A cloud that lies on a lattice of that many bits is kept as it is.
    Bits(u8),
    /// No coordinate off by more than this, above 0.
    Error(f64),
}

/// A lattice and how it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    pub lattice: Lattice,
    /// Bits of the greatest index.
    pub depth: u8,
    /// Whether every coordinate lies on it.
    pub exact: bool,
    /// Points far from all others that the size of a step was not chosen for.
    pub outliers: usize,
}

/// The index of a coordinate.
pub(crate) fn index(lattice: &Lattice, axis: usize, x: f32) -> i64 {
    (f64::from(x) * lattice.divisor - lattice.offset[axis]).round() as i64
}

/// The coordinate of an index.
pub(crate) fn coordinate(lattice: &Lattice, axis: usize, index: f64) -> f32 {
    let x = ((lattice.offset[axis] + index) / lattice.divisor) as f32;
    // Only of a lattice that no encoder chooses.
    if x.is_finite() { x } else { 0.0 }
}

/// The lattice for positions: at least one, all finite.
pub(crate) fn fit(positions: &[[f32; 3]], precision: Precision) -> Result<Fit> {
    let bounds = Bounds::of(positions).ok_or_else(|| Error::shape("there are no points; use a shape with content"))?;
    match precision {
        Precision::Auto => match on_lattice(positions, &bounds, 1.0) {
            Some(fit) => Ok(fit),
            None => Ok(in_steps(positions, &bounds, 11)),
        },
        Precision::Lossless => {
            Ok(exact(positions, &bounds).unwrap_or_else(|| in_steps(positions, &bounds, EXACT_BITS)))
        }
        Precision::Bits(bits) if (1..=MAX_DEPTH).contains(&bits) => {
            let exact = exact(positions, &bounds).filter(|fit| fit.depth <= bits);
            Ok(exact.unwrap_or_else(|| in_steps(positions, &bounds, bits)))
        }
        Precision::Bits(bits) => Err(Error::parameter(format!("{bits} bits of a coordinate; they are from 1 to 21"))),
        Precision::Error(error) if error.is_finite() && error > 0.0 => {
            let divisor = 0.5 / error;
            if let Some(fit) = exact(positions, &bounds).filter(|fit| fit.lattice.divisor <= divisor) {
                return Ok(fit);
            }
            let steps = bounds.side() * divisor;
            let most = f64::from((1u32 << MAX_DEPTH) - 1);
            if steps > most - 1.0 {
                let least = bounds.side() / (2.0 * (most - 1.0));
                return Err(Error::parameter(format!(
                    "a precision of {error} over {} units needs more than 21 bits; the finest is {least:.3e}",
                    bounds.side()
                )));
            }
            Ok(with_divisor(&bounds, divisor, 0))
        }
        Precision::Error(error) => Err(Error::parameter(format!("a precision of {error}; it is above 0"))),
    }
}

/// The coarsest lattice of decimal or binary fractions that holds every coordinate.
fn exact(positions: &[[f32; 3]], bounds: &Bounds) -> Option<Fit> {
    let mut divisors: Vec<f64> = (0..8).map(|n| 10f64.powi(n)).chain((1..20).map(|n| 2f64.powi(n))).collect();
    divisors.sort_by(f64::total_cmp);
    divisors.into_iter().find_map(|divisor| on_lattice(positions, bounds, divisor))
}

fn on_lattice(positions: &[[f32; 3]], bounds: &Bounds, divisor: f64) -> Option<Fit> {
    let offset = bounds.min.map(|min| (f64::from(min) * divisor).round());
    let lattice = Lattice { offset, divisor };
    let mut greatest = 0;
    for position in positions {
        for (axis, &x) in position.iter().enumerate() {
            let index = index(&lattice, axis, x);
            greatest = greatest.max(index);
            if coordinate(&lattice, axis, index as f64) != x || greatest >= 1 << MAX_DEPTH {
                return None;
            }
        }
    }
    // An integer cloud near 0 keeps its indices, which saves the header's lattice.
    let top = bounds.max.iter().fold(0.0, |top: f32, &max| top.max(max));
    let from_zero =
        divisor == 1.0 && bounds.min.iter().all(|&min| min >= 0.0) && depth_of(top as i64) == depth_of(greatest);
    let lattice = if from_zero { Lattice::UNIT } else { lattice };
    let greatest = if from_zero { top as i64 } else { greatest };
    Some(Fit { lattice, depth: depth_of(greatest), exact: true, outliers: 0 })
}

/// A lattice of `2^bits - 1` steps along the longest side, outliers aside.
fn in_steps(positions: &[[f32; 3]], bounds: &Bounds, bits: u8) -> Fit {
    let full = bounds.side();
    if full == 0.0 {
        return Fit {
            lattice: Lattice { offset: bounds.min.map(f64::from), divisor: 1.0 },
            depth: 1,
            exact: true,
            outliers: 0,
        };
    }
    let steps = f64::from((1u32 << bits) - 1);
    let most = f64::from((1u32 << MAX_DEPTH) - 1);
    let inner = inner(positions);
    let side = inner.as_ref().map_or(0.0, Bounds::side);
    match inner.filter(|_| side > 0.0 && full > FAR * side) {
        Some(inner) => {
            let outside = |p: &&[f32; 3]| (0..3).any(|axis| far(p[axis], &inner, axis, side));
            let outliers = positions.iter().filter(outside).count();
            with_divisor(bounds, (steps / side).min((most - 1.0) / full), outliers)
        }
        None => with_divisor(bounds, steps / full, 0),
    }
}

fn far(x: f32, inner: &Bounds, axis: usize, side: f64) -> bool {
    f64::from(x) < f64::from(inner.min[axis]) - side || f64::from(x) > f64::from(inner.max[axis]) + side
}

fn with_divisor(bounds: &Bounds, divisor: f64, outliers: usize) -> Fit {
    let lattice = Lattice { offset: bounds.min.map(|min| f64::from(min) * divisor), divisor };
    let greatest = (0..3).map(|axis| index(&lattice, axis, bounds.max[axis])).fold(0, i64::max);
    Fit { lattice, depth: depth_of(greatest), exact: false, outliers }
}

/// The box without the outermost points of each axis.
fn inner(positions: &[[f32; 3]]) -> Option<Bounds> {
    if positions.len() < GUARDED {
        return None;
    }
    let cut = (positions.len() / OUTLIERS).max(1);
    let mut bounds = Bounds { min: [0.0; 3], max: [0.0; 3] };
    for axis in 0..3 {
        let mut along: Vec<f32> = positions.iter().map(|p| p[axis]).collect();
        let last = along.len() - 1 - cut;
        bounds.min[axis] = *along.select_nth_unstable_by(cut, f32::total_cmp).1;
        bounds.max[axis] = *along.select_nth_unstable_by(last, f32::total_cmp).1;
    }
    Some(bounds)
}

fn depth_of(greatest: i64) -> u8 {
    (greatest.max(1).ilog2() + 1) as u8
}

/// The coordinates that have one index on an axis, as a range of ordered keys.
pub(crate) fn cell(lattice: &Lattice, axis: usize, wanted: i64) -> std::ops::Range<u32> {
    let first = |above: i64| {
        let (mut low, mut high) = (key(f32::MIN), key(f32::MAX) + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if index(lattice, axis, of_key(middle)) >= above { high = middle } else { low = middle + 1 }
        }
        low
    };
    first(wanted)..first(wanted + 1)
}

/// Numbers ordered as the coordinates are, -0 before 0.
pub(crate) fn key(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The coordinate of a key.
pub(crate) fn of_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_coordinate_is_in_its_cell(x in -1e6f32..1e6, min in -1e6f32..0.0, divisor in 1e-3f64..1e3) {
            let lattice = Lattice { offset: [f64::from(min) * divisor; 3], divisor };
            let cell = cell(&lattice, 0, index(&lattice, 0, x));
            prop_assert!(cell.contains(&key(x)));
            prop_assert_eq!(of_key(key(x)).to_bits(), x.to_bits());
        }

        #[test]
        fn no_coordinate_is_off_by_more_than_was_asked(
            positions in prop::collection::vec(prop::array::uniform3(-50f32..50.0), 1..200), error in 0.001f64..1.0
        ) {
            let fit = fit(&positions, Precision::Error(error)).unwrap();
            for position in &positions {
                for (axis, &x) in position.iter().enumerate() {
                    let back = coordinate(&fit.lattice, axis, index(&fit.lattice, axis, x) as f64);
                    prop_assert!(f64::from((back - x).abs()) <= error * 1.001 + 1e-5);
                }
            }
        }
    }

    #[test]
    fn decimals_and_whole_numbers_lie_on_a_lattice() {
        let decimals: Vec<[f32; 3]> = (0..100).map(|n| [n as f32 / 1000.0, -0.25, 7.125]).collect();
        let fit_ = fit(&decimals, Precision::Lossless).unwrap();
        assert!(fit_.exact && fit_.lattice.divisor == 1000.0 && fit_.depth == 7);
        let halves: Vec<[f32; 3]> = (0..100).map(|n| [n as f32 / 2.0, -3.0, 9.5]).collect();
        assert_eq!(fit(&halves, Precision::Lossless).unwrap().lattice.divisor, 2.0);
        let voxels: Vec<[f32; 3]> = (0..100).map(|n| [n as f32, 3.0, 90.0]).collect();
        assert_eq!(fit(&voxels, Precision::Auto).unwrap().lattice, Lattice::UNIT);
    }

    #[test]
    fn an_outlier_does_not_cost_the_others_their_precision() {
        let mut positions: Vec<[f32; 3]> = (0..1000).map(|n| [(n as f32).sin(), (n as f32 * 1.7).cos(), 0.1]).collect();
        let before = fit(&positions, Precision::Bits(10)).unwrap();
        positions.push([-100.0, 0.0, 0.0]);
        let after = fit(&positions, Precision::Bits(10)).unwrap();
        assert_eq!(after.outliers, 1);
        assert!(after.lattice.divisor >= before.lattice.divisor, "steps grew");
        assert!(after.depth > before.depth);
    }
}
