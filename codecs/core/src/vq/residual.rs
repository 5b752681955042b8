//! Residual levels of nested codebooks.

use super::nested::NestedCodebook;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::rung::Rung;
use crate::token::{GridShape, LatentShape, TokenGrid};

/// Levels of nested codebooks; each level codes what the levels before it left over.
///
/// Residual vector quantisation as in SoundStream (Zeghidour et al., 2021) over nested trees. A
/// [`Rung`] says how many levels are sent and how deep the last one goes; all others are sent whole.
/// Latents are `[position, dim]`, positions in the order `[t][y][x]`.
#[derive(Debug, Clone)]
pub struct ResidualCodebook {
    levels: Vec<NestedCodebook>,
}

impl ResidualCodebook {
    /// A residual codebook from its levels, first level first.
    ///
    /// # Errors
    /// [`Error::Parameter`] without levels, with more than 255, or if dimensions or depths differ.
    pub fn new(levels: Vec<NestedCodebook>) -> Result<Self> {
        let Some(first) = levels.first() else {
            return Err(Error::parameter("a codebook needs at least one level"));
        };
        if levels.len() > usize::from(u8::MAX) {
            return Err(Error::parameter("a codebook has at most 255 levels"));
        }
        let same = |l: &NestedCodebook| l.dim() == first.dim() && l.depth() == first.depth();
        if !levels.iter().all(same) {
            return Err(Error::parameter("all levels of a codebook need the same dimensions and depth"));
        }
        Ok(Self { levels })
    }

    /// Dimensions of a latent.
    pub fn dim(&self) -> usize {
        self.levels[0].dim()
    }

    /// Bits per token of a level that is sent whole.
    pub fn full_depth(&self) -> u8 {
        self.levels[0].depth()
    }

    /// Number of levels.
    pub fn max_levels(&self) -> u8 {
        // `new` admits at most 255 levels.
        self.levels.len() as u8
    }

    /// The nested codebooks, first level first.
    pub fn levels(&self) -> &[NestedCodebook] {
        &self.levels
    }

    /// The nearest tokens of `latents`, `[t*y*x, dim]`, level by level.
    ///
    /// Deterministic: see [`NestedCodebook::nearest`].
    ///
    /// # Errors
    /// [`Error::Parameter`] if the latents do not fill `shape`, a value is not finite or the rung is
    /// not on this codebook's ladder; [`Error::Limit`] if the grid exceeds the default [`Limits`].
    pub fn quantize(&self, latents: &[f32], shape: LatentShape, rung: Rung) -> Result<TokenGrid> {
        let mut grid = self.grid_for(latents, shape, rung)?;
        let depths = grid.depths().to_vec();
        let mut residual = latents.to_vec();
        let positions = residual.len() / self.dim();
        let tokens = grid.tokens_mut();
        for (level, &depth) in depths.iter().enumerate() {
            let book = &self.levels[level];
            let tokens = &mut tokens[level * positions..][..positions];
            for (vector, token) in residual.chunks_exact_mut(self.dim()).zip(tokens) {
                *token = book.nearest(depth, vector).0;
                subtract(vector, book.centroid(depth, *token));
            }
        }
        Ok(grid)
    }

    /// The latents that tokens stand for: the sum of their centroids, `[t*y*x, dim]`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the grid has more levels or deeper tokens than this codebook.
    pub fn dequantize(&self, grid: &TokenGrid) -> Result<Vec<f32>> {
        if grid.depths().len() > self.levels.len() {
            return Err(Error::mismatch(format!(
                "tokens of {} levels for a codebook of {}",
                grid.depths().len(),
                self.levels.len()
            )));
        }
        if let Some(depth) = grid.depths().iter().find(|&&d| d > self.full_depth()) {
            return Err(Error::mismatch(format!(
                "tokens of {depth} bits for a codebook of {} bits",
                self.full_depth()
            )));
        }
        let mut latents = vec![0.0; grid.level(0).len() * self.dim()];
        for (level, (book, &depth)) in self.levels.iter().zip(grid.depths()).enumerate() {
            let vectors = latents.chunks_exact_mut(self.dim());
            for (vector, &token) in vectors.zip(grid.level(level)) {
                for (v, c) in vector.iter_mut().zip(book.centroid(depth, token)) {
                    *v += c;
                }
            }
        }
        Ok(latents)
    }

