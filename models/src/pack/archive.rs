//! Where a pack's files lie: a folder, a ZIP archive on disk, or one in memory.

use std::{
    fs::{self, File},
    io::{Cursor, ErrorKind, Read},
    path::{Path, PathBuf},
};

use zip::{ZipArchive, result::ZipError};

use super::{MANIFEST, manifest::is_plain_name};
use crate::{Error, Result};

/// A pack's files.
#[derive(Debug)]
pub(crate) enum Archive {
    Folder(PathBuf),
    File(PathBuf),
    Memory(&'static [u8]),
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        Ok(if kind.is_dir() { Self::Folder(path.to_owned()) } else { Self::File(path.to_owned()) })
    }

    /// The pack's place, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder(path) | Self::File(path) => path.display().to_string(),
            Self::Memory(_) => "built into the program".to_owned(),
        }
    }

    /// The bytes of one file of at most `limit` bytes; `name` is a plain file name.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        if !is_plain_name(name) {
            return Err(Error::damaged(self.name(), format!("{name:?} is not a plain file name")));
        }
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let file = File::open(&path).map_err(|error| match error.kind() {
                    ErrorKind::NotFound => self.lacks(name),
                    _ => Error::io(&path, error),
                })?;
                self.take(file, name, limit)
            }
            Self::File(path) => {
                let file = File::open(path).map_err(|error| Error::io(path, error))?;
                self.unzip(file, name, limit)
            }
            Self::Memory(bytes) => self.unzip(Cursor::new(*bytes), name, limit),
        }
    }

    fn unzip(&self, source: impl Read + std::io::Seek, name: &str, limit: u64) -> Result<Vec<u8>> {
        let mut zip = ZipArchive::new(source)
            .map_err(|_| Error::damaged(self.name(), "it is neither a folder nor a ZIP archive"))?;
        let member = zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => self.lacks(name),
            error => Error::damaged(self.name(), format!("{name} cannot be unpacked ({error})")),
        })?;
        self.take(member, name, limit)
    }

    /// Reads to the end, or one byte past the limit.
    fn take(&self, source: impl Read, name: &str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let cannot = |error| Error::damaged(self.name(), format!("{name} cannot be read ({error})"));
        source.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > limit {
            return Err(Error::damaged(self.name(), format!("{name} is longer than {limit} bytes")));
        }
        Ok(bytes)
    }

    fn lacks(&self, name: &str) -> Error {
        let what = if name == MANIFEST {
            "it holds no pack.toml, so it is no model pack".to_owned()
        } else {
            format!("{name} is missing")
        };
        Error::damaged(self.name(), what)
    }
}
