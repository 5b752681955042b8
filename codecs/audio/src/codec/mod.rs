//! Sounds to `.tsr` bytes and back.

mod channel;
mod decode;
mod encode;
mod inspect;
mod options;
mod rate;
mod segments;
mod tokens;

use std::sync::Arc;

use tessera_core::container::Live;
use tessera_core::{Limits, Rung};
use tessera_models::Pack;

use crate::error::Result;
use crate::live::{LiveOptions, LiveReader, LiveWriter};
use crate::model::Model;
use crate::stream::{StreamDecoder, StreamEncoder};
pub use decode::Decoded;
pub use encode::Encoded;
pub use inspect::{Inspection, inspect};
pub use options::{CodecOptions, DecodeOptions, EncodeOptions, Source, Span, Stereo};
pub use tokens::{Cost, Tokens};

/// Encoder and decoder of sounds with one model pack.
///
/// Sessions are made when first needed, so an instance that only decodes never loads the encoder. A clone shares them, and any
/// number of threads and streams may use one instance: state belongs to streams.
#[derive(Debug, Clone)]
pub struct AudioCodec {
    model: Arc<Model>,
}

impl AudioCodec {
    /// Reads the pack's tables. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Models`](crate::Error::Models) if the pack is damaged or no audio pack.
    pub fn new(pack: Arc<Pack>, options: CodecOptions) -> Result<Self> {
        Ok(Self { model: Arc::new(Model::new(pack, options.threads)?) })
    }

    /// The pack.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.model.pack
    }

    /// Samples per second of everything that goes in and comes out.
    pub fn rate(&self) -> u32 {
        self.model.parts.sample_rate
    }

    /// Samples per frame, which has a token of each level that is sent.
    pub fn hop(&self) -> usize {
        self.model.spectrum.hop()
    }

    /// Frames per second.
    pub fn frames_per_second(&self) -> f64 {
        f64::from(self.rate()) / self.hop() as f64
    }

    /// Bits of a frame: the least that the decoder was trained for, and all that there are. The first level's token has the first of
    /// them up to [`depth`](Self::depth), the next level's those that follow.
    pub fn bits(&self) -> std::ops::RangeInclusive<u8> {
        self.model.parts.min_bits..=self.model.most_bits()
    }

    /// Bits of a frame by default.
    pub fn default_bits(&self) -> u8 {
        self.model.parts.bits
    }

    /// Bits of a whole token.
    pub fn depth(&self) -> u8 {
        self.model.parts.codebook.full_depth()
    }

    /// Bits of each token of a frame of `bits` bits, first level first.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for bits that frames cannot have.
    pub fn depths(&self, bits: u8) -> Result<Vec<u8>> {
        self.model.depths(bits)
    }

    /// Most bits of a frame that take at most `bits_per_second` before entropy coding, or the least.
    pub fn bits_for(&self, bits_per_second: f64) -> u8 {
        let fits = |bits: &u8| f64::from(*bits) * self.frames_per_second() <= bits_per_second;
        self.bits().rev().find(fits).unwrap_or(self.model.parts.min_bits)
    }

    /// Squared latent distance that a bit is worth by the pack's word, for [`EncodeOptions::lambda`].
    pub fn search_lambda(&self) -> f32 {
        self.model.parts.search_lambda
    }

    /// Squared latent distance that the last bit of a frame of `bits` bits saves: from centroids to those above them, on average.
    pub(crate) fn last_bit(&self, bits: u8) -> f32 {
        let Rung { levels, depth } = Rung::of_bits(bits, self.depth());
        let Some(book) = self.model.parts.codebook.levels().get(usize::from(levels) - 1) else { return 0.0 };
        let saved = |path: u16| -> f32 {
            let pairs = book.centroid(depth, path).iter().zip(book.centroid(depth - 1, path >> 1));
            pairs.map(|(own, above)| (own - above) * (own - above)).sum()
        };
        let count = 1u32 << depth;
        (0..count).map(|path| saved(path as u16)).sum::<f32>() / count as f32
    }

    /// Whether sounds can be coded as they come. Networks that run on whole sounds cannot: there are no streams then.
    pub fn is_live(&self) -> bool {
        self.model.is_live()
    }

    /// Most samples that go into an encoder after a sample before the decoder gives it: the window and what the pack looks ahead.
    pub fn delay_samples(&self) -> usize {
        self.model.spectrum.delay() + self.hop()
    }

    /// Frames of a sound of `samples` samples.
    pub fn frame_count(&self, samples: u64) -> u64 {
        self.model.frames(samples)
    }

    /// Samples that so many frames can be of, at most.
    pub fn samples_of(&self, frames: u64) -> u64 {
        let beyond = if self.is_live() { self.model.spectrum.delay() as u64 } else { 0 };
        frames.saturating_mul(self.hop() as u64).saturating_sub(beyond)
    }

    /// Whether a sound of so many samples is decoded in windows, which is an approximation: it is longer than the pack's networks, which
    /// look at all of a sound, can see at once.
    pub fn is_windowed(&self, samples: u64) -> bool {
        self.is_cut(samples, false)
    }

    fn is_cut(&self, samples: u64, windowed: bool) -> bool {
        let frames = usize::try_from(self.frame_count(samples)).unwrap_or(usize::MAX);
        self.model.whole().is_ok_and(|whole| whole.is_cut(frames, windowed))
    }

    /// A stream of frames of `bits` bits from samples of one channel.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for bits that frames cannot have, or where sounds are coded whole only.
    pub fn stream_encoder(&self, bits: u8) -> Result<StreamEncoder> {
        StreamEncoder::new(Arc::clone(&self.model), bits)
    }

    /// A stream of samples of one channel from frames of `bits` bits.
    ///
    /// # Errors
    /// As [`stream_encoder`](Self::stream_encoder).
    pub fn stream_decoder(&self, bits: u8) -> Result<StreamDecoder> {
        StreamDecoder::new(Arc::clone(&self.model), bits)
    }

    /// A live stream from samples of one channel.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) or [`Error::Core`](crate::Error::Core) for options out of range, or where sounds are
    /// coded whole only.
    pub fn live_writer(&self, options: LiveOptions) -> Result<LiveWriter> {
        self.model.check_live()?;
        LiveWriter::new(Arc::clone(&self.model), options)
    }

    /// Samples of a finished live stream, from the number of its closing packet and how far that one's tokens reach.
    pub fn live_samples(&self, live: Live, (packets, reach): (u32, u32)) -> u64 {
        let frames = u64::from(packets) * u64::from(live.packet_frames);
        (frames * self.hop() as u64 + u64::from(reach)).saturating_sub(self.model.spectrum.delay() as u64)
    }

    /// A reader of live streams. Where sounds are coded whole only, it refuses the first packet.
    pub fn live_reader(&self, limits: Limits) -> LiveReader {
        LiveReader::new(Arc::clone(&self.model), limits)
    }
}
