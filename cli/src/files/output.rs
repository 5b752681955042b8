//! Writing an output so that it appears whole or not at all: a temporary file in
//! the target folder, synced and renamed. Temporary files are also removed when
//! the program is interrupted.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tempfile::NamedTempFile;

use super::Sink;
use crate::failure::{Exit, Failure, Result};

/// Temporary files and folders that exist at the moment.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// What the first interrupt does instead of ending the program.
static FIRST_INTERRUPT: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// Exit code of an interrupted run, as shells report it for SIGINT.
const INTERRUPTED: i32 = 130;

/// From here on Ctrl-C (and SIGTERM) removes unfinished output before it ends the program.
pub fn remove_unfinished_on_interrupt() {
    // Without a handler the only loss is a stray temporary file, so a failure to install it is no reason to stop.
    let _ = ctrlc::set_handler(|| {
        if let Some(act) = FIRST_INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return act();
        }
        for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        std::process::exit(INTERRUPTED);
    });
}

/// The first Ctrl-C (or SIGTERM) from here on does this; the next one ends the program.
pub fn on_first_interrupt(act: impl FnOnce() + Send + 'static) {
    *FIRST_INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
}

/// A folder for unfinished work inside another, removed with all that is in it when dropped or interrupted.
pub struct Workshop(tempfile::TempDir);

impl Workshop {
    /// Makes one in `folder`, which is made too if it is not there.
    pub fn within(folder: &Path) -> Result<Self> {
        let cannot = |error| Failure::write(folder, &error);
        fs::create_dir_all(folder).map_err(cannot)?;
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let workshop =
            tempfile::Builder::new().prefix(".tessera-").suffix(".tmp").tempdir_in(folder).map_err(cannot)?;
        unfinished.push(workshop.path().to_owned());
        Ok(Self(workshop))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| path != self.0.path());
    }
}

/// How outputs are written.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Replace files that exist.
    pub force: bool,
}

impl Output {
    /// Fails early when [`Output::write`] would fail anyway, before any costly work.
    pub fn check(&self, sink: &Sink) -> Result<()> {
        match sink {
            Sink::Stdout if io::stdout().is_terminal() => Err(Failure::usage(
                "this would print binary data on your terminal",
                "name a file with -o or redirect standard output",
            )
            .at(sink)),
            Sink::File(path) if path.is_dir() => Err(Failure::new(
                Exit::Failed,
                "it is a folder, a file cannot take its name",
                "choose another name with -o",
            )
            .at(sink)),
            Sink::File(path) if !self.force && path.symlink_metadata().is_ok() => Err(Failure::exists(path)),
            _ => Ok(()),
        }
    }

    /// Writes `bytes`; creates the folders that mirror an input folder.
    pub fn write(&self, sink: &Sink, bytes: &[u8]) -> Result<()> {
        match sink {
            Sink::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| {
                    Failure::new(Exit::Failed, format!("cannot write to it ({error})"), "check what reads the pipe")
                        .at(sink)
                })
            }
            Sink::File(path) => self.write_file(path, bytes).map_err(|error| Failure::write(path, &error)),
            Sink::Mirrored(path) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(|error| Failure::write(folder, &error))?;
                }
                self.write_file(path, bytes).map_err(|error| Failure::write(path, &error))
            }
        }
    }

    /// Makes a file that is too long to lie in memory: `make` writes it at a path with the output's ending, and it takes the output's name when it is
    /// whole. The folders that mirror an input folder are made too.
    pub fn make<T>(&self, sink: &Sink, make: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let Some(path) = sink.path() else {
            return Err(Failure::usage("this cannot go to a pipe", "name a file with -o").at(sink));
        };
        if let (Sink::Mirrored(_), Some(folder)) = (sink, path.parent()) {
            fs::create_dir_all(folder).map_err(|error| Failure::write(folder, &error))?;
        }
        self.replace(path, |temporary| make(temporary.path()))?.map_err(|error| Failure::write(path, &error))
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, |temporary| temporary.write_all(bytes)).and_then(|written| written)
    }

    /// What `make` does to a temporary file beside `path`, which takes its name if that went well.
    fn replace<T, E>(
        &self,
        path: &Path,
        make: impl FnOnce(&mut NamedTempFile) -> std::result::Result<T, E>,
    ) -> std::result::Result<io::Result<T>, E> {
        let mut temporary = match begin(path) {
            Ok(temporary) => temporary,
            Err(error) => return Ok(Err(error)),
        };
        let name = temporary.path().to_owned();
        let made = make(&mut temporary).map(|made| {
            let persisted = if self.force { temporary.persist(path) } else { temporary.persist_noclobber(path) };
            persisted.map(|_| made).map_err(|error| error.error)
        });
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|p| *p != name);
        made
    }
}

/// A temporary file beside `path`, with its ending.
fn begin(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let ending = path.extension().map_or("tmp".into(), |ending| ending.to_string_lossy());
    let suffix = format!(".tmp.{ending}");
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tessera-").suffix(&suffix);
    #[cfg(unix)]
    {
        // The usual permissions of a new file (the umask applies), not the private ones of a temporary file.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let temporary = builder.tempfile_in(folder)?;
    unfinished.push(temporary.path().to_owned());
    Ok(temporary)
}
