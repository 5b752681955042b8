//! Short-time Fourier transform and its inverse, frame by frame.
//!
//! Frame t covers the samples from (t+1)·hop − window to (t+1)·hop, zeros before the first, under a periodic Hann window. Nothing
//! looks ahead: what overlaps is summed when the last frame that covers a sample is there.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Magnitudes below count as silence.
const FLOOR: f32 = 1e-4;
/// Weight of the log magnitudes among the features.
const LOG_WEIGHT: f32 = 0.3;
/// Cap of synthesised log magnitudes.
const LOUDEST: f32 = 6.0;
/// Added to the windows' summed squares.
const ENVELOPE: f32 = 1e-2;

/// Window and transforms of one frame size. Shared by all streams of a model.
#[derive(Clone)]
pub(crate) struct Spectrum {
    hop: usize,
    /// Frames between a frame and the row that makes it.
    lookahead: usize,
    window: Arc<[f32]>,
    /// The windows' summed squares plus [`ENVELOPE`], `[hop]`, from a frame's first sample on.
    envelope: Arc<[f32]>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl std::fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spectrum").field("hop", &self.hop).field("window", &self.window.len()).finish_non_exhaustive()
    }
}

impl Spectrum {
    /// Frames of `window` samples, one every `hop`; the row that makes a frame comes `lookahead` frames after it.
    pub fn new(hop: usize, window: usize, lookahead: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let hann = |n: usize| 0.5 - 0.5 * (TAU * n as f64 / window as f64).cos();
        let mut envelope = vec![ENVELOPE; hop];
        for n in 0..window {
            envelope[n % hop] += (hann(n) * hann(n)) as f32;
        }
        Self {
            hop,
            lookahead,
            window: (0..window).map(|n| hann(n) as f32).collect(),
            envelope: envelope.into(),
            forward: planner.plan_fft_forward(window),
            inverse: planner.plan_fft_inverse(window),
        }
    }

    /// Samples from a frame to the next.
    pub fn hop(&self) -> usize {
        self.hop
    }

    /// Samples of a frame.
    pub fn window(&self) -> usize {
        self.window.len()
    }

    /// Frequencies of a frame.
    pub fn bins(&self) -> usize {
        self.window.len() / 2 + 1
    }

    /// Samples of a frame that the frame before it covers too, and more.
    pub fn overlap(&self) -> usize {
        self.window.len() - self.hop
    }

    /// Samples that go in after a hop's last one before the hop comes out.
    pub fn delay(&self) -> usize {
        self.overlap() + self.lookahead * self.hop
    }

    /// Rows that make every one of `samples` samples from all frames that cover it; 0 for none.
    pub fn frames(&self, samples: u64) -> u64 {
        if samples == 0 { 0 } else { (samples + self.delay() as u64).div_ceil(self.hop as u64) }
    }

    /// Appends the features of one frame: log magnitudes, then real and imaginary parts of the phase, `[3·bins]`.
    fn features(&self, frame: &[f32], scratch: &mut Scratch, out: &mut Vec<f32>) {
        for ((to, sample), weight) in scratch.frame.iter_mut().zip(frame).zip(&self.window[..]) {
            *to = sample * weight;
        }
        let transformed =
            self.forward.process_with_scratch(&mut scratch.frame, &mut scratch.spectrum, &mut scratch.forward);
        debug_assert!(transformed.is_ok(), "buffers are of the plan's sizes");
        let magnitude = |value: &Complex<f32>| value.norm_sqr().sqrt();
        out.extend(scratch.spectrum.iter().map(|value| LOG_WEIGHT * magnitude(value).max(FLOOR).ln()));
        out.extend(scratch.spectrum.iter().map(|value| value.re / (magnitude(value) + FLOOR)));
        out.extend(scratch.spectrum.iter().map(|value| value.im / (magnitude(value) + FLOOR)));
    }

