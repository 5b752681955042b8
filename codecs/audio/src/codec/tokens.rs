//! Sounds as bare tokens, for language models.

use tessera_core::Limits;
use tessera_core::container::Channels;
use tessera_core::entropy::{encode_tokens, ideal_bits};

use super::{AudioCodec, segments};
use crate::error::{Error, Result};
use crate::frames;
use crate::sound::Sound;

/// The tokens of a sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Bits of a frame. It has a token of each level that they reach, all of as many bits as the pack's tokens have but the last.
    pub bits: u8,
    /// Samples of a channel, at the model's rate.
    pub samples: u64,
    /// What the channels are.
    pub layout: Channels,
    /// Tokens of each channel, frame by frame: frame n stands for the samples from n hops on.
    pub channels: Vec<Vec<u16>>,
}

/// Bits that coding tokens takes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// By the prior's own probabilities.
    pub ideal: f64,
    /// As written.
    pub written: f64,
}

impl AudioCodec {
    /// The nearest tokens of a sound of one or two channels (left and right) at the model's rate.
    ///
    /// # Errors
    /// [`Error::Sound`] for a sound without samples, with samples that are not finite, of another rate or of more than two channels;
    /// [`Error::Parameter`] for bits that frames cannot have; [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn tokens(&self, sound: &Sound, bits: u8) -> Result<Tokens> {
        let layout = self.check_sound(sound)?;
        let rung = self.model.rung(bits)?;
        let channels = sound.channels.iter().map(|channel| self.model.nearest(rung, &self.latents(channel)?));
        Ok(Tokens { bits, samples: sound.len() as u64, layout, channels: channels.collect::<Result<_>>()? })
    }

    /// The sound of tokens.
    ///
    /// # Errors
    /// [`Error::Parameter`] for channels that are not as the layout says, not of the length that the samples need, or tokens of more
    /// bits than their level's; [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn sound_of(&self, tokens: &Tokens) -> Result<Sound> {
        let needed = self.frame_count(tokens.samples) * self.model.depths(tokens.bits)?.len() as u64;
        let fits = |channel: &Vec<u16>| channel.len() as u64 == needed;
        if tokens.channels.len() != usize::from(tokens.layout.count()) || !tokens.channels.iter().all(fits) {
            return Err(Error::parameter(format!(
                "a sound of {} samples and {} channels has {needed} tokens in each",
                tokens.samples,
                tokens.layout.count()
            )));
        }
        let decode = |channel: &Vec<u16>| {
            let mut decoder = self.channel_decoder(tokens.bits, tokens.samples, false)?;
            decoder.push(channel)?;
            decoder.finish()
        };
        let channels = tokens.channels.iter().map(decode).collect::<Result<Vec<_>>>()?;
        Ok(Sound { rate: self.rate(), channels: to_left_right(tokens.layout, channels) })
    }

    /// What tokens cost in a file, segment by segment, with the prior that files are written with. Needs no ONNX Runtime.
    ///
    /// # Errors
    /// [`Error::Parameter`] for bits that frames cannot have, or for half a frame; [`Error::Core`] for tokens of more bits or of too many.
    pub fn cost_of(&self, tokens: &Tokens) -> Result<Cost> {
        let depths = self.model.depths(tokens.bits)?;
        let prior = self.model.prior(self.model.default_prior())?;
        let mut cost = Cost::default();
        for channel in &tokens.channels {
            frames::check(channel, &depths)?;
            let mut rest = &channel[..];
            // A frame has at most 15 tokens.
            let (frames, levels) = ((channel.len() / depths.len()) as u64, depths.len() as u8);
            for band in segments::split(frames, levels, tokens.layout.count(), &Limits::default())? {
                let (own, after) = rest.split_at(band.shape.t as usize * depths.len());
                rest = after;
                let grid = frames::grid(own, &depths)?;
                cost.ideal += ideal_bits(&grid, prior)?;
                cost.written += 8.0 * encode_tokens(&grid, prior)?.len() as f64;
            }
        }
        Ok(cost)
    }

    /// Checks that a sound can be encoded as it is.
    pub(super) fn check_sound(&self, sound: &Sound) -> Result<Channels> {
        sound.check()?;
        if sound.rate != self.rate() {
            return Err(Error::sound(format!(
                "the sound has {} samples a second where the model has {}; resample it",
                sound.rate,
                self.rate()
            )));
        }
        match sound.channels.len() {
            1 => Ok(Channels::Mono),
            2 => Ok(Channels::LeftRight),
            n => Err(Error::sound(format!("the sound has {n} channels where 1 or 2 can be coded; mix it down"))),
        }
    }
}

/// Decoded channels as they are heard.
pub(super) fn to_left_right(layout: Channels, mut channels: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    if let (Channels::MidSide, [mid, side]) = (layout, &mut channels[..]) {
        for (mid, side) in mid.iter_mut().zip(side) {
            (*mid, *side) = (*mid + *side, *mid - *side);
        }
    }
    channels
}
