//! Encoding.

use std::borrow::Cow;

use tessera_core::container::{Chunk, ChunkKind, Color, MediaShape};
use tessera_core::{Limits, Rung};

use super::attempt::{Attempts, Written};
use super::{EncodeOptions, ImageCodec, Target, is_metadata};
use crate::alpha::{self, AlphaForm};
use crate::error::{Error, Result};
use crate::io::{Metadata, profile};
use crate::picture::Picture;
use crate::rate::{Ladder, Trial, fit, least};

/// Bytes that an alpha plane may always take where no size is asked for.
const LEAST_ALPHA: u64 = 256;

/// An encoded picture and where its bytes went.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The `.tsr` file.
    pub bytes: Vec<u8>,
    /// Rung of the tokens.
    pub rung: Rung,
    /// Squared latent distance that a bit was worth; 0 for nearest tokens.
    pub lambda: f32,
    /// Bits of the file per pixel.
    pub bpp: f64,
    /// Tokens, all levels.
    pub tokens: u64,
    /// Bytes of entropy-coded tokens.
    pub token_bytes: u64,
    /// Bytes of the alpha plane, 0 without one.
    pub alpha_bytes: u64,
    /// How exactly the alpha plane is kept.
    pub alpha_form: Option<AlphaForm>,
    /// Bytes of EXIF and ICC blocks.
    pub metadata_bytes: u64,
    /// Mean squared error of the latents, per value.
    pub latent_error: f64,
    /// Encodings that were tried.
    pub attempts: u32,
}

impl ImageCodec {
    /// Encodes a picture.
    ///
    /// The network runs once; rungs and lambdas are tried on its latents. The same picture, pack and
    /// options give the same bytes for any number of threads, on machines whose ONNX Runtime computes alike.
    /// An alpha plane is lossless if that takes at most half of the bytes aimed at (without a size, as
    /// many bytes as the tokens before entropy coding, or 256), otherwise coarser: see [`Encoded::alpha_form`]. Colours of fully transparent pixels are not kept.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for an impossible [`Target::Size`], [`Error::Parameter`] for options or planes out
    /// of range, [`Error::Limit`] for a picture that no decoder with default limits takes, [`Error::Models`]
    /// if ONNX Runtime is missing or fails, [`Error::Core`] if a rung is not on the pack's ladder.
    pub fn encode(&mut self, picture: &Picture, options: &EncodeOptions) -> Result<Encoded> {
        options.check()?;
        picture.check()?;
        let limits = Limits::default();
        check_limit("pixels of the picture", picture.pixels(), limits.max_pixels)?;
        let picture = match (options.metadata, &picture.icc) {
            (Metadata::Strip, Some(_)) => {
                let mut converted = picture.clone();
                profile::to_srgb(&mut converted);
                Cow::Owned(converted)
            }
            _ => Cow::Borrowed(picture),
        };
        let picture = picture.as_ref();
        let metadata = metadata_chunks(picture, options.metadata, &limits)?;

        let shape = self.tokenizer.grid(picture.width, picture.height);
        let latents = self.tokenizer.analyse(picture)?;
        let ladder = self.tokenizer.ladder(shape.len());
        let attempts = Attempts {
            parts: &self.tokenizer.parts,
            pack: self.pack_ref(),
            media: MediaShape::Image {
                width: picture.width,
                height: picture.height,
                color: if picture.gray { Color::Gray } else { Color::Rgb },
                alpha: picture.alpha.is_some(),
            },
            shape,
            latents: &latents,
            extra: metadata,
            candidates: options.candidates(),
            resilient: options.resilient,
            threads: self.tokenizer.threads,
        };
        Encoding { picture, ladder, attempts, tried: 0 }.aim(options.target)
    }
}

/// A picture on its way to a target.
struct Encoding<'a> {
    picture: &'a Picture,
    ladder: Ladder,
    attempts: Attempts<'a>,
    tried: u32,
}

