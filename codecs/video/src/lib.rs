//! Frames to tokens over time, and back.
//!
//! ```text
//! file ──io──▶ Frame ──scale──▶ latents ──gop──▶ groups ──search──▶ tokens ──container──▶ .tsr
//! .tsr ──container──▶ tokens ──▶ latents ──paint──▶ pictures ──scale──▶ Frame ──io──▶ file
//! ```
//!
//! - [`io`]: files in and out.
//! - [`VideoCodec`]: a [`Source`] of frames to a `.tsr` file, and a file to a [`Sink`].
//! - [`inspect`]: what a file holds, without a model pack.

mod clock;
mod codec;
#[cfg(feature = "ffmpeg")]
mod detail;
mod enlarge;
mod error;
mod frame;
mod gop;
mod interest;
pub mod io;
mod keep;
mod mark;
mod means;
mod paint;
mod pool;
mod scale;
mod side;
mod store;

pub use codec::{
    Clusters, Codebook, CodecOptions, DecodeOptions, Decoded, EncodeOptions, Encoded, GopTokens, Inspection, Latents,
    MOST_CLUSTERS, Networks, Reduced, Tally, Target, VideoCodec, inspect,
};
#[cfg(feature = "ffmpeg")]
pub use codec::{Judge, Switched, base_at_hand};
#[cfg(feature = "ffmpeg")]
pub use detail::Detail;
pub use error::{Error, Result};
pub use frame::{Frame, Rational, Sink, Source, StreamInfo};
pub use interest::Classifier;
pub use keep::{Changes, Interest, Stretches};
pub use side::{SideSound, SoundForm};
