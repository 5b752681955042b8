//! Metrics beside the programs that define them, on crops of the samples distorted by integer arithmetic (`reference.py` says how).
#![allow(clippy::unwrap_used)]

mod claims;
mod fixture;
mod lpips;
#[path = "../common/metric_pack.rs"]
mod metric_pack;
mod references;
