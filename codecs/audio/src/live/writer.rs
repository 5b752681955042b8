//! Samples to packets.

use std::sync::Arc;

use tessera_core::container::live::PacketWriter;
use tessera_core::container::{Channels, Duration, Header, Live, MediaShape, PriorKind};
use tessera_core::entropy::TokenEncoder;
use tessera_core::{LatentShape, TokenGrid};

use super::rate::RateControl;
use crate::error::{Error, Result};
use crate::frames;
use crate::model::Model;
use crate::stream::LatentStream;

/// Bytes that the index at the end will have for a joining point.
const INDEX_ENTRY: usize = 4;

/// How a live stream is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveOptions {
    /// Bits of a frame, at most where a rate is kept. Default: what the pack says, or what the rate needs.
    pub bits: Option<u8>,
    /// Frames of a packet. Default 40, half a second at 80 frames a second. A packet waits for its last frame and costs
    /// about five bytes beyond them.
    pub packet_frames: u32,
    /// Packets over which frames are dealt in turn. Default 1. A frame waits for the last one of its group; a lost packet leaves
    /// the frames beside its own.
    pub interleave: u32,
    /// Leading bits of its frames that the next packet repeats, at most a token's. Default 0.
    pub repeat: u8,
    /// Bits a second that the whole stream takes. The header announces it, and packets have frames of as many bits as it allows.
    /// Default: none, all frames have the same bits, whatever they cost.
    pub bits_per_second: Option<u32>,
    /// Frames from one repetition of the header to the next at least, so that a reader can join; 0 for none. Default 1,600, 20 s.
    pub header_every: u32,
    /// How tokens are coded. Default: with the pack's trained prior where it has one.
    pub prior: Option<PriorKind>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            bits: None,
            packet_frames: 40,
            interleave: 1,
            repeat: 0,
            bits_per_second: None,
            header_every: 1600,
            prior: None,
        }
    }
}

/// What a push brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Tokens of the packets, repeated ones not counted again.
    pub tokens: u64,
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
    latents: LatentStream,
    packets: PacketWriter,
    live: Live,
    bits: u8,
    prior: PriorKind,
    /// Packets from one header to the next; `None` for the first header alone.
    header_every: Option<u32>,
    rate: Option<RateControl>,
    /// Bytes that the rate control has paid for and that come at the end.
    owed: usize,
    /// Latents of the frames of the group that is not full yet.
    pending: Vec<f32>,
    /// Tokens of the packet before.
    last: Option<TokenGrid>,
    bytes: u64,
    samples: u64,
    finished: bool,
}

impl LiveWriter {
    pub(crate) fn new(model: Arc<Model>, options: LiveOptions) -> Result<Self> {
        let frames_per_second = f64::from(model.parts.sample_rate) / model.spectrum.hop() as f64;
        let bits = options.bits.unwrap_or_else(|| match options.bits_per_second {
            None => model.parts.bits,
            // Speech does with two thirds of its frames' bits, and now and then with less.
            Some(rate) => {
                let bits = (1.5 * f64::from(rate) / frames_per_second).ceil() as u8;
                bits.clamp(model.parts.min_bits, model.most_bits())
            }
        });
        let rung = model.rung(bits)?;
        let prior = options.prior.unwrap_or(model.default_prior());
        model.prior(prior)?;
        let live = Live {
            packet_frames: options.packet_frames,
            interleave: options.interleave,
            repeat: options.repeat,
            bits_per_second: options.bits_per_second,
        };
        let header = Header {
            pack: model.pack_ref(),
            rung,
            prior,
            media: MediaShape::Audio {
                rate: model.parts.sample_rate,
                channels: Channels::Mono,
                duration: Duration::Live(live),
            },
        };
        // Checks the options too.
        let packets = PacketWriter::new(&header)?;
        if options.repeat > rung.first_depth(model.parts.codebook.full_depth()) {
            return Err(Error::parameter(format!("a token of fewer than {} bits to repeat", options.repeat)));
        }
        let least = model.parts.min_bits.max(options.repeat).min(bits);
        let rate = |rate: u32| RateControl::new(rate.into(), frames_per_second, least..=bits);
        let groups = options.header_every.div_ceil(live.group_frames());
        Ok(Self {
            latents: LatentStream::new(Arc::clone(&model)),
            packets,
            live,
            bits,
            prior,
            header_every: (groups > 0).then(|| groups.saturating_mul(live.interleave)),
            rate: options.bits_per_second.map(rate),
            owed: 0,
            pending: Vec::new(),
            last: None,
            bytes: 0,
            samples: 0,
            finished: false,
            model,
        })
    }

    /// The header's bytes. The first packet begins with them.
    pub fn header(&self) -> &[u8] {
        self.packets.header()
    }

    /// Takes samples at the model's rate; returns the packets that they complete.
    ///
    /// # Errors
    /// [`Error::Parameter`] after [`finish`](Self::finish); [`Error::Sound`] for a sample that is not finite: nothing of this push is
    /// taken. [`Error::Models`] if ONNX Runtime is missing or fails.
    pub fn push(&mut self, samples: &[f32]) -> Result<Sent> {
        self.check_open()?;
        self.pending.extend(self.latents.push(samples)?);
        self.samples += samples.len() as u64;
        let mut sent = Sent::default();
        self.fill(&mut sent, 0)?;
        Ok(sent)
    }