    /// Makes the samples of one row in `scratch.frame`: log magnitudes, lowered by `fade` nepers and none above `loudest`, then phases,
    /// `[2·bins]`. The window is not yet on them. A frequency whose row is not finite is silent.
    pub fn frame(&self, row: &[f32], fade: f32, loudest: f32, scratch: &mut Scratch) {
        let bins = self.bins();
        let (levels, phases) = row.split_at(bins);
        for ((to, &level), &phase) in scratch.spectrum.iter_mut().zip(levels).zip(phases) {
            let magnitude = (level.min(loudest) - fade).exp();
            let value = Complex::new(magnitude * phase.cos(), magnitude * phase.sin());
            *to = if value.re.is_finite() && value.im.is_finite() { value } else { Complex::new(0.0, 0.0) };
        }
        // The two ends of a real signal's spectrum are real.
        scratch.spectrum[0].im = 0.0;
        scratch.spectrum[bins - 1].im = 0.0;
        let transformed =
            self.inverse.process_with_scratch(&mut scratch.spectrum, &mut scratch.frame, &mut scratch.inverse);
        debug_assert!(transformed.is_ok(), "buffers are of the plan's sizes");
        let scale = 1.0 / self.window() as f32;
        scratch.frame.iter_mut().for_each(|sample| *sample *= scale);
    }

    /// Weight of every sample of a frame.
    pub fn weights(&self) -> &[f32] {
        &self.window
    }

    pub fn scratch(&self) -> Scratch {
        let zero = Complex::new(0.0, 0.0);
        Scratch {
            frame: vec![0.0; self.window()],
            spectrum: vec![zero; self.bins()],
            forward: vec![zero; self.forward.get_scratch_len()],
            inverse: vec![zero; self.inverse.get_scratch_len()],
        }
    }
}

/// Buffers of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    pub frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    forward: Vec<Complex<f32>>,
    inverse: Vec<Complex<f32>>,
}

/// Samples to feature rows.
#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    spectrum: Spectrum,
    scratch: Scratch,
    /// Samples from the next frame's first one on.
    pending: Vec<f32>,
}

impl Analysis {
    pub fn new(spectrum: Spectrum) -> Self {
        let scratch = spectrum.scratch();
        let pending = vec![0.0; spectrum.overlap()];
        Self { spectrum, scratch, pending }
    }

    /// Takes samples; returns the rows `[3·bins]` of the frames that they complete.
    pub fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.pending.extend_from_slice(samples);
        let (hop, window) = (self.spectrum.hop(), self.spectrum.window());
        let mut rows = Vec::new();
        let mut start = 0;
        while let Some(frame) = self.pending.get(start..start + window) {
            self.spectrum.features(frame, &mut self.scratch, &mut rows);
            start += hop;
        }
        self.pending.drain(..start);
        rows
    }

    pub fn reset(&mut self) {
        self.pending.clear();
        self.pending.resize(self.spectrum.overlap(), 0.0);
    }
}

/// Rows of log magnitudes and phases to samples.
#[derive(Debug, Clone)]
pub(crate) struct Synthesis {
    spectrum: Spectrum,
    scratch: Scratch,
    /// Sums of the frames so far, from the next frame's first sample on.
    sums: Vec<f32>,
    /// Samples before the first of the stream that still have to be dropped.
    before: usize,
}

impl Synthesis {
    pub fn new(spectrum: Spectrum) -> Self {
        let scratch = spectrum.scratch();
        let mut synthesis = Self { sums: Vec::new(), before: 0, spectrum, scratch };
        synthesis.reset();
        synthesis
    }

    /// Takes one row: log magnitudes, lowered by `fade` nepers, then phases, `[2·bins]`. Appends the samples that are complete.
    pub fn push(&mut self, row: &[f32], fade: f32, out: &mut Vec<f32>) {
        self.spectrum.frame(row, fade, LOUDEST, &mut self.scratch);
        for ((sum, sample), weight) in self.sums.iter_mut().zip(&self.scratch.frame).zip(self.spectrum.weights()) {
            *sum += sample * weight;
        }
        self.advance(out);
    }

