//! Sound.

mod error;
pub mod io;
mod sound;

pub use error::{Error, Result};
pub use io::IoLimits;
pub use sound::Sound;
