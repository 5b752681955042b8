//! SSIMULACRA 2.

use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};

use super::{Metric, at_least, same_size};
use crate::{Error, Result, Rgb8};

/// Least side, pixels: that of libjxl's tool.
const LEAST: usize = 8;

/// SSIMULACRA 2.1 (Sneyers, <https://github.com/cloudinary/ssimulacra2>): a weighted sum of structural similarity, ringing and
/// blurring over the three channels of XYB and six scales, fitted to opinion scores.
///
/// 100 for equal pictures; about 90 is visually lossless, 70 high, 50 medium, 30 low quality; without a lower bound. Not
/// symmetric: edges that are added and edges that are lost weigh differently. sRGB is taken as such.
///
/// Computed by the crate fast-ssim2, which lies within 0.03 of the tool `ssimulacra2` of libjxl 0.12.0 on the test pictures.
///
/// # Errors
/// [`Error::Parameter`] where a side is below 8 pixels; [`Error::Failed`] above 2^28 pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ssimulacra2;

impl Metric for Ssimulacra2 {
    fn name(&self) -> &'static str {
        "ssimulacra2"
    }

    fn describe(&self) -> String {
        format!("SSIMULACRA 2.1, at most 100, 90 is visually lossless (fast-ssim2 {})", fast_ssim2::VERSION)
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        at_least(self.name(), LEAST, reference)?;
        compute_ssimulacra2(&slice(reference)?, &slice(distorted)?).map_err(failed)
    }
}

fn slice(picture: &Rgb8) -> Result<PixelSlice<'_>> {
    let stride = 3 * picture.width() as usize;
    let pixels = PixelSlice::new(picture.data(), picture.width(), picture.height(), stride, PixelDescriptor::RGB8_SRGB);
    pixels.map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("ssimulacra2: {error}"))
}
