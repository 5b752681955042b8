//! What packs add to the codec: a refiner, a masked-token model.

use tessera_core::container::Header;
use tessera_models::{Addition, MaskedPack, Pack, Session};

use super::decode::Received;
use super::options::{Concealment, DecodeOptions};
use super::refining::Refiner;
use super::{ImageCodec, pack_name, ready};
use crate::conceal::{self, Told};
use crate::error::{Error, Result};

/// Packs that add to the codec's own, and their sessions once they are needed.
#[derive(Debug, Default)]
pub(super) struct Additions {
    pub refiner: Option<Refiner>,
    masked: Option<(MaskedPack, Option<Session>)>,
}

impl ImageCodec {
    /// Adds a refiner or a masked-token model that was trained for the codec's pack; takes the place of one that was added before. Needs no ONNX
    /// Runtime yet.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] if it is for another pack, [`Error::Pack`] if its numbers are not those of the codec's pack, [`Error::Models`] if it is
    /// damaged or adds nothing.
    pub fn add(&mut self, pack: &Pack) -> Result<()> {
        let book = &self.tokenizer.parts.codebook;
        let unfit =
            |what: &str| Error::Pack { what: format!("{} has another {what} than {}", pack.id(), self.pack.id()) };
        match pack.adds_to(self.pack.hash8()) {
            Some(Addition::Refiner) => {
                let refiner = pack.refiner()?;
                let section = &refiner.section;
                if (section.dim, section.depth, section.stride)
                    != (book.dim(), book.full_depth(), self.tokenizer.parts.stride)
                {
                    return Err(unfit("dimension, depth or stride"));
                }
                self.additions.refiner = Some(Refiner::new(pack.id(), refiner, self.tokenizer.threads));
            }
            Some(Addition::Masked) => {
                let masked = pack.masked()?;
                if (masked.section.dim, masked.section.depth) != (book.dim(), book.full_depth()) {
                    return Err(unfit("dimension or depth"));
                }
                self.additions.masked = Some((masked, None));
            }
            // Pictures have no frame before.
            Some(Addition::Video) | None => {
                let base = pack.manifest().base().map(str::to_owned);
                return Err(Error::PackMismatch {
                    needed: base.unwrap_or_else(|| format!("{}, which adds to none", pack.id())),
                    have: pack_name(Some(self.pack.id()), self.pack.hash8()),
                });
            }
        }
        Ok(())
    }

    /// Whether the codec has an addition.
    pub fn has(&self, addition: Addition) -> bool {
        match addition {
            Addition::Refiner => self.additions.refiner.is_some(),
            Addition::Masked => self.additions.masked.is_some(),
            Addition::Video => false,
        }
    }

    /// How networks are told a file's rate: log2 of its bits per position over those of a full level.
    pub(super) fn rate(&self, header: &Header) -> f32 {
        let full = self.tokenizer.parts.codebook.full_depth();
        (header.rung.bits_per_position(full) as f32 / f32::from(full)).log2()
    }

    /// What tokens stand for, lost ones concealed.
    pub(super) fn latents(&mut self, received: &Received, rate: f32, options: &DecodeOptions) -> Result<Vec<f32>> {
        let Received { grid, known } = received;
        let mut latents = self.tokenizer.parts.codebook.dequantize(grid)?;
        let lacking = known.lost() > 0;
        let guess = lacking && options.conceal == Concealment::Likely;
        let told = Told { grid, known, book: &self.tokenizer.parts.codebook.levels()[0], rate };
        match &mut self.additions.masked {
            Some((pack, session)) if guess || options.heal => {
                let session = ready(session, || Session::load(&pack.graph, self.tokenizer.threads))?;
                let seen = latents.clone();
                if options.heal {
                    conceal::heal(&mut latents, told, &seen, |input| Ok(session.run(input)?))?;
                }
                if guess {
                    conceal::likely(&mut latents, told, &seen, |input| Ok(session.run(input)?))?;
                }
            }
            None if options.heal => {
                return Err(Error::parameter("healing needs a masked-token model for the codec's pack"));
            }
            _ => {}
        }
        match options.conceal {
            _ if !lacking => {}
            Concealment::Likely if self.additions.masked.is_some() => {}
            Concealment::Likely | Concealment::Mean => conceal::mean(&mut latents, known),
            Concealment::Repeat => conceal::repeat(&mut latents, known),
        }
        Ok(latents)
    }
}
