//! Whole numbers for packets that bring only the low bits of theirs.

use super::chunk::{RawChunk, SHORT_NUMBERS};

/// So many packets may be late and still get their own number.
const BEHIND: u32 = 16;

/// Follows the packets of a live stream.
///
/// A packet in the long form is taken at its word. One in the short form gets the number that is nearest to the next
/// one's, from 16 before it to 47 after.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbering {
    next: u32,
}

impl Numbering {
    /// Makes the number of a chunk whole, if it is a packet's.
    pub fn place(&mut self, raw: &mut RawChunk<'_>) {
        if raw.short {
            let from = self.next.saturating_sub(BEHIND);
            raw.sequence = from.saturating_add(raw.sequence.wrapping_sub(from) % SHORT_NUMBERS);
            self.next = self.next.max(raw.sequence.saturating_add(1));
        } else if raw.is_packet() {
            self.next = raw.sequence.saturating_add(1);
        }
    }
}
