//! Videos to files and back with the image pack that is built in or the one that `TESSERA_TEST_PACK` names.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[cfg(feature = "ffmpeg")]
mod base;
mod damage;
mod fixture;
mod frames;
mod keep;
mod painting;
mod rates;
mod seeing;
mod sticky;
mod tokens;
