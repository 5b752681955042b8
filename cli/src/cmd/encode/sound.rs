//! Sounds to `.tsr` files.

use std::{sync::Arc, time::Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tessera_audio::{AudioCodec, EncodeOptions, IoLimits, Sound, Source, Stereo, io};
use tessera_core::container::Channels;
use tessera_models::Pack;

use crate::{
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files::{Job, Output},
    print,
};

/// Options for sounds.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Sounds")]
pub struct SoundArgs {
    /// Bits of a frame: fewer are smaller and worse; beyond those of one token (12) they are a second one's. What the pack says if absent
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..))]
    pub depth: Option<u8>,

    /// What is coded of a stereo sound; mono takes half the bits
    #[arg(long, value_enum, default_value_t = StereoChoice::Auto)]
    pub stereo: StereoChoice,

    /// Refuse sounds longer than this, counted as stereo at 48 kHz
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_minutes: Option<u32>,
}

/// What is coded of two channels.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StereoChoice {
    /// Mid and side, or left and right where those differ much
    Auto,
    /// Left and right
    LeftRight,
    /// Mid and side
    MidSide,
    /// Their mean
    Mono,
}

impl SoundArgs {
    pub fn limits(&self) -> IoLimits {
        let minute = 60 * 2 * 48_000;
        let default = IoLimits::default();
        IoLimits {
            max_samples: self.max_minutes.map_or(default.max_samples, |minutes| u64::from(minutes) * minute),
            ..default
        }
    }

    /// One channel where that was asked for.
    pub fn mixed(&self, sound: Sound) -> Sound {
        if matches!(self.stereo, StereoChoice::Mono) { io::mono(sound) } else { sound }
    }

    pub fn stereo(&self) -> Stereo {
        match self.stereo {
            StereoChoice::Auto => Stereo::Auto,
            StereoChoice::LeftRight => Stereo::LeftRight,
            StereoChoice::MidSide => Stereo::MidSide,
            StereoChoice::Mono => Stereo::Mono,
        }
    }
}

/// One encoded sound, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    /// Duration of the sound.
    duration: f64,
    /// Samples per second of the input.
    rate: u32,
    channels: u8,
    bytes: u64,
    bits_per_second: f64,
    pack: String,
    depth: u8,
    tokens: u64,
    /// Encoding alone: the sound is read and the model is loaded.
    seconds: f64,
}

/// A sound at the codec's rate and of at most two channels, and what it was before.
pub fn prepare(bytes: &[u8], limits: &IoLimits, codec: &AudioCodec) -> Result<(Sound, Option<Source>)> {
    let sound = io::read(bytes, limits).map_err(|error| unreadable(bytes, &error))?;
    let sound = if sound.channels.len() > 2 { io::mono(sound) } else { sound };
    let source = match u32::try_from(sound.len()) {
        Ok(samples) if sound.rate != codec.rate() => Some(Source { rate: sound.rate, samples }),
        _ => None,
    };
    let sound = io::resample(sound, codec.rate()).map_err(|error| explain::sound(&error))?;
    Ok((sound, source))
}

fn unreadable(bytes: &[u8], error: &tessera_audio::Error) -> Failure {
    match error {
        tessera_audio::Error::Limit { .. } if !bytes.is_empty() => {
            let fix =
                "if you trust the file, raise the limit with --max-minutes, or pipe it through 'tessera stream encode'";
            let what = error.to_string();
            let what = what.split("; ").next().unwrap_or_default();
            Failure::new(Exit::Input, what, fix)
        }
        _ if let Some(failure) = explain::cut_off(bytes) => failure,
        _ => explain::sound(error),
    }
}

pub fn encode(
    shared: &Shared,
    pack: &Arc<Pack>,
    job: &Job,
    bytes: Vec<u8>,
    (arguments, bps): (&SoundArgs, Option<u32>),
    output: Output,
) -> Result<Report> {
    let limits = arguments.limits();
    let about = io::about(&bytes, &limits).map_err(|error| unreadable(&bytes, &error))?;
    let _held = shared.hold_samples(about.samples.unwrap_or(bytes.len() as u64) * about.channels as u64);
    let codec = shared.sound_codec(pack)?;
    let (sound, source) = prepare(&bytes, &limits, &codec)?;
    drop(bytes);
    let options = EncodeOptions {
        bits: arguments.depth,
        lambda: if bps.is_some() { 0.0 } else { codec.search_lambda() },
        bits_per_second: bps,
        stereo: arguments.stereo(),
        source,
        ..EncodeOptions::default()
    };
    let start = Instant::now();
    let encoded = codec.encode(&sound, &options).map_err(|error| explain::sound(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    output.write(&job.sink, &encoded.bytes)?;
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        duration: sound.seconds(),
        rate: about.rate,
        channels: match encoded.layout {
            Channels::Mono => 1,
            Channels::LeftRight | Channels::MidSide => 2,
        },
        bytes: encoded.bytes.len() as u64,
        bits_per_second: encoded.bits_per_second,
        pack: pack.id().to_owned(),
        depth: encoded.bits,
        tokens: encoded.tokens,
        seconds,
    })
}

impl Report {
    pub fn line(&self) -> String {
        format!(
            "{} -> {}  {:.1} s  {} bytes  {} bit/s  {:.2} s, {:.0} x real time",
            self.input,
            self.output,
            self.duration,
            print::grouped(self.bytes),
            print::grouped(self.bits_per_second.round() as u64),
            self.seconds,
            self.duration / self.seconds.max(1e-6)
        )
    }
}
