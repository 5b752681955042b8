//! What a run and its workers say to each other: one JSON object a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The first line of a worker: the codec it serves, or why there is none.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Hello {
    /// The codec is ready.
    Ready {
        /// [`Codec::describe`](crate::anchors::Codec::describe).
        settings: String,
        /// [`Codec::extension`](crate::anchors::Codec::extension).
        extension: String,
        /// The codec's ladder: name and value of every rate.
        ladder: Vec<(String, f64)>,
    },
    /// It is not at hand.
    Missing(String),
    /// It failed.
    Failed(String),
}

/// One file at one rate.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Ask {
    /// The picture or sound file.
    pub(super) path: PathBuf,
    /// The rate.
    pub(super) rate: (String, f64),
    /// Where the coded file goes.
    pub(super) coded: PathBuf,
    /// Where what is decoded goes, as a lossless file.
    pub(super) decoded: PathBuf,
}

/// What became of an [`Ask`].
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Answer {
    /// Both files are written.
    Done {
        /// Bytes of the coded file.
        bytes: u64,
        /// Seconds of encoding.
        encode_seconds: f64,
        /// Seconds of decoding.
        decode_seconds: f64,
        /// Largest resident memory of the worker while it coded, where the system tells.
        peak_bytes: Option<u64>,
    },
    /// Why not.
    Failed(String),
}
