//! `tessera stream decode`.

use std::io::{ErrorKind, Read};

use clap::Args;
use tessera_audio::{
    LiveReader, Received,
    io::{Depth, wav_header},
};
use tessera_core::{Limits, container::live::Event, container::live::PacketReader};

use super::{Clock, Ends, Out, lossy::Lossy};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    print,
};

/// Bytes read at once at most.
const BLOCK: usize = 1 << 12;

/// A live stream to sound
///
/// Writes WAV whose length says "until the end", or bare 16-bit samples with --raw. What is lost is concealed and told at the end.
#[derive(Debug, Args)]
pub struct Decode {
    #[command(flatten)]
    ends: Ends,

    /// Write bare 16-bit samples, little-endian, without a header
    #[arg(long)]
    raw: bool,

    /// Lose this many packets in a hundred, by chance, to hear what concealment makes of it
    #[arg(long, value_name = "PERCENT", value_parser = super::lossy::parse_percent)]
    lose: Option<f64>,

    /// Start of the chance by which packets are lost
    #[arg(long, value_name = "N", default_value_t = 1, requires = "lose")]
    seed: u64,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// What came of a stream so far.
#[derive(Default)]
struct Tally {
    samples: u64,
    concealed: u64,
    skipped: u64,
    damaged: u64,
}

pub fn run(arguments: &Decode) -> Result<()> {
    let at = |failure: Failure| failure.at(arguments.ends.source());
    let refused = |error: tessera_audio::Error| at(explain::sound(&error));
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let mut input = arguments.ends.open()?;
    let mut out = arguments.ends.create()?;
    let mut lossy = arguments.lose.map(|percent| Lossy::new(percent, arguments.seed));
    // The header says which pack to take; until then bytes are kept.
    let mut seen = PacketReader::new(Limits::default());
    let mut kept = Vec::new();
    let mut reader: Option<LiveReader> = None;
    let (mut clock, mut tally) = (Clock::default(), Tally::default());
    let mut block = [0; BLOCK];
    loop {
        let read = match input.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(|error| arguments.ends.unreadable(&error))?,
        };
        let bytes = match &mut lossy {
            Some(lossy) if read > 0 => lossy.pass(&block[..read]).map_err(|error| at(explain::core(&error)))?,
            Some(lossy) => lossy.rest().map_err(|error| at(explain::core(&error)))?,
            None => block[..read].to_vec(),
        };
        if reader.is_none() {
            kept.extend(&bytes);
            let mut events = seen.push(&bytes).map_err(|error| at(explain::foreign_or(&kept, &error)))?;
            if read == 0 {
                events.extend(seen.finish().map_err(|error| at(explain::foreign_or(&kept, &error)))?);
            }
            let header = events.into_iter().find_map(|event| match event {
                Event::Header(header) => Some(header),
                _ => None,
            });
            if let Some(header) = header {
                let codec = shared.sound_codec(&shared.find_pack(&header).map_err(at)?)?;
                let mut fresh = codec.live_reader(Limits::default());
                let received = clock.time(|| fresh.push(&std::mem::take(&mut kept))).map_err(refused)?;
                if !arguments.raw {
                    out.put(&wav_header(codec.rate(), 1, None, Depth::Pcm16).map_err(refused)?)?;
                }
                tally.take(&received, &mut out)?;
                reader = Some(fresh);
            }
        } else if let Some(reader) = &mut reader {
            let received = clock.time(|| reader.push(&bytes)).map_err(refused)?;
            tally.take(&received, &mut out)?;
        }
        if read == 0 {
            break;
        }
    }
    let Some(mut reader) = reader else {
        return Err(at(Failure::new(Exit::Input, "it is no live stream", "make one with 'tessera stream encode'")));
    };
    let received = reader.finish().map_err(refused)?;
    tally.take(&received, &mut out)?;
    arguments.conclude(&shared, &reader, &clock, &tally)
}

impl Tally {
    fn take(&mut self, received: &Received, out: &mut Out) -> Result<()> {
        self.samples += received.samples.len() as u64;
        self.concealed += received.concealed;
        self.skipped += received.skipped;
        self.damaged += received.damaged_bytes;
        if received.samples.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(2 * received.samples.len());
        Depth::Pcm16.put(received.samples.iter().copied(), &mut bytes);
        out.put(&bytes)
    }
}

impl Decode {
    fn conclude(&self, shared: &Shared, reader: &LiveReader, clock: &Clock, tally: &Tally) -> Result<()> {
        let codec = reader.header().and_then(|header| shared.find_pack(header).ok());
        let codec = codec.and_then(|pack| shared.sound_tables(&pack).ok());
        if let Some(codec) = codec.filter(|_| self.ends.latency) {
            let waits = format!(
                "decoding: a sample comes {:.1} ms after its token's first at most",
                1000.0 * codec.delay_samples() as f64 / f64::from(codec.rate())
            );
            clock.report(tally.samples as f64 / f64::from(codec.rate()), &waits);
        }
        if tally.concealed + tally.skipped + tally.damaged > 0 {
            print::note(&format!(
                "{} tokens were lost and concealed, {} left out; {} bytes damaged",
                tally.concealed, tally.skipped, tally.damaged
            ));
        }
        if reader.has_ended() {
            return Ok(());
        }
        let fix = "what arrived is written; check the sender";
        Err(Failure::new(Exit::Input, "the stream ends without its closing packet", fix).at(self.ends.source()))
    }
}
