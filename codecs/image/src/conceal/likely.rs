//! Lost and coarse tokens by the masked-token model.

use ndarray::{Array4, ArrayView4};
use tessera_core::TokenGrid;
use tessera_core::vq::NestedCodebook;

use super::{Known, mean};
use crate::error::{Error, Result};
use crate::tiles::{Tiling, spans};

/// Rows and columns around a lost token among which one must be known; beyond, the model has nothing to go by.
const REACH: usize = 4;
/// Planes beside the latent: known bits and rate.
const PLANES: usize = 2;

/// What the model is told of a grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub grid: &'a TokenGrid,
    pub known: &'a Known,
    /// The first level's codebook.
    pub book: &'a NestedCodebook,
    /// log2 of the bits per position over those of a full level.
    pub rate: f32,
}

/// Lost latents `[y][x][dim]` become expectations: the centroids of the first level, weighed with the probabilities that `network` gives their paths.
/// What lies far from everything known is mixed from the nearest.
///
/// `seen` are the latents as the tokens say them. `network` maps f32[1, dim + 2, h, w] to log odds f32[1, 2^depth, h, w] of a 1 at each node of the first level's tree.
pub(crate) fn likely(
    latents: &mut [f32],
    told: Told<'_>,
    seen: &[f32],
    network: impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>>,
) -> Result<()> {
    let depth = told.grid.depths()[0];
    let expected = expect(seen, told, network, |place| {
        let wanted = !told.known.positions[place] && told.known.is_near(place, REACH);
        wanted.then_some((1, depth))
    })?;
    let mut filled = told.known.clone();
    put(latents, &expected, told.book.dim());
    expected.iter().for_each(|(place, _)| filled.positions[*place] = true);
    mean(latents, &filled);
    Ok(())
}

/// Latents `[y][x][dim]` of known coarse tokens become expectations at full depth. Nothing happens where tokens are not coarse, or have more than one level.
pub(crate) fn heal(
    latents: &mut [f32],
    told: Told<'_>,
    seen: &[f32],
    network: impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>>,
) -> Result<()> {
    let (depths, full) = (told.grid.depths(), told.book.depth());
    if depths.len() != 1 || depths[0] == full {
        return Ok(());
    }
    let tokens = told.grid.level(0);
    let expected = expect(seen, told, network, |place| {
        told.known.positions[place].then(|| (1usize << depths[0] | usize::from(tokens[place]), full))
    })?;
    put(latents, &expected, told.book.dim());
    Ok(())
}

fn put(latents: &mut [f32], expected: &[(usize, Vec<f32>)], dim: usize) {
    for (place, latent) in expected {
        latents[place * dim..][..dim].copy_from_slice(latent);
    }
}

/// The expectation at every place for which `wanted` names the node that is known and the depth that is asked for.
fn expect(
    seen: &[f32],
    told: Told<'_>,
    mut network: impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>>,
    wanted: impl Fn(usize) -> Option<(usize, u8)>,
) -> Result<Vec<(usize, Vec<f32>)>> {
    let (shape, known, dim) = (told.grid.shape(), told.known, told.book.dim());
    let (columns, nodes) = (shape.x as usize, 1usize << told.book.depth());
    let bits = f32::from(told.grid.depths()[0]) / f32::from(told.book.depth());
    let mut expected = Vec::new();
    for down in spans(shape.y, Tiling::MASKED) {
        for across in spans(shape.x, Tiling::MASKED) {
            let (left, top) = (across.seen.start as usize, down.seen.start as usize);
            let rows = down.kept.start as usize..down.kept.end as usize;
            let kept = across.kept.start as usize..across.kept.end as usize;
            let asked: Vec<_> = rows
                .flat_map(|y| kept.clone().map(move |x| (y, x)))
                .filter_map(|(y, x)| Some((y, x, wanted(y * columns + x)?)))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let (seen_x, seen_y) = (across.seen.len(), down.seen.len());
            let input = Array4::from_shape_fn((1, dim + PLANES, seen_y, seen_x), |(_, c, y, x)| {
                let place = (top + y) * columns + left + x;
                match (c, known.positions[place]) {
                    (c, true) if c < dim => seen[place * dim + c],
                    (c, true) if c == dim => bits,
                    (c, false) if c <= dim => 0.0,
                    _ => told.rate,
                }
            });
            let odds = network(input.view())?;
            if odds.shape() != [1, nodes, seen_y, seen_x] {
                return Err(Error::Pack {
                    what: format!(
                        "its masked-token model gave odds of shape {:?}, not {:?}",
                        odds.shape(),
                        [1, nodes, seen_y, seen_x]
                    ),
                });
            }
            for (y, x, (node, depth)) in asked {
                let at = |node: usize| odds[[0, node, y - top, x - left]];
                expected.push((y * columns + x, expectation(told.book, node, depth, at)));
            }
        }
    }
    Ok(expected)
}

