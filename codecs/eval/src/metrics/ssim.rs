//! SSIM.

use super::{Metric, at_least, same_size, window};
use crate::{Result, Rgb8};

/// Structural similarity (Wang, Bovik, Sheikh and Simoncelli, *Image quality assessment: from error visibility to structural
/// similarity*, IEEE TIP 13(4), 2004).
///
/// Gaussian window of 11 x 11, σ 1.5, at every position where it lies inside the picture; K1 0.01, K2 0.03, L 255; population
/// variances. Each of red, green and blue is compared in sRGB code values and the three means are averaged. From -1 to 1;
/// 1 for equal pictures. Symmetric.
///
/// The same definition as scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
/// use_sample_covariance=False, channel_axis=2, data_range=255)`.
///
/// # Errors
/// [`Error::Parameter`](crate::Error::Parameter) where a side is below 11 pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ssim;

impl Metric for Ssim {
    fn name(&self) -> &'static str {
        "ssim"
    }

    fn describe(&self) -> String {
        "SSIM, -1 to 1: Gaussian window 11x11, sigma 1.5, mean of R, G and B (Wang et al. 2004)".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        at_least(self.name(), window::SIDE, reference)?;
        let channels = window::planes(reference).into_iter().zip(window::planes(distorted));
        Ok(channels.map(|(a, b)| window::similarity(&a, &b).ssim).sum::<f64>() / 3.0)
    }
}
