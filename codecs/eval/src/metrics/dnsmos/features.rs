//! What the network of DNSMOS P.808 hears: levels in mel bands, as librosa computes them with Slaney's scale.

use std::{f64::consts::TAU, fmt, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex};

use crate::{Error, Result, speech::RATE};

/// Samples of a frame, from one to the next, and at the end of a window that are not heard.
const FRAME: usize = 321;
const HOP: usize = 160;
const UNHEARD: usize = 160;
/// Bands of a frame.
pub(super) const BANDS: usize = 120;
/// Least power, and the level in dB that far below the loudest which counts as silence.
const LEAST: f64 = 1e-10;
const RANGE: f64 = 80.0;

/// Window, transform and filters.
pub(super) struct Levels {
    window: Vec<f64>,
    transform: Arc<dyn RealToComplex<f64>>,
    /// `[band][bin]`.
    filters: Vec<Vec<f64>>,
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Levels").finish_non_exhaustive()
    }
}

impl Levels {
    pub fn new() -> Self {
        Self {
            window: (0..FRAME).map(|n| 0.5 - 0.5 * (TAU * n as f64 / FRAME as f64).cos()).collect(),
            transform: RealFftPlanner::new().plan_fft_forward(FRAME),
            filters: filters(),
        }
    }

    /// `[frame][band]`: the loudest of all is 1, 80 dB below it and less is −1.
    pub fn of(&self, samples: &[f64]) -> Result<Vec<f32>> {
        let heard = &samples[..samples.len().saturating_sub(UNHEARD)];
        let (mut frame, mut spectrum) = (self.transform.make_input_vec(), self.transform.make_output_vec());
        let mut levels = Vec::new();
        let frames = (heard.len() + 2 * (FRAME / 2)).saturating_sub(FRAME) / HOP + 1;
        for middle in (0..frames).map(|t| t * HOP) {
            for (n, value) in frame.iter_mut().enumerate() {
                let at = (middle + n).checked_sub(FRAME / 2);
                *value = self.window[n] * at.and_then(|at| heard.get(at)).copied().unwrap_or(0.0);
            }
            self.transform.process(&mut frame, &mut spectrum).map_err(|error| Error::Failed(error.to_string()))?;
            levels.extend(self.filters.iter().map(|filter| {
                let power: f64 = filter.iter().zip(&spectrum).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
                10.0 * power.max(LEAST).log10()
            }));
        }
        let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let scaled = |level: f64| ((level - loudest).max(-RANGE) + RANGE / 2.0) / (RANGE / 2.0);
        Ok(levels.into_iter().map(|level| scaled(level) as f32).collect())
    }
}

/// Triangles of equal area, evenly spaced in Slaney's mel from 0 to half the rate.
fn filters() -> Vec<Vec<f64>> {
    let half = f64::from(RATE) / 2.0;
    let edge = |k: usize| hertz(mel(half) * k as f64 / (BANDS + 1) as f64);
    let band = |b: usize| {
        let (low, middle, high) = (edge(b), edge(b + 1), edge(b + 2));
        let weight = |bin: usize| {
            let at = bin as f64 * f64::from(RATE) / FRAME as f64;
            ((at - low) / (middle - low)).min((high - at) / (high - middle)).max(0.0) * 2.0 / (high - low)
        };
        (0..=FRAME / 2).map(weight).collect()
    };
    (0..BANDS).map(band).collect()
}

/// Where the scale turns from linear to logarithmic, in hertz and in mel; and its slope below.
const KNEE: f64 = 1000.0;
const KNEE_MEL: f64 = 15.0;
const SLOPE: f64 = KNEE_MEL / KNEE;

/// Natural logarithm of the ratio of frequencies a mel apart, above.
fn step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mel(hertz: f64) -> f64 {
    if hertz < KNEE { hertz * SLOPE } else { KNEE_MEL + (hertz / KNEE).ln() / step() }
}

fn hertz(mel: f64) -> f64 {
    if mel < KNEE_MEL { mel / SLOPE } else { KNEE * (step() * (mel - KNEE_MEL)).exp() }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::Speech;

    #[test]
    fn levels_are_those_of_librosa() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sample = Speech::read(&here.join("../../samples/speech.flac")).unwrap();
        let samples: Vec<f64> = sample.samples().iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
        let expected: Vec<f32> =
            serde_json::from_slice(&fs::read(here.join("tests/speech/levels.json")).unwrap()).unwrap();
        let levels = Levels::new().of(&samples[..144_160]).unwrap();
        assert_eq!(levels.len(), 900 * BANDS);
        let found: Vec<f32> = levels.into_iter().step_by(97).collect();
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
    }
}
