//! What untrusted input may ask for.

use crate::error::{Error, Result};

/// Upper bounds on what a file may claim, checked before any allocation that a claim would size.
///
/// The defaults decode everything the default encoder writes and keep a hostile file of a few
/// bytes from costing more than a few tens of megabytes.
///
/// ```
/// let limits = tessera_core::Limits { max_pixels: 1 << 20, ..Default::default() };
/// assert!(limits.max_tokens >= limits.max_pixels / 256);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens in one grid. Default 2^22: a 268-megapixel image at f16 with four residual levels.
    pub max_tokens: u64,
    /// Pixels of one picture. Default 2^28, about 268 megapixels: 768 MiB as 8-bit RGB.
    pub max_pixels: u64,
    /// Samples of one channel of a sound. Default 2^28: 4.6 hours at 16 kHz, 1 GiB as 32-bit numbers.
    pub max_samples: u64,
    /// Points of a cloud or vertices of a mesh. Default 2^25: about 1.5 GB while one is decoded.
    pub max_points: u64,
    /// Bytes of one chunk's payload. Default 2^26: 2^22 tokens at 16 bits take an eighth of it.
    pub max_chunk_bytes: u64,
    /// Chunks of one file. Default 2^14: 2^22 tokens in bands of 2^14 need 2^8.
    pub max_chunks: u32,
    /// Bytes of one metadata chunk (EXIF, ICC). Default 2^24: ICC profiles with tables reach a few megabytes.
    pub max_metadata_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_tokens: 1 << 22,
            max_pixels: 1 << 28,
            max_samples: 1 << 28,
            max_points: 1 << 25,
            max_chunk_bytes: 1 << 26,
            max_chunks: 1 << 14,
            max_metadata_bytes: 1 << 24,
        }
    }
}

/// Fails with [`Error::Limit`] when `claimed` exceeds `limit`.
pub(crate) fn check(what: &str, claimed: u64, limit: u64) -> Result<()> {
    if claimed > limit {
        return Err(Error::Limit { what: what.to_owned(), claimed, limit });
    }
    Ok(())
}
