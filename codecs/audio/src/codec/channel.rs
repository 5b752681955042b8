//! One channel, offline: the tokens of a stream, or those of networks that run on whole sounds.

use std::sync::Arc;

use super::AudioCodec;
use crate::error::Result;
use crate::stream::{LatentStream, StreamDecoder};
use crate::whole::WholeDecoder;

/// Samples that are encoded at once.
const PIECE: usize = 1 << 16;
/// Samples are limited to this magnitude, as in a stream.
const LOUDEST_SAMPLE: f32 = 16.0;

impl AudioCodec {
    /// All latents of a channel, `[frames, dim]`.
    pub(super) fn latents(&self, samples: &[f32]) -> Result<Vec<f32>> {
        if let Ok(whole) = self.model.whole() {
            let limited: Vec<f32> = samples.iter().map(|s| s.clamp(-LOUDEST_SAMPLE, LOUDEST_SAMPLE)).collect();
            return whole.latents(&limited);
        }
        let mut stream = LatentStream::new(Arc::clone(&self.model));
        let mut latents = Vec::new();
        for piece in samples.chunks(PIECE) {
            latents.extend(stream.push(piece)?);
        }
        latents.extend(stream.finish()?);
        Ok(latents)
    }

    /// A decoder of a channel of `samples` samples.
    pub(super) fn channel_decoder(&self, bits: u8, samples: u64, windowed: bool) -> Result<ChannelDecoder> {
        let model = Arc::clone(&self.model);
        if !self.model.is_live() {
            return Ok(ChannelDecoder::Whole { decoder: WholeDecoder::new(model, bits, windowed)?, samples });
        }
        let mut decoder = StreamDecoder::new(model, bits)?;
        decoder.end_at(samples);
        Ok(ChannelDecoder::Stream { decoder: Box::new(decoder), samples: Vec::new() })
    }
}

/// Tokens in, frame by frame; then samples out.
pub(super) enum ChannelDecoder {
    Stream { decoder: Box<StreamDecoder>, samples: Vec<f32> },
    Whole { decoder: WholeDecoder, samples: u64 },
}

impl ChannelDecoder {
    pub fn push(&mut self, tokens: &[u16]) -> Result<()> {
        match self {
            Self::Stream { decoder, samples } => samples.extend(decoder.push(tokens)?),
            Self::Whole { decoder, .. } => decoder.push(tokens)?,
        }
        Ok(())
    }

    /// Stands in for lost frames.
    pub fn conceal(&mut self, frames: u64) -> Result<()> {
        match self {
            Self::Stream { decoder, samples } => samples.extend(decoder.conceal(frames)?),
            Self::Whole { decoder, .. } => decoder.conceal(frames as usize),
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Vec<f32>> {
        match self {
            Self::Stream { samples, .. } => Ok(samples),
            Self::Whole { decoder, samples } => decoder.finish(samples),
        }
    }
}
