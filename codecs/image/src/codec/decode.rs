//! Decoding.

use tessera_core::container::{self, Chunk, ChunkKind, Color, Header, MediaShape, PriorKind};
use tessera_core::entropy::{TokenPrior, UniformPrior, bands};
use tessera_core::{GridShape, Limits};

use super::{DecodeOptions, ImageCodec, pack_name, salvage};
use crate::alpha;
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::tiles::{Canvas, Tiling, latent_shape};

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The picture, with the metadata that the file keeps.
    pub picture: Picture,
    /// What was lost of a damaged file, one sentence each. Empty unless salvaging.
    pub losses: Vec<String>,
}

/// What the tokens of a file are, checked against pack and limits.
pub(super) struct TokenLayout<'a> {
    pub shape: GridShape,
    pub depths: Vec<u8>,
    pub prior: &'a dyn TokenPrior,
    pub limits: &'a Limits,
    pub threads: usize,
}

impl ImageCodec {
    /// Decodes a file made with this codec's pack.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] if the file was made with another pack, [`Error::Core`] if it is truncated,
    /// damaged, exceeds the limits or needs a newer version, [`Error::Models`] if ONNX Runtime is missing
    /// or fails. When salvaging, damage is an error only if no tokens survive.
    pub fn decode(&mut self, bytes: &[u8], options: &DecodeOptions) -> Result<Decoded> {
        let limits = &options.limits;
        let (header, chunks, mut losses) = if options.salvage {
            let found = container::salvage(bytes, limits)?;
            let losses = found.losses.iter().map(salvage::describe).collect();
            (found.header, found.chunks, losses)
        } else {
            let file = container::read(bytes, limits)?;
            (file.header, file.chunks, Vec::new())
        };
        self.check_pack(&header)?;
        let MediaShape::Image { width, height, color, alpha } = header.media else {
            return Err(tessera_core::Error::Unsupported {
                what: "the file holds no image; use a newer version of this program".to_owned(),
            }
            .into());
        };
        let layout = self.layout(&header, (width, height), limits)?;
        let latents = if options.salvage {
            salvage::latents(&chunks, &layout, &self.parts.codebook, &mut losses)?
        } else {
            let bands = sorted_bands(&header, &chunks)?;
            let TokenLayout { shape, prior, threads, .. } = layout;
            let grid = bands::decode_bands(&bands, shape, &layout.depths, prior, limits, threads)?;
            self.parts.codebook.dequantize(&grid)?
        };
        let alpha = match decode_alpha(&chunks, alpha, (width, height)) {
            Err(error) if options.salvage => {
                losses.push(format!("the alpha plane is lost, the picture is opaque: {error}"));
                None
            }
            alpha => alpha?,
        };
        let gray = color == Color::Gray;
        let canvas = Canvas { width, height, gray };
        let rgb = self.synthesise(&latents, canvas, Tiling::DECODER)?;
        let block = |kind| {
            let found = chunks.iter().find(|chunk| chunk.kind == kind);
            found.map(|chunk| chunk.payload.clone())
        };
        let picture =
            Picture { width, height, rgb, alpha, gray, icc: block(ChunkKind::Icc), exif: block(ChunkKind::Exif) };
        Ok(Decoded { picture, losses })
    }

    fn check_pack(&self, header: &Header) -> Result<()> {
        if header.pack.hash == self.pack.hash8() {
            return Ok(());
        }
        Err(Error::PackMismatch {
            needed: pack_name(header.pack.id.as_deref(), header.pack.hash),
            have: pack_name(Some(self.pack.id()), self.pack.hash8()),
        })
    }

    fn layout<'a>(
        &'a self,
        header: &Header,
        (width, height): (u32, u32),
        limits: &'a Limits,
    ) -> Result<TokenLayout<'a>> {
        let (rung, codebook) = (header.rung, &self.parts.codebook);
        if rung.levels > codebook.max_levels() || rung.depth > codebook.full_depth() {
            return Err(Error::corrupt(format!(
                "tokens of {} levels and {} bits are beyond the model pack",
                rung.levels, rung.depth
            )));
        }
        let shape = latent_shape(width, height, self.parts.stride).grid(rung.levels);
        shape.check(limits)?;
        Ok(TokenLayout {
            shape,
            depths: rung.depths(codebook.full_depth()),
            prior: match header.prior {
                PriorKind::Trained => &self.parts.prior,
                PriorKind::Uniform => &UniformPrior,
            },
            limits,
            threads: self.threads,
        })
    }
}

fn sorted_bands(header: &Header, chunks: &[Chunk]) -> Result<Vec<bands::CodedBand>> {
    let file = container::File {
        header: header.clone(),
        chunks: chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Tokens).cloned().collect(),
    };
    Ok(file.bands()?)
}

fn decode_alpha(chunks: &[Chunk], expected: bool, (width, height): (u32, u32)) -> Result<Option<Vec<u8>>> {
    let mut planes = chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Alpha);
    match (planes.next(), planes.next(), expected) {
        (None, _, false) => Ok(None),
        (Some(chunk), None, true) => alpha::decode(&chunk.payload, width, height).map(Some),
        (None, _, true) => Err(Error::corrupt("the chunk of the alpha plane is missing")),
        (Some(_), _, _) => Err(Error::corrupt("the file has more alpha planes than it says")),
    }
}
