//! What is measured of a sound: one channel of 16-bit samples at 16 kHz.

use std::{fs, path::Path};

use tessera_audio::{
    IoLimits, Sound,
    io::{self, Depth},
};

use crate::{Error, Result};

/// Samples per second of everything that is measured: the rate of wideband PESQ.
pub const RATE: u32 = 16_000;

/// A sound at [`RATE`], as a user gets it in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    samples: Vec<i16>,
}

impl Speech {
    /// A sound of at least one sample.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there are none.
    pub fn new(samples: Vec<i16>) -> Result<Self> {
        if samples.is_empty() {
            return Err(Error::Parameter("a sound without samples cannot be measured".to_owned()));
        }
        Ok(Self { samples })
    }

    /// The sound in a file as everything here hears it: its channels mixed to one, at [`RATE`].
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Failed`] where it is no readable sound.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::at(path))?;
        let sound = io::read(&bytes, &IoLimits::default()).map_err(failed)?;
        Self::from_sound(sound)
    }

    /// A sound of any rate and number of channels; what exceeds full scale is clipped.
    ///
    /// # Errors
    /// [`Error::Failed`] where its rate cannot be converted.
    pub fn from_sound(sound: Sound) -> Result<Self> {
        let sound = io::resample(io::mono(sound), RATE).map_err(failed)?;
        let samples = sound.channels.into_iter().next().unwrap_or_default();
        // The cast saturates.
        Self::new(samples.into_iter().map(|sample| (sample * 32_768.0).round() as i16).collect())
    }

    /// Floating-point samples, full scale -1 to 1.
    pub fn to_sound(&self) -> Sound {
        Sound::mono(RATE, self.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect())
    }

    /// A WAV file.
    ///
    /// # Errors
    /// [`Error::Failed`] where the sound is too long for one.
    pub fn to_wav(&self) -> Result<Vec<u8>> {
        io::write_wav(&self.to_sound(), Depth::Pcm16).map_err(failed)
    }

    /// Whether no 20 ms of it reach −60 dB of full scale.
    pub fn is_silent(&self) -> bool {
        let level = |block: &[i16]| {
            let power: f64 = block.iter().map(|&sample| f64::from(sample).powi(2)).sum();
            (power / block.len() as f64).sqrt() / 32_768.0
        };
        self.samples.chunks(RATE as usize / 50).all(|block| level(block) < 1e-3)
    }

    /// Samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(RATE)
    }
}

fn failed(error: tessera_audio::Error) -> Error {
    Error::Failed(error.to_string())
}
