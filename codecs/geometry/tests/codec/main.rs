//! The whole codec: clouds in, files, clouds back.
#![allow(clippy::unwrap_used)]

mod clouds;
mod damage;
mod fixture;
mod golden;
mod meshes;
