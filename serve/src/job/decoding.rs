//! Tokens to samples.

use std::collections::VecDeque;

use tessera_audio::io::Resampler;
use tessera_audio::{AudioCodec, LiveReader, Received, StreamDecoder};
use tessera_core::Limits;

use super::{Job, TURN, Turn, parted};
use crate::fault::Fault;
use crate::wire::{Ended, Format, MAX_PACKET_TOKENS, Packet, pcm_of};

/// Longest gap that is filled, seconds. After a longer one the sound goes on at once.
const LONGEST_GAP: u64 = 10;
/// Samples of a sound that a client may speak of: two years.
const LONGEST_SOUND: u64 = 1 << 40;
/// Bytes of a `tsr` stream that are taken in one turn: a packet or two.
const TSR_TURN: usize = 16;

/// A stream of tokens that become samples.
#[derive(Debug)]
pub(crate) struct Decoding {
    codec: AudioCodec,
    rate: u32,
    coder: Coder,
    resampler: Resampler,
    counts: Counts,
}

#[derive(Debug)]
enum Coder {
    Tokens { decoder: Box<StreamDecoder>, next: u64, pieces: VecDeque<Piece>, length: Option<u64> },
    Tsr { reader: Box<LiveReader>, waiting: VecDeque<u8> },
}

/// What waits for the decoder.
#[derive(Debug)]
enum Piece {
    Tokens(Vec<u64>),
    Lost(u64),
}

#[derive(Debug, Default)]
struct Counts {
    samples: u64,
    tokens: u64,
    concealed: u64,
    skipped: u64,
    late: u64,
    damaged_bytes: u64,
}

impl Decoding {
    /// Packets of tokens of `depth` bits to PCM of `rate` samples per second.
    pub fn new(codec: &AudioCodec, format: Format, rate: u32, depth: u8) -> tessera_audio::Result<Self> {
        let coder = match format {
            Format::Tokens => {
                let decoder = Box::new(codec.stream_decoder(depth)?);
                Coder::Tokens { decoder, next: 0, pieces: VecDeque::new(), length: None }
            }
            Format::Tsr => {
                let limits = Limits { max_tokens: MAX_PACKET_TOKENS as u64, ..Limits::default() };
                Coder::Tsr { reader: Box::new(codec.live_reader(limits)), waiting: VecDeque::new() }
            }
        };
        let resampler = Resampler::new(codec.rate(), rate)?;
        Ok(Self { codec: codec.clone(), rate, coder, resampler, counts: Counts::default() })
    }

    /// Counts what came out, and turns it into a message at the client's rate.
    fn message(&mut self, samples: &[f32]) -> tessera_audio::Result<Option<Vec<u8>>> {
        self.counts.samples += samples.len() as u64;
        let samples = self.resampler.push(samples)?;
        Ok((!samples.is_empty()).then(|| pcm_of(&samples)))
    }

    /// Takes one piece of what waits; returns its samples.
    fn step(&mut self) -> tessera_audio::Result<Vec<f32>> {
        let counts = &mut self.counts;
        match &mut self.coder {
            Coder::Tokens { decoder, pieces, .. } => match pieces.pop_front() {
                Some(Piece::Tokens(mut tokens)) => {
                    if tokens.len() > TURN {
                        pieces.push_front(Piece::Tokens(tokens.split_off(TURN)));
                    }
                    counts.tokens += tokens.len() as u64;
                    decoder.push(&parted(&tokens, decoder.depths()))
                }
                Some(Piece::Lost(lost)) => {
                    let filled = counts.lose(lost, longest_gap(&self.codec));
                    let next = match pieces.front() {
                        Some(Piece::Tokens(tokens)) if filled == lost => &tokens[..1],
                        _ => &[],
                    };
                    let depths = decoder.depths();
                    let known = |(token, depth): (u16, &u8)| 1 << depth | u32::from(token);
                    let next: Vec<u32> = parted(next, depths).into_iter().zip(depths).map(known).collect();
                    // At most ten seconds, of frames of which nothing is known.
                    decoder.push_known(&vec![1; filled as usize * depths.len()], &next)
                }
                None => Ok(Vec::new()),
            },
            Coder::Tsr { reader, waiting } => {
                let count = waiting.len().min(TSR_TURN);
                let bytes: Vec<u8> = waiting.drain(..count).collect();
                let received = reader.push(&bytes)?;
                Ok(counts.add(received))
            }
        }
    }
}

