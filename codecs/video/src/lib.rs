//! Frames to tokens over time, and back.

mod error;
mod frame;
pub mod io;

pub use error::{Error, Result};
pub use frame::{Frame, Rational, Sink, Source, StreamInfo};
