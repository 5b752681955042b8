//! `.tsr` files back to sounds.

use std::time::Instant;

use serde::Serialize;
use tessera_audio::{DecodeOptions, Decoded, Sound, Span, io};
use tessera_core::container::Header;

use crate::{
    engine::Shared,
    explain,
    failure::Result,
    files::{Output, Sink, Source},
    print,
};

/// How a sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Wav,
    WavFloat,
    Flac,
}

impl Form {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav | Self::WavFloat => "wav",
            Self::Flac => "flac",
        }
    }

    pub fn bytes(self, sound: &Sound) -> Result<Vec<u8>> {
        let written = match self {
            Self::Wav => io::write_wav(sound, io::Depth::Pcm16),
            Self::WavFloat => io::write_wav(sound, io::Depth::Float32),
            Self::Flac => io::write_flac(sound),
        };
        written.map_err(|error| explain::sound(&error))
    }
}

/// A part of a sound, in seconds; without an end, up to the sound's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    start: f64,
    end: Option<f64>,
}

pub fn parse_time(text: &str) -> std::result::Result<Time, String> {
    let wrong = || "a part is A..B, A.. or ..B, in seconds or as [hours:]minutes:seconds, A before B".to_owned();
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let seconds = |text: &str| {
        let parts = text.split(':').map(|part| part.parse().ok().filter(|part| (0.0..=1e9).contains(part)));
        let parts: Option<Vec<f64>> = parts.collect();
        let parts = parts.filter(|parts| parts.len() <= 3).ok_or_else(wrong)?;
        Ok::<_, String>(parts.iter().fold(0.0, |sum, part| 60.0 * sum + part))
    };
    let start = if start.is_empty() { 0.0 } else { seconds(start)? };
    let end = if end.is_empty() { None } else { Some(seconds(end)?) };
    if end.is_some_and(|end| end <= start) {
        return Err(wrong());
    }
    Ok(Time { start, end })
}

impl Time {
    /// Its begin and its end in seconds.
    pub fn seconds(self) -> (f64, f64) {
        (self.start, self.end.unwrap_or(f64::INFINITY))
    }

    /// The part in samples.
    pub fn span(self, rate: u32) -> Span {
        // Seconds are at most 10^9.
        let samples = |seconds: f64| (seconds * f64::from(rate)).round() as u64;
        Span { start: samples(self.start), end: self.end.map_or(u64::MAX, samples) }
    }
}

/// One decoded sound, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    duration: f64,
    rate: u32,
    channels: usize,
    samples: usize,
    bytes: u64,
    /// With --salvage: what of the file was lost.
    losses: Vec<String>,
    /// Whether it was decoded in windows, which is an approximation.
    windowed: bool,
    /// Decoding alone: the model is loaded, the sound not yet written.
    seconds: f64,
}

/// A file and what its header says.
pub struct Coded<'a> {
    pub source: &'a Source,
    pub bytes: &'a [u8],
    pub header: &'a Header,
}

pub fn decode(
    shared: &Shared,
    coded: &Coded<'_>,
    sink: &Sink,
    (options, form, model_rate, time): (&DecodeOptions, Form, bool, Option<Time>),
    output: Output,
) -> Result<Report> {
    let pack = shared.find_pack(coded.header)?;
    let codec = shared.sound_codec(&pack)?;
    let options = DecodeOptions { span: time.map(|time| time.span(codec.rate())), ..*options };
    let start = Instant::now();
    let decoded = codec.decode(coded.bytes, &options).map_err(|error| explain::sound(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    let (losses, windowed) = (decoded.losses.clone(), decoded.windowed);
    let sound = if model_rate { decoded.sound } else { as_it_was(decoded, time)? };
    let written = form.bytes(&sound)?;
    output.write(sink, &written)?;
    Ok(Report {
        input: coded.source.to_string(),
        output: sink.to_string(),
        duration: sound.seconds(),
        rate: sound.rate,
        channels: sound.channels.len(),
        samples: sound.len(),
        bytes: written.len() as u64,
        losses,
        windowed,
        seconds,
    })
}

/// At the rate and of the length that the sound had before it was encoded.
fn as_it_was(decoded: Decoded, time: Option<Time>) -> Result<Sound> {
    let Some(source) = decoded.source else { return Ok(decoded.sound) };
    let length = match time.map(|time| time.span(source.rate)) {
        None => source.samples.into(),
        Some(span) => span.end.min(source.samples.into()).saturating_sub(span.start),
    };
    let mut sound = io::resample(decoded.sound, source.rate).map_err(|error| explain::sound(&error))?;
    for channel in &mut sound.channels {
        channel.resize(length as usize, 0.0);
    }
    Ok(sound)
}

impl Report {
    pub fn line(&self) -> String {
        format!(
            "{} -> {}  {:.1} s  {} Hz  {:.2} s, {:.0} x real time{}",
            self.input,
            self.output,
            self.duration,
            print::grouped(u64::from(self.rate)),
            self.seconds,
            self.duration / self.seconds.max(1e-6),
            if self.windowed { ", in windows: an approximation" } else { "" }
        )
    }
}
