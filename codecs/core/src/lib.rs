//! Tokens, nested vector quantisation, integer entropy coding and the `.tsr` container.
//!
//! Data flows left to right when encoding, and back when decoding:
//!
//! ```text
//! latents ──vq──▶ TokenGrid ──entropy──▶ bytes ──container──▶ .tsr
//! ```
//!
//! - [`vq`]: the nested codebook, one binary tree that is a codebook at every depth, and residual levels of it.
//! - [`entropy`]: tokens to bytes and back under a [`TokenPrior`](entropy::TokenPrior), integers only.
//! - [`container`]: the file, chunk by chunk, with checksums, limits and salvage.
//! - [`TokenGrid`], [`Limits`] and [`Error`]: what the three share.
//!
//! This crate does no file I/O and knows neither media nor inference engines. Bytes from outside
//! never panic it and never make it allocate past [`Limits`].
//!
//! # From latents to a file and back
//!
//! ```
//! use tessera_core::container::{self, Chunk, Color, Header, MediaShape, PackRef, PriorKind};
//! use tessera_core::entropy::{UniformPrior, bands};
//! use tessera_core::vq::{NestedCodebook, ResidualCodebook};
//! use tessera_core::{LatentShape, Limits, Rung};
//!
//! // A codebook of scalars: root 0, then -1 and 1, then their refinements.
//! let nodes = vec![0.0, 0.0, -1.0, 1.0, -1.5, -0.5, 0.5, 1.5];
//! let codebook = ResidualCodebook::new(vec![NestedCodebook::new(1, 2, nodes)?])?;
//! let shape = LatentShape { t: 1, y: 2, x: 2 };
//! let rung = Rung { levels: 1, depth: 2 };
//! let grid = codebook.quantize(&[0.4, -1.4, 1.6, -0.6], shape, rung)?;
//! assert_eq!(grid.tokens(), [2, 0, 3, 1]);
//!
//! let coded = bands::encode_bands(&grid, &UniformPrior, 1)?;
//! let header = Header {
//!     pack: PackRef { hash: [7; 8], id: None },
//!     rung,
//!     prior: PriorKind::Uniform,
//!     media: MediaShape::Image { width: 32, height: 32, color: Color::Rgb, alpha: false },
//! };
//! let chunks: Vec<Chunk> = (0..).zip(coded).map(|(n, band)| Chunk::tokens(n, band)).collect();
//! let file = container::write(&header, &chunks)?;
//!
//! let limits = Limits::default();
//! let read = container::read(&file, &limits)?;
//! let back = bands::decode_bands(&read.bands()?, grid.shape(), &rung.depths(2), &UniformPrior, &limits, 1)?;
//! assert_eq!(back, grid);
//! assert_eq!(codebook.dequantize(&back)?, [0.5, -1.5, 1.5, -0.5]);
//! # Ok::<(), tessera_core::Error>(())
//! ```

// Lets the helpers that unit and integration tests share name this crate in one way.
#[cfg(test)]
extern crate self as tessera_core;

pub mod container;
pub mod entropy;
mod error;
mod limits;
mod rung;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod testing;
mod token;
pub mod vq;

pub use error::{Error, Result};
pub use limits::Limits;
pub use rung::{Rung, ladder};
pub use token::{GridShape, LatentShape, MAX_DEPTH, TokenGrid};
