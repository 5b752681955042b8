//! `.tsr` files back to sounds.

use std::time::Instant;

use serde::Serialize;
use tessera_audio::{DecodeOptions, Decoded, Sound, io};
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
    (options, form, model_rate): (&DecodeOptions, Form, bool),
    output: Output,
) -> Result<Report> {
    let pack = shared.find_pack(coded.header)?;
    let codec = shared.sound_codec(&pack)?;
    let start = Instant::now();
    let decoded = codec.decode(coded.bytes, options).map_err(|error| explain::sound(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    let (losses, windowed) = (decoded.losses.clone(), decoded.windowed);
    let sound = if model_rate { decoded.sound } else { as_it_was(decoded)? };
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
fn as_it_was(decoded: Decoded) -> Result<Sound> {
    let Some(source) = decoded.source else { return Ok(decoded.sound) };
    let mut sound = io::resample(decoded.sound, source.rate).map_err(|error| explain::sound(&error))?;
    for channel in &mut sound.channels {
        channel.resize(source.samples as usize, 0.0);
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
