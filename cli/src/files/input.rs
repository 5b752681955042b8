//! Reading an input whole, but never more than a bound.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::Source;
use crate::failure::{Exit, Failure, Result};

/// Reads at most `limit` bytes of a file, of part of one, or of standard input.
///
/// # Errors
/// The file cannot be read, is a folder, or is longer than `limit`.
pub fn read(source: &Source, limit: u64) -> Result<Vec<u8>> {
    read_on(source, Vec::new(), limit)
}

/// [`read`] where the first bytes of standard input were read before; of other sources none were.
pub fn read_on(source: &Source, mut bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>> {
    match source {
        Source::Stdin => {
            io::stdin().lock().take((limit + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)
        }
        Source::File(path) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Source::File(path) => File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)),
        Source::Slice { path, at, len, .. } => File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(*at))?;
            file.take((*len).min(limit + 1)).read_to_end(&mut bytes)
        }),
    }
    .map_err(|error| match source {
        Source::Stdin => {
            Failure::new(Exit::Failed, format!("cannot read it ({error})"), "check what is piped in").at(source)
        }
        Source::File(path) | Source::Slice { path, .. } => Failure::read(path, &error),
    })?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(
            Exit::Input,
            format!("it is longer than {} MiB", limit >> 20),
            "check that it is the right file",
        )
        .at(source));
    }
    Ok(bytes)
}
