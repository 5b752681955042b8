//! Packets to samples.

use std::sync::Arc;

use tessera_core::container::live::{Event, PacketReader};
use tessera_core::container::{Duration, Header, MediaShape};
use tessera_core::entropy::decode_tokens;
use tessera_core::{Error as CoreError, Limits};

use super::packet_shape;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::stream::StreamDecoder;

/// Longest gap that is filled, seconds: after a longer one the sound goes on at once.
const LONGEST_GAP: u64 = 10;

/// What a push brings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Received {
    /// Samples at the model's rate, those that stand in for lost ones included.
    pub samples: Vec<f32>,
    /// Tokens that arrived.
    pub tokens: Vec<u16>,
    /// Frames that were lost and concealed.
    pub concealed: u64,
    /// Frames of gaps too long to be filled.
    pub skipped: u64,
    /// Packets that came twice or too late, and were ignored.
    pub late: u64,
    /// Bytes that belong to no whole packet.
    pub damaged_bytes: u64,
}

/// The bytes of a live stream to samples, as they come, from any packet on.
///
/// Lost packets are noticed by the numbers of those that arrive, and concealed; damaged bytes cost the packets that they are in.
#[derive(Debug, Clone)]
pub struct LiveReader {
    model: Arc<Model>,
    limits: Limits,
    packets: PacketReader,
    stream: Option<Stream>,
}

/// The stream under one header.
#[derive(Debug, Clone)]
struct Stream {
    header: Header,
    packet_frames: u32,
    decoder: StreamDecoder,
    /// Numbers of the first packet that arrived and of the next one; `None` before the first.
    place: Option<(u32, u64)>,
    /// Samples of gaps that were not filled.
    skipped_samples: u64,
    ended: bool,
}

impl LiveReader {
    pub(crate) fn new(model: Arc<Model>, limits: Limits) -> Self {
        Self { model, limits, packets: PacketReader::new(limits), stream: None }
    }

    /// Takes bytes, cut anywhere.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] for a stream of another pack; [`Error::Core`] for what is no live stream, for packets of more tokens
    /// than the limits allow, and for parts that this version does not know; [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Received> {
        let events = self.packets.push(bytes)?;
        self.take(events)
    }

    /// Says that no more bytes come. Whether the stream was whole to its end, [`has_ended`](Self::has_ended) says.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`Error::Core`] if there was no stream at all.
    pub fn finish(&mut self) -> Result<Received> {
        let events = self.packets.finish()?;
        self.take(events)
    }

    /// Stands in for the next `packets` packets, of which the caller knows that they will not come in time. Those that do come
    /// later are ignored.
    ///
    /// # Errors
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn lose(&mut self, packets: u32) -> Result<Received> {
        let mut received = Received::default();
        if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended)
            && let Some((_, next)) = stream.place
        {
            stream.bridge(next + u64::from(packets), &mut received)?;
        }
        Ok(received)
    }

    /// Whether the closing packet has arrived.
    pub fn has_ended(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.ended)
    }

    /// The stream's header, once it is known.
    pub fn header(&self) -> Option<&Header> {
        self.stream.as_ref().map(|stream| &stream.header)
    }

    /// Samples of the stream before the first that came out: 0 unless it was joined later.
    pub fn joined_at(&self) -> u64 {
        let stream = self.stream.as_ref();
        let place = stream.and_then(|stream| stream.place.map(|(first, _)| stream.samples_before(first.into())));
        place.unwrap_or(0)
    }

    fn take(&mut self, events: Vec<Event>) -> Result<Received> {
        let mut received = Received::default();
        for event in events {
            match event {
                Event::Header(header) => self.stream = Some(self.open(header)?),
                Event::Damage { bytes } => received.damaged_bytes += bytes,
                Event::Packet { sequence, payload } => {
                    if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended) {
                        let frames = stream.packet_frames;
                        stream.packet(&self.model, &self.limits, (sequence, frames), &payload, &mut received)?;
                    }
                }
                Event::Closing { sequence, reach, payload } => {
                    if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended) {
                        stream.close(&self.model, &self.limits, (sequence, reach), &payload, &mut received)?;
                    }
                }
            }
        }
        Ok(received)
    }

    fn open(&self, header: Header) -> Result<Stream> {
        self.model.check_pack(&header.pack)?;
        let MediaShape::Audio { rate, duration: Duration::Live { packet_frames }, .. } = header.media else {
            return Err(Error::corrupt("a live stream that is no sound"));
        };
        if rate != self.model.parts.sample_rate || header.rung.levels != 1 {
            return Err(Error::corrupt("the stream's rate or levels are not those of its model pack"));
        }
        if u64::from(packet_frames) > self.limits.max_tokens {
            return Err(CoreError::Limit {
                what: "tokens of a packet".to_owned(),
                claimed: packet_frames.into(),
                limit: self.limits.max_tokens,
            }
            .into());
        }
        let decoder = StreamDecoder::new(Arc::clone(&self.model), header.rung.depth)
            .map_err(|_| Error::corrupt("the stream's tokens have more bits than those of its model pack"))?;
        Ok(Stream { header, packet_frames, decoder, place: None, skipped_samples: 0, ended: false })
    }
}

