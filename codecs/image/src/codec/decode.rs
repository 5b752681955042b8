//! Decoding.

use tessera_core::container::{self, Chunk, ChunkKind, Color, Header, MediaShape, PriorKind};
use tessera_core::entropy::{TokenPrior, UniformPrior};
use tessera_core::{GridShape, Limits, TokenGrid};

use super::refining::Told;
use super::{DecodeOptions, ImageCodec, pack_name, salvage};
use crate::alpha;
use crate::conceal::Known;
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::tiles::Canvas;

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The picture, with the metadata that the file keeps.
    pub picture: Picture,
    /// What was lost of a damaged file, one sentence each. Empty unless salvaging.
    pub losses: Vec<String>,
    /// Tokens of the first level.
    pub tokens: u64,
    /// How many of them are lost.
    pub lost_tokens: u64,
    /// Whether networks that look at all of a picture saw it in windows, which is an approximation.
    pub windowed: bool,
}

/// The tokens of a file, and which of them arrived.
#[derive(Debug)]
pub(super) struct Received {
    pub grid: TokenGrid,
    pub known: Known,
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
    /// or fails, [`Error::Parameter`] if options ask for a refiner or a masked-token model that the codec does not have. When salvaging, damage is an
    /// error only if no tokens survive.
    pub fn decode(&mut self, bytes: &[u8], options: &DecodeOptions) -> Result<Decoded> {
        options.check()?;
        let limits = &options.limits;
        let (file, mut losses) = if options.salvage {
            let found = container::salvage(bytes, limits)?;
            let losses = found.losses.iter().map(salvage::describe).collect();
            (container::File { header: found.header, chunks: found.chunks }, losses)
        } else {
            (container::read(bytes, limits)?, Vec::new())
        };
        let container::File { header, chunks } = &file;
        self.check_pack(header)?;
        let MediaShape::Image { width, height, color, alpha } = header.media else {
            return Err(tessera_core::Error::Unsupported {
                what: "the file holds no image; use a newer version of this program".to_owned(),
            }
            .into());
        };
        let layout = self.layout(header, (width, height), limits)?;
        let received = match options.salvage {
            true => salvage::tokens(chunks, &layout, &mut losses)?,
            false => layout.tokens(&file)?,
        };
        let rate = self.rate(header);
        let latents = self.latents(&received, rate, options)?;
        let alpha = match decode_alpha(chunks, alpha, (width, height)) {
            Err(error) if options.salvage => {
                losses.push(format!("the alpha plane is lost, the picture is opaque: {error}"));
                None
            }
            alpha => alpha?,
        };
        let gray = color == Color::Gray;
        let canvas = Canvas { width, height, gray };
        let grid_positions = self.tokenizer.grid(width, height).len();
        let rgb = match options.refine {
            0 => self.tokenizer.synthesise(&latents, canvas)?,
            steps => {
                let bits = header.rung.bits_per_position(self.tokenizer.parts.codebook.full_depth());
                let told = Told { steps, bits, positions: grid_positions, seed: received.grid.crc() };
                self.refined(&latents, canvas, told)?
            }
        };
        let refined_in_windows = options.refine > 0
            && self.additions.refiner.as_ref().is_some_and(|refiner| refiner.is_windowed(grid_positions));
        let block = |kind| {
            let found = chunks.iter().find(|chunk| chunk.kind == kind);
            found.map(|chunk| chunk.payload.clone())
        };
        let picture =
            Picture { width, height, rgb, alpha, gray, icc: block(ChunkKind::Icc), exif: block(ChunkKind::Exif) };
        let positions = &received.known.positions;
        let (tokens, lost_tokens) = (positions.len() as u64, received.known.lost() as u64);
        let windowed = refined_in_windows || self.is_windowed(width, height);
        Ok(Decoded { picture, losses, tokens, lost_tokens, windowed })
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
        let (rung, codebook) = (header.rung, &self.tokenizer.parts.codebook);
        if rung.levels > codebook.max_levels() || rung.depth > codebook.full_depth() {
            return Err(Error::corrupt(format!(
                "tokens of {} levels and {} bits are beyond the model pack",
                rung.levels, rung.depth
            )));
        }
        let shape = self.tokenizer.grid(width, height).grid(rung.levels);
        shape.check(limits)?;
        Ok(TokenLayout {
            shape,
            depths: rung.depths(codebook.full_depth()),
            prior: match header.prior {
                PriorKind::Trained => &self.tokenizer.parts.prior,
                PriorKind::Uniform => &UniformPrior,
            },
            limits,
            threads: self.tokenizer.threads,
        })
    }
}

impl TokenLayout<'_> {
    /// Whether the tokens are dealt to packets. A file with both forms counts as one of bands.
    pub fn interleaved(&self, chunks: &[Chunk]) -> bool {
        let has = |kind| chunks.iter().any(|chunk| chunk.kind == kind);
        has(ChunkKind::Interleaved) && !has(ChunkKind::Tokens)
    }

    /// All tokens of a whole file.
    fn tokens(&self, file: &container::File) -> Result<Received> {
        let &TokenLayout { shape, prior, limits, threads, .. } = self;
        let grid = file.tokens(shape, &self.depths, prior, limits, threads)?;
        Ok(Received { grid, known: Known::everything(shape.y as usize, shape.x as usize) })
    }
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
