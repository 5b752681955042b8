//! The crate's one error type.

/// Why an operation on a sound failed. Every message fits on one line after `<file>: ` and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `.tsr` file or stream is truncated, damaged, too large or of another version; or tokens do not fit the model.
    #[error(transparent)]
    Core(#[from] tessera_core::Error),
    /// A model pack or ONNX Runtime is missing or failed.
    #[error(transparent)]
    Models(#[from] tessera_models::Error),
    /// The file was made with another model pack.
    #[error("it was made with model pack {needed}, but the pack at hand is {have}; decode it with pack {needed}")]
    PackMismatch {
        /// Id, if the file names it, and hash of the pack that the file was made with.
        needed: String,
        /// Id and hash of the pack at hand.
        have: String,
    },
    /// The bytes are no sound that can be read, or the sound cannot be coded or written as asked.
    #[error("{what}")]
    Sound {
        /// What is wrong, and what to do.
        what: String,
    },
    /// A sound asks for more than the limits allow.
    #[error("{what}: {claimed} exceed the limit of {limit}; raise the limit if you trust the file")]
    Limit {
        /// The quantity, as a noun.
        what: &'static str,
        /// What the sound asks for.
        claimed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// An argument is outside of its documented range. Fix the call.
    #[error("invalid argument: {what}")]
    Parameter {
        /// Which argument, and its range.
        what: String,
    },
    /// A model pack's network returned something that does not fit its description.
    #[error("the model pack is not usable: {what}; install the pack again")]
    Pack {
        /// What does not fit.
        what: String,
    },
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn sound(what: impl Into<String>) -> Self {
        Self::Sound { what: what.into() }
    }

    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Self::Parameter { what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Core(tessera_core::Error::Corrupt { what: what.into() })
    }
}
