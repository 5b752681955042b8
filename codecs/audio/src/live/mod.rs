//! Live `.tsr` streams: packets of tokens that each stand alone.

mod rate;
mod reader;
mod writer;

pub use reader::{LiveReader, Received};
pub use writer::{LiveOptions, LiveWriter, Sent};

use tessera_core::GridShape;

/// The grid of `frames` tokens.
fn packet_shape(frames: u32) -> GridShape {
    GridShape { levels: 1, t: frames, y: 1, x: 1 }
}
