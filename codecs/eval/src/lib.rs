//! Bits against quality.
//!
//! ```text
//! pictures, sounds, videos, shapes ──codecs at a ladder of rates──▶ written files ──decoded──▶ metrics ──▶ cells ──report──▶ CSV, JSON, SVG, BD-rate, HTML
//! ```
//!
//! - [`metrics`]: one registry of distances and similarities between two pictures, two sounds, two videos or two shapes.
//! - [`anchors`]: one registry of the codecs that a user would pick instead.
//! - [`ours`]: the suite's own codecs behind the same seam.
//! - [`run`]: every file through every codec at every rate, in worker processes, resumable.
//! - [`Cell`]: what one codec made of one file at one rate, measured from the written file.
//! - [`report`]: cells to tables, plots and one page.

pub mod anchors;
mod cell;
mod clip;
mod error;
mod media;
pub mod metrics;
pub mod ours;
mod picture;
pub mod preview;
pub mod report;
pub mod run;
mod solid;
pub mod speech;

pub use cell::{Cell, Failure};
pub use clip::Clip;
pub use error::{Error, Result};
pub use media::{Extent, Media};
pub use picture::Rgb8;
pub use solid::{Form, Solid};
pub use speech::Speech;
