//! The whole codec on real photos, with the default image pack or the one that `TESSERA_TEST_PACK` names.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod additions;
mod damage;
mod fixture;
mod packets;
mod pictures;
mod relay;
mod targets;
