//! Speech at less than a kilobit a second, token by token, and back.
//!
//! Data flows left to right when encoding, and back when decoding:
//!
//! ```text
//! samples ──spectrum──▶ features ──encoder──▶ latents ──codebook──▶ tokens ──entropy──▶ .tsr, whole or live
//! samples ◀──overlap-add── spectra ◀──decoder── latents ◀──codebook── tokens ◀──entropy── .tsr
//! ```
//!
//! - [`io`]: sound files in and out, sample rates.
//! - [`Sound`]: what every other part works on.
//! - [`AudioCodec`]: sounds to whole `.tsr` files or bare [`Tokens`], and back.
//! - [`StreamEncoder`], [`StreamDecoder`]: samples to tokens and back as they come, cut anywhere, the same to the last bit.
//! - [`LiveWriter`], [`LiveReader`]: samples to the packets of a live `.tsr` stream and back, with lost packets concealed.
//! - [`inspect`]: what a file holds, without a model pack.
//!
//! With a pack of step graphs everything is causal: a sample comes out of the decoder after [`AudioCodec::delay_samples`] more samples went into the
//! encoder. A pack may instead have networks that run on whole sounds; then there are files and tokens, but no streams. Bytes from outside never panic this crate and never make it allocate past [`tessera_core::Limits`].

mod codec;
mod error;
mod frames;
pub mod io;
mod live;
mod model;
mod sound;
mod spectrum;
mod stream;
mod whole;

pub use codec::{
    AudioCodec, CodecOptions, Cost, DecodeOptions, Decoded, EncodeOptions, Encoded, Inspection, Source, Span, Stereo,
    Tokens, inspect,
};
pub use error::{Error, Result};
pub use io::IoLimits;
pub use live::{LiveOptions, LiveReader, LiveWriter, Received, Sent};
pub use sound::Sound;
pub use stream::{StreamDecoder, StreamEncoder};
