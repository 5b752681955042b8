//! What waits on disk while it is not known yet how a video is coded: groups of latents, and groups that were coded.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use tessera_core::container::GopTimes;

use crate::error::{Error, Result};
use crate::gop::Gop;
use crate::mark::Mark;

/// Bytes in a temporary file without a name, which is gone with the program whatever happens.
pub(crate) struct Scratch {
    file: BufWriter<File>,
    end: u64,
}

/// Where bytes lie in a [`Scratch`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    offset: u64,
    pub len: usize,
}

impl Scratch {
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), end: 0 })
    }

    /// Keeps bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<Place> {
        self.file.write_all(bytes).map_err(|error| failed(&error))?;
        let place = Place { offset: self.end, len: bytes.len() };
        self.end += bytes.len() as u64;
        Ok(place)
    }

    /// Bytes again.
    pub fn get(&mut self, place: Place) -> Result<Vec<u8>> {
        let mut bytes = vec![0; place.len];
        let mut read = |file: &mut BufWriter<File>| {
            file.seek(SeekFrom::Start(place.offset))?;
            file.get_mut().read_exact(&mut bytes)?;
            file.seek(SeekFrom::Start(self.end))
        };
        read(&mut self.file).map_err(|error| failed(&error))?;
        Ok(bytes)
    }
}

/// Groups of latents.
pub(crate) struct Store {
    scratch: Scratch,
    groups: Vec<Stored>,
}

struct Stored {
    number: u32,
    times: GopTimes,
    values: usize,
    place: Place,
}

impl Store {
    pub fn new() -> Result<Self> {
        Ok(Self { scratch: Scratch::new()?, groups: Vec::new() })
    }

    /// Groups so far.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Frames of all groups.
    pub fn frames(&self) -> u64 {
        self.groups.iter().map(|group| group.times.ticks.len() as u64).sum()
    }

    /// When the last frame ends.
    pub fn ticks(&self) -> u64 {
        self.groups.last().map_or(0, |group| group.times.end())
    }

    /// Keeps a group.
    pub fn put(&mut self, gop: &Gop) -> Result<()> {
        let latents = gop.latents.iter().flat_map(|value| value.to_le_bytes());
        let bytes: Vec<u8> = latents.chain(gop.marks.iter().flatten().copied()).collect();
        let place = self.scratch.put(&bytes)?;
        self.groups.push(Stored { number: gop.number, times: gop.times.clone(), values: gop.latents.len(), place });
        Ok(())
    }

    /// A group again.
    pub fn get(&mut self, n: usize) -> Result<Gop> {
        let group = &self.groups[n];
        let bytes = self.scratch.get(group.place)?;
        let (latents, marks) = bytes.split_at(group.values * 2);
        Ok(Gop {
            number: group.number,
            times: group.times.clone(),
            latents: latents.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes)).collect(),
            marks: marks.as_chunks::<{ size_of::<Mark>() }>().0.to_vec(),
        })
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::video(format!(
        "what is coded cannot be kept in a temporary file ({error}); free space where TMPDIR points, or encode with -q, which needs none"
    ))
}
