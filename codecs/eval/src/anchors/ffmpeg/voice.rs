//! Codecs of speech.

use std::path::Path;

use ffmpeg_next::{
    ChannelLayout, Dictionary, Packet, codec, decoder, encoder,
    format::{self, sample},
    frame, media,
};
use tessera_audio::{Sound, io};

use super::still::{self, failed};
use crate::anchors::{Codec, Rate};
use crate::{Error, Result, Speech};

/// 16-bit samples, one channel after the other within a sample.
const PCM16: format::Sample = format::Sample::I16(sample::Type::Packed);

/// Bits per second of Opus; 6,000 are the fewest that it has.
const OPUS: [f64; 5] = [6.0, 8.0, 10.0, 12.0, 16.0];
/// Bits per second of Codec2's modes.
const CODEC2: [f64; 5] = [700.0, 1200.0, 1300.0, 2400.0, 3200.0];
/// Longest delay of a decoder that is looked for, in samples at 16 kHz.
const LONGEST_DELAY: usize = 960;

/// Opus in Ogg.
pub struct Opus {
    encoder: ffmpeg_next::Codec,
}

impl Opus {
    /// # Errors
    /// [`Error::Missing`] where FFmpeg was built without libopus.
    pub fn new() -> Result<Self> {
        Ok(Self { encoder: still::find_encoder("libopus")? })
    }
}

impl Codec<Speech> for Opus {
    fn name(&self) -> &str {
        "opus"
    }

    fn describe(&self) -> String {
        format!(
            "libopus, 16 kHz, voip, 20 ms, complexity 10, variable bit rate by kbit/s, in Ogg pages of 5 s, through {}",
            still::version()
        )
    }

    fn extension(&self) -> &str {
        "opus"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("kbit/s", &OPUS)
    }

    fn encode(&mut self, original: &Speech, rate: &Rate) -> Result<Vec<u8>> {
        let options = [
            ("b", ((1000.0 * rate.value) as u32).to_string()),
            ("application", "voip".to_owned()),
            ("compression_level", "10".to_owned()),
        ];
        coded(self.encoder, ("ogg", &[("page_duration", "5000000")]), 16_000, &options, original.samples())
    }

    fn decode(&mut self, file: &[u8]) -> Result<Speech> {
        Speech::from_sound(decoded(file, "opus")?)
    }
}

/// Codec2: a vocoder at 8 kHz. Its delay is taken out, so that sounds are compared at the same place.
pub struct Codec2 {
    encoder: ffmpeg_next::Codec,
    /// What was encoded last: a file says neither its length nor the decoder's delay.
    original: Vec<i16>,
}

impl Codec2 {
    /// # Errors
    /// [`Error::Missing`] where FFmpeg was built without libcodec2.
    pub fn new() -> Result<Self> {
        Ok(Self { encoder: still::find_encoder("libcodec2")?, original: Vec::new() })
    }
}

impl Codec<Speech> for Codec2 {
    fn name(&self) -> &str {
        "codec2"
    }

    fn describe(&self) -> String {
        format!("libcodec2, 8 kHz, by mode, through {}; delay taken out by comparing loudness", still::version())
    }

    fn extension(&self) -> &str {
        "c2"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("mode", &CODEC2)
    }

    fn encode(&mut self, original: &Speech, rate: &Rate) -> Result<Vec<u8>> {
        self.original = original.samples().to_vec();
        let mode = if rate.value == 700.0 { "700C".to_owned() } else { rate.value.to_string() };
        let narrow = io::resample(original.to_sound(), 8000).map_err(|error| Error::Failed(error.to_string()))?;
        let mut samples: Vec<i16> =
            narrow.channels[0].iter().map(|&sample| (sample * 32_768.0).round() as i16).collect();
        // Room for the decoder's delay.
        samples.extend([0; LONGEST_DELAY / 2]);
        coded(self.encoder, ("codec2", &[]), 8000, &[("mode", mode)], &samples)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Speech> {
        let decoded = Speech::from_sound(decoded(file, "c2")?)?;
        let late = delay(&self.original, decoded.samples());
        let mut samples = decoded.samples()[late..].to_vec();
        samples.resize(self.original.len(), 0);
        Speech::new(samples)
    }
}

/// A whole file.
fn coded(
    codec: ffmpeg_next::Codec,
    (container, settings): (&str, &[(&str, &str)]),
    rate: u32,
    options: &[(&str, String)],
    samples: &[i16],
) -> Result<Vec<u8>> {
    let name = codec.name().to_owned();
    let mut audio = codec::Context::new_with_codec(codec).encoder().audio().map_err(failed(&name))?;
    audio.set_rate(rate as i32);
    audio.set_format(PCM16);
    audio.set_channel_layout(ChannelLayout::MONO);
    audio.set_time_base((1, rate as i32));
    audio.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut encoder = audio.open_with(dictionary(options)).map_err(failed(&name))?;

    let folder = tempfile::tempdir().map_err(Error::at(&std::env::temp_dir()))?;
    let path = folder.path().join("speech");
    let mut output = format::output_as(&path, container).map_err(failed(container))?;
    output.add_stream_with(&encoder).map_err(failed(container))?;
    let settings: Vec<_> = settings.iter().map(|&(key, value)| (key, value.to_owned())).collect();
    output.write_header_with(dictionary(&settings)).map_err(failed(container))?;
    let scale = output.stream(0).map(|stream| stream.time_base());
    let mut drain = |encoder: &mut encoder::audio::Encoder| -> Result<()> {
        loop {
            let mut packet = Packet::empty();
            match encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { .. }) => return Ok(()),
                Err(error) => return Err(failed("encoding")(error)),
            }
            packet.set_stream(0);
            if let Some(scale) = scale {
                packet.rescale_ts((1, rate as i32), scale);
            }
            packet.write_interleaved(&mut output).map_err(failed(container))?;
        }
    };
    let size = encoder.frame_size().max(1) as usize;
    for (place, block) in samples.chunks(size).enumerate() {
        let mut frame = frame::Audio::new(PCM16, size, ChannelLayout::MONO);
        frame.set_rate(rate);
        frame.set_pts(Some((place * size) as i64));
        let plane = frame.plane_mut::<i16>(0);
        plane.fill(0);
        plane[..block.len()].copy_from_slice(block);
        if name == "libopus" {
            // It codes a short last frame, and its file says so.
            frame.set_samples(block.len());
        }
        encoder.send_frame(&frame).map_err(failed("encoding"))?;
        drain(&mut encoder)?;
    }
    encoder.send_eof().map_err(failed("encoding"))?;
    drain(&mut encoder)?;
    output.write_trailer().map_err(failed(container))?;
    drop(output);
    std::fs::read(&path).map_err(Error::at(&path))
}

