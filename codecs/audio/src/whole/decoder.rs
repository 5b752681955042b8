//! Tokens of one channel to samples, all at once.

use std::ops::Range;
use std::sync::Arc;

use super::synthesis::Synthesis;
use crate::error::Result;
use crate::frames;
use crate::model::Model;

/// Takes all tokens of a channel, then gives its samples.
#[derive(Debug)]
pub(crate) struct WholeDecoder {
    model: Arc<Model>,
    depths: Vec<u8>,
    windowed: bool,
    latents: Vec<f32>,
    /// Frames that are lost.
    lost: Vec<Range<usize>>,
}

impl WholeDecoder {
    /// For frames of `bits` bits; `windowed` decodes in windows even what could be decoded whole.
    pub fn new(model: Arc<Model>, bits: u8, windowed: bool) -> Result<Self> {
        Ok(Self { depths: model.depths(bits)?, model, windowed, latents: Vec::new(), lost: Vec::new() })
    }

    /// Frames so far, lost ones too.
    pub fn frames(&self) -> usize {
        self.latents.len() / self.model.parts.codebook.dim()
    }

    pub fn push(&mut self, tokens: &[u16]) -> Result<()> {
        frames::check(tokens, &self.depths)?;
        if !tokens.is_empty() {
            self.latents.extend(self.model.parts.codebook.dequantize(&frames::grid(tokens, &self.depths)?)?);
        }
        Ok(())
    }

    /// Stands in for lost frames: the last one is held for the network's sake, and its sound is silenced.
    pub fn conceal(&mut self, frames: usize) {
        let (at, dim) = (self.frames(), self.model.parts.codebook.dim());
        let last = match self.latents.len().checked_sub(dim) {
            Some(start) => self.latents[start..].to_vec(),
            None => vec![0.0; dim],
        };
        self.latents.extend(last.iter().cycle().take(frames * dim));
        self.lost.push(at..at + frames);
    }

    /// The first `samples` samples.
    pub fn finish(self, samples: u64) -> Result<Vec<f32>> {
        let whole = self.model.whole()?;
        let spectrum = &self.model.spectrum;
        let mut synthesis = Synthesis::new(spectrum);
        whole.rows(&self.latents, self.windowed, |rows| {
            rows.chunks_exact(2 * spectrum.bins()).for_each(|row| synthesis.push(row));
        })?;
        let mut sound = synthesis.finish();
        for frames in &self.lost {
            sound[frames.start * spectrum.hop()..frames.end * spectrum.hop()].fill(0.0);
        }
        sound.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
        Ok(sound)
    }
}
