//! The shipped program on real files: every test runs the binary as a user would.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_input;
mod commands;
mod eval;
mod options;
mod packets;
mod pull;
mod round_trip;
mod run;
mod serve;
mod shapes;
mod sounds;
#[cfg(feature = "ffmpeg")]
mod videos;
