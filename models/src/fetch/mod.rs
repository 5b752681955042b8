//! Published models by name, over HTTP.
//!
//! [`Registry`] says what there is; [`Downloads`] gets a file of it to disk, whole or not at all. A file that lies there already, or in the
//! cache that Hugging Face's programs share, is not downloaded again. What comes goes into `NAME.part`, which a later call goes on with;
//! length and SHA-256 are checked before it gets its name.

mod http;
mod hub;
mod part;
mod registry;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

pub use registry::{Published, Registry, Remote, Role};

use crate::{Error, Result, runtime};
use http::{Answer, Client};
use part::Part;

/// Longest file that is taken where nobody knows its length, bytes.
const MAX_BYTES: u64 = 1 << 34;
/// Connections that may end without a byte having come before one gives up, with these pauses between them.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Where downloaded files are kept, and where they may come from.
#[derive(Clone, Debug)]
pub struct Downloads {
    folder: PathBuf,
    hub: Option<PathBuf>,
    offline: bool,
}

/// A published file on disk.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// How it came there.
    pub source: Source,
}

/// How a published file came to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was downloaded now.
    Network,
    /// It lay among earlier downloads.
    Kept,
    /// It lay in the cache of Hugging Face's programs.
    Hub,
}

impl Downloads {
    /// The user's: files are kept in `…/tessera/downloads` of the user's cache, and the hub's cache is where `HF_HUB_CACHE` or `HF_HOME` says.
    ///
    /// # Errors
    /// [`Error::Io`] if the environment names no place to keep files in.
    pub fn standard() -> Result<Self> {
        let folder = runtime::user_cache().map(|cache| cache.join("downloads"));
        let folder = folder.ok_or_else(|| {
            let what =
                "neither HOME nor XDG_CACHE_HOME is set, so there is no place to keep downloads; set one of them";
            Error::io("downloads", io::Error::new(io::ErrorKind::NotFound, what))
        })?;
        Ok(Self { folder, hub: hub::cache(), offline: false })
    }

    /// Files are kept in `folder`; `hub` is a cache of Hugging Face's programs.
    pub fn at(folder: impl Into<PathBuf>, hub: Option<PathBuf>) -> Self {
        Self { folder: folder.into(), hub, offline: false }
    }

    /// Whether to use no network at all.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Where a file of the model `model` is kept.
    pub fn place(&self, model: &str, remote: &Remote) -> PathBuf {
        self.folder.join(model).join(&remote.name)
    }

    /// Gets a file of the model `model` to disk. `progress` is told the bytes so far and, where it is known, their number in the end.
    ///
    /// A file whose length and SHA-256 the registry does not know is taken as it comes, if it comes whole: who calls must have asked for trust.
    ///
    /// # Errors
    /// [`Error::Download`] if it does not come, or not to its end: what came is kept and gone on with later. [`Error::NotPublished`] if it is
    /// another file than the registry says, which is then deleted. [`Error::Busy`] if another process is at it. [`Error::Io`] if it cannot
    /// be written.
    pub fn fetch(&self, model: &str, remote: &Remote, progress: &mut dyn FnMut(u64, Option<u64>)) -> Result<Fetched> {
        let place = self.place(model, remote);
        if let Some(found) = kept(&place, remote)? {
            return Ok(found);
        }
        if let Some(found) = self.in_hub(remote) {
            return Ok(found);
        }
        if self.offline {
            let what = format!(
                "it is not here yet, and --offline forbids downloading it; pull without --offline, or put the file there as {}",
                place.display()
            );
            return Err(Error::Download { place: remote.url.clone(), what });
        }
        let folder = self.folder.join(model);
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        let _lock = self.lock(model)?;
        // Another process may have ended while this one looked.
        if let Some(found) = kept(&place, remote)? {
            return Ok(found);
        }
        let mut again = true;
        loop {
            let mut part = Part::open(&place)?;
            let resumed = part.length() > 0;
            download(&Client::new(&remote.url), remote, &mut part, progress)?;
            let (bytes, sha256) = (part.length(), part.sha256());
            let Some(what) = remote.differs(bytes, &sha256) else {
                part.finish(&place)?;
                return Ok(Fetched { path: place, bytes, sha256, source: Source::Network });
            };
            part.discard()?;
            // The beginning may have been another version's, or damaged on disk.
            if !(resumed && std::mem::take(&mut again)) {
                let what = format!(
                    "{what}; what came was deleted. Try again; if that does not help, the publisher has changed the file"
                );
                return Err(Error::NotPublished { place: remote.url.clone(), what });
            }
        }
    }

