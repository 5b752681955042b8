//! The rungs of a pack, from coarse to fine.

use tessera_core::{Rung, ladder};

/// Residual levels beyond these are for experiments.
const MAX_LEVELS: u8 = 4;

/// What a pack offers.
#[derive(Debug, Clone)]
pub struct Ladder {
    rungs: Vec<Rung>,
    full_depth: u8,
    dim: usize,
    /// Latent distortion per bit at the first level's full depth.
    lambda: f32,
}

impl Ladder {
    /// The ladder of `levels` levels, as far as `max_tokens` tokens allow for `positions` positions.
    pub(crate) fn new(
        (min_depth, full_depth, levels): (u8, u8, u8),
        dim: usize,
        lambda: f32,
        positions: u64,
        max_tokens: u64,
    ) -> Self {
        let affordable = (max_tokens / positions.max(1)).clamp(1, u64::from(MAX_LEVELS)) as u8;
        Self { rungs: ladder(min_depth.min(full_depth), full_depth, levels.min(affordable)), full_depth, dim, lambda }
    }

    /// Rungs by rising bits. Not empty.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// Bits per position of a rung before entropy coding.
    pub fn bits(&self, rung: Rung) -> f64 {
        f64::from(rung.bits_per_position(self.full_depth))
    }

    /// The rung of a quality from 0 to 100: bits per position rise geometrically from the first rung
    /// to the last, and the rung with the nearest ratio is taken.
    pub fn of_quality(&self, quality: f32) -> Rung {
        let (first, last) = (self.rungs[0], self.rungs[self.rungs.len() - 1]);
        let (low, high) = (self.bits(first).ln(), self.bits(last).ln());
        let wanted = low + (high - low) * f64::from(quality) / 100.0;
        let away = |rung: &Rung| (self.bits(*rung).ln() - wanted).abs();
        let nearest = self.rungs.iter().min_by(|a, b| away(a).total_cmp(&away(b)));
        nearest.copied().unwrap_or(first)
    }

    /// Latent distortion that a bit is worth at a rung: the slope of the rate-distortion curve of a
    /// `dim`-dimensional source, 2^(-2·bits/dim), anchored at the pack's value for a full first level.
    pub fn lambda(&self, rung: Rung) -> f32 {
        let beyond = self.bits(rung) - f64::from(self.full_depth);
        (f64::from(self.lambda) * (-2.0 * beyond / self.dim as f64).exp2()) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_covers_the_ladder_and_never_falls() {
        let ladder = Ladder::new((3, 12, 4), 16, 0.1, 1536, 1 << 22);
        assert_eq!(ladder.rungs().len(), 40);
        let of = |q| ladder.of_quality(q);
        assert_eq!(of(0.0), Rung { levels: 1, depth: 3 });
        assert_eq!(of(50.0), Rung { levels: 1, depth: 12 });
        assert_eq!(of(100.0), Rung { levels: 4, depth: 12 });
        assert!((0..100).all(|q| of(q as f32) <= of(q as f32 + 1.0)));
    }

    #[test]
    fn lambda_falls_with_bits_and_is_the_packs_at_full_depth() {
        let ladder = Ladder::new((3, 12, 2), 16, 0.25, 1, 100);
        assert_eq!(ladder.lambda(Rung { levels: 1, depth: 12 }), 0.25);
        let lambdas: Vec<f32> = ladder.rungs().iter().map(|r| ladder.lambda(*r)).collect();
        assert!(lambdas.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn levels_end_where_tokens_exceed_the_limit() {
        let ladder = Ladder::new((3, 12, 4), 16, 0.1, 2_000_000, 1 << 22);
        assert_eq!(ladder.rungs().last(), Some(&Rung { levels: 2, depth: 12 }));
    }
}
