//! What a file holds, without a model pack.

use tessera_core::container::live::{Event, PacketReader};
use tessera_core::container::{self, Channels, ChunkKind, Duration, Live, MediaShape, PackRef, Part, PriorKind};
use tessera_core::{Error as CoreError, Limits, Rung};

use super::options::Source;
use crate::error::Result;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Samples per second.
    pub rate: u32,
    /// What the tokens are of.
    pub layout: Channels,
    /// Samples of a channel; `None` for a live stream, which says so only to its model.
    pub samples: Option<u64>,
    /// What the sound was before it was resampled.
    pub source: Option<Source>,
    /// How a live stream is packed, and the rate that it announces.
    pub live: Option<Live>,
    /// Whole packets that are there, of a live stream.
    pub packets: u64,
    /// Number of a live stream's closing packet and how far its tokens reach; see
    /// [`AudioCodec::live_samples`](crate::AudioCodec::live_samples).
    pub reach: Option<(u32, u32)>,
    /// Whether all is there: always so for a whole file; for a live stream, the closing packet.
    pub complete: bool,
    /// The pack that decodes it.
    pub pack: PackRef,
    /// Levels of which a frame has tokens, and bits of the last one's.
    pub rung: Rung,
    /// Prior of the tokens.
    pub prior: PriorKind,
    /// Bytes of entropy-coded tokens.
    pub token_bytes: u64,
    /// Every byte of the file, by purpose. Empty for a live stream that is not whole.
    pub parts: Vec<Part>,
}

/// Reads all of a file but its tokens. A live stream may be unfinished or damaged.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) if it is truncated, damaged, exceeds the limits or is no sound.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection> {
    if container::is_live(bytes, limits) {
        return inspect_live(bytes, limits);
    }
    let file = container::read(bytes, limits)?;
    let header = &file.header;
    let MediaShape::Audio { rate, channels, duration: Duration::Samples { samples, source } } = header.media else {
        return Err(no_sound());
    };
    Ok(Inspection {
        rate,
        layout: channels,
        samples: Some(samples.into()),
        source: source.map(|(rate, samples)| Source { rate, samples }),
        live: None,
        packets: 0,
        reach: None,
        complete: true,
        pack: header.pack.clone(),
        rung: header.rung,
        prior: header.prior,
        token_bytes: file.of_kind(ChunkKind::Tokens).map(|chunk| chunk.payload.len() as u64).sum(),
        parts: container::layout(bytes, limits)?,
    })
}

fn inspect_live(bytes: &[u8], limits: &Limits) -> Result<Inspection> {
    let mut reader = PacketReader::new(*limits);
    let mut events = reader.push(bytes)?;
    events.extend(reader.finish()?);
    let (mut packets, mut token_bytes, mut found, mut end) = (0, 0, None, None);
    for event in events {
        match event {
            Event::Header(header) => found = found.or(Some(header)),
            Event::Packet { payload, .. } => {
                packets += 1;
                token_bytes += payload.len() as u64;
            }
            Event::Closing { sequence, reach, payload } => {
                packets += 1;
                token_bytes += payload.len() as u64;
                end = Some((sequence, reach));
            }
            Event::Damage { .. } => {}
        }
    }
    let header = found.ok_or_else(no_sound)?;
    let MediaShape::Audio { rate, channels, duration: Duration::Live(live) } = header.media else {
        return Err(no_sound());
    };
    Ok(Inspection {
        rate,
        layout: channels,
        samples: None,
        source: None,
        live: Some(live),
        packets,
        reach: end,
        complete: reader.has_ended(),
        pack: header.pack,
        rung: header.rung,
        prior: header.prior,
        token_bytes,
        parts: container::layout(bytes, limits).unwrap_or_default(),
    })
}

fn no_sound() -> crate::Error {
    CoreError::Unsupported { what: "the file holds no sound".to_owned() }.into()
}