    fn in_hub(&self, remote: &Remote) -> Option<Fetched> {
        let candidates = remote.hub()?.candidates(self.hub.as_ref()?, remote.sha256.as_deref());
        candidates.into_iter().filter(|path| path.is_file()).find_map(|path| {
            // What lies there may be of another revision, or unreadable: then it is as if it were not there.
            let (bytes, sha256) = part::digest(&path).ok()?;
            remote.differs(bytes, &sha256).is_none().then_some(Fetched { path, bytes, sha256, source: Source::Hub })
        })
    }

    /// Held until dropped; the file itself stays, since removing it would race with who opens it.
    fn lock(&self, model: &str) -> Result<File> {
        let path = self.folder.join(format!(".{model}.lock"));
        let cannot = |error| Error::io(&path, error);
        let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Busy { what: model.to_owned() }),
            // File systems without locks: two pulls at once then spoil each other's file, which its SHA-256 shows.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }
}

impl Remote {
    /// How a file differs from the published one, as far as that is known.
    fn differs(&self, bytes: u64, sha256: &str) -> Option<String> {
        match (self.bytes, &self.sha256) {
            (Some(wanted), _) if wanted != bytes => {
                Some(format!("it has {bytes} bytes where the published file has {wanted}"))
            }
            (None, _) if bytes > MAX_BYTES => Some(format!("it has more than {MAX_BYTES} bytes, which no model has")),
            (_, Some(wanted)) if wanted != sha256 => {
                Some(format!("its SHA-256 is {sha256}, that of the published file {wanted}"))
            }
            _ => None,
        }
    }
}

/// A file from an earlier download, or put there by hand.
fn kept(place: &Path, remote: &Remote) -> Result<Option<Fetched>> {
    if !place.is_file() {
        return Ok(None);
    }
    let (bytes, sha256) = part::digest(place)?;
    match remote.differs(bytes, &sha256) {
        None => Ok(Some(Fetched { path: place.to_owned(), bytes, sha256, source: Source::Kept })),
        Some(what) => {
            let what = format!("it is not the published file: {what}; delete it and pull again");
            Err(Error::NotPublished { place: place.display().to_string(), what })
        }
    }
}

/// Gets the rest of a file. Broken connections are taken up again as long as each brings something.
fn download(
    client: &Client<'_>,
    remote: &Remote,
    part: &mut Part,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<()> {
    let limit = remote.bytes.unwrap_or(MAX_BYTES);
    let mut pauses = PAUSES.iter();
    loop {
        let before = part.length();
        if before == limit && remote.bytes.is_some() {
            return Ok(());
        }
        let broken = match client.get(part, remote) {
            Ok(Answer::Whole) => return Ok(()),
            Ok(Answer::Rest(mut body)) => match body.copy(part, limit, progress)? {
                None => return Ok(()),
                Some(broken) => broken,
            },
            Err(http::Refusal::Final(what)) => return Err(gave_up(remote, part, &what)),
            Err(http::Refusal::Local(error)) => return Err(error),
            Err(http::Refusal::Passing(what)) => what,
        };
        if part.length() > before {
            pauses = PAUSES.iter();
        }
        match pauses.next() {
            Some(pause) => std::thread::sleep(*pause),
            None => return Err(gave_up(remote, part, &broken)),
        }
    }
}

fn gave_up(remote: &Remote, part: &Part, what: &str) -> Error {
    let after = match part.length() {
        0 => "try again later".to_owned(),
        bytes => format!("{bytes} bytes are kept; pull again to go on from there"),
    };
    Error::Download { place: remote.url.clone(), what: format!("{what}; {after}") }
}
