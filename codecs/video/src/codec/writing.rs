//! A file on its way out.

use std::io::Write;

use tessera_core::container::{Chunk, FileWriter, GopEntry, GopIndex, Header};

use super::Tally;
use super::coding::Coded;
use crate::error::{Error, Result};

/// Writes groups as they come, then the index.
pub(super) struct Writing<'a> {
    out: &'a mut dyn Write,
    file: FileWriter,
    index: GopIndex,
    tally: Tally,
    /// Places of a frame.
    places: u64,
    error: f64,
    /// Bytes of what travels beside the frames.
    side: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub gops: u32,
    pub frames: u64,
    /// From the first frame to the end of the last.
    pub ticks: u64,
    pub bytes: u64,
    /// Of these, what travels beside the frames.
    pub side: u64,
    pub tally: Tally,
    /// Squared latent error.
    pub error: f64,
}

impl<'a> Writing<'a> {
    /// Writes the header.
    pub fn new(out: &'a mut dyn Write, header: &Header, places: u64) -> Result<Self> {
        let (file, bytes) = FileWriter::new(header)?;
        let mut writing =
            Self { out, file, index: GopIndex::default(), tally: Tally::default(), places, error: 0.0, side: 0 };
        writing.write(&bytes)?;
        Ok(writing)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| unwritable(&error))
    }

    /// Writes what travels beside the frames.
    pub fn side(&mut self, chunks: &[Chunk]) -> Result<()> {
        for chunk in chunks {
            let bytes = self.file.chunk(chunk)?;
            self.side += bytes.len() as u64;
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// Writes the next group.
    pub fn put(&mut self, coded: &Coded) -> Result<()> {
        let entry = GopEntry { offset: self.file.offset(), ..coded.entry };
        let bytes = self.file.chunk(&coded.chunk)?;
        self.write(&bytes)?;
        self.index.entries.push(entry);
        self.index.end = coded.end;
        self.error += coded.error;
        self.tally.add(&coded.tally.bits, &coded.tally.changed, self.places);
        Ok(())
    }

    /// Offset of what is written next.
    #[cfg(feature = "ffmpeg")]
    pub fn offset(&self) -> u64 {
        self.file.offset()
    }

    /// Writes an index that was made elsewhere.
    #[cfg(feature = "ffmpeg")]
    pub fn end(mut self, index: &GopIndex) -> Result<()> {
        let last = self.file.clone().last(&index.chunk()?)?;
        self.write(&last)
    }

    /// Writes the index.
    pub fn finish(mut self) -> Result<Written> {
        let offset = self.file.offset();
        let last = self.file.clone().last(&self.index.chunk()?)?;
        self.write(&last)?;
        self.out.flush().map_err(|error| unwritable(&error))?;
        Ok(Written {
            gops: self.index.entries.len() as u32,
            frames: self.index.frames(),
            ticks: self.index.end,
            bytes: offset + last.len() as u64,
            side: self.side,
            tally: self.tally.means(),
            error: self.error,
        })
    }
}

fn unwritable(error: &std::io::Error) -> Error {
    Error::video(format!("cannot write it ({error}); check the disk and the folder's permissions"))
}
