//! The networks and tables of a geometry pack.

use std::sync::{Arc, Mutex, PoisonError};

use tessera_core::container::PackRef;
use tessera_core::entropy::{NetworkPrior, Places, TokenPrior, UniformPrior};
use tessera_core::vq::ResidualCodebook;
use tessera_core::{Rung, TokenGrid};
use tessera_models::{GeometryPack, Pack, SurroundSession};

use super::blocks::Around;
use crate::error::{Error, Result};

/// Encoder and decoder of surfaces with one model pack. May be shared between threads; its networks run for one at a time.
#[derive(Debug)]
pub struct SurfaceCodec {
    pack: Arc<Pack>,
    parts: GeometryPack,
    tables: Tables,
    threads: usize,
    encoder: Mutex<Option<SurroundSession>>,
    decoder: Mutex<Option<SurroundSession>>,
}

/// What needs no network.
#[derive(Debug)]
pub(super) struct Tables {
    pub codebook: ResidualCodebook,
    prior: Option<NetworkPrior>,
    /// Least bits of a block.
    pub min_depth: u8,
    /// Squared distance of a latent that a bit is worth.
    pub search_lambda: f32,
}

impl SurfaceCodec {
    /// Reads the pack's tables; the networks will run on so many threads. Needs no ONNX Runtime yet.
    ///
    /// # Errors
    /// [`Error::Models`] if the pack is damaged or no geometry pack.
    pub fn new(pack: Arc<Pack>, threads: usize) -> Result<Self> {
        let mut parts = pack.geometry()?;
        let tables = Tables {
            codebook: parts.codebook.clone(),
            prior: parts.prior.take(),
            min_depth: parts.min_depth,
            search_lambda: parts.search_lambda,
        };
        Ok(Self { pack, parts, tables, threads, encoder: Mutex::default(), decoder: Mutex::default() })
    }

    /// The pack.
    pub fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    /// How files refer to the pack.
    pub(crate) fn pack_ref(&self) -> PackRef {
        PackRef { hash: self.pack.hash8(), id: (!self.pack.is_default()).then(|| self.pack.id().to_owned()) }
    }

    /// Whether tokens have a trained prior.
    pub(crate) fn is_trained(&self) -> bool {
        self.tables.prior.is_some()
    }

    /// Steps along a block.
    pub(super) fn side(&self) -> usize {
        self.parts.side
    }

    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    fn samples(&self) -> usize {
        (self.parts.side + 1).pow(3)
    }

    /// Latents `[n][dim]` of blocks `[n][side+1]³`.
    pub(super) fn analyse(&self, blocks: &[f32], around: &Around) -> Result<Vec<f32>> {
        let wide = self.parts.side + 1;
        let mut held = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *held {
            Some(session) => session,
            none => none.insert(SurroundSession::load(&self.parts.encoder, self.threads)?),
        };
        Ok(session.run(&[wide; 3], blocks, around.table(), self.tables.codebook.dim())?)
    }

    /// Blocks `[n][side+1]³` of tokens.
    pub(super) fn synthesise(&self, tokens: &TokenGrid, around: &Around) -> Result<Vec<f32>> {
        let latents = self.tables.codebook.dequantize(tokens)?;
        let mut held = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *held {
            Some(session) => session,
            none => none.insert(SurroundSession::load(&self.parts.decoder, self.threads)?),
        };
        let made = session.run(&[self.tables.codebook.dim()], &latents, around.table(), self.samples())?;
        match made.iter().all(|value| value.is_finite()) {
            true => Ok(made),
            false => Err(Error::corrupt("the tokens give distances that are not finite")),
        }
    }
}

impl Tables {
    /// Bits of the tokens of each level.
    pub fn depths(&self, rung: Rung) -> Result<Vec<u8>> {
        let full = self.codebook.full_depth();
        if rung.levels > self.codebook.max_levels() || rung.depth > full {
            return Err(Error::corrupt(format!("tokens of {} levels and {} bits", rung.levels, rung.depth)));
        }
        Ok(rung.depths(full))
    }

    /// Does something with the prior of tokens at places.
    pub fn with_prior<T>(
        &self,
        places: &Places,
        act: impl FnOnce(&dyn TokenPrior) -> tessera_core::Result<T>,
    ) -> Result<T> {
        Ok(match &self.prior {
            Some(prior) => act(&prior.over(places))?,
            None => act(&UniformPrior)?,
        })
    }
}