fn dictionary(options: &[(&str, String)]) -> Dictionary<'static> {
    let mut settings = Dictionary::new();
    for (key, value) in options {
        settings.set(key, value);
    }
    settings
}

/// The sound in a file of the given ending.
fn decoded(file: &[u8], ending: &str) -> Result<Sound> {
    let folder = tempfile::tempdir().map_err(Error::at(&std::env::temp_dir()))?;
    let path = folder.path().join(format!("speech.{ending}"));
    std::fs::write(&path, file).map_err(Error::at(&path))?;
    read(&path)
}

fn read(path: &Path) -> Result<Sound> {
    let mut input = format::input(path).map_err(failed("reading"))?;
    let stream = input.streams().best(media::Type::Audio).ok_or_else(|| Error::Failed("no sound".to_owned()))?;
    let (index, parameters) = (stream.index(), stream.parameters());
    let context = codec::Context::from_parameters(parameters).map_err(failed("decoding"))?;
    let mut decoder = context.decoder().audio().map_err(failed("decoding"))?;
    let mut sound = Sound::mono(0, Vec::new());
    for (stream, packet) in input.packets() {
        if stream.index() == index {
            decoder.send_packet(&packet).map_err(failed("decoding"))?;
            receive(&mut decoder, &mut sound)?;
        }
    }
    decoder.send_eof().map_err(failed("decoding"))?;
    receive(&mut decoder, &mut sound)?;
    Ok(sound)
}

fn receive(decoder: &mut decoder::Audio, sound: &mut Sound) -> Result<()> {
    let mut frame = frame::Audio::empty();
    while decoder.receive_frame(&mut frame).is_ok() {
        sound.rate = frame.rate();
        let samples = &mut sound.channels[0];
        match frame.format() {
            // One channel: packed and planar are the same.
            format::Sample::I16(_) => {
                samples.extend(frame.plane::<i16>(0).iter().map(|&sample| f32::from(sample) / 32_768.0));
            }
            format::Sample::F32(_) => samples.extend_from_slice(frame.plane::<f32>(0)),
            other => return Err(Error::Failed(format!("the decoder gave {other:?}, not 16-bit or floating point"))),
        }
    }
    Ok(())
}

/// How many samples later the second sound is: the shift at which both are loud at the same time.
fn delay(original: &[i16], late: &[i16]) -> usize {
    const STEP: usize = 16;
    // Energies of 4 ms every millisecond, as levels.
    let levels = |samples: &[i16]| -> Vec<f64> {
        let level = |block: &[i16]| block.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>().max(1e4).ln();
        samples.windows(4 * STEP).step_by(STEP).map(level).collect()
    };
    let (x, y) = (levels(original), levels(late));
    let distance = |shift: usize| {
        let pairs = x.iter().zip(y.get(shift..).unwrap_or_default());
        let (sum, count) = pairs.fold((0.0, 0u32), |(sum, count), (a, b)| (sum + (a - b).powi(2), count + 1));
        if count == 0 { f64::INFINITY } else { sum / f64::from(count) }
    };
    let shifts = 0..=(LONGEST_DELAY / STEP).min(y.len());
    let best = shifts.min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap_or(0);
    (best * STEP).min(late.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_found_to_the_millisecond() {
        let loud = |n: usize| if n / 1700 % 3 == 1 { 9000.0 } else { 90.0 };
        let original: Vec<i16> = (0..32_000).map(|n| (loud(n) * (n as f64 * 0.2).sin()) as i16).collect();
        for shift in [0, 320, 640] {
            let late: Vec<i16> = [vec![0; shift], original.clone()].concat();
            assert_eq!(delay(&original, &late), shift);
        }
    }
}
