//! The crate's one error type, grouped by what the caller does next.

use thiserror::Error;

/// Why an operation failed, grouped by the caller's next step.
///
/// Every variant carries a plain-English message that fits on one line after `<file>: `.
/// No variant leaves a value half changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end too early. A complete copy of the same file will work.
    #[error("the data ends too early: {what}")]
    Truncated {
        /// What was still expected.
        what: String,
    },
    /// The bytes contradict themselves or a checksum. Salvage what survives, or fetch a good copy.
    #[error("the data is damaged: {what}")]
    Corrupt {
        /// What does not hold.
        what: String,
    },
    /// The data is well formed, but this version does not know a part of it. A newer version might.
    #[error("not supported: {what}")]
    Unsupported {
        /// What is not known here.
        what: String,
    },
    /// The data claims more than [`Limits`](crate::Limits) allow. Raise the limit if the source is trusted.
    #[error("{what} is {claimed}, above the limit of {limit}")]
    Limit {
        /// The quantity, as a noun with its unit.
        what: String,
        /// What the data asks for.
        claimed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Two valid parts do not belong together, such as a file and another file's model pack.
    #[error("parts do not belong together: {what}")]
    Mismatch {
        /// Which parts, and how they differ.
        what: String,
    },
    /// An argument is outside its documented range. Fix the call.
    #[error("invalid argument: {what}")]
    Parameter {
        /// Which argument, and its range.
        what: String,
    },
}

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::Truncated { what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(crate) fn mismatch(what: impl Into<String>) -> Self {
        Self::Mismatch { what: what.into() }
    }

    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Self::Parameter { what: what.into() }
    }
}
