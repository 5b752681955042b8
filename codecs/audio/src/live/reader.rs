//! Packets to samples.

use std::sync::Arc;

use tessera_core::container::live::{Event, PacketReader};
use tessera_core::container::{Duration, Header, Live, MediaShape};
use tessera_core::entropy::TokenDecoder;
use tessera_core::{Error as CoreError, Limits, TokenGrid};

use crate::error::{Error, Result};
use crate::frames;
use crate::model::Model;
use crate::stream::StreamDecoder;

/// Longest gap that is filled, seconds: after a longer one the sound goes on at once.
const LONGEST_GAP: u64 = 10;
/// The heap node of a token of which nothing is known.
const LOST: u32 = 1;

/// What a push brings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Received {
    /// Samples at the model's rate, those that stand in for lost ones included.
    pub samples: Vec<f32>,
    /// Frames, those that were lost and concealed included.
    pub frames: u64,
    /// What is known of the frames, one after the other, each of as many nodes as the header has levels: of a token known to d bits the
    /// heap node 2^d + bits, of a lost one 1. A frame is lost whose first token is.
    pub nodes: Vec<u32>,
    /// Frames whose packet was lost and of which another repeats the leading bits.
    pub repaired: u64,
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
    live: Live,
    decoder: StreamDecoder,
    /// Frame at which the reader joined, and number of the next packet; `None` before the first packet.
    place: Option<(u64, u64)>,
    /// What is known of the frames that are not decoded yet, from frame `begin` on: heap nodes.
    window: Vec<u32>,
    begin: u64,
    /// Frames of gaps that were not filled.
    skipped: u64,
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
        let mut received = self.take(events)?;
        if let Some(stream) = &mut self.stream {
            stream.flush(usize::MAX, &mut received)?;
        }
        Ok(received)
    }

    /// Stands in for the next `packets` packets, of which the caller knows that they will not come in time. Those that do come
    /// later are ignored.
    ///
    /// # Errors
    /// [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn lose(&mut self, packets: u32) -> Result<Received> {
        let mut received = Received::default();
        if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended)
            && let Some((_, next)) = &mut stream.place
        {
            *next += u64::from(packets);
            let group = *next / u64::from(stream.live.interleave) * u64::from(stream.live.group_frames());
            stream.extend(group, &mut received)?;
            stream.flush_before(group, &mut received)?;
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
        let place = stream.and_then(|stream| stream.place.map(|(joined, _)| joined * stream.decoder.hop() as u64));
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
                        stream.packet(&self.model, &self.limits, (sequence, None), &payload, &mut received)?;
                    }
                }
                Event::Closing { sequence, reach, payload } => {
                    if let Some(stream) = self.stream.as_mut().filter(|stream| !stream.ended) {
                        stream.packet(&self.model, &self.limits, (sequence, Some(reach)), &payload, &mut received)?;
                    }
                }
            }
        }
        Ok(received)
    }

    fn open(&self, header: Header) -> Result<Stream> {
        self.model.check_pack(&header.pack)?;
        let MediaShape::Audio { rate, duration: Duration::Live(live), .. } = header.media else {
            return Err(Error::corrupt("a live stream that is no sound"));
        };
        if rate != self.model.parts.sample_rate {
            return Err(Error::corrupt("the stream's rate is not that of its model pack"));
        }
        let tokens = u64::from(live.group_frames()) * u64::from(header.rung.levels);
        if tokens > self.limits.max_tokens {
            return Err(CoreError::Limit {
                what: "tokens of a group of packets".to_owned(),
                claimed: tokens,
                limit: self.limits.max_tokens,
            }
            .into());
        }
        let bits = self
            .model
            .bits(header.rung)
            .filter(|_| live.repeat <= header.rung.first_depth(self.model.parts.codebook.full_depth()));
        let bits =
            bits.ok_or_else(|| Error::corrupt("the stream's frames have other bits than those of its model pack"))?;
        let decoder = StreamDecoder::new(Arc::clone(&self.model), bits)?;
        let (window, begin) = (Vec::new(), 0);
        Ok(Stream { header, live, decoder, place: None, window, begin, skipped: 0, ended: false })
    }
}

impl Stream {
    /// Takes a packet; the closing one if it says how far it reaches. One that does not decode is as good as lost.
    fn packet(
        &mut self,
        model: &Model,
        limits: &Limits,
        (sequence, reach): (u32, Option<u32>),
        payload: &[u8],
        received: &mut Received,
    ) -> Result<()> {
        let live = self.live;
        let (sequence, packets) = (u64::from(sequence), u64::from(live.interleave));
        let (group, turn) = (sequence / packets, sequence % packets);
        let start = group * u64::from(live.group_frames());
        let frames = match reach {
            None => live.packet_frames,
            Some(reach) => self.closing_frames(model, reach, turn)?,
        };
        if self.place.is_none() {
            self.begin = start;
        }
        let (joined, next) = *self.place.get_or_insert((start, sequence));
        if sequence < next {
            received.late += 1;
            return Ok(());
        }
        self.place = Some((joined, sequence + 1));
        self.extend(start, received)?;
        if let Some(reach) = reach {
            // Samples of the whole stream, then of what comes out of it.
            let hop = model.spectrum.hop() as u64;
            let end = (start * hop + u64::from(reach)).saturating_sub(model.spectrum.delay() as u64);
            self.decoder.end_at(end.saturating_sub((joined + self.skipped) * hop));
        }

        let (own, again) = self.tokens(model, limits, frames, sequence > 0, payload).unwrap_or_default();
        // What stands in for a gap goes over into what comes after it.
        let whole = reach.map_or(live.group_frames(), |_| frames) as usize;
        self.resize(start.saturating_sub(self.begin) as usize + whole);
        if let Some(again) = again {
            let (group, turn) = ((sequence - 1) / packets, (sequence - 1) % packets);
            let first = group * u64::from(live.group_frames()) + turn;
            for (n, frame) in (0u64..).zip(nodes(&again)) {
                received.repaired += u64::from(self.learn(first + n * packets, &frame));
            }
        }
        let step = if reach.is_some() { 1 } else { packets };
        for (n, frame) in (0u64..).zip(own.iter().flat_map(nodes)) {
            self.learn(start + turn + n * step, &frame);
        }
        match turn + 1 == packets || reach.is_some() {
            true => self.flush(usize::MAX, received)?,
            false => self.flush_before(start, received)?,
        }
        self.ended = reach.is_some();
        Ok(())
    }

