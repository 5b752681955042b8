//! Live `.tsr` streams: packets of tokens that each stand alone.

mod rate;
mod reader;
mod writer;

pub use reader::{LiveReader, Received};
pub use writer::{LiveOptions, LiveWriter, Sent};
