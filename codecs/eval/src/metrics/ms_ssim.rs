//! MS-SSIM.

use super::{
    Metric, at_least, same_size,
    window::{self, Plane},
};
use crate::{Result, Rgb8};

/// Exponent of each scale, from the finest (Wang, Simoncelli and Bovik 2003, section 3.2).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Least side, pixels: the coarsest scale must hold one window.
const LEAST: usize = ((window::SIDE - 1) << (WEIGHTS.len() - 1)) + 1;

/// Multi-scale structural similarity (Wang, Simoncelli and Bovik, *Multiscale structural similarity for image quality
/// assessment*, Asilomar 2003).
///
/// Five scales, each the mean of 2 x 2 pixels of the one before; the window and constants of [`Ssim`](super::Ssim). Contrast and
/// structure count at every scale, luminance at the coarsest; a negative mean counts as 0. Each of red, green and blue is
/// compared in sRGB code values and the three values are averaged. From 0 to 1; 1 for equal pictures. Symmetric.
///
/// The same definition as pytorch-msssim's `ms_ssim(data_range=255, win_size=11)`, down to what it makes of odd sides: one pixel
/// of value 0 goes before them when they are halved.
///
/// # Errors
/// [`Error::Parameter`](crate::Error::Parameter) where a side is below 161 pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct MsSsim;

impl Metric for MsSsim {
    fn name(&self) -> &'static str {
        "ms-ssim"
    }

    fn describe(&self) -> String {
        "MS-SSIM, 0 to 1: five scales, mean of R, G and B (Wang et al. 2003)".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        at_least(self.name(), LEAST, reference)?;
        let channels = window::planes(reference).into_iter().zip(window::planes(distorted));
        Ok(channels.map(|(a, b)| channel(a, b)).sum::<f64>() / 3.0)
    }
}

fn channel(mut a: Plane, mut b: Plane) -> f64 {
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS.iter().enumerate() {
        let similarity = window::similarity(&a, &b);
        if scale + 1 == WEIGHTS.len() {
            return product * similarity.ssim.max(0.0).powf(*weight);
        }
        product *= similarity.contrast.max(0.0).powf(*weight);
        (a, b) = (halved(&a), halved(&b));
    }
    product
}

/// Means of 2 x 2 pixels; an odd side starts with a pixel beyond the edge, whose value is 0.
fn halved(plane: &Plane) -> Plane {
    let (odd_x, odd_y) = (plane.width % 2, plane.height % 2);
    let (width, height) = (plane.width / 2 + odd_x, plane.height / 2 + odd_y);
    let mut data = vec![0.0; width * height];
    for (y, row) in plane.data.chunks_exact(plane.width).enumerate() {
        let line = (y + odd_y) / 2 * width;
        for (x, value) in row.iter().enumerate() {
            data[line + (x + odd_x) / 2] += value / 4.0;
        }
    }
    Plane { width, height, data }
}
