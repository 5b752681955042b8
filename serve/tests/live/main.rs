//! A server and real WebSocket clients, with the speech pack in `models/packs` or the one that `TESSERA_TEST_AUDIO_PACK` names.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod access;
mod browser;
mod crowd;
mod ending;
mod fixture;
mod hostile;
mod streams;
