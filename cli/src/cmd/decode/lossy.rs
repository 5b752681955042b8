//! A file without some of its packets.

use tessera_core::{
    Limits,
    container::{self, ChunkKind},
};

use crate::{
    cmd::stream::lossy::Chance,
    explain,
    failure::{Exit, Failure, Result},
};

/// A picture's file without those of its packets that chance takes. All else gets through.
pub fn lose(bytes: &[u8], limits: &Limits, percent: f64, seed: u64) -> Result<Vec<u8>> {
    let mut file = container::read(bytes, limits).map_err(|error| explain::core(&error))?;
    if file.of_kind(ChunkKind::Interleaved).next().is_none() {
        return Err(Failure::usage(
            "its tokens are not in packets, so that none can be lost",
            "encode it with --resilient, or leave out --simulate-loss",
        ));
    }
    let mut chance = Chance::new(percent, seed);
    file.chunks.retain(|chunk| chunk.kind != ChunkKind::Interleaved || !chance.strikes());
    if file.of_kind(ChunkKind::Interleaved).next().is_none() {
        return Err(Failure::new(Exit::Failed, "all of its packets are lost", "lose fewer, or choose another --seed"));
    }
    container::write(&file.header, &file.chunks).map_err(|error| explain::core(&error))
}
