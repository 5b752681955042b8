//! Samples to packets.

use std::sync::Arc;

use tessera_core::container::live::PacketWriter;
use tessera_core::container::{Channels, Duration, Header, MediaShape, PriorKind};
use tessera_core::entropy::encode_tokens;
use tessera_core::{Rung, TokenGrid};

use super::packet_shape;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::stream::StreamEncoder;

/// Bytes of a packet beyond its payload: kind, number, length, checksum.
const PACKET_BYTES: f64 = 8.0;

/// How a live stream is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOptions {
    /// Bits of a token. Default: the pack's most.
    pub depth: Option<u8>,
    /// Tokens of a packet, 1 to 4,096. Default 40, half a second at 80 tokens a second. A packet waits for its last token and costs
    /// about nine bytes beyond them.
    pub packet_frames: u32,
    /// Packets from one repetition of the header to the next, so that a reader can join; 0 for none. Default 20.
    pub header_every: u32,
    /// How tokens are coded. Default: with the pack's trained prior where it has one.
    pub prior: Option<PriorKind>,
}

impl LiveOptions {
    /// Bits a second of a stream of `depth` bits a token, the header of `header` bytes included where it comes again: what plain
    /// tokens cost, and what a trained prior undercuts.
    pub(crate) fn bits_per_second(&self, depth: u8, header: usize, tokens_per_second: f64) -> f64 {
        let payload = (f64::from(self.packet_frames) * f64::from(depth) / 8.0).ceil() + 1.0;
        let again = if self.header_every == 0 { 0.0 } else { header as f64 / f64::from(self.header_every) };
        (payload + PACKET_BYTES + again) * 8.0 * tokens_per_second / f64::from(self.packet_frames)
    }
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { depth: None, packet_frames: 40, header_every: 20, prior: None }
    }
}

/// What a push brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Tokens, each as soon as its samples are there.
    pub tokens: Vec<u16>,
    /// Whole packets, to be sent or written one after the other. One may begin with the header.
    pub packets: Vec<Vec<u8>>,
}

impl Sent {
    /// All packets' bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.packets.concat()
    }
}

/// Samples of one channel to the packets of a live stream.
#[derive(Debug, Clone)]
pub struct LiveWriter {
    model: Arc<Model>,
    encoder: StreamEncoder,
    packets: PacketWriter,
    options: LiveOptions,
    prior: PriorKind,
    /// Tokens of the packet that is not full yet.
    pending: Vec<u16>,
    finished: bool,
}

impl LiveWriter {
    pub(crate) fn new(model: Arc<Model>, options: LiveOptions) -> Result<Self> {
        let depth = options.depth.unwrap_or(model.parts.book().depth());
        let encoder = StreamEncoder::new(Arc::clone(&model), depth)?;
        let prior = options.prior.unwrap_or(model.default_prior());
        model.prior(prior)?;
        let header = Header {
            pack: model.pack_ref(),
            rung: Rung { levels: 1, depth },
            prior,
            media: MediaShape::Audio {
                rate: model.parts.sample_rate,
                channels: Channels::Mono,
                duration: Duration::Live { packet_frames: options.packet_frames },
            },
        };
        let packets = PacketWriter::new(&header)?;
        Ok(Self { model, encoder, packets, options, prior, pending: Vec::new(), finished: false })
    }

    /// The header's bytes, for a reader that comes in later. The first packet begins with them.
    pub fn header(&self) -> &[u8] {
        self.packets.header()
    }

    /// Takes samples at the model's rate; returns the tokens and packets that they complete.
    ///
    /// # Errors
    /// [`Error::Parameter`] after [`finish`](Self::finish); otherwise as [`StreamEncoder::push`].
    pub fn push(&mut self, samples: &[f32]) -> Result<Sent> {
        self.check_open()?;
        let tokens = self.encoder.push(samples)?;
        self.pending.extend(&tokens);
        let mut packets = Vec::new();
        self.fill(&mut packets, 0)?;
        Ok(Sent { tokens, packets })
    }

    /// Ends the stream: the last tokens, and packets up to the closing one.
    ///
    /// # Errors
    /// [`Error::Sound`] if there were no samples; otherwise as [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Sent> {
        self.check_open()?;
        let samples = self.encoder.samples();
        if samples == 0 {
            return Err(Error::sound("the sound has no samples"));
        }
        let tokens = self.encoder.finish()?;
        self.pending.extend(&tokens);
        let mut packets = Vec::new();
        // The closing packet is never empty.
        self.fill(&mut packets, 1)?;
        let spectrum = &self.model.spectrum;
        let before = u64::from(self.packets.next_sequence()) * u64::from(self.options.packet_frames);
        let reach = samples + spectrum.overlap() as u64 - before * spectrum.hop() as u64;
        // At most a packet's frames, each of a hop.
        let reach = u32::try_from(reach).map_err(|_| Error::parameter("a packet of too many samples"))?;
        let mut packet = self.repeated_header();
        let payload = self.code(self.pending.clone())?;
        packet.extend(self.packets.closing(reach, &payload)?);
        packets.push(packet);
        self.pending.clear();
        self.finished = true;
        Ok(Sent { tokens, packets })
    }

    /// How many samples a token may wait for its packet at most.
    pub fn delay_samples(&self) -> usize {
        self.options.packet_frames as usize * self.model.spectrum.hop()
    }

    /// Packs full packets as long as more than `kept` tokens would be left without them.
    fn fill(&mut self, packets: &mut Vec<Vec<u8>>, kept: usize) -> Result<()> {
        let frames = self.options.packet_frames as usize;
        while self.pending.len() >= frames + kept {
            let rest = self.pending.split_off(frames);
            let tokens = std::mem::replace(&mut self.pending, rest);
            let mut packet = self.repeated_header();
            packet.extend(self.packets.packet(self.code(tokens)?)?);
            packets.push(packet);
        }
        Ok(())
    }

    /// The header where it is due before the next packet.
    fn repeated_header(&self) -> Vec<u8> {
        let next = self.packets.next_sequence();
        let due = next == 0 || next.checked_rem(self.options.header_every) == Some(0);
        if due { self.packets.header().to_vec() } else { Vec::new() }
    }

    fn code(&self, tokens: Vec<u16>) -> Result<Vec<u8>> {
        let prior = self.model.prior(self.prior)?;
        let grid = TokenGrid::from_tokens(packet_shape(tokens.len() as u32), &[self.encoder.depth()], tokens)?;
        Ok(encode_tokens(&grid, prior)?)
    }

    fn check_open(&self) -> Result<()> {
        match self.finished {
            true => Err(Error::parameter("the live stream has ended")),
            false => Ok(()),
        }
    }
}
