//! The sound that every part of the crate works on.

use crate::error::{Error, Result};

/// Samples of one or more channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples per second, at least 1.
    pub rate: u32,
    /// At least one channel, all of one length. Full scale is -1 to 1.
    pub channels: Vec<Vec<f32>>,
}

impl Sound {
    /// A sound of one channel.
    pub fn mono(rate: u32, samples: Vec<f32>) -> Self {
        Self { rate, channels: vec![samples] }
    }

    /// Samples of a channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.len() as f64 / f64::from(self.rate.max(1))
    }

    /// Checks that there are samples, as many in every channel, all of them finite.
    ///
    /// # Errors
    /// [`Error::Sound`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        if self.rate == 0 || self.is_empty() {
            return Err(Error::sound("the sound has no samples"));
        }
        if self.channels.iter().any(|channel| channel.len() != self.len()) {
            return Err(Error::sound("the sound's channels differ in length"));
        }
        if !self.channels.iter().flatten().all(|sample| sample.is_finite()) {
            return Err(Error::sound("the sound has samples that are not finite numbers; repair the file"));
        }
        Ok(())
    }
}
