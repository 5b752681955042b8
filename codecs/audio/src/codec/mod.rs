//! Sounds to `.tsr` bytes and back.

mod channel;
mod decode;
mod encode;
mod inspect;
mod options;
mod segments;
mod tokens;

use std::sync::Arc;

use tessera_core::Limits;
use tessera_models::Pack;

use crate::error::Result;
use crate::live::{LiveOptions, LiveReader, LiveWriter};
use crate::model::Model;
use crate::stream::{StreamDecoder, StreamEncoder};
pub use decode::Decoded;
pub use encode::Encoded;
pub use inspect::{Inspection, inspect};
pub use options::{CodecOptions, DecodeOptions, EncodeOptions, Source, Stereo};
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

    /// Bits a second of a live stream before entropy coding, packets' heads and repeated headers included.
    ///
    /// # Errors
    /// As [`live_writer`](Self::live_writer).
    pub fn live_bits_per_second(&self, options: &LiveOptions) -> Result<f64> {
        let depth = options.depth.unwrap_or(self.model.parts.book().depth());
        let header = self.live_writer(*options)?.header().len();
        Ok(options.bits_per_second(depth, header, self.tokens_per_second()))
    }

    /// A reader of live streams. Where sounds are coded whole only, it refuses the first packet.
    pub fn live_reader(&self, limits: Limits) -> LiveReader {
        LiveReader::new(Arc::clone(&self.model), limits)
    }
}
