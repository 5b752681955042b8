//! The crate's one error type.

/// Why an operation on a video failed. Every message fits on one line after `<file>: ` and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no video that can be read, or the video cannot be written in the format.
    #[error("{what}")]
    Video {
        /// What is wrong, and what to do.
        what: String,
    },
    /// An argument is outside of its documented range. Fix the call.
    #[error("invalid argument: {what}")]
    Parameter {
        /// Which argument, and its range.
        what: String,
    },
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn video(what: impl Into<String>) -> Self {
        Self::Video { what: what.into() }
    }

    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Self::Parameter { what: what.into() }
    }
}
