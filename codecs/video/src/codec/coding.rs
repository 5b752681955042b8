//! Groups of latents to coded tokens.

use tessera_core::container::{Chunk, ChunkKind, GopEntry};
use tessera_core::entropy::{CodedGop, Search, Stickiness, Tally, search_gop};
use tessera_core::{LatentShape, Rung};
use tessera_image::Tokenizer;

use crate::error::Result;
use crate::gop::{Gop, from_halves};
use crate::mark::is_steady;

/// What tokens are chosen by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choosing {
    pub rung: Rung,
    /// Squared latent distance that a bit is worth.
    pub lambda: f32,
    pub candidates: usize,
    pub sticky: bool,
}

/// A group whose tokens are chosen.
pub(super) struct Chosen {
    pub coded: CodedGop,
    /// Squared latent error.
    pub error: f64,
}

/// A coded group.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    pub chunk: Chunk,
    /// But for its offset.
    pub entry: GopEntry,
    /// When its last frame ends, in ticks.
    pub end: u64,
    pub tally: Tally,
    /// Squared latent error.
    pub error: f64,
}

/// Chooses the tokens of a group.
pub(super) fn choose(tokenizer: &Tokenizer, gop: &Gop, grid: LatentShape, how: &Choosing) -> Result<Chosen> {
    let shape = LatentShape { t: gop.times.ticks.len() as u32, ..grid };
    let places = grid.len() as usize;
    let steady = |from: usize, to: usize, place: usize| {
        how.sticky && is_steady(&gop.marks[from * places + place], &gop.marks[to * places + place])
    };
    let search = Search { lambda: how.lambda, candidates: how.candidates };
    let latents = from_halves(&gop.latents);
    let stickiness = Stickiness { search, steady: &steady, sticky: how.sticky };
    let (codebook, prior) = (tokenizer.codebook(), tokenizer.prior());
    let coded = search_gop(&latents, shape, how.rung, codebook, prior, &stickiness)?;
    let decoded = codebook.dequantize(&coded.grid)?;
    let error = latents.iter().zip(&decoded).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    Ok(Chosen { coded, error })
}

/// Chooses and codes the tokens of a group.
pub(super) fn code(tokenizer: &Tokenizer, gop: &Gop, grid: LatentShape, how: &Choosing) -> Result<Coded> {
    let Chosen { coded, error } = choose(tokenizer, gop, grid, how)?;
    let mut payload = Vec::with_capacity(coded.bytes.len() + 16);
    gop.times.put(&mut payload)?;
    payload.extend(coded.bytes);
    Ok(Coded {
        chunk: Chunk { kind: ChunkKind::Gop, sequence: gop.number, token_crc: Some(coded.grid.crc()), payload },
        entry: GopEntry { frames: gop.times.ticks.len() as u32, start: gop.times.start, offset: 0 },
        end: gop.times.end(),
        tally: coded.tally,
        error,
    })
}
