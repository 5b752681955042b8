//! SPZ: splats as bytes under gzip.

use tessera_geometry::{
    IoLimits,
    io::{self, Format},
};

use super::{Codec, Rate};
use crate::{Error, Result, Solid};

/// SPZ version 3 with the usual bits, at gzip's best level.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spz;

impl Codec<Solid> for Spz {
    fn name(&self) -> &str {
        "spz"
    }

    fn describe(&self) -> String {
        "SPZ version 3, spherical harmonics of 5 and 4 bits, gzip level 9; written and read by tessera".to_owned()
    }

    fn extension(&self) -> &str {
        "spz"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("version", &[3.0])
    }

    fn encode(&mut self, original: &Solid, _: &Rate) -> Result<Vec<u8>> {
        let written = io::write(original.shape(), Format::Spz);
        Ok(written.map_err(|error| Error::Failed(error.to_string()))?.bytes)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Solid> {
        let read = io::read(file, &IoLimits::default(), &|_| None);
        Solid::new(read.map_err(|error| Error::Failed(error.to_string()))?.shape)
    }
}
