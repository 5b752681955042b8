//! What survives of damaged files.

use tessera_core::TokenGrid;
use tessera_core::container::{Chunk, ChunkKind, Loss};
use tessera_core::entropy::bands;
use tessera_core::vq::ResidualCodebook;

use super::decode::TokenLayout;
use crate::error::{Error, Result};

/// A loss as a sentence.
pub(super) fn describe(loss: &Loss) -> String {
    match loss.bytes {
        0 => format!("at byte {}: {}", loss.offset, loss.error),
        bytes => format!("{bytes} bytes at byte {} are lost: {}", loss.offset, loss.error),
    }
}

/// Latents `[y][x][dim]` of the bands that decode; rows of the others are interpolated from those around them.
///
/// # Errors
/// `Corrupt` if no band decodes.
pub(super) fn latents(
    chunks: &[Chunk],
    layout: &TokenLayout<'_>,
    codebook: &ResidualCodebook,
    losses: &mut Vec<String>,
) -> Result<Vec<f32>> {
    let TokenLayout { shape, depths, prior, limits, .. } = layout;
    let mut grid = TokenGrid::with_limits(*shape, depths, limits)?;
    let mut known = vec![false; shape.y as usize];
    for (n, band) in (0u32..).zip(bands::split(*shape, limits)?) {
        let is_band = |chunk: &&Chunk| chunk.kind == ChunkKind::Tokens && chunk.sequence == n;
        let decoded = match chunks.iter().find(is_band) {
            Some(chunk) => chunk.band().and_then(|coded| bands::decode_band(&band, &coded, depths, *prior, limits)),
            None => Err(tessera_core::Error::Truncated { what: "its chunk is missing".to_owned() }),
        };
        let rows = band.rows.start as usize..band.rows.end as usize;
        match decoded.and_then(|tokens| bands::insert(&mut grid, &band, &tokens)) {
            Ok(()) => known[rows].fill(true),
            Err(error) => losses.push(format!(
                "token rows {} to {} of {} are lost and filled from those around them: {error}",
                rows.start,
                rows.end - 1,
                shape.y
            )),
        }
    }
    let mut latents = codebook.dequantize(&grid)?;
    if !known.contains(&true) {
        return Err(Error::corrupt("no tokens survive; fetch a good copy of the file"));
    }
    conceal(&mut latents, &known);
    Ok(latents)
}

/// Rows that are not known become mixtures of the nearest known ones above and below.
fn conceal(latents: &mut [f32], known: &[bool]) {
    let row = latents.len() / known.len();
    for y in (0..known.len()).filter(|&y| !known[y]) {
        let above = known[..y].iter().rposition(|&known| known);
        let below = known[y..].iter().position(|&known| known).map(|n| y + n);
        let weight = match (above, below) {
            (Some(above), Some(below)) => (y - above) as f32 / (below - above) as f32,
            _ => 0.0,
        };
        let Some(first) = above.or(below) else {
            return;
        };
        let second = below.unwrap_or(first);
        for n in 0..row {
            let (a, b) = (latents[first * row + n], latents[second * row + n]);
            latents[y * row + n] = a + weight * (b - a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_rows_are_mixed_from_the_nearest_known_ones() {
        let mut latents = vec![9.0, 9.0, 1.0, 2.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 5.0, 6.0, 9.0, 9.0];
        let known = [false, true, false, false, false, true, false];
        conceal(&mut latents, &known);
        let expected = [1.0, 2.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 5.0, 6.0];
        assert_eq!(latents, expected);
    }
}
