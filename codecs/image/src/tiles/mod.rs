//! Large pictures through the networks, window by window.
//!
//! A network sees a window of at most [`WINDOW`] tokens a side; of its output the part that is at least
//! [`MARGIN`] tokens from every cut edge is kept. Windows lie inside of the picture, so all but those of
//! small pictures have the same shape, and a border of the picture is always a border of the window.

mod analysis;
mod pixels;
mod spans;
mod synthesis;

pub(crate) use analysis::{analyse, latent_shape};
pub(crate) use synthesis::{Canvas, synthesise};

/// How a picture is cut, in tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    /// Longest side of a window.
    pub window: u32,
    /// What is cut away at each edge inside of the picture.
    pub margin: u32,
}

impl Tiling {
    /// Of the encoder and the decoder. The margin is measured: see the test of seams.
    pub const STANDARD: Self = Self {
        window: WINDOW,
        margin: MARGIN,
    };

    /// The whole picture at once.
    #[cfg(test)]
    pub const WHOLE: Self = Self {
        window: u32::MAX,
        margin: 0,
    };
}

const WINDOW: u32 = 96;
const MARGIN: u32 = 8;
