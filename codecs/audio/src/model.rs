//! A pack's networks, shared by any number of streams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tessera_core::container::{PackRef, PriorKind};
use tessera_core::entropy::{TokenPrior, UniformPrior};
use tessera_core::{LatentShape, Rung};
use tessera_models::{AudioPack, Graph, Pack, StepSession};

use crate::error::{Error, Result};
use crate::frames;
use crate::spectrum::Spectrum;
use crate::whole::Whole;

/// Pack, tables, transforms and sessions.
pub(crate) struct Model {
    pub pack: Arc<Pack>,
    pub parts: AudioPack,
    pub spectrum: Spectrum,
    networks: Networks,
}

/// How a pack's networks run.
#[derive(Debug)]
enum Networks {
    /// A few frames at a time.
    Step { encoders: Pool, decoders: Pool },
    /// On whole sounds.
    Whole(Box<Whole>),
}

/// By the pack's name: a stream that is printed shows what it holds itself.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("pack", &self.pack.id()).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads the pack's tables; sessions are made when first needed, up to `sessions` of each graph.
    pub fn new(pack: Arc<Pack>, sessions: usize) -> Result<Self> {
        let parts = pack.audio()?;
        let spectrum = Spectrum::new(parts.hop, parts.window, parts.lookahead);
        let (bins, dim) = (spectrum.bins(), parts.codebook.dim());
        let step = || Networks::Step {
            encoders: Pool::new(parts.encoder.clone(), (3 * bins, dim), sessions),
            decoders: Pool::new(parts.decoder.clone(), (dim, 2 * bins), sessions),
        };
        let networks = Whole::of(&parts, sessions).map_or_else(step, |whole| Networks::Whole(Box::new(whole)));
        Ok(Self { networks, spectrum, parts, pack })
    }

    /// Feature rows to latents; `state` is empty at the start of a stream.
    pub fn encode(&self, rows: &[f32], state: &mut Vec<f32>) -> Result<Vec<f32>> {
        match &self.networks {
            Networks::Step { encoders, .. } => encoders.run(rows, state),
            Networks::Whole(_) => Err(self.not_live()),
        }
    }

    /// Latents to spectrum rows; `state` is empty at the start of a stream.
    pub fn decode(&self, latents: &[f32], state: &mut Vec<f32>) -> Result<Vec<f32>> {
        match &self.networks {
            Networks::Step { decoders, .. } => decoders.run(latents, state),
            Networks::Whole(_) => Err(self.not_live()),
        }
    }

    /// Whether sounds can be coded as they come.
    pub fn is_live(&self) -> bool {
        matches!(self.networks, Networks::Step { .. })
    }

    /// Refuses a stream where sounds can only be coded whole.
    pub fn check_live(&self) -> Result<()> {
        if self.is_live() { Ok(()) } else { Err(self.not_live()) }
    }

    fn not_live(&self) -> Error {
        let id = self.pack.id();
        Error::parameter(format!(
            "model pack {id} codes whole sounds only; streams need a causal one, as the default is"
        ))
    }

    /// The networks that run on whole sounds.
    pub fn whole(&self) -> Result<&Whole> {
        match &self.networks {
            Networks::Whole(whole) => Ok(whole),
            Networks::Step { .. } => Err(Error::Pack { what: "its networks go step by step".to_owned() }),
        }
    }

    /// Tokens of a sound of `samples` samples.
    pub fn frames(&self, samples: u64) -> u64 {
        match &self.networks {
            Networks::Step { .. } => self.spectrum.frames(samples),
            Networks::Whole(whole) => whole.frames(samples),
        }
    }

    /// The nearest tokens of latents `[frames, dim]`, frame by frame.
    pub fn nearest(&self, rung: Rung, latents: &[f32]) -> Result<Vec<u16>> {
        if latents.is_empty() {
            return Ok(Vec::new());
        }
        let frames = u32::try_from(latents.len() / self.parts.codebook.dim());
        let frames = frames.map_err(|_| Error::parameter("latents of too many frames"))?;
        let shape = LatentShape { t: frames, y: 1, x: 1 };
        Ok(frames::interleaved(&self.parts.codebook.quantize(latents, shape, rung)?))
    }

    /// All bits that a frame's tokens can have.
    pub fn most_bits(&self) -> u8 {
        // A manifest is checked: at most 255.
        self.parts.codebook.max_levels() * self.parts.codebook.full_depth()
    }

    /// How files refer to the pack.
    pub fn pack_ref(&self) -> PackRef {
        PackRef { hash: self.pack.hash8(), id: (!self.pack.is_default()).then(|| self.pack.id().to_owned()) }
    }

    /// Checks that a file was made with this pack.
    pub fn check_pack(&self, needed: &PackRef) -> Result<()> {
        if needed.hash == self.pack.hash8() {
            return Ok(());
        }
        let name = |id: Option<&str>, hash: [u8; 8]| {
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            id.map_or_else(|| hex.clone(), |id| format!("{id} ({hex})"))
        };
        Err(Error::PackMismatch {
            needed: name(needed.id.as_deref(), needed.hash),
            have: name(Some(self.pack.id()), self.pack.hash8()),
        })
    }

    /// The prior that tokens are coded with unless the caller says otherwise: the trained one where the pack has one.
    pub fn default_prior(&self) -> PriorKind {
        if self.parts.prior.is_some() { PriorKind::Trained } else { PriorKind::Uniform }
    }

    /// A prior of the pack.
    pub fn prior(&self, kind: PriorKind) -> Result<&dyn TokenPrior> {
        match (kind, &self.parts.prior) {
            (PriorKind::Uniform, _) => Ok(&UniformPrior),
            (PriorKind::Trained, Some(prior)) => Ok(prior),
            (PriorKind::Trained, None) => Err(tessera_core::Error::Mismatch {
                what: "tokens coded with a trained prior, and a model pack without one".to_owned(),
            }
            .into()),
        }
    }

    /// The rung of frames of so many bits, where the codebook has it.
    pub fn rung(&self, bits: u8) -> Result<Rung> {
        let most = self.most_bits();
        if (1..=most).contains(&bits) {
            return Ok(Rung::of_bits(bits, self.parts.codebook.full_depth()));
        }
        Err(Error::parameter(format!("frames of {bits} bits; with this pack they have 1 to {most} bits")))
    }

    /// Bits of a frame of a rung that a file names; `None` where the codebook does not have it.
    pub fn bits(&self, rung: Rung) -> Option<u8> {
        let full = self.parts.codebook.full_depth();
        let known = (1..=self.parts.codebook.max_levels()).contains(&rung.levels) && (1..=full).contains(&rung.depth);
        // At most 255, as `most_bits` is.
        known.then(|| (rung.levels - 1) * full + rung.depth)
    }

    /// Bits of the tokens of a frame of so many bits, first level first.
    pub fn depths(&self, bits: u8) -> Result<Vec<u8>> {
        Ok(self.rung(bits)?.depths(self.parts.codebook.full_depth()))
    }
}