    /// Checks latents, shape and rung, and allocates the grid of zeros to fill.
    pub(crate) fn grid_for(&self, latents: &[f32], shape: LatentShape, rung: Rung) -> Result<TokenGrid> {
        self.check_rung(rung)?;
        let grid: GridShape = shape.grid(rung.levels);
        let positions = grid.check(&Limits::default())? / usize::from(rung.levels);
        if positions.checked_mul(self.dim()) != Some(latents.len()) {
            return Err(Error::parameter(format!(
                "{} latent values for {positions} positions of {} dimensions",
                latents.len(),
                self.dim()
            )));
        }
        if !latents.iter().all(|value| value.is_finite()) {
            return Err(Error::parameter("a latent value is not finite"));
        }
        TokenGrid::new(grid, &rung.depths(self.full_depth()))
    }

    fn check_rung(&self, rung: Rung) -> Result<()> {
        let levels = 1..=self.max_levels();
        let depths = 1..=self.full_depth();
        if levels.contains(&rung.levels) && depths.contains(&rung.depth) {
            return Ok(());
        }
        Err(Error::parameter(format!(
            "rung of {} levels and {} bits; this codebook has 1 to {} levels and 1 to {} bits",
            rung.levels,
            rung.depth,
            self.max_levels(),
            self.full_depth()
        )))
    }
}

/// `vector -= centroid`, the step to the next level's residual.
pub(crate) fn subtract(vector: &mut [f32], centroid: &[f32]) {
    for (v, c) in vector.iter_mut().zip(centroid) {
        *v -= c;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, tree_codebook};

    fn squared_error(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
    }

    #[test]
    fn every_rung_up_the_ladder_lowers_the_error_of_a_tree_of_means() {
        let book = tree_codebook(4, 6, 2);
        let mut random = Random::new(2);
        let shape = LatentShape { t: 1, y: 8, x: 9 };
        let latents: Vec<f32> = (0..72 * 4).map(|_| random.unit()).collect();
        let mut last = f32::INFINITY;
        for rung in crate::ladder(1, 6, 2) {
            let grid = book.quantize(&latents, shape, rung).unwrap();
            assert_eq!(grid.depths(), rung.depths(6));
            let error = squared_error(&latents, &book.dequantize(&grid).unwrap());
            assert!(error < last * 1.02, "{rung:?}: {error} after {last}");
            last = error;
        }
    }

    #[test]
    fn latents_that_do_not_fit_are_refused() {
        let book = tree_codebook(4, 6, 2);
        let shape = LatentShape { t: 1, y: 1, x: 2 };
        let rung = Rung { levels: 1, depth: 6 };
        assert!(book.quantize(&[0.0; 8], shape, rung).is_ok());
        assert!(book.quantize(&[0.0; 7], shape, rung).is_err());
        assert!(book.quantize(&[f32::NAN; 8], shape, rung).is_err());
        for (levels, depth) in [(0, 6), (3, 6), (1, 0), (1, 7)] {
            assert!(book.quantize(&[0.0; 8], shape, Rung { levels, depth }).is_err());
        }
    }

    #[test]
    fn a_grid_of_another_codebook_is_a_mismatch() {
        let book = tree_codebook(4, 6, 2);
        let shape = |levels| GridShape { levels, t: 1, y: 1, x: 1 };
        for (levels, depth) in [(1, 7), (3, 6)] {
            let depths = vec![depth; usize::from(levels)];
            let grid = TokenGrid::new(shape(levels), &depths).unwrap();
            assert!(matches!(book.dequantize(&grid), Err(Error::Mismatch { .. })));
        }
    }
}
