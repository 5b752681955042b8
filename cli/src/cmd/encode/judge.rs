//! A metric of pictures as what tells whether tokens or the base layer look better.

use tessera_eval::{Rgb8, metrics::Metric};
use tessera_video::{Error, Judge, Result};

/// A metric of pictures.
pub struct Measured(pub Box<dyn Metric>);

impl Judge for Measured {
    fn distance(&mut self, source: &[u8], decoded: &[u8], size: (u32, u32)) -> Result<f64> {
        let picture = |rgb: &[u8]| Rgb8::new(size.0, size.1, rgb.to_vec());
        let measured = picture(source).and_then(|source| self.0.measure(&source, &picture(decoded)?));
        let failed = |error: tessera_eval::Error| Error::Video { what: format!("measuring frames: {error}") };
        let sign = if self.0.higher_is_better() { -1.0 } else { 1.0 };
        measured.map(|value| sign * value).map_err(failed)
    }
}
