//! Butteraugli.

use ::butteraugli::{ButteraugliParams, Img, RGB8, butteraugli};

use super::{Metric, at_least, same_size};
use crate::{Error, Result, Rgb8};

/// Least side, pixels.
const LEAST: usize = 8;

/// Butteraugli as in libjxl (Alakuijala et al., *Guetzli: perceptually guided JPEG encoder*, arXiv:1703.04421, section 3), its
/// **3-norm**.
///
/// Differences of opponent channels in bands of frequency, masked by what surrounds them, at 80 nits; then the mean of the 3-,
/// 6- and 12-norm of the map over all pixels, which is what libjxl's `butteraugli_main --pnorm 3` prints as 3-norm. Unlike the
/// maximum, it is not decided by one pixel. 0 for equal pictures; about 1 is hardly visible; without an upper bound. Not
/// symmetric. sRGB is taken as such.
///
/// Computed by the crate butteraugli, which lies within 0.0001 of libjxl 0.12.0 on the test pictures.
///
/// # Errors
/// [`Error::Parameter`] where a side is below 8 pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Butteraugli;

impl Metric for Butteraugli {
    fn name(&self) -> &'static str {
        "butteraugli"
    }

    fn describe(&self) -> String {
        "Butteraugli of libjxl, 3-norm at 80 nits, 0 is equal".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        at_least(self.name(), LEAST, reference)?;
        let difference = butteraugli(pixels(reference).as_ref(), pixels(distorted).as_ref(), &ButteraugliParams::new());
        difference.map(|difference| difference.pnorm_3).map_err(|error| Error::Failed(format!("butteraugli: {error}")))
    }
}

fn pixels(picture: &Rgb8) -> Img<Vec<RGB8>> {
    let pixels = picture.data().as_chunks().0.iter().map(|[r, g, b]| RGB8::new(*r, *g, *b)).collect();
    Img::new(pixels, picture.width() as usize, picture.height() as usize)
}
