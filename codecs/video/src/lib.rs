//! Frames to tokens over time, and back.

mod error;
mod frame;

pub use error::{Error, Result};
pub use frame::{Frame, Rational, Sink, Source, StreamInfo};
