//! Encoding.

use std::borrow::Cow;

use tessera_core::container::{self, Channels, Chunk, Duration, Header, MediaShape, PriorKind};
use tessera_core::entropy::bands::CodedBand;
use tessera_core::entropy::{Search, TokenPrior, encode_searched, encode_tokens};
use tessera_core::{GridShape, Limits, Rung, TokenGrid};

use super::options::{EncodeOptions, Stereo};
use super::{AudioCodec, rate, segments};
use crate::error::Result;
use crate::sound::Sound;

/// Codewords that the search weighs.
const CANDIDATES: usize = 8;
/// Power of the side, relative to the mid, up to which the two are coded in place of left and right.
const QUIET_SIDE: f64 = 0.1;

/// An encoded sound and where its bytes went.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The `.tsr` file.
    pub bytes: Vec<u8>,
    /// Bits of a frame.
    pub bits: u8,
    /// What the tokens are of.
    pub layout: Channels,
    /// Tokens of all channels.
    pub tokens: u64,
    /// Bytes of entropy-coded tokens.
    pub token_bytes: u64,
    /// Bits of the file per second.
    pub bits_per_second: f64,
}

impl AudioCodec {
    /// Encodes a sound of one or two channels at the model's rate.
    ///
    /// The same sound, pack and options give the same bytes on machines whose ONNX Runtime computes alike.
    ///
    /// # Errors
    /// [`Error::Sound`] for a sound without samples, with samples that are not finite, of another rate or of more than two channels;
    /// [`Error::Core`] if it is longer than a decoder with default limits takes; [`Error::Parameter`] for options
    /// out of range, or for a rate that the sound cannot be coded at; [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn encode(&self, sound: &Sound, options: &EncodeOptions) -> Result<Encoded> {
        options.check()?;
        self.check_sound(sound)?;
        let bits = options.bits.unwrap_or(self.model.parts.bits);
        let levels = self.model.rung(bits)?.levels;
        let (layout, channels) = arrange(sound, options.stereo);
        let samples = sound.len() as u64;
        let limits = Limits::default();
        let too_long = |claimed| tessera_core::Error::Limit {
            what: "number of samples".to_owned(),
            claimed,
            limit: limits.max_samples,
        };
        if samples > limits.max_samples {
            return Err(too_long(samples).into());
        }
        let samples = u32::try_from(samples).map_err(|_| too_long(samples))?;
        let frames = self.frame_count(samples.into());
        segments::split(frames, levels, layout.count(), &limits)?;

        let prior = options.prior.unwrap_or(self.model.default_prior());
        let latents = channels.iter().map(|samples| self.latents(samples)).collect::<Result<Vec<_>>>()?;
        let source = options.source.map(|source| (source.rate, source.samples));
        let media =
            MediaShape::Audio { rate: self.rate(), channels: layout, duration: Duration::Samples { samples, source } };
        let coder = Coder { codec: self, latents: &latents, frames, media, prior };
        let Attempt { bits, bytes, tokens, token_bytes } = match options.bits_per_second {
            None => coder.attempt(bits, options.lambda)?,
            Some(rate) => {
                rate::fit(f64::from(rate) / 8.0 * sound.seconds(), self, |bits, lambda| coder.attempt(bits, lambda))?
            }
        };
        Ok(Encoded {
            bits,
            layout,
            tokens,
            token_bytes,
            bits_per_second: bytes.len() as f64 * 8.0 / sound.seconds(),
            bytes,
        })
    }
}

/// A file of frames of so many bits, chosen with one lambda.
pub(super) struct Attempt {
    pub bits: u8,
    pub bytes: Vec<u8>,
    pub tokens: u64,
    pub token_bytes: u64,
}

/// How the latents of a sound become a file.
struct Coder<'a> {
    codec: &'a AudioCodec,
    /// Of each channel.
    latents: &'a [Vec<f32>],
    frames: u64,
    media: MediaShape,
    prior: PriorKind,
}

impl Coder<'_> {
    fn attempt(&self, bits: u8, lambda: f32) -> Result<Attempt> {
        let (rung, prior) = (self.codec.model.rung(bits)?, self.codec.model.prior(self.prior)?);
        // At most 2.
        let channels = self.latents.len() as u8;
        let segments = segments::split(self.frames, rung.levels, channels, &Limits::default())?;
        let mut chunks = Vec::new();
        for (channel, latents) in (0u32..).zip(self.latents) {
            let mut rest = &latents[..];
            for (segment, band) in (0u32..).zip(&segments) {
                let (own, after) = rest.split_at(band.shape.t as usize * self.codec.model.parts.codebook.dim());
                rest = after;
                let grid = self.choose(own, band.shape, (rung, lambda), prior)?;
                let coded = CodedBand { bytes: encode_tokens(&grid, prior)?, token_crc: grid.crc() };
                chunks.push(Chunk::tokens(segment * self.latents.len() as u32 + channel, coded));
            }
        }
        chunks.sort_by_key(|chunk| chunk.sequence);
        let header = Header { pack: self.codec.model.pack_ref(), rung, prior: self.prior, media: self.media.clone() };
        let token_bytes = chunks.iter().map(|chunk| chunk.payload.len() as u64).sum();
        let tokens = self.frames * u64::from(rung.levels) * u64::from(channels);
        Ok(Attempt { bits, bytes: container::write(&header, &chunks)?, tokens, token_bytes })
    }

    /// The tokens of a segment.
    fn choose(
        &self,
        latents: &[f32],
        shape: GridShape,
        (rung, lambda): (Rung, f32),
        prior: &dyn TokenPrior,
    ) -> Result<TokenGrid> {
        let codebook = &self.codec.model.parts.codebook;
        if lambda == 0.0 {
            return Ok(codebook.quantize(latents, shape.positions(), rung)?);
        }
        let search = Search { lambda, candidates: CANDIDATES };
        Ok(encode_searched(latents, shape.positions(), rung, codebook, prior, search)?)
    }
}

/// The channels that are coded.
fn arrange(sound: &Sound, stereo: Stereo) -> (Channels, Vec<Cow<'_, [f32]>>) {
    let [left, right] = &sound.channels[..] else {
        return (Channels::Mono, sound.channels.iter().map(|channel| Cow::Borrowed(&channel[..])).collect());
    };
    let combine = |sign: f32| left.iter().zip(right).map(|(l, r)| 0.5 * (l + sign * r)).collect::<Vec<_>>();
    let power = |samples: &[f32]| samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>();
    let side_is_quiet = || power(&combine(-1.0)) <= QUIET_SIDE * power(&combine(1.0));
    match stereo {
        Stereo::Mono => (Channels::Mono, vec![combine(1.0).into()]),
        Stereo::MidSide => (Channels::MidSide, vec![combine(1.0).into(), combine(-1.0).into()]),
        Stereo::Auto if side_is_quiet() => (Channels::MidSide, vec![combine(1.0).into(), combine(-1.0).into()]),
        Stereo::Auto | Stereo::LeftRight => (Channels::LeftRight, vec![left.into(), right.into()]),
    }
}