    /// Ends the stream: packets up to the closing one.
    ///
    /// # Errors
    /// [`Error::Sound`] if there were no samples; otherwise as [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Sent> {
        self.check_open()?;
        if self.samples == 0 {
            return Err(Error::sound("the sound has no samples"));
        }
        self.pending.extend(self.latents.finish()?);
        let mut sent = Sent::default();
        // The closing packet is never empty.
        self.fill(&mut sent, 1)?;
        let spectrum = &self.model.spectrum;
        let before = u64::from(self.packets.next_sequence()) * u64::from(self.live.packet_frames);
        let reach = self.samples + spectrum.delay() as u64 - before * spectrum.hop() as u64;
        // At most a group's frames, each of a hop.
        let reach = u32::try_from(reach).map_err(|_| Error::parameter("a packet of too many samples"))?;
        let latents = std::mem::take(&mut self.pending);
        self.pack(&latents, Some(reach), &mut sent)?;
        self.finished = true;
        Ok(sent)
    }

    /// How many samples a token may wait for its packet at most.
    pub fn delay_samples(&self) -> usize {
        self.live.group_frames() as usize * self.model.spectrum.hop()
    }

    /// Bits a second of all packets so far, heads and headers included; `None` before the first.
    pub fn measured_bits_per_second(&self) -> Option<f64> {
        let seconds = self.samples as f64 / f64::from(self.model.parts.sample_rate);
        (self.bytes > 0).then(|| self.bytes as f64 * 8.0 / seconds)
    }

    /// Packs full groups as long as at least `kept` frames are left without them.
    fn fill(&mut self, sent: &mut Sent, kept: usize) -> Result<()> {
        let dim = self.model.parts.codebook.dim();
        let (frames, stride) = (self.live.group_frames() as usize, self.live.interleave as usize);
        while self.pending.len() >= (frames + kept) * dim {
            let rest = self.pending.split_off(frames * dim);
            let group = std::mem::replace(&mut self.pending, rest);
            for first in 0..stride {
                let own: Vec<f32> = group.chunks_exact(dim).skip(first).step_by(stride).flatten().copied().collect();
                self.pack(&own, None, sent)?;
            }
        }
        Ok(())
    }

    /// Makes the packet of these latents; the closing one if it is known how far it reaches.
    fn pack(&mut self, latents: &[f32], reach: Option<u32>, sent: &mut Sent) -> Result<()> {
        let next = self.packets.next_sequence();
        let is_joining = next == 0 || self.header_every.is_some_and(|every| next.is_multiple_of(every));
        let is_joining = is_joining && reach.is_none();
        let (packets, again) = (&self.packets, self.repeated()?);
        let coder = Coder { model: &self.model, prior: self.prior, latents, again: again.as_ref() };
        // Where a rate is kept, a packet says by how many bits its frames are shallower.
        let most = self.rate.as_ref().map(|_| self.bits);
        let make = |bits| {
            let (grid, payload) = coder.code(bits, most)?;
            let mut packets = packets.clone();
            let packet = match reach {
                // A closing packet that is the first, too, has the header.
                Some(reach) if next == 0 => [packets.header().to_vec(), packets.closing(reach, &payload)?].concat(),
                Some(reach) => packets.closing(reach, &payload)?,
                None if is_joining => packets.joining_packet(&payload)?,
                None => packets.packet(&payload)?,
            };
            Ok::<_, Error>((grid, packets, packet))
        };
        let (grid, packets, packet) = match &mut self.rate {
            None => make(self.bits)?,
            Some(rate) => {
                let owed = &mut self.owed;
                *owed += if is_joining && next > 0 { INDEX_ENTRY } else { 0 };
                let frames = latents.len() / self.model.parts.codebook.dim();
                rate.choose(frames as f64, reach.is_some(), |bits| {
                    let made = make(bits)?;
                    let bytes = match reach {
                        Some(_) => made.2.len() as f64 - *owed as f64,
                        None if is_joining && next > 0 => (made.2.len() + INDEX_ENTRY) as f64,
                        None => made.2.len() as f64,
                    };
                    Ok::<_, Error>((made, 8.0 * bytes))
                })?
            }
        };
        self.packets = packets;
        self.bytes += packet.len() as u64;
        sent.tokens += grid.tokens().len() as u64;
        sent.packets.push(packet);
        self.last = Some(grid);
        Ok(())
    }

    /// What the next packet says again of the last one.
    fn repeated(&self) -> Result<Option<TokenGrid>> {
        let repeat = self.live.repeat;
        let Some(last) = self.last.as_ref().filter(|_| repeat > 0) else { return Ok(None) };
        let less = last.depths()[0] - repeat;
        let coarse = last.level(0).iter().map(|token| token >> less).collect();
        Ok(Some(TokenGrid::from_tokens(frames::shape(1, last.shape().t), &[repeat], coarse)?))
    }

    fn check_open(&self) -> Result<()> {
        match self.finished {
            true => Err(Error::parameter("the live stream has ended")),
            false => Ok(()),
        }
    }
}

/// Makes the payload of a packet.
struct Coder<'a> {
    model: &'a Model,
    prior: PriorKind,
    latents: &'a [f32],
    again: Option<&'a TokenGrid>,
}

impl Coder<'_> {
    /// The nearest frames of `bits` bits and their payload, in a stream of frames of at most `most` bits.
    fn code(&self, bits: u8, most: Option<u8>) -> Result<(TokenGrid, Vec<u8>)> {
        let frames = self.latents.len() / self.model.parts.codebook.dim();
        let shape = LatentShape { t: frames as u32, y: 1, x: 1 };
        let grid = self.model.parts.codebook.quantize(self.latents, shape, self.model.rung(bits)?)?;
        let prior = self.model.prior(self.prior)?;
        let mut encoder = TokenEncoder::default();
        if let Some(most) = most {
            encoder.put_count(most - bits, most - 1);
        }
        encoder.put_grid(&grid, prior)?;
        if let Some(again) = self.again {
            encoder.put_grid(again, prior)?;
        }
        Ok((grid, encoder.finish()))
    }
}
