//! Sound files to sounds.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use symphonia::core::{
    audio::GenericAudioBufferRef,
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, AudioDecoder, well_known::CODEC_ID_OPUS},
    },
    errors::Error as Fault,
    formats::{
        FormatId, FormatReader, Track, TrackType,
        probe::Hint,
        well_known::{FORMAT_ID_AIFF, FORMAT_ID_CAF, FORMAT_ID_FLAC, FORMAT_ID_WAVE},
    },
    io::MediaSourceStream,
};

use super::{IoLimits, RATES};
use crate::{
    Sound,
    error::{Error, Result},
};

const READABLE: &str = "WAV, FLAC, MP3, AAC, Ogg Vorbis, AIFF, CAF, MP4 or Matroska";

/// Samples of all channels in one packet: twice the largest block of FLAC, of 8 channels.
const MOST_PER_PACKET: u64 = 1 << 20;

/// What a sound file claims to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Name of the format in plain English, such as `WAV`.
    pub format: &'static str,
    /// Samples per second.
    pub rate: u32,
    /// Channels.
    pub channels: usize,
    /// Samples of a channel, where the file says so.
    pub samples: Option<u64>,
}

/// What a sound file claims to hold, without decoding it.
///
/// # Errors
/// [`Error::Sound`] if the bytes are no readable sound, [`Error::Limit`] if it exceeds `limits`.
pub fn about(bytes: &[u8], limits: &IoLimits) -> Result<About> {
    guarded(|| Ok(open(bytes, limits)?.about))
}

/// Reads a sound file. The format is told by its first bytes; what an encoder padded a sound with is cut off again.
///
/// # Errors
/// [`Error::Sound`] if the bytes are no readable sound, are damaged, end too early or hold no samples; [`Error::Limit`] if
/// the sound exceeds `limits`.
pub fn read(bytes: &[u8], limits: &IoLimits) -> Result<Sound> {
    guarded(|| decode(bytes, limits))
}

/// Parsers of formats as intricate as these are not free of panics on hostile bytes; here they end as an error.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::sound("the file is damaged beyond reading; fetch a good copy of the file")))
}

fn decode(bytes: &[u8], limits: &IoLimits) -> Result<Sound> {
    let Opened { mut file, mut decoder, track, exact, about } = open(bytes, limits)?;
    let name = about.format;
    let mut channels: Vec<Vec<f32>> = vec![Vec::new(); about.channels];
    let mut planes: Vec<Vec<f32>> = Vec::new();
    let mut started = false;
    loop {
        let packet = match file.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(Fault::ResetRequired) => break,
            Err(Fault::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(damaged(name, &error, &channels, about.rate)),
        };
        if packet.track_id != track {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => {
                append(&decoded, &about, limits, &mut planes, &mut channels)?;
                started |= !channels[0].is_empty();
            }
            // The first packets of a cut MP3 refer to what was cut off.
            Err(Fault::DecodeError(_)) if !started && !exact => {}
            Err(error) => return Err(damaged(name, &error, &channels, about.rate)),
        }
    }
    let read = channels[0].len() as u64;
    if let Some(claimed) = about.samples.filter(|&claimed| exact && read < claimed) {
        return Err(Error::sound(format!(
            "the {name} file ends too early: {read} of {claimed} samples are there; fetch a good copy of the file"
        )));
    }
    if read == 0 {
        return Err(Error::sound(format!("the {name} file holds no samples; use a sound with content")));
    }
    let sound = Sound { rate: about.rate, channels };
    sound.check()?;
    Ok(sound)
}

struct Opened<'a> {
    file: Box<dyn FormatReader + 'a>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// Whether the file knows its length to the sample.
    exact: bool,
    about: About,
}

