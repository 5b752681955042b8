//! A file on its way: what has come so far, and what proves it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{Error, Result, pack::hex};

/// `NAME.part`, hashed as it grows. It stays on disk when dropped, and the next [`Part::open`] goes on with it.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    tag: Option<String>,
}

impl Part {
    /// Goes on with what is there, or begins.
    pub fn open(target: &Path) -> Result<Self> {
        let path = with_suffix(target, ".part");
        let cannot = |error| Error::io(&path, error);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() {
            return Err(cannot(io::Error::other("it is no file that a download could go into; remove it")));
        }
        let mut hasher = Sha256::new();
        let length = feed(&mut hasher, &mut file).map_err(cannot)?;
        let tag = (length > 0).then(|| fs::read_to_string(with_suffix(&path, ".etag")).ok()).flatten();
        Ok(Self { path, file, hasher, length, tag })
    }

    /// Bytes so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// What the server called the version that these bytes are of.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Forgets all bytes; those that follow are of the version that the server calls `tag`.
    pub fn restart(&mut self, tag: Option<&str>) -> Result<()> {
        if self.length > 0 {
            self.file.set_len(0).map_err(|error| Error::io(&self.path, error))?;
        }
        (self.hasher, self.length, self.tag) = (Sha256::new(), 0, tag.map(str::to_owned));
        let note = with_suffix(&self.path, ".etag");
        match tag {
            Some(tag) => fs::write(&note, tag).map_err(|error| Error::io(note, error)),
            None => remove(&note),
        }
    }

    /// Adds bytes. A full disk is told as a download that did not come to its end.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        use io::ErrorKind::{FileTooLarge, Interrupted, QuotaExceeded, StorageFull};
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(count) => {
                    self.hasher.update(&bytes[..count]);
                    self.length += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) => match error.kind() {
                    Interrupted => {}
                    StorageFull | QuotaExceeded | FileTooLarge => {
                        let kept = self.length;
                        let what = format!(
                            "there is no room for more ({error}); {kept} bytes are kept, so make room and pull again to go on from there"
                        );
                        return Err(Error::Download { place: self.path.display().to_string(), what });
                    }
                    _ => return Err(Error::io(&self.path, error)),
                },
            }
        }
        Ok(())
    }

    /// SHA-256 of the bytes so far, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }

    /// Gives the file its name.
    pub fn finish(&mut self, target: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io(&self.path, error))?;
        fs::rename(&self.path, target).map_err(|error| Error::io(target, error))?;
        remove(&with_suffix(&self.path, ".etag"))
    }

    /// Deletes the file.
    pub fn discard(&mut self) -> Result<()> {
        remove(&with_suffix(&self.path, ".etag"))?;
        remove(&self.path)
    }
}

/// What nothing came of leaves nothing behind.
impl Drop for Part {
    fn drop(&mut self) {
        if self.length == 0 {
            // An empty file that stays harms nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Length and SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let length = File::open(path).and_then(|mut file| feed(&mut hasher, &mut file)).map_err(|e| Error::io(path, e))?;
    Ok((length, hex(&hasher.finalize())))
}

/// Hashes to the end; returns the length.
fn feed(hasher: &mut Sha256, file: &mut File) -> io::Result<u64> {
    let (mut buffer, mut length) = (vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