/// The mean of the centroids at `depth` below a node, by the log odds of a 1 at each node between.
fn expectation(book: &NestedCodebook, node: usize, depth: u8, odds: impl Fn(usize) -> f32) -> Vec<f32> {
    let (mut first, mut chances) = (node, vec![1.0f32]);
    while first < 1 << depth {
        let mut next = Vec::with_capacity(2 * chances.len());
        for (node, chance) in (first..).zip(&chances) {
            let one = 1.0 / (1.0 + (-odds(node)).exp());
            // What is no number says nothing.
            let one = if one.is_nan() { 0.5 } else { one };
            next.extend([chance * (1.0 - one), chance * one]);
        }
        (first, chances) = (2 * first, next);
    }
    let mut mean = vec![0.0; book.dim()];
    for (node, chance) in (first..).zip(&chances) {
        // Nodes of this depth are below twice its power of two, and so their paths fit.
        for (value, centroid) in mean.iter_mut().zip(book.centroid(depth, (node - (1 << depth)) as u16)) {
            *value += chance * centroid;
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;
    use tessera_core::GridShape;

    use super::*;

    /// A tree of depth 2 whose centroids are their heap row.
    fn book() -> NestedCodebook {
        NestedCodebook::new(1, 2, (0..8).map(|row| row as f32).collect()).unwrap()
    }

    fn grid(depth: u8, tokens: Vec<u16>) -> TokenGrid {
        TokenGrid::from_tokens(GridShape { levels: 1, t: 1, y: 1, x: tokens.len() as u32 }, &[depth], tokens).unwrap()
    }

    /// Odds that grow with the mean of what is seen, the same at each node.
    fn network(seen: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let mean = seen.index_axis(Axis(1), 0).mean().unwrap_or(0.0);
        Ok(Array4::from_elem((1, 4, seen.shape()[2], seen.shape()[3]), mean * 100.0))
    }

    #[test]
    fn a_lost_token_becomes_what_the_model_expects() {
        let (book, grid) = (book(), grid(2, vec![3, 0, 3]));
        let known = Known { positions: vec![true, false, true], columns: 3 };
        let told = Told { grid: &grid, known: &known, book: &book, rate: 0.0 };
        let mut latents = vec![7.0, 4.0, 7.0];
        likely(&mut latents, told, &[7.0, 4.0, 7.0], network).unwrap();
        assert_eq!(latents, [7.0, 7.0, 7.0]);
        let even = |seen: ArrayView4<'_, f32>| Ok(Array4::zeros((1, 4, seen.shape()[2], seen.shape()[3])));
        likely(&mut latents, told, &[7.0, 4.0, 7.0], even).unwrap();
        assert_eq!(latents, [7.0, 5.5, 7.0]);
    }

    #[test]
    fn far_from_everything_known_the_nearest_stand_in() {
        let (book, grid) = (book(), grid(2, vec![0; 20]));
        let known = Known { positions: (0..20).map(|n| n == 0).collect(), columns: 20 };
        let told = Told { grid: &grid, known: &known, book: &book, rate: 0.0 };
        let mut latents = vec![4.0; 20];
        latents[0] = 6.0;
        let even = |seen: ArrayView4<'_, f32>| Ok(Array4::zeros((1, 4, seen.shape()[2], seen.shape()[3])));
        let seen = latents.clone();
        likely(&mut latents, told, &seen, even).unwrap();
        assert_eq!(
            (latents[0], latents[1], latents[REACH], latents[REACH + 1], latents[19]),
            (6.0, 5.5, 5.5, 5.5, 5.5)
        );
    }

    #[test]
    fn a_coarse_token_stays_below_its_node() {
        let (book, grid) = (book(), grid(1, vec![0, 1]));
        let known = Known::everything(1, 2);
        let told = Told { grid: &grid, known: &known, book: &book, rate: 0.0 };
        let mut latents = vec![2.0, 3.0];
        heal(&mut latents, told, &[2.0, 3.0], network).unwrap();
        assert_eq!(latents, [5.0, 7.0]);
        let odd = |seen: ArrayView4<'_, f32>| Ok(Array4::from_elem((1, 4, seen.shape()[2], seen.shape()[3]), f32::NAN));
        heal(&mut latents, told, &[2.0, 3.0], odd).unwrap();
        assert_eq!(latents, [4.5, 6.5]);
    }

    #[test]
    fn a_model_of_another_shape_is_a_bad_pack() {
        let (book, grid) = (book(), grid(1, vec![0, 1]));
        let known = Known::everything(1, 2);
        let told = Told { grid: &grid, known: &known, book: &book, rate: 0.0 };
        let wrong = |_: ArrayView4<'_, f32>| Ok(Array4::zeros((1, 8, 1, 2)));
        assert!(matches!(heal(&mut [2.0, 3.0], told, &[2.0, 3.0], wrong), Err(Error::Pack { .. })));
    }
}
