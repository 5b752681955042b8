//! Samples as they are: what metrics without a reference say of the original.

use super::{Codec, Rate};
use crate::{Error, Result, Speech};

/// 16-bit samples in a WAV file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pcm;

impl Codec<Speech> for Pcm {
    fn name(&self) -> &str {
        "pcm"
    }

    fn describe(&self) -> String {
        "the original: 16-bit samples at 16 kHz, in a WAV file".to_owned()
    }

    fn extension(&self) -> &str {
        "wav"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("bits a sample", &[16.0])
    }

    fn encode(&mut self, original: &Speech, _: &Rate) -> Result<Vec<u8>> {
        original.to_wav()
    }

    fn decode(&mut self, file: &[u8]) -> Result<Speech> {
        let read = tessera_audio::io::read(file, &tessera_audio::IoLimits::default());
        Speech::from_sound(read.map_err(|error| Error::Failed(error.to_string()))?)
    }
}
