//! Latents to pictures by way of a few steps of diffusion.

use ndarray::{Array4, ArrayView4, Axis, Slice, Zip};

use super::refinement::noise;
use super::synthesis::synthesise;
use super::{Canvas, Tiling};
use crate::error::{Error, Result};

/// The networks of a diffusion model over the latents of an autoencoder.
pub(crate) trait Diffusion {
    /// What diffusion begins with, and a hint: f32[1, channels + H, cell·h, cell·w] of what tokens stand for, f32[1, dim, h, w].
    fn start(&mut self, tokens: ArrayView4<'_, f32>) -> Result<Array4<f32>>;

    /// What of a latent f32[1, channels, y, x] is noise of variance 1, given the hint f32[1, H, y, x] and the time.
    fn noise(&mut self, latent: ArrayView4<'_, f32>, hint: ArrayView4<'_, f32>, time: f32) -> Result<Array4<f32>>;

    /// The picture f32[1, 3, stride·h, stride·w] of a latent.
    fn paint(&mut self, latent: ArrayView4<'_, f32>) -> Result<Array4<f32>>;
}

/// How latents are refined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relay<'a> {
    /// For each step the time that the networks are told, and the share of the latent in the variance of what they see; the noisiest first.
    pub schedule: &'a [(f32, f64)],
    /// What the noise follows from.
    pub seed: u32,
    /// Components of the latent.
    pub channels: usize,
    /// Positions of the latent per token along each side.
    pub cell: usize,
    /// Windows are multiples of so many tokens along each side.
    pub align: u32,
}

/// Colours `[y][x][3]` of what tokens stand for, `[y][x][dim]`: relay residual diffusion (Li et al., *RDEIC*, 2024).
///
/// It starts from the latent that the tokens say, plus as much noise as the first step of the schedule belongs to. At each step the networks say what
/// is noise, and with it what the clean latent is; the next latent is drawn from the posterior of diffusion between the two (Ho et al., *DDPM*,
/// 2020), and the last is the clean one. Each window goes through all steps by itself: the noise is a function of place, so windows agree where
/// they overlap as far as networks that look at all of them do. A window of no multiple of `align` tokens has its last ones repeated.
pub(crate) fn relay(
    latents: &[f32],
    canvas: Canvas,
    (stride, dim): (u32, usize),
    tiling: Tiling,
    how: Relay<'_>,
    networks: &mut impl Diffusion,
) -> Result<Vec<u8>> {
    synthesise(latents, canvas, (stride, dim), tiling, |seen, window| {
        let (h, w) = (seen.shape()[2], seen.shape()[3]);
        let (rows, columns) = (aligned(h, how.align), aligned(w, how.align));
        let tokens =
            Array4::from_shape_fn((1, dim, rows, columns), |(_, c, y, x)| seen[[0, c, y.min(h - 1), x.min(w - 1)]]);
        let origin = (window.across.seen.start as usize * how.cell, window.down.seen.start as usize * how.cell);
        let latent = denoise(tokens.view(), origin, how, networks)?;
        let mut picture = networks.paint(latent.view())?;
        check("painted a picture", &picture, &[1, 3, rows * stride as usize, columns * stride as usize])?;
        picture.slice_axis_inplace(Axis(2), Slice::from(..h * stride as usize));
        picture.slice_axis_inplace(Axis(3), Slice::from(..w * stride as usize));
        Ok(picture)
    })
}

/// The latent of a window after all steps.
fn denoise(
    tokens: ArrayView4<'_, f32>,
    origin: (usize, usize),
    how: Relay<'_>,
    networks: &mut impl Diffusion,
) -> Result<Array4<f32>> {
    let (rows, columns) = (tokens.shape()[2] * how.cell, tokens.shape()[3] * how.cell);
    let started = networks.start(tokens)?;
    let hints = started.shape().get(1).map_or(0, |all| all.saturating_sub(how.channels));
    check("began with a latent and a hint", &started, &[1, how.channels + hints.max(1), rows, columns])?;
    let (said, hint) = started.view().split_at(Axis(1), how.channels);
    // The sum of three draws is nearer to a normal distribution than one.
    let draw = |step: usize, [_, c, y, x]: [usize; 4]| {
        let place = (origin.0 + x, origin.1 + y);
        let one =
            |n: usize| noise(how.seed.wrapping_add(0x9e37_79b9_u32.wrapping_mul((3 * step + n) as u32)), place, c);
        ((one(0) + one(1) + one(2)) / 3f32.sqrt()).into()
    };
    let mut latent = said.to_owned();
    if let Some(&(_, kept)) = how.schedule.first() {
        let (signal, spread) = (kept.sqrt(), (1.0 - kept).sqrt());
        for ((b, c, y, x), value) in latent.indexed_iter_mut() {
            let drawn: f64 = draw(0, [b, c, y, x]);
            *value = (signal * f64::from(*value) + spread * drawn) as f32;
        }
    }
    for (step, &(time, kept)) in how.schedule.iter().enumerate() {
        let estimate = networks.noise(latent.view(), hint, time)?;
        check("estimated noise", &estimate, &[1, how.channels, rows, columns])?;
        // All of it is latent once the last step is done.
        let next = how.schedule.get(step + 1).map_or(1.0, |&(_, kept)| kept);
        let (alpha, spread) = (kept / next, 1.0 - kept);
        let of_clean = next.sqrt() * (1.0 - alpha) / spread;
        let of_now = alpha.sqrt() * (1.0 - next) / spread;
        let deviation = ((1.0 - alpha) * (1.0 - next) / spread).sqrt();
        Zip::indexed(&mut latent).and(&estimate).for_each(|(b, c, y, x), value, &estimate| {
            let now = f64::from(*value);
            let clean = (now - spread.sqrt() * f64::from(estimate)) / kept.sqrt();
            let drawn = if deviation > 0.0 { draw(step + 1, [b, c, y, x]) } else { 0.0 };
            *value = (of_clean * clean + of_now * now + deviation * drawn) as f32;
        });
    }
    Ok(latent)
}

fn aligned(tokens: usize, align: u32) -> usize {
    tokens.next_multiple_of(align.max(1) as usize)
}

fn check(what: &str, array: &Array4<f32>, expected: &[usize; 4]) -> Result<()> {
    if array.shape() == expected {
        return Ok(());
    }
    Err(Error::Pack { what: format!("its refiner {what} of shape {:?}, not {expected:?}", array.shape()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas { width: 70, height: 45, gray: false };
    const SCHEDULE: [(f32, f64); 2] = [(299.0, 0.3), (0.0, 0.999)];

    fn how(schedule: &[(f32, f64)]) -> Relay<'_> {
        Relay { schedule, seed: 9, channels: 1, cell: 2, align: 4 }
    }

    fn latents() -> Vec<f32> {
        (0..18 * 12).map(|n| (n % 7) as f32 / 10.0 - 0.3).collect()
    }

    /// "Networks" of which the estimator knows the truth, which is the hint, and what it was asked.
    #[derive(Default)]
    struct Oracle {
        seen: Vec<(Array4<f32>, f32)>,
    }

    impl Diffusion for Oracle {
        fn start(&mut self, tokens: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
            let (h, w) = (tokens.shape()[2], tokens.shape()[3]);
            assert!(h.is_multiple_of(4) && w.is_multiple_of(4));
            // The latent is off by a constant; the hint is the truth.
            Ok(Array4::from_shape_fn((1, 2, 2 * h, 2 * w), |(_, c, y, x)| {
                tokens[[0, 0, y / 2, x / 2]] + if c == 0 { 0.2 } else { 0.0 }
            }))
        }

        fn noise(&mut self, latent: ArrayView4<'_, f32>, hint: ArrayView4<'_, f32>, time: f32) -> Result<Array4<f32>> {
            let kept = SCHEDULE.iter().find(|(t, _)| *t == time).unwrap().1 as f32;
            self.seen.push((latent.to_owned(), time));
            Ok((&latent - &(&hint * kept.sqrt())) / (1.0 - kept).sqrt())
        }

        fn paint(&mut self, latent: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
            let (h, w) = (latent.shape()[2] * 2, latent.shape()[3] * 2);
            Ok(Array4::from_shape_fn((1, 3, h, w), |(_, _, y, x)| latent[[0, 0, y / 2, x / 2]]))
        }
    }

    #[test]
    fn who_knows_the_noise_arrives_at_the_truth_in_windows_too() {
        let truth = super::super::synthesise(&latents(), CANVAS, (4, 1), Tiling::WHOLE, |view, _| {
            let (h, w) = (view.shape()[2] * 4, view.shape()[3] * 4);
            Ok(Array4::from_shape_fn((1, 3, h, w), |(_, _, y, x)| view[[0, 0, y / 4, x / 4]]))
        })
        .unwrap();
        for schedule in [&SCHEDULE[..], &SCHEDULE[..1]] {
            for tiling in [Tiling::WHOLE, Tiling { window: 8, margin: 2 }] {
                let made = relay(&latents(), CANVAS, (4, 1), tiling, how(schedule), &mut Oracle::default()).unwrap();
                let off = made.iter().zip(&truth).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(off <= Some(1), "{off:?}");
            }
        }
    }

    #[test]
    fn what_the_networks_see_has_the_moments_of_the_schedule_and_follows_from_the_seed() {
        let run = |seed| {
            let mut oracle = Oracle::default();
            let how = Relay { seed, ..how(&SCHEDULE) };
            let canvas = Canvas { width: 512, height: 512, gray: false };
            relay(&vec![0.0; 128 * 128], canvas, (4, 1), Tiling::WHOLE, how, &mut oracle).unwrap();
            oracle.seen
        };
        let seen = run(1);
        assert_eq!(seen.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [299.0, 0.0]);
        // The start says 0.2, the truth is 0: after a step the latent is drawn about a mixture of both.
        let (kept, next) = (SCHEDULE[0].1, SCHEDULE[1].1);
        let of_now = (kept / next).sqrt() * (1.0 - next) / (1.0 - kept);
        let expected = [(0.2 * kept.sqrt(), 1.0 - kept), (of_now * 0.2 * kept.sqrt(), 1.0 - next)];
        for ((latent, _), (mean, variance)) in seen.iter().zip(expected) {
            let found = f64::from(latent.mean().unwrap());
            let spread = f64::from(latent.var(0.0));
            assert!((found - mean).abs() < 0.01 && (spread / variance - 1.0).abs() < 0.05, "{found} {spread}");
        }
        assert_eq!(seen, run(1));
        assert!(seen[0].0 != run(2)[0].0);
    }

    #[test]
    fn networks_of_another_shape_are_a_bad_pack() {
        struct Wrong(usize);
        impl Diffusion for Wrong {
            fn start(&mut self, tokens: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
                let (h, w) = (tokens.shape()[2], tokens.shape()[3]);
                Ok(Array4::zeros((1, if self.0 == 0 { 1 } else { 2 }, 2 * h, 2 * w)))
            }

            fn noise(&mut self, latent: ArrayView4<'_, f32>, _: ArrayView4<'_, f32>, _: f32) -> Result<Array4<f32>> {
                Ok(if self.0 == 1 { Array4::zeros((1, 3, 8, 8)) } else { latent.to_owned() })
            }

            fn paint(&mut self, _: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
                Ok(Array4::zeros((1, 3, 8, 8)))
            }
        }
        for wrong in 0..3 {
            let made = relay(&latents(), CANVAS, (4, 1), Tiling::WHOLE, how(&SCHEDULE), &mut Wrong(wrong));
            assert!(matches!(made, Err(Error::Pack { .. })), "{wrong}");
        }
    }
}
