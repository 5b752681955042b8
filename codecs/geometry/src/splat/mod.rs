//! What splats have besides a centre, in whole numbers: how long and how turned their axes are, opacity, colour, and a palette for how colour
//! changes with the view.
//!
//! Few numbers that lie close to those of the splats before take steps of their own, predicted along the octree's order: a palette of them
//! would have to be sent, and saves nothing over steps whose values an adaptive coder knows. The many coefficients of spherical harmonics
//! are what palettes are for: nested codebooks, made for the file and sent in it.

mod colors;
mod palette;
mod quality;
mod sizes;
mod turns;

pub(crate) use colors::{code_levels, code_opacities};
pub(crate) use palette::{Palettes, code_palettes, code_tokens};
pub(crate) use quality::Steps;
pub(crate) use sizes::{code_sizes, scales_of, size_of};
pub(crate) use turns::{code_turns, rotation_of};

/// Units of a nat that sizes are counted in.
pub(crate) const NAT: f64 = 64.0;
/// Units of a coefficient of degree 0.
pub(crate) const COLOR_UNIT: f64 = 128.0;
/// Units of a coefficient of a higher degree.
pub(crate) const HARMONIC_UNIT: f64 = 256.0;

fn corrupt(what: &str) -> tessera_core::Error {
    tessera_core::Error::Corrupt { what: what.to_owned() }
}
