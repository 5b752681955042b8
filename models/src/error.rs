//! What can go wrong with packs, graphs and the runtime.

use std::{io, path::PathBuf};

/// Errors grouped by what the caller does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ONNX Runtime library was found nowhere.
    #[error("ONNX Runtime was not found (looked at {}); run ./setup.sh, or name the library with --ort-lib or TESSERA_ORT_LIB", list(.looked))]
    RuntimeMissing {
        /// Every place that was tried, in order.
        looked: Vec<PathBuf>,
    },
    /// A library was found, but it does not load or is too old.
    #[error("{} cannot be used as ONNX Runtime ({reason}); run ./setup.sh, or name another library with --ort-lib", .path.display())]
    RuntimeBroken {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// No pack answers to the id or hash.
    #[error(
        "model pack {wanted} was not found; put it into a folder and name the folder with --models, or see 'tessera models list'"
    )]
    PackMissing {
        /// The id, hash or modality that was asked for.
        wanted: String,
    },
    /// A pack's parts do not agree with its manifest, or the manifest makes no sense.
    #[error("model pack {pack} is damaged: {what}; install it again")]
    PackDamaged {
        /// Path or id of the pack.
        pack: String,
        /// What is wrong.
        what: String,
    },
    /// A graph does not load, or does not do what the pack says.
    #[error("model graph {graph}: {what}; 'tessera models verify' checks the pack, 'tessera doctor' the runtime")]
    Graph {
        /// Name of the graph.
        graph: String,
        /// What is wrong.
        what: String,
    },
    /// A registry of published models does not say what it must, or not about the model that is asked for.
    #[error("{place}: {what}")]
    Registry {
        /// The registry.
        place: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A download did not come to its end. What came is kept, and a later one goes on from there.
    #[error("{place}: {what}")]
    Download {
        /// Where it was to come from, or to go.
        place: String,
        /// What happened, and what to do.
        what: String,
    },
    /// A file is not the published one.
    #[error("{place}: {what}")]
    NotPublished {
        /// The file, or where it came from.
        place: String,
        /// How it differs, and what to do.
        what: String,
    },
    /// Another process is at it.
    #[error("{what} is being pulled by another process; wait for its end, and try again")]
    Busy {
        /// Name of the model.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    pub(crate) fn damaged(pack: impl ToString, what: impl ToString) -> Self {
        Self::PackDamaged { pack: pack.to_string(), what: what.to_string() }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
