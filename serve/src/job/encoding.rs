//! Samples to tokens.

use std::collections::VecDeque;

use tessera_audio::io::Resampler;
use tessera_audio::{AudioCodec, LiveOptions, LiveWriter, StreamEncoder};

use super::{Job, TURN, Turn, joined};
use crate::fault::Fault;
use crate::wire::{Ended, Format, Packet, samples_of};

/// A stream of samples that become tokens.
#[derive(Debug)]
pub(crate) struct Encoding {
    rate: u32,
    /// Samples of a turn at the client's rate.
    turn: usize,
    waiting: VecDeque<f32>,
    resampler: Resampler,
    coder: Coder,
    samples: u64,
    tokens: u64,
}

#[derive(Debug)]
enum Coder {
    Tokens { encoder: Box<StreamEncoder>, depths: Vec<u8>, packet: usize, first: u16, pending: Vec<u64> },
    Tsr(Box<LiveWriter>),
}

impl Encoding {
    /// PCM of `rate` samples per second to packets of `packet` tokens of `depth` bits.
    pub fn new(codec: &AudioCodec, format: Format, rate: u32, depth: u8, packet: usize) -> tessera_audio::Result<Self> {
        let coder = match format {
            Format::Tokens => {
                let encoder = Box::new(codec.stream_encoder(depth)?);
                Coder::Tokens { encoder, depths: codec.depths(depth)?, packet, first: 0, pending: Vec::new() }
            }
            Format::Tsr => {
                let options = LiveOptions { bits: Some(depth), packet_frames: packet as u32, ..LiveOptions::default() };
                Coder::Tsr(Box::new(codec.live_writer(options)?))
            }
        };
        let turn = (TURN * codec.hop()) as u64 * u64::from(rate) / u64::from(codec.rate());
        Ok(Self {
            rate,
            turn: (turn as usize).max(1),
            waiting: VecDeque::new(),
            resampler: Resampler::new(rate, codec.rate())?,
            coder,
            samples: 0,
            tokens: 0,
        })
    }

    fn code(&mut self, samples: &[f32]) -> tessera_audio::Result<Vec<Vec<u8>>> {
        self.samples += samples.len() as u64;
        match &mut self.coder {
            Coder::Tokens { encoder, depths, packet, first, pending } => {
                let tokens = joined(&encoder.push(samples)?, depths);
                self.tokens += tokens.len() as u64;
                pending.extend(tokens);
                Ok(packets(pending, *packet, first, encoder.bits(), false))
            }
            Coder::Tsr(writer) => {
                let sent = writer.push(samples)?;
                self.tokens += sent.tokens;
                Ok(sent.packets)
            }
        }
    }
}

impl Job for Encoding {
    fn take(&mut self, message: &[u8]) -> Result<(), Fault> {
        if !message.len().is_multiple_of(2) {
            return Err(Fault::message(format!(
                "{} bytes are no whole number of 16-bit samples; send s16le, one channel",
                message.len()
            )));
        }
        self.waiting.extend(samples_of(message));
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn work(&mut self) -> Result<Turn, Fault> {
        let count = self.waiting.len().min(self.turn);
        let piece: Vec<f32> = self.waiting.drain(..count).collect();
        let work = |this: &mut Self| {
            let samples = this.resampler.push(&piece)?;
            this.code(&samples)
        };
        let messages = work(self).map_err(|error| Fault::codec(&error))?;
        Ok(Turn { messages, seconds: count as f64 / f64::from(self.rate) })
    }

    fn set_length(&mut self, _: u64) -> Result<(), Fault> {
        Err(Fault::message("the length of a sound that is encoded is that of its samples; leave it out"))
    }

    fn finish(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        let work = |this: &mut Self| {
            let rest = this.resampler.finish()?;
            let mut messages = this.code(&rest)?;
            match &mut this.coder {
                Coder::Tokens { encoder, depths, packet, first, pending } => {
                    let tokens = joined(&encoder.finish()?, depths);
                    this.tokens += tokens.len() as u64;
                    pending.extend(tokens);
                    messages.extend(packets(pending, *packet, first, encoder.bits(), true));
                }
                // A stream without samples has no closing packet, and no header either.
                Coder::Tsr(writer) if this.samples > 0 => {
                    let sent = writer.finish()?;
                    this.tokens += sent.tokens;
                    messages.extend(sent.packets);
                }
                Coder::Tsr(_) => {}
            }
            Ok(messages)
        };
        work(self).map_err(|error: tessera_audio::Error| Fault::codec(&error))
    }

    fn length(&self) -> Option<u64> {
        // A tsr stream says it itself.
        matches!(self.coder, Coder::Tokens { .. }).then_some(self.samples)
    }

    fn ended(&self, reason: &str) -> Ended {
        Ended {
            reason: reason.to_owned(),
            samples: self.samples,
            tokens: self.tokens,
            concealed: 0,
            skipped: 0,
            late: 0,
            damaged_bytes: 0,
        }
    }
}

/// Full packets of what waits; at the end, what is left too.
fn packets(pending: &mut Vec<u64>, size: usize, first: &mut u16, depth: u8, at_end: bool) -> Vec<Vec<u8>> {
    let ready = if at_end { pending.len() } else { pending.len() - pending.len() % size };
    let tokens: Vec<u64> = pending.drain(..ready).collect();
    let packet = |tokens: &[u64]| {
        let packet = Packet { first: *first, tokens: tokens.to_vec() };
        *first = first.wrapping_add(tokens.len() as u16);
        packet.to_bytes(depth)
    };
    tokens.chunks(size).map(packet).collect()
}