impl Encoding<'_> {
    fn aim(mut self, target: Target) -> Result<Encoded> {
        match target {
            Target::Quality(quality) => {
                let rung = self.ladder.of_quality(quality);
                self.at(rung, None)
            }
            Target::Rung { rung, lambda } => self.at(rung, lambda),
            Target::Bpp(bpp) => {
                let budget = (bpp * self.picture.pixels() as f64 / 8.0) as u64;
                let (trial, form) = match self.within(budget)? {
                    (Some(trial), form) => (trial, form),
                    (None, form) => (self.least()?, form),
                };
                Ok(self.done(trial, form))
            }
            Target::Size(wanted) => match self.within(wanted)? {
                (Some(trial), form) => Ok(self.done(trial, form)),
                (None, _) => Err(Error::TooSmall { wanted, least: self.least()?.bytes }),
            },
        }
    }

    fn searching(&self) -> bool {
        self.attempts.candidates > 1
    }

    fn at(mut self, rung: Rung, lambda: Option<f32>) -> Result<Encoded> {
        let lambda = match self.searching() {
            true => lambda.unwrap_or_else(|| self.ladder.lambda(rung)),
            false => 0.0,
        };
        let nominal = self.ladder.bits(rung) * self.attempts.shape.len() as f64 / 8.0;
        let form = self.code_alpha((nominal as u64).max(LEAST_ALPHA));
        let trial = self.attempts.make(rung, lambda)?;
        self.tried = 1;
        Ok(self.done(trial, form))
    }

    /// The best within a budget. Alpha takes at most half of it, and leaves room for the first rung if it can.
    fn within(&mut self, budget: u64) -> Result<(Option<Trial<Written>>, Option<AlphaForm>)> {
        let Some(coarsest) = self.code_alpha(0) else {
            return Ok((self.fit(budget)?, None));
        };
        let first = self.ladder.rungs()[0];
        let lambda = if self.searching() { self.ladder.lambda(first) } else { 0.0 };
        self.tried += 1;
        let taken = self.attempts.make(first, lambda)?.bytes;
        if taken >= budget {
            return Ok((self.fit(budget)?, Some(coarsest)));
        }
        // A longer payload may need one more byte for its length.
        let spare = (budget - taken).saturating_sub(1);
        let form = self.code_alpha(spare.min(budget / 2));
        Ok((self.fit(budget)?, form))
    }

    fn fit(&mut self, budget: u64) -> Result<Option<Trial<Written>>> {
        let (searching, tried) = (self.searching(), &mut self.tried);
        let (attempts, positions) = (&self.attempts, self.attempts.shape.len());
        fit(&self.ladder, budget, positions, searching, |rung, lambda| {
            *tried += 1;
            attempts.make(rung, lambda)
        })
    }

    fn least(&mut self) -> Result<Trial<Written>> {
        self.tried += 1;
        least(&self.ladder, self.searching(), |rung, lambda| self.attempts.make(rung, lambda))
    }

    /// Codes the alpha plane anew.
    fn code_alpha(&mut self, budget: u64) -> Option<AlphaForm> {
        let Picture { width, height, alpha, .. } = self.picture;
        let coded = alpha::encode(alpha.as_ref()?, *width, *height, budget);
        self.attempts.extra.retain(|chunk| chunk.kind != ChunkKind::Alpha);
        let chunk = Chunk::new(ChunkKind::Alpha, coded.payload);
        self.attempts.extra.insert(0, chunk);
        Some(coded.form)
    }

    fn done(&self, trial: Trial<Written>, alpha_form: Option<AlphaForm>) -> Encoded {
        let extra = &self.attempts.extra;
        let bytes_of = |wanted: fn(ChunkKind) -> bool| {
            let chunks = extra.iter().filter(|chunk| wanted(chunk.kind));
            chunks.map(|chunk| chunk.payload.len() as u64).sum()
        };
        let Written { file, token_bytes } = trial.result;
        Encoded {
            rung: trial.rung,
            lambda: trial.lambda,
            bpp: 8.0 * file.len() as f64 / self.picture.pixels() as f64,
            tokens: self.attempts.shape.len() * u64::from(trial.rung.levels),
            token_bytes,
            alpha_bytes: bytes_of(|kind| kind == ChunkKind::Alpha),
            alpha_form,
            metadata_bytes: bytes_of(is_metadata),
            latent_error: trial.distortion / self.attempts.latents.len() as f64,
            attempts: self.tried,
            bytes: file,
        }
    }
}

/// Chunks of what is kept.
fn metadata_chunks(picture: &Picture, metadata: Metadata, limits: &Limits) -> Result<Vec<Chunk>> {
    if metadata == Metadata::Strip {
        return Ok(Vec::new());
    }
    let blocks = [(ChunkKind::Exif, &picture.exif), (ChunkKind::Icc, &picture.icc)];
    let kept = blocks.into_iter().filter_map(|(kind, block)| Some((kind, block.as_ref()?)));
    kept.map(|(kind, block)| {
        let limit = limits.max_metadata_bytes;
        check_limit("bytes of a metadata block", block.len() as u64, limit)?;
        Ok(Chunk::new(kind, block.clone()))
    })
    .collect()
}

fn check_limit(what: &'static str, claimed: u64, limit: u64) -> Result<()> {
    if claimed > limit {
        return Err(Error::Limit { what, claimed, limit });
    }
    Ok(())
}
