//! PSNR.

use super::{Metric, same_size};
use crate::{Result, Rgb8};

/// Peak signal-to-noise ratio, decibels: `10·log10(255² / MSE)`.
///
/// MSE is the mean of the squared differences of all `3·width·height` sRGB code values, so the channels are pooled before the
/// logarithm. From 0 (black against white) up; [`f64::INFINITY`] for equal pictures. Symmetric. Any size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Psnr;

impl Metric for Psnr {
    fn name(&self) -> &'static str {
        "psnr"
    }

    fn describe(&self) -> String {
        "PSNR, dB: 10 log10(255^2 / MSE), MSE over all RGB samples".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        // Whole numbers throughout: exact up to 2^47 samples.
        let squares = reference.data().iter().zip(distorted.data()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2));
        let mean = squares.sum::<u64>() as f64 / reference.data().len() as f64;
        Ok(10.0 * (255.0 * 255.0 / mean).log10())
    }
}
