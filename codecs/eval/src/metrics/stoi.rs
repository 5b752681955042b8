//! Short-time objective intelligibility, and its extension.
//!
//! Taal, Hendriks, Heusdens, Jensen: "An algorithm for intelligibility prediction of time-frequency weighted noisy speech",
//! 2011; Jensen, Taal: "An algorithm for predicting the intelligibility of speech masked by modulated noise maskers", 2016.
//! Resampling, silence and framing are those of pystoi.

use realfft::RealFftPlanner;

use super::{Metric, same_length};
use crate::{Error, Result, Speech};

/// 16 kHz to 10 kHz.
const UP: usize = 5;
const DOWN: usize = 8;
/// Samples of a frame at 10 kHz, and of its transform.
const FRAME: usize = 256;
const HOP: usize = FRAME / 2;
const TRANSFORM: usize = 512;
/// Third-octave bands, and the middle of the lowest in Hz.
const BANDS: usize = 15;
const LOWEST: f64 = 150.0;
/// Frames that are compared together: 384 ms.
const SEGMENT: usize = 30;
/// Frames this many dB below the loudest are silence.
const RANGE: f64 = 40.0;
/// Lowest ratio of signal to distortion that counts, dB.
const FLOOR: f64 = -15.0;
const TINY: f64 = f64::EPSILON;

/// STOI, or ESTOI.
pub struct Stoi {
    /// Whether it is the extended measure.
    pub extended: bool,
}

impl Metric<Speech> for Stoi {
    fn name(&self) -> &'static str {
        if self.extended { "estoi" } else { "stoi" }
    }

    fn describe(&self) -> String {
        let (name, how) = match self.extended {
            false => ("STOI", "correlation of third-octave envelopes over 384 ms"),
            true => ("ESTOI", "correlation of spectra and envelopes over 384 ms"),
        };
        format!("{name}: predicted intelligibility, {how}, up to 1")
    }

    fn higher_is_better(&self) -> bool {
        true
    }

    fn measure(&mut self, reference: &Speech, distorted: &Speech) -> Result<f64> {
        same_length(reference, distorted)?;
        let [x, y] = [reference, distorted].map(|sound| {
            let samples: Vec<f64> = sound.samples().iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
            to_10_khz(&samples)
        });
        let (x, y) = without_silence(&x, &y);
        let (x, y) = (envelopes(&x)?, envelopes(&y)?);
        if x.len() < SEGMENT {
            return Err(Error::Parameter(format!(
                "{} needs {SEGMENT} frames of speech, 0.4 s, the sound has {}; leave it out",
                self.name(),
                x.len()
            )));
        }
        let compare = if self.extended { spectra_agree } else { envelopes_agree };
        let segments = x.windows(SEGMENT).zip(y.windows(SEGMENT));
        Ok(segments.map(|(x, y)| compare(x, y)).sum::<f64>() / (x.len() - SEGMENT + 1) as f64)
    }
}

/// Polyphase resampling with a Kaiser-windowed sinc, as Octave designs it.
fn to_10_khz(samples: &[f64]) -> Vec<f64> {
    let rejection = 60.0;
    let cutoff = 1.0 / (2 * UP.max(DOWN)) as f64;
    let half = ((rejection - 8.0) / (28.714 * cutoff / 10.0)).ceil() as i64;
    let beta = 0.1102 * (rejection - 8.7);
    let tap = |t: i64| {
        let (place, turn) = (t as f64 / half as f64, std::f64::consts::PI * 2.0 * cutoff * t as f64);
        let sinc = if t == 0 { 1.0 } else { turn.sin() / turn };
        sinc * bessel_i0(beta * (1.0 - place * place).max(0.0).sqrt())
    };
    let taps: Vec<f64> = (-half..=half).map(tap).collect();
    let gain = UP as f64 / taps.iter().sum::<f64>();
    let (up, down) = (UP as i64, DOWN as i64);
    let at = |m: usize| {
        let middle = m as i64 * down;
        let first = (middle - half).max(0).div_euclid(up) + i64::from((middle - half).max(0) % up != 0);
        let last = ((middle + half) / up).min(samples.len() as i64 - 1);
        (first..=last).map(|k| taps[(middle + half - k * up) as usize] * samples[k as usize]).sum::<f64>() * gain
    };
    (0..(samples.len() * UP).div_ceil(DOWN)).map(at).collect()
}

/// The modified Bessel function of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

fn hann(n: usize) -> f64 {
    0.5 - 0.5 * (std::f64::consts::TAU * (n + 1) as f64 / (FRAME + 1) as f64).cos()
}