impl Counts {
    /// Counts lost tokens; returns how many of them are filled.
    fn lose(&mut self, lost: u64, longest: u64) -> u64 {
        let filled = lost.min(longest);
        self.tokens += lost;
        self.concealed += filled;
        self.skipped += lost - filled;
        filled
    }

    fn add(&mut self, received: Received) -> Vec<f32> {
        self.tokens += received.frames + received.skipped;
        self.concealed += received.concealed;
        self.skipped += received.skipped;
        self.late += received.late;
        self.damaged_bytes += received.damaged_bytes;
        received.samples
    }
}

impl Job for Decoding {
    fn take(&mut self, message: &[u8]) -> Result<(), Fault> {
        match &mut self.coder {
            Coder::Tsr { waiting, .. } => waiting.extend(message),
            Coder::Tokens { decoder, next, pieces, .. } => {
                let packet = Packet::parse(message, decoder.bits()).ok_or_else(|| {
                    let what = "bytes are no packet of tokens of this depth; see the protocol";
                    Fault::message(format!("{} {what}", message.len()))
                })?;
                // The number that is nearest to the expected one.
                let ahead = i64::from(packet.first.wrapping_sub(*next as u16) as i16);
                let Ok(lost) = u64::try_from(ahead) else {
                    self.counts.late += 1;
                    return Ok(());
                };
                *next += lost + packet.tokens.len() as u64;
                if lost > 0 {
                    pieces.push_back(Piece::Lost(lost));
                }
                // Packets that wait together are decoded together.
                match pieces.back_mut() {
                    Some(Piece::Tokens(tokens)) => tokens.extend(packet.tokens),
                    _ => pieces.push_back(Piece::Tokens(packet.tokens)),
                }
            }
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        match &self.coder {
            Coder::Tokens { pieces, .. } => pieces.len(),
            Coder::Tsr { waiting, .. } => waiting.len(),
        }
    }

    fn work(&mut self) -> Result<Turn, Fault> {
        let work = |this: &mut Self| {
            let mut samples = Vec::new();
            while samples.is_empty() && this.waiting() > 0 {
                samples = this.step()?;
            }
            let seconds = samples.len() as f64 / f64::from(this.codec.rate());
            Ok(Turn { messages: this.message(&samples)?.into_iter().collect(), seconds })
        };
        work(self).map_err(|error: tessera_audio::Error| Fault::codec(&error))
    }

    fn set_length(&mut self, samples: u64) -> Result<(), Fault> {
        match &mut self.coder {
            Coder::Tsr { .. } => Err(Fault::message("a tsr stream says itself how long it is; leave the length out")),
            Coder::Tokens { .. } if samples > LONGEST_SOUND => Err(Fault::message("a sound of more than 2^40 samples")),
            Coder::Tokens { decoder, length, .. } => {
                decoder.end_at(samples);
                *length = Some(samples);
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        let work = |this: &mut Self| {
            let rest = match &mut this.coder {
                Coder::Tokens { decoder, next, length: Some(samples), .. } => {
                    // Tokens lost at the end.
                    let lost = this.codec.frame_count(*samples).saturating_sub(*next);
                    decoder.conceal(this.counts.lose(lost, longest_gap(&this.codec)))?
                }
                // Without a header there is nothing to say about the stream.
                Coder::Tsr { reader, .. } if reader.header().is_some() => this.counts.add(reader.finish()?),
                _ => Vec::new(),
            };
            this.counts.samples += rest.len() as u64;
            let mut rest = this.resampler.push(&rest)?;
            rest.extend(this.resampler.finish()?);
            // A second a message.
            Ok(rest.chunks(this.rate as usize).map(pcm_of).collect())
        };
        work(self).map_err(|error: tessera_audio::Error| Fault::codec(&error))
    }

    fn length(&self) -> Option<u64> {
        None
    }

    fn ended(&self, reason: &str) -> Ended {
        let Counts { samples, tokens, concealed, skipped, late, damaged_bytes } = self.counts;
        Ended { reason: reason.to_owned(), samples, tokens, concealed, skipped, late, damaged_bytes }
    }
}

/// Tokens of the longest gap that is filled.
fn longest_gap(codec: &AudioCodec) -> u64 {
    LONGEST_GAP * u64::from(codec.rate()) / codec.hop() as u64
}
