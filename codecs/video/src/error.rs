//! The crate's one error type.

/// Why an operation on a video failed. Every message fits on one line after `<file>: ` and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `.tsr` file is truncated, damaged, too large or of another version; or tokens do not fit the model.
    #[error(transparent)]
    Core(#[from] tessera_core::Error),
    /// A model pack or ONNX Runtime is missing or failed.
    #[error(transparent)]
    Image(#[from] tessera_image::Error),
    /// The file was made with another model pack.
    #[error("it was made with model pack {needed}, but the pack at hand is {have}; decode it with pack {needed}")]
    PackMismatch {
        /// Id, if the file names it, and hash of the pack that the file was made with.
        needed: String,
        /// Id and hash of the pack at hand.
        have: String,
    },
    /// A model pack does not fit its description or another pack.
    #[error("the model pack is not usable: {what}; install the pack again")]
    Pack {
        /// What does not fit.
        what: String,
    },
    /// The bytes are no video that can be read, or the video cannot be written in the format.
    #[error("{what}")]
    Video {
        /// What is wrong, and what to do.
        what: String,
    },
    /// No encoding is as small as asked for.
    #[error(
        "{wanted} bytes are too few for this video; the least possible is {least} bytes, so ask for --size {least} or more, or code smaller frames with --eighths"
    )]
    TooSmall {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes of the smallest file that the encoder can make with these options.
        least: u64,
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

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Core(tessera_core::Error::Corrupt { what: what.into() })
    }

    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Self::Parameter { what: what.into() }
    }
}
