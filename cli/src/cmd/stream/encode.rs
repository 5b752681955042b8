//! `tessera stream encode`.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use tessera_audio::{
    LiveOptions,
    io::{PcmReader, Resampler, Samples},
};

use super::{Clock, Ends, packet_frames};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
};

/// Share of the announced rate that the real one may be off without a word.
const TOLERANCE: f64 = 0.02;

/// Sound to a live stream
///
/// Reads WAV, or bare samples with --raw; several channels become their mean, any rate the model's.
#[derive(Debug, Args)]
pub struct Encode {
    #[command(flatten)]
    ends: Ends,

    /// Read bare samples, little-endian, at this many per second
    #[arg(long, value_name = "RATE")]
    raw: Option<u32>,

    /// Channels of bare samples
    #[arg(long, value_name = "N", default_value_t = 1, requires = "raw")]
    channels: usize,

    /// Form of bare samples
    #[arg(long, value_enum, default_value_t = RawSamples::S16, requires = "raw")]
    samples: RawSamples,

    /// Bits of a frame, as for 'tessera encode'; what the pack says if absent
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,

    /// Sound in one packet: less comes sooner, more costs fewer bits
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    packet_ms: u32,

    /// Keep to this many bits a second, everything included, and announce it in the header
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    bps: Option<u32>,

    /// Deal frames to this many packets in turn: a lost one leaves every frame's neighbours, but sound waits for all of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    interleave: u32,

    /// Repeat this many leading bits of each token in the next packet
    #[arg(long, value_name = "BITS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=16))]
    repeat: u8,

    /// Model pack, by id or hash; see 'tessera models list'
    #[arg(long, value_name = "ID", help_heading = "Models")]
    pack: Option<String>,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Forms of bare samples.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RawSamples {
    U8,
    S16,
    S24,
    S32,
    F32,
}

impl From<RawSamples> for Samples {
    fn from(samples: RawSamples) -> Self {
        match samples {
            RawSamples::U8 => Self::U8,
            RawSamples::S16 => Self::S16,
            RawSamples::S24 => Self::S24,
            RawSamples::S32 => Self::S32,
            RawSamples::F32 => Self::F32,
        }
    }
}

pub fn run(arguments: &Encode) -> Result<()> {
    let at = |failure: Failure| failure.at(arguments.ends.source());
    let refused = |error: tessera_audio::Error| at(explain::sound(&error));
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let codec = shared.sound_codec(&shared.sound_pack(arguments.pack.as_deref())?)?;
    let options = LiveOptions {
        bits: arguments.depth,
        packet_frames: packet_frames(&codec, arguments.packet_ms),
        interleave: arguments.interleave,
        repeat: arguments.repeat,
        bits_per_second: arguments.bps,
        ..LiveOptions::default()
    };
    let mut writer = codec.live_writer(options).map_err(refused)?;
    // The network is loaded before the first sample comes.
    let mut warm = codec.stream_encoder(*codec.bits().end()).map_err(refused)?;
    warm.push(&vec![0.0; codec.hop()]).map_err(refused)?;

    let mut out = arguments.ends.create()?;
    let input = arguments.ends.open()?;
    let mut reader = match arguments.raw {
        Some(rate) => PcmReader::raw(input, rate, arguments.channels, arguments.samples.into()),
        None => PcmReader::wav(input),
    }
    .map_err(refused)?;
    let mut converter = Resampler::new(reader.rate(), codec.rate()).map_err(refused)?;
    let mut clock = Clock::default();
    let mut taken = 0u64;
    while let Some(samples) = reader.next_samples().map_err(|error| arguments.ends.unreadable(&error))? {
        taken += samples.len() as u64;
        let sent =
            clock.time(|| converter.push(&samples).and_then(|samples| writer.push(&samples))).map_err(refused)?;
        for packet in &sent.packets {
            out.put(packet)?;
        }
    }
    if taken == 0 {
        return Err(at(Failure::new(Exit::Input, "there is no sound in it", "check what is piped in")));
    }
    let rest = converter.finish().and_then(|samples| writer.push(&samples)).map_err(refused)?;
    let last = writer.finish().map_err(refused)?;
    for packet in rest.packets.iter().chain(&last.packets) {
        out.put(packet)?;
    }
    if arguments.ends.latency {
        let milliseconds = |samples: usize| 1000.0 * samples as f64 / f64::from(codec.rate());
        let waits = format!(
            "encoding: sound waits {:.1} ms for its packet and {:.1} ms for another rate at most",
            milliseconds(writer.delay_samples()),
            milliseconds(converter.delay_samples())
        );
        clock.report(taken as f64 / f64::from(reader.rate()), &waits);
    }
    let measured = writer.measured_bits_per_second().unwrap_or_default();
    let told = match arguments.bps.map(f64::from) {
        // Whoever reads the stream relies on it.
        Some(announced) if (measured / announced - 1.0).abs() > TOLERANCE => {
            let why = if measured < announced { "needs no more at this depth" } else { "cannot be coded in less" };
            format!("{announced} bit/s are announced and {measured:.0} were taken: the sound {why}")
        }
        _ if arguments.ends.latency => format!("{measured:.0} bit/s were taken"),
        _ => return Ok(()),
    };
    let _ = writeln!(io::stderr(), "{told}");
    Ok(())
}
