//! A judge that needs no network: how much detail there is at each place.

use crate::codec::Judge;
use crate::error::Result;

/// Differences of brightness and of detail in blocks, at several sizes of the picture. Detail is the mean step from pixel to pixel; what matters is its
/// ratio to the source's, so that a blur costs as much as an error of brightness.
pub struct Detail;

/// Pixels of a block's side.
const BLOCK: usize = 8;
/// Sizes of the picture, each half the one before.
const SIZES: usize = 3;

/// Part of the tokens' distance below which a base layer is taken: LPIPS mostly agrees then.
const SURE: f64 = 0.7;

impl Judge for Detail {
    fn margin(&self) -> f64 {
        SURE
    }

    fn distance(&mut self, source: &[u8], decoded: &[u8], size: (u32, u32)) -> Result<f64> {
        let luma = |rgb: &[u8]| Luma {
            width: size.0 as usize,
            samples: rgb
                .as_chunks::<3>()
                .0
                .iter()
                .map(|&[r, g, b]| 0.3 * f32::from(r) + 0.6 * f32::from(g) + 0.1 * f32::from(b))
                .collect(),
        };
        let (mut a, mut b) = (luma(source), luma(decoded));
        let mut sum = 0.0;
        for _ in 0..SIZES {
            let (one, other) = (a.blocks(), b.blocks());
            let apart = one.iter().zip(&other).map(|(&(mean, detail), &(other_mean, other_detail))| {
                f64::from(
                    (mean - other_mean).abs() / 64.0 + (detail - other_detail).abs() / (detail + other_detail + 2.0),
                )
            });
            sum += apart.sum::<f64>() / one.len().max(1) as f64;
            (a, b) = (a.half(), b.half());
        }
        Ok(sum / SIZES as f64)
    }
}

struct Luma {
    width: usize,
    samples: Vec<f32>,
}

impl Luma {
    /// Mean and mean step of whole blocks.
    fn blocks(&self) -> Vec<(f32, f32)> {
        let rows: Vec<&[f32]> = self.samples.chunks_exact(self.width.max(1)).collect();
        let mut blocks = Vec::new();
        for band in rows.chunks_exact(BLOCK) {
            for left in (0..(self.width / BLOCK) * BLOCK).step_by(BLOCK) {
                let (mut mean, mut detail) = (0.0, 0.0);
                for (y, row) in band.iter().enumerate() {
                    for x in left..left + BLOCK {
                        mean += row[x];
                        let right = row.get(x + 1).copied().unwrap_or(row[x]);
                        let below = band.get(y + 1).map_or(row[x], |row| row[x]);
                        detail += (right - row[x]).abs() + (below - row[x]).abs();
                    }
                }
                let count = (BLOCK * BLOCK) as f32;
                blocks.push((mean / count, detail / count));
            }
        }
        blocks
    }

    /// At half the sides.
    fn half(&self) -> Self {
        let rows: Vec<&[f32]> = self.samples.chunks_exact(self.width.max(1)).collect();
        let pair = |(upper, lower): (&[f32], &[f32])| (upper[0] + upper[1] + lower[0] + lower[1]) / 4.0;
        let halved =
            rows.chunks_exact(2).flat_map(|rows| rows[0].chunks_exact(2).zip(rows[1].chunks_exact(2)).map(pair));
        Self { width: self.width / 2, samples: halved.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_is_farther_than_the_same_texture_elsewhere() {
        let size = (64, 64);
        let picture = |value: &dyn Fn(usize, usize) -> u8| -> Vec<u8> {
            (0..64 * 64).flat_map(|n| [value(n % 64, n / 64); 3]).collect()
        };
        let texture = picture(&|x, y| if (x + y) % 2 == 0 { 90 } else { 150 });
        let shifted = picture(&|x, y| if (x + y) % 2 == 1 { 90 } else { 150 });
        let blur = picture(&|_, _| 120);
        let distance = |decoded: &[u8]| Detail.distance(&texture, decoded, size).unwrap();
        assert_eq!(distance(&texture), 0.0);
        assert!(distance(&shifted) < 0.05 && distance(&blur) > 0.2, "{} {}", distance(&shifted), distance(&blur));
    }
}
