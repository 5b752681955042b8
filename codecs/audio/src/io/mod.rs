//! Sound files: WAV, FLAC, MP3, AAC, Ogg Vorbis and more in; WAV and FLAC out; sample rates and channels converted.
//!
//! [`read`] tells the format by the first bytes. [`PcmReader`] and [`wav_header`] serve pipes, where the end is not known.

mod flac;
mod mix;
mod pcm;
mod read;
mod resample;
mod wav;

pub use flac::write_flac;
pub use mix::mono;
pub use pcm::{PcmReader, Samples};
pub use read::{About, about, read};
pub use resample::{Resampler, resample};
pub use wav::{Depth, wav_header, write_wav};

/// Formats that sounds are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Uncompressed, 16-bit integers.
    Wav,
    /// Lossless, 16-bit integers.
    Flac,
}

impl Format {
    /// The format of a file name's extension, without the dot, in any case.
    ///
    /// ```
    /// use tessera_audio::io::Format;
    /// assert_eq!(Format::from_extension("WAV"), Some(Format::Wav));
    /// assert_eq!(Format::from_extension("mp3"), None);
    /// ```
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "wav" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            _ => None,
        }
    }
}

/// Sample rates that are read, in Hz: from below telephone quality to the fastest converters.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// What a sound file may ask for, checked before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoLimits {
    /// Samples of all channels together. Default 2^28: 50 minutes of stereo at 44.1 kHz, 1 GiB as `f32`.
    pub max_samples: u64,
    /// Channels. Default 8.
    pub max_channels: usize,
}

impl Default for IoLimits {
    fn default() -> Self {
        Self { max_samples: 1 << 28, max_channels: 8 }
    }
}
