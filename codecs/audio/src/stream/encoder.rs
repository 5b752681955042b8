//! Samples to tokens.

use std::sync::Arc;

use super::BLOCK;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::spectrum::Analysis;

/// Samples are limited to this magnitude, 24 dB above full scale.
const LOUDEST_SAMPLE: f32 = 16.0;

/// Samples of one channel to tokens, as they come.
///
/// A frame's tokens stand for one hop: they come with the last sample of the hop, or of the one that the pack looks ahead to.
/// [`finish`](Self::finish) gives the tokens that the end of the sound still needs. After an error, [`reset`](Self::reset) the stream.
#[derive(Debug, Clone)]
pub struct StreamEncoder {
    latents: LatentStream,
    bits: u8,
}

impl StreamEncoder {
    pub(crate) fn new(model: Arc<Model>, bits: u8) -> Result<Self> {
        model.check_live()?;
        model.rung(bits)?;
        Ok(Self { latents: LatentStream::new(model), bits })
    }

    /// Takes samples at the model's rate; returns the tokens of the frames that they complete, frame by frame.
    ///
    /// # Errors
    /// [`Error::Sound`] for a sample that is not finite: nothing of this push is taken. [`Error::Models`] if ONNX
    /// Runtime is missing or fails.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<u16>> {
        let latents = self.latents.push(samples)?;
        self.nearest(&latents)
    }

    /// Ends the sound: returns its last tokens, and starts again as new. No tokens if there were no samples.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Vec<u16>> {
        let latents = self.latents.finish()?;
        self.nearest(&latents)
    }

    fn nearest(&self, latents: &[f32]) -> Result<Vec<u16>> {
        self.latents.model.nearest(self.latents.model.rung(self.bits)?, latents)
    }

    /// Starts again as new.
    pub fn reset(&mut self) {
        self.latents.reset();
    }

    /// Bits of a frame.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Samples since the start.
    pub fn samples(&self) -> u64 {
        self.latents.samples
    }

    /// Frames since the start.
    pub fn frames(&self) -> u64 {
        self.latents.frames
    }

    /// How many samples a frame may wait for at most: a hop.
    pub fn delay_samples(&self) -> usize {
        self.latents.model.spectrum.hop()
    }
}

/// Samples of one channel to latents.
#[derive(Debug, Clone)]
pub(crate) struct LatentStream {
    model: Arc<Model>,
    analysis: Analysis,
    state: Vec<f32>,
    samples: u64,
    frames: u64,
}

impl LatentStream {
    pub fn new(model: Arc<Model>) -> Self {
        let analysis = Analysis::new(model.spectrum.clone());
        Self { model, analysis, state: Vec::new(), samples: 0, frames: 0 }
    }

    /// Takes samples; returns the latents `[frames, dim]` of the frames that they complete.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        if !samples.iter().all(|sample| sample.is_finite()) {
            return Err(Error::sound("the sound has samples that are not finite numbers; repair the file"));
        }
        self.samples += samples.len() as u64;
        let mut latents = Vec::new();
        let mut limited = Vec::new();
        for block in samples.chunks(BLOCK * self.model.spectrum.hop()) {
            limited.clear();
            limited.extend(block.iter().map(|sample| sample.clamp(-LOUDEST_SAMPLE, LOUDEST_SAMPLE)));
            let rows = self.analysis.push(&limited);
            let made = self.model.encode(&rows, &mut self.state)?;
            if !made.iter().all(|value| value.is_finite()) {
                return Err(Error::Pack { what: "its encoder returned a number that is not finite".to_owned() });
            }
            self.frames += (made.len() / self.model.parts.codebook.dim()) as u64;
            latents.extend(made);
        }
        Ok(latents)
    }

    /// The latents of the frames that the end of the sound still needs.
    pub fn finish(&mut self) -> Result<Vec<f32>> {
        let spectrum = &self.model.spectrum;
        let needed = spectrum.frames(self.samples) * spectrum.hop() as u64;
        // At most a window.
        let missing = (needed - self.samples) as usize;
        let latents = self.push(&vec![0.0; missing])?;
        self.reset();
        Ok(latents)
    }

    pub fn reset(&mut self) {
        self.analysis.reset();
        self.state.clear();
        (self.samples, self.frames) = (0, 0);
    }
}
