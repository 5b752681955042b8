//! Live streams: packets that each prove they are whole, of a length that nobody knows before the end.
//!
//! ```text
//! stream  = header packet (packet | header packet) … [index] closing
//! packet  = a chunk in the long form (after a header) or in the short form
//! index   = where headers stand again
//! closing = the last chunk: reach, coded tokens
//! ```
//!
//! Every packet is coded from fresh state. A reader begins where a header stands, with the packet after it. [`PacketReader`] is fed
//! bytes as they come, cut anywhere; it finds its way back after damage and says how much was lost. Its memory does not grow with
//! the stream. [`joining_points`] tells where to begin in a stream that was kept.

mod index;
mod reader;
mod writer;

pub use index::{JoiningPoint, joining_points};
pub use reader::{Event, PacketReader};
pub use writer::PacketWriter;

use super::bytes::Bytes;
use super::header::Header;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Longest payload of a packet: 4,096 tokens whose every bit cost the most that a prior may ask, and more.
const MAX_PAYLOAD: u64 = 1 << 17;

/// The header at the begin of a live stream. Nothing proves it before a packet does.
///
/// # Errors
/// As [`read`](super::read)'s for a header, and [`Error::Unsupported`] if it is not that of a live stream.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let header = Header::parse(&mut Bytes::new(data, 0), limits)?;
    match header.media.is_live() {
        true => Ok(header),
        false => Err(Error::unsupported("the file is no live stream")),
    }
}

/// Whether bytes begin with the header of a live stream.
pub fn is_live(data: &[u8], limits: &Limits) -> bool {
    header(data, limits).is_ok()
}