impl Stream {
    fn samples_before(&self, sequence: u64) -> u64 {
        sequence * u64::from(self.packet_frames) * self.decoder.hop() as u64
    }

    /// Takes a packet of `frames` tokens. One that does not decode is as good as lost.
    fn packet(
        &mut self,
        model: &Model,
        limits: &Limits,
        (sequence, frames): (u32, u32),
        payload: &[u8],
        received: &mut Received,
    ) -> Result<()> {
        let next = self.place.map_or(u64::from(sequence), |(_, next)| next);
        if u64::from(sequence) < next {
            received.late += 1;
            return Ok(());
        }
        self.place.get_or_insert((sequence, sequence.into()));
        self.bridge(sequence.into(), received)?;
        let prior = model.prior(self.header.prior)?;
        match decode_tokens(payload, packet_shape(frames), &[self.decoder.depth()], prior, limits) {
            Ok(grid) => {
                received.samples.extend(self.decoder.push(grid.tokens())?);
                received.tokens.extend(grid.tokens());
            }
            Err(_) => {
                received.samples.extend(self.decoder.conceal(frames.into())?);
                received.concealed += u64::from(frames);
            }
        }
        if let Some((_, next)) = &mut self.place {
            *next = u64::from(sequence) + 1;
        }
        Ok(())
    }

    /// Fills the gap before packet `sequence`.
    fn bridge(&mut self, sequence: u64, received: &mut Received) -> Result<()> {
        let Some((_, next)) = &mut self.place else { return Ok(()) };
        let missing = sequence.saturating_sub(*next) * u64::from(self.packet_frames);
        *next = sequence.max(*next);
        let MediaShape::Audio { rate, .. } = self.header.media else { return Ok(()) };
        let filled = missing.min(LONGEST_GAP * u64::from(rate) / self.decoder.hop() as u64);
        received.samples.extend(self.decoder.conceal(filled)?);
        received.concealed += filled;
        received.skipped += missing - filled;
        self.skipped_samples += (missing - filled) * self.decoder.hop() as u64;
        Ok(())
    }

    fn close(
        &mut self,
        model: &Model,
        limits: &Limits,
        (sequence, reach): (u32, u32),
        payload: &[u8],
        received: &mut Received,
    ) -> Result<()> {
        let (hop, overlap) = (model.spectrum.hop() as u64, model.spectrum.overlap() as u64);
        let frames = u64::from(reach).div_ceil(hop);
        let frames = u32::try_from(frames).ok().filter(|frames| (1..=self.packet_frames).contains(frames));
        let Some(frames) = frames else {
            return Err(Error::corrupt("the closing packet reaches further than a packet"));
        };
        // Samples of the whole stream, then of what came out of it since it was joined.
        let end = (self.samples_before(sequence.into()) + u64::from(reach)).saturating_sub(overlap);
        let first = self.place.map_or(sequence, |(first, _)| first);
        let end = end.saturating_sub(self.samples_before(first.into())).saturating_sub(self.skipped_samples);
        self.decoder.end_at(end);
        self.packet(model, limits, (sequence, frames), payload, received)?;
        self.ended = true;
        Ok(())
    }
}
