//! Points and meshes to a few bits a point, and back.
//!
//! [`Shape`] is what every part of the crate works on: a [`Mesh`] or a [`Cloud`]. Bytes from outside never panic this crate and never make
//! it allocate past [`tessera_core::Limits`].

pub mod decimated;
mod error;
mod shape;

pub use error::{Error, Result};
pub use shape::{Bounds, Cloud, Mesh, Shape};
