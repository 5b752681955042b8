//! What can go wrong when measuring.

/// Errors, each on one line and with what to do where there is something to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of range.
    #[error("{0}")]
    Parameter(String),
    /// A codec or a metric failed on a picture.
    #[error("{0}")]
    Failed(String),
    /// Something that was asked for is not at hand: an encoder that is not built in, a graph that is not installed.
    #[error("{0}")]
    Missing(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// What an input or output error of a file becomes.
    pub(crate) fn at(path: &std::path::Path) -> impl Fn(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.display().to_string(), source }
    }
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