    /// A packet's own tokens, and those that it repeats if it is not the first.
    fn tokens(
        &self,
        model: &Model,
        limits: &Limits,
        frames: u32,
        is_later: bool,
        payload: &[u8],
    ) -> Result<(Option<TokenGrid>, Option<TokenGrid>)> {
        let (live, prior) = (self.live, model.prior(self.header.prior)?);
        let mut bits = self.decoder.bits();
        let mut decoder = TokenDecoder::new(payload)?;
        if live.bits_per_second.is_some() {
            bits -= decoder.take_count(bits - 1)?;
        }
        let depths = model.depths(bits)?;
        // As many as a codebook has.
        let own = decoder.take_grid(frames::shape(depths.len() as u8, frames), &depths, prior, limits)?;
        let again = match live.repeat > 0 && is_later {
            true => Some(decoder.take_grid(frames::shape(1, live.packet_frames), &[live.repeat], prior, limits)?),
            false => None,
        };
        decoder.finish()?;
        Ok((Some(own), again))
    }

    /// Tokens of a closing packet, which is the first of its group.
    fn closing_frames(&self, model: &Model, reach: u32, turn: u64) -> Result<u32> {
        let frames = u64::from(reach).div_ceil(model.spectrum.hop() as u64);
        let frames = u32::try_from(frames).ok().filter(|frames| (1..=self.live.group_frames()).contains(frames));
        frames
            .filter(|_| turn == 0)
            .ok_or_else(|| Error::corrupt("the closing packet reaches further than a group of packets"))
    }

    /// Makes the window reach to frame `start`. Of a gap that is too long only the begin is filled, and is decoded.
    fn extend(&mut self, start: u64, received: &mut Received) -> Result<()> {
        let missing = start.saturating_sub(self.begin + self.known() as u64);
        let MediaShape::Audio { rate, .. } = self.header.media else { return Ok(()) };
        let filled = missing.min(LONGEST_GAP * u64::from(rate) / self.decoder.hop() as u64);
        // At most ten seconds.
        self.resize(self.known() + filled as usize);
        if missing > filled {
            self.flush(usize::MAX, received)?;
            self.begin = start;
            received.skipped += missing - filled;
            self.skipped += missing - filled;
        }
        Ok(())
    }

    /// Takes down what is known of a frame of the window if nothing was; says whether that was so.
    fn learn(&mut self, frame: u64, nodes: &[u32]) -> bool {
        let at = frame.checked_sub(self.begin).and_then(|at| usize::try_from(at).ok());
        let known = at.and_then(|at| self.window.chunks_exact_mut(self.decoder.depths().len()).nth(at));
        let Some(known) = known.filter(|known| known[0] == LOST) else { return false };
        known.iter_mut().zip(nodes).for_each(|(known, node)| *known = *node);
        true
    }

    /// Frames of the window.
    fn known(&self) -> usize {
        self.window.len() / self.decoder.depths().len()
    }

    /// Makes the window one of so many frames; new ones are lost.
    fn resize(&mut self, frames: usize) {
        self.window.resize(frames * self.decoder.depths().len(), LOST);
    }

    /// Decodes what there is before frame `start`; what is missing is concealed.
    fn flush_before(&mut self, start: u64, received: &mut Received) -> Result<()> {
        let count = start.saturating_sub(self.begin);
        self.flush(usize::try_from(count).unwrap_or(usize::MAX), received)
    }

    /// Decodes the first `count` frames of the window.
    fn flush(&mut self, count: usize, received: &mut Received) -> Result<()> {
        let levels = self.decoder.depths().len();
        let count = count.min(self.known());
        let rest = self.window.split_off(count * levels);
        let nodes = std::mem::replace(&mut self.window, rest);
        self.begin += count as u64;
        received.frames += count as u64;
        received.concealed += nodes.iter().step_by(levels).filter(|&&node| node == LOST).count() as u64;
        let next = &self.window[..levels.min(self.window.len())];
        received.samples.extend(self.decoder.push_known(&nodes, next)?);
        received.nodes.extend(nodes);
        Ok(())
    }
}

/// The frames of a packet as heap nodes.
fn nodes(grid: &TokenGrid) -> impl Iterator<Item = Vec<u32>> + '_ {
    let frames = grid.level(0).len();
    let node = move |frame: usize| {
        let levels = grid.depths().iter().enumerate();
        levels.map(|(level, &depth)| 1 << depth | u32::from(grid.level(level)[frame])).collect()
    };
    (0..frames).map(node)
}
