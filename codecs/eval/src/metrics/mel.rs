//! Distance of spectra as the ear resolves them.

use realfft::RealFftPlanner;

use super::{Metric, same_length};
use crate::{Error, Result, Speech, speech::RATE};

/// Samples of a frame: 32 ms; and from one to the next: 10 ms.
const FRAME: usize = 512;
const HOP: usize = 160;
const BANDS: usize = 80;
/// Levels below this, in dB of a full-scale sine in one band, are silence.
const FLOOR: f64 = -80.0;

/// Mel log-spectral distance.
pub struct Mel;

impl Metric<Speech> for Mel {
    fn name(&self) -> &'static str {
        "mel"
    }

    fn describe(&self) -> String {
        format!(
            "root mean square over {BANDS} mel bands, mean over frames of 32 ms every 10 ms, of the difference in level, dB; \
             levels below {FLOOR} dB count as {FLOOR}"
        )
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn measure(&mut self, reference: &Speech, distorted: &Speech) -> Result<f64> {
        same_length(reference, distorted)?;
        let (x, y) = (levels(reference)?, levels(distorted)?);
        let rows = x.iter().zip(&y).map(|(x, y)| {
            let squares: f64 = x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum();
            (squares / BANDS as f64).sqrt()
        });
        Ok(rows.sum::<f64>() / x.len() as f64)
    }
}

/// `[frame][band]` in dB. Frames lie around multiples of the hop, zeros outside of the sound.
fn levels(sound: &Speech) -> Result<Vec<[f64; BANDS]>> {
    let filters = filters();
    let window: Vec<f64> =
        (0..FRAME).map(|n| 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / FRAME as f64).cos()).collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(FRAME);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    // A sine at full scale has the power 1 in its bin.
    let gain = (FRAME as f64 / 4.0).powi(-2);
    let samples = sound.samples();
    let mut rows = Vec::with_capacity(samples.len() / HOP + 1);
    for middle in (0..=samples.len()).step_by(HOP) {
        for (n, value) in frame.iter_mut().enumerate() {
            let at = (middle + n).checked_sub(FRAME / 2);
            let sample = at.and_then(|at| samples.get(at)).map_or(0.0, |&sample| f64::from(sample) / 32_768.0);
            *value = sample * window[n];
        }
        transform.process(&mut frame, &mut spectrum).map_err(|error| Error::Failed(error.to_string()))?;
        let mut row = [0.0; BANDS];
        for (level, filter) in row.iter_mut().zip(&filters) {
            let power: f64 = filter.iter().map(|&(bin, weight)| weight * spectrum[bin].norm_sqr()).sum();
            *level = (10.0 * (power * gain).max(1e-300).log10()).max(FLOOR);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Triangles of height 1, evenly spaced in mel from 0 to half the rate: for each band, bins and their weights.
fn filters() -> Vec<Vec<(usize, f64)>> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let half = f64::from(RATE) / 2.0;
    let edge = |k: usize| hertz(mel(half) * k as f64 / (BANDS + 1) as f64);
    let band = |b: usize| {
        let (low, middle, high) = (edge(b), edge(b + 1), edge(b + 2));
        let weight = |bin: usize| {
            let at = bin as f64 * f64::from(RATE) / FRAME as f64;
            ((at - low) / (middle - low)).min((high - at) / (high - middle))
        };
        let inside: Vec<_> =
            (0..=FRAME / 2).map(|bin| (bin, weight(bin))).filter(|(_, weight)| *weight > 0.0).collect();
        // The lowest bands are narrower than a bin: they take the nearest.
        let nearest = (middle * FRAME as f64 / f64::from(RATE)).round() as usize;
        if inside.is_empty() { vec![(nearest, 1.0)] } else { inside }
    };
    (0..BANDS).map(band).collect()
}
