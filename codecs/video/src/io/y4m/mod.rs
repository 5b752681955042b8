//! YUV4MPEG2: a header line, then for every frame a line and bare planes. Made for pipes.

mod read;
mod write;

pub use read::Reader;
pub use write::Writer;

/// What the bytes begin with.
pub const MAGIC: &[u8] = b"YUV4MPEG2";