/// Starts of the frames of `len` samples.
fn starts(len: usize) -> impl Iterator<Item = usize> {
    (0..len.saturating_sub(FRAME)).step_by(HOP)
}

/// Both sounds without the frames in which the first is silent, overlapped and added.
fn without_silence(x: &[f64], y: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let energy = |start: usize| {
        let sum: f64 = (0..FRAME).map(|n| (hann(n) * x[start + n]).powi(2)).sum();
        20.0 * (sum.sqrt() + TINY).log10()
    };
    let energies: Vec<f64> = starts(x.len()).map(energy).collect();
    let loudest = energies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let kept: Vec<usize> = starts(x.len())
        .zip(&energies)
        .filter(|(_, energy)| loudest - RANGE < **energy)
        .map(|(start, _)| start)
        .collect();
    let add = |samples: &[f64]| {
        let mut sum = vec![0.0; if kept.is_empty() { 0 } else { (kept.len() - 1) * HOP + FRAME }];
        for (place, &start) in kept.iter().enumerate() {
            for n in 0..FRAME {
                sum[place * HOP + n] += hann(n) * samples[start + n];
            }
        }
        sum
    };
    (add(x), add(y))
}

/// `[frame][band]`: magnitudes of third-octave bands.
fn envelopes(samples: &[f64]) -> Result<Vec<[f64; BANDS]>> {
    let bin = |hertz: f64| (hertz * TRANSFORM as f64 / 10_000.0).round() as usize;
    let edges: Vec<(usize, usize)> = (0..BANDS)
        .map(|k| [-1.0, 1.0].map(|side| bin(LOWEST * 2f64.powf((2.0 * k as f64 + side) / 6.0))))
        .map(|[low, high]| (low, high))
        .collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(TRANSFORM);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let mut rows = Vec::new();
    for start in starts(samples.len()) {
        frame.fill(0.0);
        for n in 0..FRAME {
            frame[n] = hann(n) * samples[start + n];
        }
        transform.process(&mut frame, &mut spectrum).map_err(|error| Error::Failed(error.to_string()))?;
        let mut row = [0.0; BANDS];
        for (value, &(low, high)) in row.iter_mut().zip(&edges) {
            *value = spectrum[low..high].iter().map(|bin| bin.norm_sqr()).sum::<f64>().sqrt();
        }
        rows.push(row);
    }
    Ok(rows)
}

/// STOI of one segment: the mean over bands of the correlation of the clean envelope and the clipped distorted one.
fn envelopes_agree(x: &[[f64; BANDS]], y: &[[f64; BANDS]]) -> f64 {
    let clip = 1.0 + 10f64.powf(-FLOOR / 20.0);
    let band = |b: usize| {
        let clean: [f64; SEGMENT] = std::array::from_fn(|n| x[n][b]);
        let heard: [f64; SEGMENT] = std::array::from_fn(|n| y[n][b]);
        let scale = norm(&clean) / (norm(&heard) + TINY);
        let clipped: [f64; SEGMENT] = std::array::from_fn(|n| (heard[n] * scale).min(clean[n] * clip));
        let (clean, clipped) = (centred(clean), centred(clipped));
        let (one, other) = (norm(&clean) + TINY, norm(&clipped) + TINY);
        clean.iter().zip(&clipped).map(|(a, b)| a / one * (b / other)).sum::<f64>()
    };
    (0..BANDS).map(band).sum::<f64>() / BANDS as f64
}

/// ESTOI of one segment: the mean over frames of the correlation of spectra, envelopes normalised first.
fn spectra_agree(x: &[[f64; BANDS]], y: &[[f64; BANDS]]) -> f64 {
    let normalised = |rows: &[[f64; BANDS]]| {
        let mut bands: [[f64; SEGMENT]; BANDS] = std::array::from_fn(|b| unit(std::array::from_fn(|n| rows[n][b])));
        for n in 0..SEGMENT {
            let column: [f64; BANDS] = unit(bands.map(|band| band[n]));
            for (band, value) in bands.iter_mut().zip(column) {
                band[n] = value;
            }
        }
        bands
    };
    let (x, y) = (normalised(x), normalised(y));
    x.iter().flatten().zip(y.iter().flatten()).map(|(a, b)| a * b).sum::<f64>() / SEGMENT as f64
}

fn centred<const N: usize>(values: [f64; N]) -> [f64; N] {
    let mean = values.iter().sum::<f64>() / N as f64;
    values.map(|value| value - mean)
}

/// Without its mean and of length 1; a constant becomes zero.
fn unit<const N: usize>(values: [f64; N]) -> [f64; N] {
    let values = centred(values);
    let length = norm(&values);
    if length <= TINY { [0.0; N] } else { values.map(|value| value / length) }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
