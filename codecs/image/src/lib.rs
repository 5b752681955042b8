//! Photos to about a kilobyte of tokens, and back.
//!
//! Data flows left to right when encoding, and back when decoding:
//!
//! ```text
//! file ──io──▶ Picture ──tiles, encoder──▶ latents ──rate: search──▶ tokens ──container──▶ .tsr
//!                 └────────────────────── alpha: integer context model ──────────┘
//! ```
//!
//! - [`io`]: PNG, JPEG, WebP, TIFF, BMP and GIF in; PNG, JPEG and WebP out; orientation and colour profiles.
//! - [`Picture`]: what every other part works on.
//! - [`ImageCodec`]: pictures to `.tsr` bytes at a [`Target`], and back.
//! - [`Tokenizer`]: pictures to latents and back alone, for codecs that bring a container of their own.
//! - [`inspect`]: what a file holds, without a model pack.
//!
//! Bytes from outside never panic this crate and never make it allocate past
//! [`IoLimits`](io::IoLimits) (pictures) or [`tessera_core::Limits`] (`.tsr` files).

mod alpha;
mod codec;
mod conceal;
mod error;
pub mod io;
mod picture;
mod rate;
mod tiles;
mod tokenizer;

pub use alpha::AlphaForm;
pub use codec::{
    CodecOptions, Concealment, DecodeOptions, Decoded, EncodeOptions, Encoded, ImageCodec, Inspection, MAX_STEPS,
    Target, inspect,
};
pub use error::{Error, Result};
pub use io::{Format, IoLimits, Metadata};
pub use picture::Picture;
pub use rate::Ladder;
pub use tiles::{Canvas, Patch, Rect, Span, Window};
pub use tokenizer::Tokenizer;
