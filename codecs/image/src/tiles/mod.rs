//! Large pictures through the networks, window by window.
//!
//! A network sees a window of limited size; of its output the part that is at least a margin away from
//! every cut edge is kept. Networks that look at all of a picture see it whole as long as that is affordable. Windows lie inside of the picture, so all but those of
//! small pictures have the same shape, and a border of the picture is always a border of the window.

mod analysis;
mod pixels;
mod refinement;
mod relay;
mod spans;
mod synthesis;

pub(crate) use analysis::{analyse, latent_shape};
pub use pixels::Rect;
pub(crate) use refinement::{Refinement, refine};
pub(crate) use relay::{Diffusion, Relay, relay};
pub use spans::Span;
pub(crate) use spans::spans;
pub(crate) use synthesis::synthesise;
pub use synthesis::{Canvas, Patch, Window};
use tessera_models::WholePictures;

/// How a picture is cut, in tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    /// Longest side of a window.
    pub window: u32,
    /// What is cut away at each edge inside of the picture.
    pub margin: u32,
}

// The margins are measured, see the tests of seams; the windows keep the networks' memory, which is
// proportional to their area, within a few hundred megabytes.
impl Tiling {
    /// Of the encoder: latents differ from those of the whole picture by less than 0.1 % of their scale.
    pub const ENCODER: Self = Self { window: 96, margin: 8 };

    /// Of the decoder: pixels differ from those of the whole picture by at most a level.
    pub const DECODER: Self = Self { window: 72, margin: 12 };

    /// Of the refiner: samples differ from those of the whole picture by at most a level, in five steps too.
    pub const REFINER: Self = Self { window: 64, margin: 10 };

    /// Of the masked-token model, which gives thousands of odds for each token.
    pub const MASKED: Self = Self { window: 56, margin: 14 };

    /// The whole picture at once.
    pub const WHOLE: Self = Self { window: u32::MAX, margin: 0 };

    /// Of networks that look at all of what they see.
    pub fn of_whole(whole: WholePictures, positions: u64) -> Self {
        match positions <= whole.exact_tokens {
            true => Self::WHOLE,
            false => Self { window: whole.window_tokens, margin: whole.margin_tokens },
        }
    }
}
