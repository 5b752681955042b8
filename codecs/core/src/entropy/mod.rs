//! Tokens to bytes and back, in integers only.
//!
//! A token is a root-to-leaf path in the nested codebook. Each step of the path is a binary decision
//! with a 16-bit probability from a [`TokenPrior`]; a range coder turns decisions into bytes.
//! Nothing between [`TokenGrid`](crate::TokenGrid) and bytes is a floating-point number, so the bytes are the same on
//! every machine, build and thread count.
//!
//! # Which one should I use?
//!
//! - [`bands::encode_bands`] and [`bands::decode_bands`] for whole grids: independent bands, in parallel.
//! - [`packets`] in their place where packets may be lost: each leaves the neighbours of its tokens.
//! - [`encode_tokens`] and [`decode_tokens`] for one stream.
//! - [`TokenEncoder`] and [`TokenDecoder`] for several grids in one.
//! - [`bands::search_bands`] (or [`encode_searched`] for one stream) to choose tokens that are cheap to
//!   code instead of nearest.
//! - [`ideal_bits`] to report what a prior would need.
//! - [`search_gop`], [`encode_gop`] and [`decode_gop`] for the frames of a video.
//! - [`NetworkPrior::over`] for tokens at [`Places`] that do not fill a grid.
//! - [`Blend`] over a [`BitCoder`] for data that is no grid of tokens: contexts that learn from nothing.

mod adaptation;
pub mod bands;
mod blend;
mod coding;
mod inter;
mod logistic;
mod mixer;
mod network;
pub mod packets;
mod places;
mod prior;
mod range;
mod searched;

pub use adaptation::Adaptation;
pub use blend::{Blend, Decision, table_bits};
pub use coding::{TokenDecoder, TokenEncoder, decode_tokens, encode_tokens, ideal_bits};
pub use inter::{BLOCK, CodedGop, Stickiness, Tally, Vector, decode_gop, encode_gop, search_gop};
pub use network::{LevelTensors, NetworkPrior, PriorTensors, ScatteredPrior};
pub use places::Places;
pub use prior::{Order, PriorSession, TokenPrior, UniformPrior};
pub use range::{BitCoder, BitDecoder, BitEncoder};
pub use searched::{Search, encode_searched};
