//! How finely splats are kept, by one number.

use super::palette::Palettes;
use crate::splats::{Splats, coefficients};

/// Splats for each codeword of a palette, at least.
const SPLATS_PER_CODEWORD: usize = 24;
/// The share of splats that are smaller than the one that centres are kept for.
const SMALL: f64 = 0.25;

/// How finely splats are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    /// Greatest error of a centre's coordinate, in units of the shape.
    pub place: f64,
    /// Units of a step of a size.
    pub size: u8,
    /// States of a turn for a unit of what axes differ by.
    pub turn: u8,
    /// Opacities above 0.
    pub opacity: u8,
    /// Units of a step of a colour.
    pub color: u8,
    /// Levels, depth and units of a step of palettes; `None` for none.
    pub palettes: Option<(u8, u8, u8)>,
}

impl Steps {
    /// For a quality from 0 to 100.
    pub fn of(quality: f64, splats: &Splats) -> Self {
        // 1 at quality 50; finer by half for 20 more.
        let coarse = 2f64.powf((50.0 - quality) / 20.0);
        let whole = |value: f64, least: f64, most: f64| value.round().clamp(least, most) as u8;
        let levels = 1 + whole((quality - 35.0) / 15.0, 0.0, 4.0);
        // As deep as pays for the palette.
        let room = (splats.len() / SPLATS_PER_CODEWORD).max(2).ilog2() as u8;
        let depth = whole(3.0 + quality / 10.0, 1.0, 10.0).min(room);
        let step = whole(6.0 * coarse, 1.0, 32.0);
        let palettes = (coefficients(splats.degree) > 0).then_some((levels, depth, step));
        Self {
            place: 0.15 * coarse * small(splats),
            size: whole(11.0 * coarse, 1.0, 64.0),
            turn: whole(12.0 / coarse, 1.0, 120.0),
            opacity: whole(28.0 / coarse, 4.0, 255.0),
            color: whole(13.0 * coarse, 1.0, 120.0),
            palettes: palettes.filter(|&(levels, depth, step)| Palettes::checked(levels, depth, step).is_ok()),
        }
    }
}

/// The second longest axis of a splat that is among the small ones.
fn small(splats: &Splats) -> f64 {
    let middle = |scales: &[f32; 3]| {
        let mut sorted = scales.map(f64::from);
        sorted.sort_by(f64::total_cmp);
        sorted[1]
    };
    let mut all: Vec<f64> = splats.scales.iter().map(middle).collect();
    let at = ((all.len() as f64 * SMALL) as usize).min(all.len().saturating_sub(1));
    if all.is_empty() { 1.0 } else { all.select_nth_unstable_by(at, f64::total_cmp).1.exp() }
}
