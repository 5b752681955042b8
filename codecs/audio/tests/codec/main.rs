//! The whole codec on real speech, with the speech pack in `models/packs` or the one that `TESSERA_TEST_AUDIO_PACK` names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod damage;
mod files;
mod fixture;
mod levels;
mod live;
mod streams;
