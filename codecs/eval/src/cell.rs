//! What one codec made of one file at one rate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Extent;

/// One measurement, from the written file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Cell {
    /// Name of the input, relative to the folder that was evaluated.
    pub file: String,
    /// Codec, as its registry names it.
    pub codec: String,
    /// Rate or quality setting, as the codec names it.
    pub rate: String,
    /// Position of the rate on the codec's ladder, from the fewest bytes.
    pub step: u32,
    /// Sides of the picture, duration of the sound, or how much there is of the shape.
    #[serde(flatten)]
    pub extent: Extent,
    /// Bytes of the written file.
    pub bytes: u64,
    /// Seconds of encoding, the model loaded.
    pub encode_seconds: f64,
    /// Seconds of decoding, the model loaded.
    pub decode_seconds: f64,
    /// Largest resident memory of the process that encoded and decoded, in bytes, where the system tells.
    #[serde(default)]
    pub peak_bytes: Option<u64>,
    /// Metric name to value.
    pub metrics: BTreeMap<String, f64>,
    /// Metric name to its values frame by frame, of videos.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_frame: BTreeMap<String, Vec<f64>>,
    /// Path of the decoded picture (PNG), sound (WAV) or shape (PLY), below the report's folder of them, where it was kept.
    pub kept: Option<String>,
}

impl Cell {
    /// What the written file costs: see [`Extent::cost`].
    pub fn cost(&self) -> f64 {
        self.extent.cost(self.bytes)
    }
}

/// A cell that could not be made.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Name of the input.
    pub file: String,
    /// Codec.
    pub codec: String,
    /// Rate, where it got so far.
    pub rate: Option<String>,
    /// What happened.
    pub what: String,
}
