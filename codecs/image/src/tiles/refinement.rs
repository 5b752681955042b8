//! Decoded pictures to refined ones.

use ndarray::{Array4, ArrayView4, Axis, Slice};

use super::pixels::scatter;
use super::{Canvas, Tiling, spans::spans};
use crate::error::{Error, Result};

/// Planes that the network is told beside a latent: time and rate.
const PLANES: usize = 2;

/// How a picture is refined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refinement {
    /// Equal steps of time from the noisy picture to the clean one, at least 1.
    pub steps: u8,
    /// log2 of the bits per position over those of a full level.
    pub rate: f32,
    /// Standard deviation of the noise, of samples from -1 to 1.
    pub noise: f32,
    /// What the noise follows from.
    pub seed: u32,
}

/// Refines the colours `[y][x][3]` that were decoded from latents `[y][x][dim]`: relay residual diffusion (Li et al., *RDEIC*, 2024) as flow
/// matching.
///
/// It starts from the decoded picture plus noise. At each step the network says what the clean picture is, and the picture goes its
/// share of the way there; the last step arrives. Each window goes through all steps by itself: the noise is a function of place, so
/// windows agree where they overlap.
///
/// `network` maps pictures f32[1, 6, stride·h, stride·w] (now, decoded) and condition f32[1, dim + 2, h, w] (latent, time, rate) to
/// f32[1, 3, stride·h, stride·w].
pub(crate) fn refine(
    rgb: &[u8],
    latents: &[f32],
    canvas: Canvas,
    (stride, dim): (u32, usize),
    tiling: Tiling,
    how: Refinement,
    mut network: impl FnMut(ArrayView4<'_, f32>, ArrayView4<'_, f32>) -> Result<Array4<f32>>,
) -> Result<Vec<u8>> {
    let shape = super::latent_shape(canvas.width, canvas.height, stride);
    let (columns, stride) = (shape.x as usize, stride as usize);
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let pixels = rgb.as_chunks::<3>().0;
    let mut refined = vec![0; rgb.len()];
    for down in spans(shape.y, tiling) {
        for across in spans(shape.x, tiling) {
            let (left, top) = (across.seen.start as usize, down.seen.start as usize);
            let (seen_x, seen_y) = (across.seen.len(), down.seen.len());
            let mut condition = Array4::from_shape_fn((1, dim + PLANES, seen_y, seen_x), |(_, c, y, x)| match c {
                c if c < dim => latents[((top + y) * columns + left + x) * dim + c],
                c if c == dim => 0.0,
                _ => how.rate,
            });
            let origin = (left * stride, top * stride);
            let mut pictures = Array4::zeros((1, 6, seen_y * stride, seen_x * stride));
            for y in 0..seen_y * stride {
                for x in 0..seen_x * stride {
                    // Tokens may reach beyond the picture, whose edge is repeated there.
                    let (from_x, from_y) = ((origin.0 + x).min(width - 1), (origin.1 + y).min(height - 1));
                    for (c, &sample) in pixels[from_y * width + from_x].iter().enumerate() {
                        let value = f32::from(sample) / 127.5 - 1.0;
                        pictures[[0, c + 3, y, x]] = value;
                        pictures[[0, c, y, x]] = value + how.noise * noise(how.seed, (origin.0 + x, origin.1 + y), c);
                    }
                }
            }
            let mut clean = Array4::zeros((0, 0, 0, 0));
            for step in 0..how.steps {
                condition.index_axis_mut(Axis(1), dim).fill(f32::from(step) / f32::from(how.steps));
                clean = network(pictures.view(), condition.view())?;
                let expected = [1, 3, seen_y * stride, seen_x * stride];
                if clean.shape() != expected {
                    return Err(Error::Pack {
                        what: format!("its refiner made a picture of shape {:?}, not {expected:?}", clean.shape()),
                    });
                }
                let share = 1.0 / f32::from(how.steps - step);
                let mut now = pictures.slice_axis_mut(Axis(1), Slice::from(0..3));
                now.zip_mut_with(&clean, |now, clean| *now += (clean - *now) * share);
            }
            let (from_x, to_x) = (across.kept.start as usize * stride, across.kept.end as usize * stride);
            let (from_y, to_y) = (down.kept.start as usize * stride, down.kept.end as usize * stride);
            let rect = (from_x, from_y, to_x.min(width) - from_x, to_y.min(height) - from_y);
            scatter(clean.view(), origin, rect, &mut refined, width, canvas.gray);
        }
    }
    Ok(refined)
}

