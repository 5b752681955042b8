//! Sounds to `.tsr` bytes and back.

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

    /// Most samples that go into an encoder after a sample before the decoder gives it: the window.
    pub fn delay_samples(&self) -> usize {
        self.model.spectrum.window()
    }

    /// Tokens of a sound of `samples` samples.
    pub fn token_count(&self, samples: u64) -> u64 {
        self.model.spectrum.frames(samples)
    }

    /// A stream of tokens of `depth` bits from samples of one channel.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a depth that the codebook does not have.
    pub fn stream_encoder(&self, depth: u8) -> Result<StreamEncoder> {
        StreamEncoder::new(Arc::clone(&self.model), depth)
    }

    /// A stream of samples of one channel from tokens of `depth` bits.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for a depth that the codebook does not have.
    pub fn stream_decoder(&self, depth: u8) -> Result<StreamDecoder> {
        StreamDecoder::new(Arc::clone(&self.model), depth)
    }

    /// A live stream from samples of one channel.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) or [`Error::Core`](crate::Error::Core) for options out of range.
    pub fn live_writer(&self, options: LiveOptions) -> Result<LiveWriter> {
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

    /// A reader of live streams.
    pub fn live_reader(&self, limits: Limits) -> LiveReader {
        LiveReader::new(Arc::clone(&self.model), limits)
    }
}
