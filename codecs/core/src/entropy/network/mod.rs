//! The trained prior: a small integer network over decoded neighbours, corrected as the stream goes on.

mod kernel;
mod session;
mod tensors;

pub use tensors::{LevelTensors, PriorTensors};

use self::session::NetworkSession;
use self::tensors::Level;
use super::adaptation::Adaptation;
use super::places::Places;
use super::prior::{Order, PriorSession, TokenPrior, check_session};
use crate::error::{Error, Result};
use crate::token::GridShape;

/// A trained prior: per level an integer network that sees embeddings of decoded neighbours and gives
/// the log odds of every decision of the tree.
///
/// Two hidden layers with 8-bit weights, 32-bit sums that provably do not overflow, and rectified
/// 7-bit activations; then one row of weights per tree node. Integer networks for entropy models follow
/// Ballé, Johnston and Minnen (ICLR 2019). The log odds go through a mixer that learns online; its
/// constants are an [`Adaptation`]. `FORMAT.md` specifies the arithmetic.
///
/// A prior of depth D codes tokens of any depth up to D: they are paths that end earlier.
#[derive(Debug, Clone)]
pub struct NetworkPrior {
    levels: Vec<Level>,
    adaptation: Adaptation,
    tensors_hash: u64,
}

impl NetworkPrior {
    /// A prior from a pack's tensors.
    ///
    /// # Errors
    /// [`Error::Parameter`] if shapes do not fit together, a slot is not decoded before the token, a
    /// 32-bit sum could overflow or a scale is out of range.
    pub fn from_tensors(tensors: &PriorTensors) -> Result<Self> {
        let levels = tensors::validate(tensors)?;
        Ok(Self { levels, adaptation: Adaptation::DEFAULT, tensors_hash: hash_tensors(tensors) })
    }

    /// The same network with other adaptation, for experiments: `.tsr` files use the default.
    #[must_use]
    pub fn with_adaptation(self, adaptation: Adaptation) -> Self {
        Self { adaptation, ..self }
    }

    /// Number of residual levels it knows.
    pub fn levels(&self) -> usize {
        self.levels.len()
    }

    /// Depth of the tree of a level; `None` for a level it does not know.
    pub fn depth(&self, level: usize) -> Option<u8> {
        self.levels.get(level).map(|level| level.depth)
    }
}

impl TokenPrior for NetworkPrior {
    fn fingerprint(&self) -> u64 {
        let a = self.adaptation;
        let mut hash = Fnv(self.tensors_hash);
        for constant in [a.weight, a.node, a.agreement, a.prefix, a.follow, a.memory] {
            hash.bytes(&constant.to_le_bytes());
        }
        hash.0
    }

    fn walk<'a>(&'a self, shape: GridShape, depths: &[u8], order: Order) -> Result<Box<dyn PriorSession + 'a>> {
        self.start((shape, order), None, depths)
    }
}

/// A prior over tokens that do not fill a grid: each has a place, and neighbours are what lies around it.
///
/// Sessions take grids of one row, in the order of the places.
#[derive(Debug, Clone, Copy)]
pub struct ScatteredPrior<'p> {
    prior: &'p NetworkPrior,
    places: &'p Places,
}

impl TokenPrior for ScatteredPrior<'_> {
    fn fingerprint(&self) -> u64 {
        self.prior.fingerprint()
    }

    fn walk<'a>(&'a self, shape: GridShape, depths: &[u8], order: Order) -> Result<Box<dyn PriorSession + 'a>> {
        if (shape.t, shape.y, u64::from(shape.x)) != (1, 1, self.places.len() as u64) {
            return Err(Error::parameter(format!("a grid of {shape:?} for {} places", self.places.len())));
        }
        self.prior.start((shape, order), Some(self.places), depths)
    }
}

impl NetworkPrior {
    /// The prior of tokens at places.
    pub fn over<'p>(&'p self, places: &'p Places) -> ScatteredPrior<'p> {
        ScatteredPrior { prior: self, places }
    }

    fn start<'a>(
        &'a self,
        walk: (GridShape, Order),
        places: Option<&'a Places>,
        depths: &[u8],
    ) -> Result<Box<dyn PriorSession + 'a>> {
        let (shape, _) = walk;
        check_session(shape, depths)?;
        if depths.len() > self.levels.len() {
            return Err(Error::mismatch(format!(
                "tokens of {} levels for a prior of {}",
                depths.len(),
                self.levels.len()
            )));
        }
        for (n, (level, &depth)) in self.levels.iter().zip(depths).enumerate() {
            if depth > level.depth {
                return Err(Error::mismatch(format!(
                    "tokens of {depth} bits for a prior of {} bits at level {n}",
                    level.depth
                )));
            }
        }
        Ok(Box::new(NetworkSession::new(&self.levels, self.adaptation, walk, places, depths)))
    }
}

fn hash_tensors(tensors: &PriorTensors) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let signed = |bytes: &[i8]| bytes.iter().map(|&b| b as u8).collect::<Vec<_>>();
    for level in &tensors.levels {
        let slots: Vec<i32> = level.slots.iter().flatten().copied().collect();
        let ints = [&slots, &level.b1, &level.b2, &level.node_bias, &[level.q1, level.q2, level.q3].concat()];
        for ints in ints {
            hash.bytes(&(ints.len() as u64).to_le_bytes());
            for value in ints {
                hash.bytes(&value.to_le_bytes());
            }
        }
        for bytes in [&level.embed, &level.w1, &level.w2, &level.node] {
            hash.bytes(&(bytes.len() as u64).to_le_bytes());
            hash.bytes(&signed(bytes));
        }
    }
    hash.0
}

/// 64-bit FNV-1a.
struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
