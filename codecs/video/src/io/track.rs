//! The sound of a video: a small file of its own, untouched packets and all, that travels beside the frames.

#[cfg(feature = "ffmpeg")]
use std::path::Path;

#[cfg(feature = "ffmpeg")]
use super::{Format, IoLimits, ffmpeg::audio};
use crate::error::{Error, Result};

/// A sound track: an MP4 or Matroska file with one stream, whose times have the zero of the frames' times.
///
/// Packets are those of the file that it comes from, bit for bit. MP4 keeps their times exactly; Matroska, for codecs that MP4 does not take, to the
/// millisecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundTrack {
    bytes: Vec<u8>,
}

/// Decoded sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Pcm {
    /// Samples a second.
    pub rate: u32,
    /// Samples from -1 to 1, a vector for each channel, all of one length. The first is at the frames' time 0.
    pub channels: Vec<Vec<f32>>,
}

/// What is known of a sound track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackInfo {
    /// FFmpeg's name of the codec: `aac`, `opus`, …
    pub codec: String,
    /// Number of channels.
    pub channels: u16,
    /// Samples a second.
    pub rate: u32,
    /// Duration.
    pub seconds: f64,
}

impl SoundTrack {
    /// A track from its bytes, which are looked at when it is used.
    ///
    /// # Errors
    /// [`Error::Video`] if they begin as no MP4 and no Matroska file does.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let mp4 = bytes.get(4..8) == Some(b"ftyp");
        if mp4 || bytes.starts_with(b"\x1a\x45\xdf\xa3") {
            return Ok(Self { bytes });
        }
        Err(Error::video("the sound track is neither MP4 nor Matroska; decode without sound, or fetch a good copy"))
    }

    /// The file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(feature = "ffmpeg")]
impl SoundTrack {
    /// The best sound track of a video file, packet by packet; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::Video`] if the file cannot be read, or the track is longer than the limits allow.
    pub fn of_file(path: &Path, limits: &IoLimits) -> Result<Option<Self>> {
        Ok(audio::copy(path, limits)?.map(|bytes| Self { bytes }))
    }

    /// Samples, coded as the format's players expect: AAC in MP4 and MKV, Opus or Vorbis in WebM.
    ///
    /// # Errors
    /// [`Error::Parameter`] if there is nothing to code, [`Error::Video`] if FFmpeg has no encoder for it.
    pub fn from_pcm(pcm: &Pcm, format: Format) -> Result<Self> {
        Ok(Self { bytes: audio::encode(pcm, format)? })
    }

    /// The samples.
    ///
    /// # Errors
    /// [`Error::Video`] if the track cannot be decoded, or has more samples than the limits allow.
    pub fn to_pcm(&self, limits: &IoLimits) -> Result<Pcm> {
        audio::decode(&self.bytes, limits)
    }

    /// What it is.
    ///
    /// # Errors
    /// [`Error::Video`] if the track cannot be read.
    pub fn info(&self) -> Result<TrackInfo> {
        audio::describe(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_other_files_are_refused() {
        for bytes in [&b""[..], b"ftyp", b"RIFF....WAVE", b"\0\0\0\x20moov"] {
            assert!(SoundTrack::from_bytes(bytes.to_vec()).is_err());
        }
        let mp4 = b"\0\0\0\x20ftypisom".to_vec();
        assert_eq!(SoundTrack::from_bytes(mp4.clone()).unwrap().as_bytes(), mp4);
    }
}
