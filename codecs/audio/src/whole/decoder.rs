//! Tokens of one channel to samples, all at once.

use std::ops::Range;
use std::sync::Arc;

use super::synthesis::Synthesis;
use crate::error::{Error, Result};
use crate::model::Model;

/// Takes all tokens of a channel, then gives its samples.
#[derive(Debug)]
pub(crate) struct WholeDecoder {
    model: Arc<Model>,
    depth: u8,
    windowed: bool,
    latents: Vec<f32>,
    /// Tokens that are lost.
    lost: Vec<Range<usize>>,
}

impl WholeDecoder {
    /// For tokens of `depth` bits; `windowed` decodes in windows even what could be decoded whole.
    pub fn new(model: Arc<Model>, depth: u8, windowed: bool) -> Result<Self> {
        model.check_depth(depth)?;
        Ok(Self { model, depth, windowed, latents: Vec::new(), lost: Vec::new() })
    }

    /// Tokens so far, lost ones too.
    pub fn tokens(&self) -> usize {
        self.latents.len() / self.model.parts.book().dim()
    }

    pub fn push(&mut self, tokens: &[u16]) -> Result<()> {
        if let Some(token) = tokens.iter().find(|&&token| u32::from(token) >> self.depth != 0) {
            return Err(Error::parameter(format!("token {token} needs more than {} bits", self.depth)));
        }
        let book = self.model.parts.book();
        self.latents.extend(tokens.iter().flat_map(|&token| book.centroid(self.depth, token)));
        Ok(())
    }

    /// Stands in for lost tokens: the last one is held for the network's sake, and its sound is silenced.
    pub fn conceal(&mut self, frames: usize) {
        let (at, dim) = (self.tokens(), self.model.parts.book().dim());
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
        for tokens in &self.lost {
            sound[tokens.start * spectrum.hop()..tokens.end * spectrum.hop()].fill(0.0);
        }
        sound.truncate(usize::try_from(samples).unwrap_or(usize::MAX));
        Ok(sound)
    }
}
