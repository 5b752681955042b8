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

use tessera_core::Limits;
use tessera_core::container::Live;
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

    /// Samples per token.
    pub fn hop(&self) -> usize {
        self.model.spectrum.hop()
    }

    /// Tokens per second.
    pub fn tokens_per_second(&self) -> f64 {
        f64::from(self.rate()) / self.hop() as f64
    }

    /// Least depth that the decoder was trained for, and the most that there is.
    pub fn depths(&self) -> std::ops::RangeInclusive<u8> {
        self.model.parts.min_depth..=self.model.parts.book().depth()
    }

    /// The deepest tokens that take at most `bits_per_second` before entropy coding, or the least depth.
    pub fn depth_for(&self, bits_per_second: f64) -> u8 {
        let fits = |depth: &u8| f64::from(*depth) * self.tokens_per_second() <= bits_per_second;
        self.depths().rev().find(fits).unwrap_or(self.model.parts.min_depth)
    }

    /// Squared latent distance that a bit is worth by the pack's word, for [`EncodeOptions::lambda`].
    pub fn search_lambda(&self) -> f32 {
        self.model.parts.search_lambda
    }

    /// Squared latent distance that the last bit of a token of `depth` bits saves: from centroids to those above them, on average.
    pub(crate) fn last_bit(&self, depth: u8) -> f32 {
        let book = self.model.parts.book();
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

    /// Most samples that go into an encoder after a sample before the decoder gives it: the window.
    pub fn delay_samples(&self) -> usize {
        self.model.spectrum.window()
    }

    /// Tokens of a sound of `samples` samples.
    pub fn token_count(&self, samples: u64) -> u64 {
        self.model.frames(samples)
    }

    /// Samples that so many tokens can be of, at most.
    pub fn samples_of(&self, tokens: u64) -> u64 {
        let beyond = if self.is_live() { self.model.spectrum.overlap() as u64 } else { 0 };
        tokens.saturating_mul(self.hop() as u64).saturating_sub(beyond)
    }

    /// Whether a sound of so many samples is decoded in windows, which is an approximation: it is longer than the pack's networks, which
    /// look at all of a sound, can see at once.
    pub fn is_windowed(&self, samples: u64) -> bool {
        self.is_cut(samples, false)
    }

    fn is_cut(&self, samples: u64, windowed: bool) -> bool {
        let tokens = usize::try_from(self.token_count(samples)).unwrap_or(usize::MAX);
        self.model.whole().is_ok_and(|whole| whole.is_cut(tokens, windowed))
    }

    /// A stream of tokens of `depth` bits from samples of one channel.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a depth that the codebook does not have, or where sounds are coded whole only.
    pub fn stream_encoder(&self, depth: u8) -> Result<StreamEncoder> {
        StreamEncoder::new(Arc::clone(&self.model), depth)
    }

    /// A stream of samples of one channel from tokens of `depth` bits.
    ///
    /// # Errors
    /// As [`stream_encoder`](Self::stream_encoder).
    pub fn stream_decoder(&self, depth: u8) -> Result<StreamDecoder> {
        StreamDecoder::new(Arc::clone(&self.model), depth)
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
        (frames * self.hop() as u64 + u64::from(reach)).saturating_sub(self.model.spectrum.overlap() as u64)
    }

    /// A reader of live streams. Where sounds are coded whole only, it refuses the first packet.
    pub fn live_reader(&self, limits: Limits) -> LiveReader {
        LiveReader::new(Arc::clone(&self.model), limits)
    }
}