/// Noise of mean 0 and variance 1 at a place (column, row) and component: the sum of four 16-bit numbers of a hash, so that it is the same on every
/// machine.
pub(super) fn noise(seed: u32, (x, y): (usize, usize), component: usize) -> f32 {
    let place = (y as u64) << 32 | x as u64;
    let bits = mixed(mixed(u64::from(seed) << 2 | component as u64) ^ place);
    let sum: i32 = [0, 16, 32, 48].iter().map(|shift| i32::from((bits >> shift) as u16)).sum();
    // Four times the mean of 0..=65535, doubled, and twice the deviation of the sum, √(4·(2^32 − 1) / 12).
    (2 * sum - 4 * 65_535) as f32 / 75_674.45
}

/// SplitMix64's step and finaliser.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas { width: 70, height: 45, gray: false };

    fn rgb() -> Vec<u8> {
        (0..70 * 45 * 3).map(|n| (n * 31 % 253) as u8).collect()
    }

    fn how(steps: u8) -> Refinement {
        Refinement { steps, rate: -0.5, noise: 0.1, seed: 9 }
    }

    /// A "network" that looks one pixel to each side, and at latent, time and rate.
    fn blur(pictures: ArrayView4<'_, f32>, told: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let (h, w) = (pictures.shape()[2], pictures.shape()[3]);
        Ok(Array4::from_shape_fn((1, 3, h, w), |(_, c, y, x)| {
            let around = [(y, x.saturating_sub(1)), (y, (x + 1).min(w - 1)), (y, x)];
            let mean = around.iter().map(|&(y, x)| pictures[[0, c, y, x]]).sum::<f32>() / 3.0;
            let said = told[[0, 0, y / 4, x / 4]] + told[[0, 1, y / 4, x / 4]] + told[[0, 2, y / 4, x / 4]];
            0.5 * mean + 0.5 * pictures[[0, c + 3, y, x]] + 0.1 * said
        }))
    }

    #[test]
    fn windows_change_nothing_beyond_what_the_network_sees() {
        let latents: Vec<f32> = (0..18 * 12).map(|n| (n % 7) as f32 / 10.0).collect();
        for steps in [1, 2, 5] {
            let run = |tiling| refine(&rgb(), &latents, CANVAS, (4, 1), tiling, how(steps), blur).unwrap();
            // Five steps of a pixel reach less far than a margin of two tokens of four.
            assert_eq!(run(Tiling { window: 7, margin: 2 }), run(Tiling::WHOLE), "{steps}");
        }
    }

    #[test]
    fn the_last_step_arrives_and_time_goes_evenly() {
        let mut times = Vec::new();
        let truth = |_: ArrayView4<'_, f32>, told: ArrayView4<'_, f32>| {
            times.push(told[[0, 1, 0, 0]]);
            Ok(Array4::from_elem((1, 3, 48, 72), 0.25))
        };
        let latents = vec![0.0; 18 * 12];
        let made = refine(&rgb(), &latents, CANVAS, (4, 1), Tiling::WHOLE, how(5), truth).unwrap();
        assert!(made.iter().all(|&sample| sample == 159));
        assert_eq!(times, [0.0, 0.2, 0.4, 0.6, 0.8]);
    }

    #[test]
    fn noise_has_its_moments_and_follows_from_seed_and_place() {
        let draw = |seed| (0..60_000).map(move |n| noise(seed, (n % 200, n / 200), n % 3)).collect::<Vec<_>>();
        let values = draw(1);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert_eq!(values, draw(1));
        assert!(values.iter().zip(draw(2)).filter(|(a, b)| **a == *b).count() < 20);
        assert!(values.windows(2).filter(|pair| pair[0] == pair[1]).count() < 20);
    }

    #[test]
    fn a_network_of_another_shape_is_a_bad_pack() {
        let wrong = |_: ArrayView4<'_, f32>, _: ArrayView4<'_, f32>| Ok(Array4::zeros((1, 3, 8, 8)));
        let result = refine(&rgb(), &[0.0; 216], CANVAS, (4, 1), Tiling::WHOLE, how(1), wrong);
        assert!(matches!(result, Err(Error::Pack { .. })));
    }
}
