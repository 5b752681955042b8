//! Points to a few bits each, meshes to hundreds of bytes, splats to a few bytes each, and back.
//!
//! ```text
//! file ──io──▶ Cloud ──lattice──▶ places ──octree──▶ levels and attributes ──core/entropy──▶ core/container ──▶ .tsr
//!         ├──▶ Mesh ──decimated──▶ faces and vertices ─────────────────────────▶│
//!         │         ──surface──▶ blocks of distances ──▶ tokens ───────────────▶│
//!         └──▶ Splats ──lattice, splat──▶ places, sizes, turns, colours, tokens ──▶│
//! ```
//!
//! - [`io`]: PLY, OBJ, STL, glTF, XYZ and SPZ files in and out.
//! - [`Shape`]: what every other part works on, a [`Mesh`], a [`Cloud`] or [`Splats`].
//! - [`encode`], [`decode`]: shapes to `.tsr` files and back. No model pack is needed.
//! - [`encode_with`], [`decode_with`]: the same with a [`SurfaceCodec`], so that meshes may become tokens where that is nearer to the original.
//! - [`inspect`]: what a file holds.
//! - [`metrics`]: how far two surfaces or two sets of points are apart, and pictures of splats.
//!
//! Everything between places and bytes is integer arithmetic. Bytes from outside never panic this crate and never make it allocate past
//! [`tessera_core::Limits`] and [`IoLimits`].

mod codec;
mod decimated;
mod error;
pub mod io;
mod lattice;
mod likeness;
pub mod metrics;
mod octree;
mod shape;
mod splat;
mod splats;
mod surface;
mod triangles;
mod varint;

pub use codec::{
    DecodeOptions, Decoded, EncodeOptions, Encoded, Inspection, MeshTier, Target, decode, decode_with, encode,
    encode_with, inspect, side_cost, side_of, with_side,
};
pub use decimated::decimated;
pub use error::{Error, Result};
pub use io::IoLimits;
pub use lattice::Precision;
pub use shape::{Bounds, Cloud, Mesh, Shape};
pub use splats::{DC, Splats};
pub use surface::SurfaceCodec;
