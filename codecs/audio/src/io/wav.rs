//! WAV out.

use crate::{
    Sound,
    error::{Error, Result},
};

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Depth {
    /// 16-bit integers; what exceeds full scale is clipped.
    #[default]
    Pcm16,
    /// 32-bit floating point, bit for bit.
    Float32,
}

impl Depth {
    /// Bytes of one sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::Pcm16 => 2,
            Self::Float32 => 4,
        }
    }

    /// Appends samples, little-endian.
    pub fn put(self, samples: impl IntoIterator<Item = f32>, out: &mut Vec<u8>) {
        for sample in samples {
            match self {
                Self::Pcm16 => out.extend(pcm16(sample).to_le_bytes()),
                Self::Float32 => out.extend(sample.to_le_bytes()),
            }
        }
    }
}

/// Full scale is 2^15 steps; the loudest positive sample is one step less.
pub(super) fn pcm16(sample: f32) -> i16 {
    // The cast saturates.
    (sample * 32_768.0).round() as i16
}

/// The header of a WAV file with `samples` samples in each channel; `None` where the end is not known, as in a pipe: then
/// the lengths say "until the end".
///
/// # Errors
/// [`Error::Sound`] where the file would exceed 4 GiB, or has more channels or a higher rate than WAV can say.
pub fn wav_header(rate: u32, channels: usize, samples: Option<u64>, depth: Depth) -> Result<Vec<u8>> {
    let too_large = || Error::sound("the sound is too long for a WAV file of 4 GiB; write FLAC");
    let frame = u64::try_from(channels * depth.bytes()).map_err(|_| too_large())?;
    let per_frame = u16::try_from(frame).map_err(|_| Error::sound("the sound has too many channels for a WAV file"))?;
    let per_second = frame * u64::from(rate);
    let per_second =
        u32::try_from(per_second).map_err(|_| Error::sound("the sample rate is too high for a WAV file"))?;
    // A floating-point file says how long it is in a chunk of its own.
    let fact = if depth == Depth::Float32 { 12 } else { 0 };
    let data = match samples {
        None => u32::MAX,
        Some(samples) => {
            let bytes = samples.checked_mul(frame).and_then(|bytes| u32::try_from(bytes).ok());
            bytes.filter(|&bytes| bytes <= u32::MAX - 64).ok_or_else(too_large)?
        }
    };
    let mut out = Vec::with_capacity(56);
    out.extend(b"RIFF");
    out.extend(if samples.is_some() { 36 + fact + data + data % 2 } else { u32::MAX }.to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    out.extend(if depth == Depth::Float32 { 3u16 } else { 1 }.to_le_bytes());
    out.extend((channels as u16).to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(per_second.to_le_bytes());
    out.extend(per_frame.to_le_bytes());
    out.extend((8 * depth.bytes() as u16).to_le_bytes());
    if depth == Depth::Float32 {
        out.extend(b"fact");
        out.extend(4u32.to_le_bytes());
        out.extend(u32::try_from(samples.unwrap_or(u64::from(u32::MAX))).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    Ok(out)
}

/// A whole WAV file.
///
/// # Errors
/// As [`wav_header`], and [`Error::Sound`] for a sound without samples.
pub fn write_wav(sound: &Sound, depth: Depth) -> Result<Vec<u8>> {
    sound.check()?;
    let mut out = wav_header(sound.rate, sound.channels.len(), Some(sound.len() as u64), depth)?;
    out.reserve(sound.len() * sound.channels.len() * depth.bytes());
    for n in 0..sound.len() {
        depth.put(sound.channels.iter().map(|channel| channel[n]), &mut out);
    }
    if out.len() % 2 == 1 {
        out.push(0);
    }
    Ok(out)
}
