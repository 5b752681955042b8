//! The whole codec: clouds, meshes and splats in, files, the same back.
#![allow(clippy::unwrap_used)]

mod clouds;
mod damage;
mod fixture;
mod golden;
mod meshes;
mod side;
mod splats;
mod surfaces;
