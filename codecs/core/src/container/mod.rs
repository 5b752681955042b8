//! The `.tsr` container: a short header, then chunks that each prove they are whole and belong to it.
//!
//! `FORMAT.md` at the root of the repository specifies every byte. In short:
//!
//! ```text
//! file   = header chunk chunk …             the last chunk is marked
//! header = magic version modality [pack-hash] [pack-id] media-shape [rung]
//! chunk  = kind [sequence] length [token-crc] crc payload
//! ```
//!
//! Each chunk's CRC-32C covers the header, the chunk's own head and its payload: a damaged header, a
//! damaged chunk or a chunk of another file never validates. In a live stream the header may be repeated
//! between chunks, so that a reader may come in late. A plain image costs at most
//! 31 bytes beyond its entropy-coded payload.
//!
//! # Which one should I use?
//!
//! - [`write()`] makes a file; [`FileWriter`] makes one chunk by chunk.
//! - [`GopIndex`] and [`chunk_at`] find a part of a video.
//! - [`read`] takes a file that must be whole: the first damage is an error.
//! - [`salvage()`] takes a damaged file: what survives, and what was lost.
//! - [`live`] makes and takes a stream whose length is not known, packet by packet.
//! - [`layout()`] names every part of a whole file with its offset and size.

mod bytes;
mod chunk;
mod gop;
mod header;
mod layout;
pub mod live;
mod numbering;
mod reader;
mod salvage;
mod writer;

pub use chunk::{Chunk, ChunkKind};
pub use gop::{GopEntry, GopIndex, GopTimes, MAX_GOP_FRAMES, chunk_at, header_of};
pub use header::{
    Channels, Color, Duration, FULL_SCALE, GeometryTier, Header, Lattice, Live, MediaShape, Modality,
    POINTS_OF_A_BLOCK, POINTS_OF_A_SPLAT, PackRef, PriorKind, VideoShape, is_signed,
};
pub use layout::{Part, layout};
pub use live::is_live;
pub use reader::{File, read};
pub use salvage::{Loss, Salvaged, salvage};
pub use writer::{FileWriter, write};
