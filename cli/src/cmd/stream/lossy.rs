//! A line that loses packets by chance.

use tessera_core::{
    Error, Limits, Result,
    container::live::{Event, PacketReader, PacketWriter},
};

/// Largest gap in the numbers of packets that is followed.
const LONGEST_GAP: u32 = 100_000;

/// Takes a live stream and gives it without some of its packets. The header, the first and the closing packet get through.
pub struct Lossy {
    chance: Chance,
    packets: PacketReader,
    writer: Option<PacketWriter>,
    first: bool,
}

impl Lossy {
    pub fn new(percent: f64, seed: u64) -> Self {
        Self {
            chance: Chance::new(percent, seed),
            packets: PacketReader::new(Limits::default()),
            writer: None,
            first: true,
        }
    }

    /// What of more bytes gets through.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let events = self.packets.push(bytes)?;
        self.take(events)
    }

    /// What of the end gets through.
    pub fn rest(&mut self) -> Result<Vec<u8>> {
        let events = self.packets.finish()?;
        self.take(events)
    }

    fn take(&mut self, events: Vec<Event>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for event in events {
            match event {
                Event::Header(header) => {
                    let writer = PacketWriter::new(&header)?;
                    self.writer = Some(writer);
                }
                Event::Packet { sequence, payload } => {
                    let Some(writer) = reach(&mut self.writer, sequence)? else { continue };
                    if std::mem::take(&mut self.first) {
                        out.extend(writer.joining_packet(&payload)?);
                        continue;
                    }
                    let packet = writer.packet(&payload)?;
                    if !self.chance.strikes() {
                        out.extend(packet);
                    }
                }
                Event::Closing { sequence, reach: last, payload } => {
                    let Some(writer) = reach(&mut self.writer, sequence)? else { continue };
                    out.extend(writer.closing(last, &payload)?);
                }
                Event::Damage { .. } => {}
            }
        }
        Ok(out)
    }
}

/// The writer, its next packet that of the given number.
fn reach(writer: &mut Option<PacketWriter>, sequence: u32) -> Result<Option<&mut PacketWriter>> {
    let Some(writer) = writer else { return Ok(None) };
    if sequence.saturating_sub(writer.next_sequence()) > LONGEST_GAP {
        return Err(Error::Unsupported { what: "losing packets of a stream that was joined late".to_owned() });
    }
    while writer.next_sequence() < sequence {
        writer.packet(&[])?;
    }
    Ok(Some(writer))
}

/// Independent chances, the same for the same seed.
pub struct Chance {
    state: u64,
    share: f64,
}

impl Chance {
    pub fn new(percent: f64, seed: u64) -> Self {
        Self { state: seed, share: percent / 100.0 }
    }

    /// Whether it happens this time. The generator is SplitMix64.
    pub fn strikes(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((mixed >> 11) as f64) < self.share * (1u64 << 53) as f64
    }
}

pub fn parse_percent(text: &str) -> std::result::Result<f64, String> {
    let percent = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "a share is a number from 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_have_their_share() {
        for percent in [0.0, 5.0, 30.0, 100.0] {
            let mut chance = Chance::new(percent, 7);
            let struck = (0..100_000).filter(|_| chance.strikes()).count() as f64 / 1000.0;
            assert!((struck - percent).abs() < 0.5, "{percent}: {struck}");
        }
    }
}
