//! One encoding of latents that are at hand, at one rung and lambda.

use tessera_core::container::{self, Chunk, Header, MediaShape, PackRef, PriorKind};
use tessera_core::entropy::{Search, bands, packets};
use tessera_core::{LatentShape, Rung};
use tessera_models::ImagePack;

use crate::error::Result;
use crate::rate::Trial;

/// Everything of a file that does not depend on rung and lambda.
pub(super) struct Attempts<'a> {
    pub parts: &'a ImagePack,
    pub pack: PackRef,
    pub media: MediaShape,
    pub shape: LatentShape,
    /// `[y][x][dim]`.
    pub latents: &'a [f32],
    /// Chunks beside those of tokens.
    pub extra: Vec<Chunk>,
    pub candidates: usize,
    /// Whether tokens are dealt to packets.
    pub resilient: bool,
    pub threads: usize,
}

/// The whole file, and how many bytes of it are coded tokens.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub file: Vec<u8>,
    pub token_bytes: u64,
}

impl Attempts<'_> {
    /// Searches, codes and writes a whole file.
    pub fn make(&self, rung: Rung, lambda: f32) -> Result<Trial<Written>> {
        let codebook = &self.parts.codebook;
        let prior = &self.parts.prior;
        let search = Search { lambda, candidates: if lambda > 0.0 { self.candidates } else { 1 } };
        let (latents, shape) = (self.latents, self.shape);
        let find = if self.resilient { packets::search_packets } else { bands::search_bands };
        let grid = find(latents, shape, rung, codebook, prior, search, self.threads)?;
        let decoded = codebook.dequantize(&grid)?;
        let squares = latents.iter().zip(&decoded).map(|(a, b)| f64::from(a - b).powi(2));
        let distortion = squares.sum();

        let mut chunks: Vec<Chunk> = if self.resilient {
            let coded = packets::encode_packets(&grid, prior, self.threads)?;
            (0..).zip(coded).map(|(n, bytes)| Chunk::interleaved(n, bytes)).collect()
        } else {
            let coded = bands::encode_bands(&grid, prior, self.threads)?;
            (0..).zip(coded).map(|(n, band)| Chunk::tokens(n, band)).collect()
        };
        let token_bytes = chunks.iter().map(|chunk| chunk.payload.len() as u64).sum();
        chunks.extend(self.extra.iter().cloned());
        let header = Header { pack: self.pack.clone(), rung, prior: PriorKind::Trained, media: self.media.clone() };
        let file = container::write(&header, &chunks)?;
        Ok(Trial { rung, lambda, bytes: file.len() as u64, distortion, result: Written { file, token_bytes } })
    }
}