    /// A frame of silence.
    pub fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.advance(out);
    }

    /// A hop on: the first of the sums are complete.
    fn advance(&mut self, out: &mut Vec<f32>) {
        let hop = self.spectrum.hop();
        let dropped = self.before.min(hop);
        self.before -= dropped;
        let done = self.sums.iter().zip(&self.spectrum.envelope[..]).map(|(sum, envelope)| sum / envelope);
        out.extend(done.skip(dropped));
        self.sums.copy_within(hop.., 0);
        let kept = self.sums.len() - hop;
        self.sums[kept..].fill(0.0);
    }

    pub fn reset(&mut self) {
        self.sums.clear();
        self.sums.resize(self.spectrum.window(), 0.0);
        self.before = self.spectrum.delay();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    const HOP: usize = 200;
    const WINDOW: usize = 640;

    fn sound(length: usize) -> Vec<f32> {
        (0..length).map(|n| (0.05 * n as f32).sin() * 0.4 + (0.9 * n as f32).cos() * 0.1).collect()
    }

    #[test]
    fn features_are_those_of_the_definition() {
        let sound = sound(1000);
        let spectrum = Spectrum::new(HOP, WINDOW, 0);
        let rows = Analysis::new(spectrum.clone()).push(&sound);
        let bins = spectrum.bins();
        assert_eq!(rows.len(), 5 * 3 * bins);
        for (t, row) in rows.chunks_exact(3 * bins).enumerate() {
            for bin in (0..bins).step_by(13) {
                let (mut re, mut im) = (0.0, 0.0);
                for n in 0..WINDOW {
                    let at = ((t + 1) * HOP + n) as i64 - WINDOW as i64;
                    let sample = if at < 0 { 0.0 } else { f64::from(sound[at as usize]) };
                    let windowed = sample * (PI * n as f64 / WINDOW as f64).sin().powi(2);
                    let angle = -2.0 * PI * (bin * n) as f64 / WINDOW as f64;
                    re += windowed * angle.cos();
                    im += windowed * angle.sin();
                }
                let magnitude = re.hypot(im);
                let expected = [0.3 * magnitude.max(1e-4).ln(), re / (magnitude + 1e-4), im / (magnitude + 1e-4)];
                for (part, expected) in expected.into_iter().enumerate() {
                    let found = f64::from(row[part * bins + bin]);
                    // Phases of next to nothing are next to nothing but rounding.
                    let tolerance = if magnitude < 0.01 { 0.1 } else { 2e-3 };
                    assert!(
                        (found - expected).abs() < tolerance,
                        "frame {t}, bin {bin}, part {part}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn synthesis_of_an_analysis_gives_the_samples_back() {
        let sound = sound(4000);
        let spectrum = Spectrum::new(HOP, WINDOW, 0);
        let mut padded = sound.clone();
        padded.resize(spectrum.frames(4000) as usize * HOP, 0.0);
        let mut synthesis = Synthesis::new(spectrum.clone());
        let mut back = Vec::new();
        let bins = spectrum.bins();
        for row in Analysis::new(spectrum).push(&padded).chunks_exact(3 * bins) {
            let levels = row[..bins].iter().map(|level| level / 0.3);
            let phases = (0..bins).map(|bin| row[2 * bins + bin].atan2(row[bins + bin]));
            let row: Vec<f32> = levels.chain(phases).collect();
            synthesis.push(&row, 0.0, &mut back);
        }
        assert!(back.len() >= sound.len());
        for (n, (sample, back)) in sound.iter().zip(&back).enumerate() {
            // The envelope's addend takes less than two per cent.
            assert!((sample - back).abs() < 0.02 * sample.abs() + 1e-3, "sample {n}: {sample} {back}");
        }
    }

    #[test]
    fn rows_that_are_no_numbers_are_silent() {
        let spectrum = Spectrum::new(HOP, WINDOW, 0);
        let mut synthesis = Synthesis::new(spectrum.clone());
        let mut out = Vec::new();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let row: Vec<f32> = (0..2 * spectrum.bins()).map(|n| if n % 3 == 0 { bad } else { 1.0 }).collect();
            synthesis.push(&row, 0.0, &mut out);
        }
        assert!(out.iter().all(|sample| sample.is_finite()) && out.len() == 4 * HOP - 440);
    }

    #[test]
    fn frames_cover_every_sample() {
        for (lookahead, delay) in [(0, 440), (2, 840)] {
            let spectrum = Spectrum::new(HOP, WINDOW, lookahead);
            assert_eq!(spectrum.delay(), delay);
            for (samples, frames) in [(0, 0), (1, 3), (160, 3), (161, 4), (360, 4), (16_000, 83)] {
                assert_eq!(spectrum.frames(samples), if samples > 0 { frames + lookahead as u64 } else { 0 });
            }
        }
    }
}
