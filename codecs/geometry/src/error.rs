//! The crate's one error type.

/// Why an operation on a shape failed. Every message fits on one line after `<file>: ` and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `.tsr` file is truncated, damaged, too large or of another version.
    #[error(transparent)]
    Core(#[from] tessera_core::Error),
    /// A model pack or the ONNX Runtime is missing or does not work.
    #[error(transparent)]
    Models(#[from] tessera_models::Error),
    /// The bytes are no shape that can be read, or the shape cannot be coded or written as asked.
    #[error("{what}")]
    Shape {
        /// What is wrong, and what to do.
        what: String,
    },
    /// A shape asks for more than the limits allow.
    #[error("{what}: {claimed} exceed the limit of {limit}; raise the limit if you trust the file")]
    Limit {
        /// The quantity, as a noun.
        what: &'static str,
        /// What the shape asks for.
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
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn shape(what: impl Into<String>) -> Self {
        Self::Shape { what: what.into() }
    }

    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Self::Parameter { what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Core(tessera_core::Error::Corrupt { what: what.into() })
    }
}
