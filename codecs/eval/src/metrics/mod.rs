//! Distances and similarities between a picture and what a codec made of it.

use crate::{Result, Rgb8};

/// One metric.
pub trait Metric: Send {
    /// Short name, the key in reports: `psnr`, `ssim`, `ms-ssim`, `ssimulacra2`, `butteraugli`, `lpips`.
    fn name(&self) -> &'static str;
    /// Unit and definition in one line, printed in reports.
    fn describe(&self) -> String;
    /// Whether a larger value is a better picture.
    fn higher_is_better(&self) -> bool;
    /// The value for two pictures of one size.
    ///
    /// # Errors
    /// The sizes differ, or the pictures are too small for the metric.
    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64>;
}
