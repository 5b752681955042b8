//! Samples to tokens and back as they come.
//!
//! A stream holds all it remembers in one state. However its input is cut, the output is the same to the last bit: a network's row
//! depends on earlier rows alone, and transforms and sums go frame by frame in the order of time.

mod conceal;
mod decoder;
mod encoder;

pub use decoder::StreamDecoder;
pub(crate) use encoder::LatentStream;
pub use encoder::StreamEncoder;

/// Most frames that a network sees at once, which bounds memory. Results do not depend on it.
const BLOCK: usize = 64;
