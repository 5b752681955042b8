//! Points to a few bits each, and back.
//!
//! ```text
//! file ──io──▶ Shape ──lattice──▶ places ──octree──▶ levels and attributes ──core/entropy──▶ core/container ──▶ .tsr
//! ```
//!
//! - [`io`]: PLY, OBJ, STL, glTF and XYZ files in and out.
//! - [`Shape`]: what every other part works on, a [`Mesh`] or a [`Cloud`].
//! - [`encode`], [`decode`]: shapes to `.tsr` files and back. No model pack is needed.
//! - [`inspect`]: what a file holds.
//! - [`metrics`]: how far two sets of points are apart.
//!
//! Everything between places and bytes is integer arithmetic. Bytes from outside never panic this crate and never make it allocate past
//! [`tessera_core::Limits`] and [`IoLimits`].

mod codec;
mod error;
pub mod io;
mod lattice;
pub mod metrics;
mod octree;
mod shape;

pub use codec::{DecodeOptions, Decoded, EncodeOptions, Encoded, Inspection, decode, encode, inspect};
pub use error::{Error, Result};
pub use io::IoLimits;
pub use lattice::Precision;
pub use shape::{Bounds, Cloud, Mesh, Shape};
