//! PESQ, wideband.

use super::{Metric, quiet::caught, same_length};
use crate::{Error, Result, Speech};

/// Perceptual evaluation of speech quality, ITU-T P.862.2 (wideband): a prediction of the mean opinion score of listeners.
pub struct Pesq;

impl Metric<Speech> for Pesq {
    fn name(&self) -> &'static str {
        "pesq"
    }

    fn describe(&self) -> String {
        "PESQ-WB, ITU-T P.862.2: predicted opinion of listeners at 16 kHz, 1.02 to 4.64".to_owned()
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Speech, distorted: &Speech) -> Result<f64> {
        same_length(reference, distorted)?;
        let cannot = |why: &str| Error::Parameter(format!("PESQ cannot judge this sound: {why}"));
        // On a few pairs the port's alignment runs out of its arrays.
        let score = caught(|| ::pesq::pesq_wb(reference.samples(), distorted.samples()));
        let score = score.ok_or_else(|| cannot("its alignment fails"))?;
        Ok(f64::from(score.map_err(|error| cannot(&error.to_string()))?))
    }
}