/// Sessions of one graph. A stream takes any that is free; results do not depend on which.
#[derive(Debug)]
struct Pool {
    graph: Graph,
    /// Values of an input row and of an output row.
    widths: (usize, usize),
    slots: Vec<Mutex<Option<StepSession>>>,
    next: AtomicUsize,
}

impl Pool {
    fn new(graph: Graph, widths: (usize, usize), sessions: usize) -> Self {
        let slots = (0..sessions.max(1)).map(|_| Mutex::new(None)).collect();
        Self { graph, widths, slots, next: AtomicUsize::new(0) }
    }

    fn run(&self, rows: &[f32], state: &mut Vec<f32>) -> Result<Vec<f32>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut slot = self.free();
        let session = match &mut *slot {
            Some(session) => session,
            empty => empty.insert(StepSession::load(&self.graph, self.widths.0, self.widths.1)?),
        };
        if state.is_empty() {
            state.resize(session.state_len(), 0.0);
        }
        Ok(session.run(rows, state)?)
    }

    /// A session that nobody uses, one that is made already if there is one; otherwise the next one that comes free in turn.
    fn free(&self) -> MutexGuard<'_, Option<StepSession>> {
        let mut empty = None;
        for slot in &self.slots {
            let guard = match slot.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if guard.is_some() {
                return guard;
            }
            empty = empty.or(Some(guard));
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        empty.unwrap_or_else(|| self.slots[turn].lock().unwrap_or_else(PoisonError::into_inner))
    }
}
