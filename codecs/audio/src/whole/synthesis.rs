//! The inverse short-time Fourier transform of a whole sound.

use crate::spectrum::{Scratch, Spectrum};

/// Cap of log magnitudes: that of Vocos, whose head these rows come from.
const LOUDEST: f32 = 4.605_170_2;

/// Rows of log magnitudes and phases to samples: n rows to n hops. Frames reach equally far beyond both ends of the sound; overlapping
/// frames are weighed by their windows' squares alone, so that each sample is that of a least-squares fit.
pub(super) struct Synthesis<'a> {
    spectrum: &'a Spectrum,
    scratch: Scratch,
    /// Sums of the frames so far and of their squared windows, from the next frame's first sample on.
    sums: Vec<f32>,
    weights: Vec<f32>,
    /// Samples before the first of the sound that still have to be dropped.
    before: usize,
    out: Vec<f32>,
}

impl<'a> Synthesis<'a> {
    pub fn new(spectrum: &'a Spectrum) -> Self {
        let window = spectrum.window();
        Self {
            scratch: spectrum.scratch(),
            sums: vec![0.0; window],
            weights: vec![0.0; window],
            before: spectrum.overlap() / 2,
            out: Vec::new(),
            spectrum,
        }
    }

    pub fn push(&mut self, row: &[f32]) {
        self.spectrum.frame(row, 0.0, LOUDEST, &mut self.scratch);
        for (n, (sample, weight)) in self.scratch.frame.iter().zip(self.spectrum.weights()).enumerate() {
            self.sums[n] += sample * weight;
            self.weights[n] += weight * weight;
        }
        self.take(self.spectrum.hop());
    }

    /// The sound.
    pub fn finish(mut self) -> Vec<f32> {
        self.take(self.spectrum.overlap() / 2);
        self.out
    }

    /// Moves the first `count` samples, which are complete, out of the sums.
    fn take(&mut self, count: usize) {
        let dropped = self.before.min(count);
        self.before -= dropped;
        let done = self.sums.iter().zip(&self.weights).take(count).skip(dropped);
        self.out.extend(done.map(|(sum, weight)| if *weight > 0.0 { sum / weight } else { 0.0 }));
        for values in [&mut self.sums, &mut self.weights] {
            values.copy_within(count.., 0);
            let kept = values.len() - count;
            values[kept..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_frames_of_a_period_of_a_hop_are_that_sound_up_to_both_ends() {
        let spectrum = Spectrum::new(320, 1280, 0);
        // A cosine of 4 periods a frame, one a hop: every frame has the same phase.
        let mut row = vec![-40.0_f32; 2 * spectrum.bins()];
        row[spectrum.bins()..].fill(0.0);
        row[4] = 3.0_f32;
        let height = row[4].exp() * 2.0 / 1280.0;
        let mut synthesis = Synthesis::new(&spectrum);
        (0..9).for_each(|_| synthesis.push(&row));
        let sound = synthesis.finish();
        assert_eq!(sound.len(), 9 * 320);
        for (n, sample) in sound.iter().enumerate() {
            let weight = weight_at(n as i64 + 480);
            let expected = height * (std::f32::consts::TAU * (n as f32 + 480.0) / 320.0).cos() * weight;
            assert!((sample - expected).abs() < 1e-5, "sample {n}: {sample} {expected}");
        }
    }

    /// Sum of windows over sum of squared windows at a place of nine frames.
    fn weight_at(at: i64) -> f32 {
        let hann = |n: i64| 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / 1280.0).cos();
        let inside = (0..9).map(|t| at - 320 * t).filter(|n| (0..1280).contains(n));
        let (sum, squares) = inside.fold((0.0, 0.0), |(sum, squares), n| (sum + hann(n), squares + hann(n) * hann(n)));
        (sum / squares) as f32
    }
}
