//! Groups of latents on disk, while it is not known yet how they are coded.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use tessera_core::container::GopTimes;

use crate::error::{Error, Result};
use crate::gop::Gop;
use crate::mark::Mark;

/// Groups in a temporary file without a name, which is gone with the program whatever happens.
pub(crate) struct Store {
    file: BufWriter<File>,
    groups: Vec<Stored>,
    end: u64,
}

struct Stored {
    number: u32,
    times: GopTimes,
    values: usize,
    marks: usize,
    offset: u64,
}

impl Store {
    pub fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 16, file), groups: Vec::new(), end: 0 })
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
        let write = |file: &mut BufWriter<File>| {
            for value in &gop.latents {
                file.write_all(&value.to_le_bytes())?;
            }
            gop.marks.iter().try_for_each(|mark| file.write_all(mark))
        };
        write(&mut self.file).map_err(|error| failed(&error))?;
        let (values, marks) = (gop.latents.len(), gop.marks.len());
        self.groups.push(Stored { number: gop.number, times: gop.times.clone(), values, marks, offset: self.end });
        self.end += (values * 2 + marks * size_of::<Mark>()) as u64;
        Ok(())
    }

    /// A group again.
    pub fn get(&mut self, n: usize) -> Result<Gop> {
        let group = &self.groups[n];
        let mut bytes = vec![0; group.values * 2 + group.marks * size_of::<Mark>()];
        let mut read = |file: &mut BufWriter<File>| {
            file.flush()?;
            file.seek(SeekFrom::Start(group.offset))?;
            file.get_mut().read_exact(&mut bytes)
        };
        read(&mut self.file).map_err(|error| failed(&error))?;
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
        "latents cannot be kept in a temporary file ({error}); free space where TMPDIR points, or encode with -q, which needs none"
    ))
}
