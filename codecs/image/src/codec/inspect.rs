//! What a file holds, without a model pack.

use tessera_core::container::{self, ChunkKind, Color, MediaShape, PackRef, Part, PriorKind};
use tessera_core::{Limits, Rung};

use super::is_metadata;
use crate::error::Result;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether the picture is gray.
    pub gray: bool,
    /// Whether the picture has an alpha plane.
    pub alpha: bool,
    /// The pack that decodes it.
    pub pack: PackRef,
    /// Rung of the tokens.
    pub rung: Rung,
    /// Prior of the tokens.
    pub prior: PriorKind,
    /// Bits of the file per pixel.
    pub bpp: f64,
    /// Bytes of entropy-coded tokens.
    pub token_bytes: u64,
    /// Packets that the tokens are dealt to, 0 for a file that is not resilient.
    pub packets: u32,
    /// Bytes of the alpha plane.
    pub alpha_bytes: u64,
    /// Bytes of EXIF and ICC blocks.
    pub metadata_bytes: u64,
    /// Every byte of the file, by purpose.
    pub parts: Vec<Part>,
}

/// Reads all of a file but its tokens.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) if it is truncated, damaged, exceeds the limits or is no image.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<Inspection> {
    let file = container::read(bytes, limits)?;
    let parts = container::layout(bytes, limits)?;
    let header = &file.header;
    let MediaShape::Image { width, height, color, alpha } = header.media else {
        return Err(tessera_core::Error::Unsupported {
            what: "the file holds no image; use a newer version of this program".to_owned(),
        }
        .into());
    };
    let bytes_of = |wanted: fn(ChunkKind) -> bool| {
        let chunks = file.chunks.iter().filter(|chunk| wanted(chunk.kind));
        chunks.map(|chunk| chunk.payload.len() as u64).sum()
    };
    Ok(Inspection {
        width,
        height,
        gray: color == Color::Gray,
        alpha,
        pack: header.pack.clone(),
        rung: header.rung,
        prior: header.prior,
        bpp: 8.0 * bytes.len() as f64 / (f64::from(width) * f64::from(height)),
        token_bytes: bytes_of(|kind| matches!(kind, ChunkKind::Tokens | ChunkKind::Interleaved)),
        // At most the limit, which has 32 bits.
        packets: file.of_kind(ChunkKind::Interleaved).count() as u32,
        alpha_bytes: bytes_of(|kind| kind == ChunkKind::Alpha),
        metadata_bytes: bytes_of(is_metadata),
        parts,
    })
}