fn open<'a>(bytes: &'a [u8], limits: &IoLimits) -> Result<Opened<'a>> {
    if bytes.is_empty() {
        return Err(Error::sound("the file is empty; use a sound with content"));
    }
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let file = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(|error| unreadable(bytes, &error))?;
    let format = file.format_info().format;
    let Some(track) = file.default_track(TrackType::Audio).or_else(|| file.first_track(TrackType::Audio)) else {
        return Err(Error::sound("the file holds no sound; use one with an audio track"));
    };
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return Err(Error::sound("the file does not say how its sound is coded; convert it to WAV first"));
    };
    let name = name(format, file.format_info().short_name);
    if parameters.codec == CODEC_ID_OPUS {
        return Err(Error::sound("the sound is Opus, which is not read; convert it to WAV or FLAC first"));
    }
    let about = claims(name, track, parameters, limits)?;
    // Decoders make room for a packet before they see one.
    let packet = parameters.max_frames_per_packet.into_iter().chain(parameters.frames_per_block).max().unwrap_or(0);
    check("samples of a packet", packet.saturating_mul(about.channels as u64), MOST_PER_PACKET)?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &Default::default())
        .map_err(|error| Error::sound(format!("the {name} file is not readable ({error}); convert it to WAV first")))?;
    let exact = [FORMAT_ID_WAVE, FORMAT_ID_AIFF, FORMAT_ID_CAF, FORMAT_ID_FLAC].contains(&format);
    Ok(Opened { track: track.id, exact, about, decoder, file })
}

fn claims(name: &'static str, track: &Track, parameters: &AudioCodecParameters, limits: &IoLimits) -> Result<About> {
    let rate = parameters.sample_rate.unwrap_or(0);
    if !RATES.contains(&rate) {
        return Err(Error::sound(format!(
            "the {name} file has {rate} samples per second; from {} to {} are read",
            RATES.start(),
            RATES.end()
        )));
    }
    let channels = parameters.channels.as_ref().map_or(0, |channels| channels.count());
    if channels == 0 {
        return Err(Error::sound(format!("the {name} file does not say how many channels it has; convert it first")));
    }
    check("channels of the sound", channels as u64, limits.max_channels as u64)?;
    if let Some(samples) = track.num_frames {
        check("samples of the sound", samples.saturating_mul(channels as u64), limits.max_samples)?;
    }
    Ok(About { format: name, rate, channels, samples: track.num_frames })
}

fn append(
    decoded: &GenericAudioBufferRef<'_>,
    about: &About,
    limits: &IoLimits,
    planes: &mut Vec<Vec<f32>>,
    channels: &mut [Vec<f32>],
) -> Result<()> {
    let count = decoded.spec().channels().count();
    if count != about.channels || decoded.spec().rate() != about.rate {
        return Err(Error::sound(format!(
            "the {} file changes from {} channels at {} Hz to {count} at {} Hz; cut it there",
            about.format,
            about.channels,
            about.rate,
            decoded.spec().rate()
        )));
    }
    let total = (channels[0].len() as u64 + decoded.frames() as u64) * count as u64;
    check("samples of the sound", total, limits.max_samples)?;
    decoded.copy_to_vecs_planar(planes);
    for (channel, plane) in channels.iter_mut().zip(planes.iter()) {
        channel.extend_from_slice(plane);
    }
    Ok(())
}

fn check(what: &'static str, claimed: u64, limit: u64) -> Result<()> {
    if claimed > limit {
        return Err(Error::Limit { what, claimed, limit });
    }
    Ok(())
}

fn unreadable(bytes: &[u8], error: &Fault) -> Error {
    let known: [(&[u8], &str); 6] = [
        (b"RIFF", "WAV"),
        (b"fLaC", "FLAC"),
        (b"OggS", "Ogg"),
        (b"ID3", "MP3"),
        (b"FORM", "AIFF"),
        (b"\x1a\x45\xdf\xa3", "Matroska"),
    ];
    match known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, name)) => {
            Error::sound(format!("the {name} file is not readable ({error}); fetch a good copy of the file"))
        }
        None => Error::sound(format!("it is no sound in a known format; use {READABLE}")),
    }
}

fn damaged(name: &str, error: &Fault, channels: &[Vec<f32>], rate: u32) -> Error {
    let seconds = channels.first().map_or(0, Vec::len) as f64 / f64::from(rate);
    Error::sound(format!(
        "the {name} file is damaged at second {seconds:.2} ({error}); fetch a good copy of the file or cut it there"
    ))
}

fn name(format: FormatId, short: &'static str) -> &'static str {
    match short {
        "wave" => "WAV",
        "flac" => "FLAC",
        "ogg" => "Ogg",
        "mp1" | "mp2" | "mp3" => "MP3",
        "adts" | "aac" => "AAC",
        "isomp4" => "MP4",
        "matroska" => "Matroska",
        "caf" => "CAF",
        "aiff" => "AIFF",
        _ if format == FORMAT_ID_WAVE => "WAV",
        other => other,
    }
}
