//! How far two shapes are apart.

pub mod points;
pub mod surfaces;
pub mod views;
