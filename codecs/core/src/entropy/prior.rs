//! What a prior is, and the uniform one.

use crate::error::Result;
use crate::limits::Limits;
use crate::token::{GridShape, check_depths};

/// A model of token grids: given the tokens so far, exact integer probabilities for the next one.
///
/// Encoder and decoder must hold priors of the same [`fingerprint`](Self::fingerprint); everything a
/// session returns is then the same for both, bit for bit.
pub trait TokenPrior: Send + Sync {
    /// Identifies the prior with all its parameters.
    fn fingerprint(&self) -> u64;

    /// Starts at the first token of a grid. `depths` holds the bits per token of each level.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for an empty shape or bad depths,
    /// [`Error::Mismatch`](crate::Error::Mismatch) if the prior does not know that many levels or bits.
    fn session<'a>(&'a self, shape: GridShape, depths: &[u8]) -> Result<Box<dyn PriorSession + 'a>> {
        self.walk(shape, depths, Order::ByLevel)
    }

    /// Starts at the first token of a grid that is walked in either order.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    fn walk<'a>(&'a self, shape: GridShape, depths: &[u8], order: Order) -> Result<Box<dyn PriorSession + 'a>>;
}

/// In which order a grid's tokens come. For a grid of one frame both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// `[level][t][y][x]`: all frames of a level, then the next level.
    ByLevel,
    /// `[t][level][y][x]`: all levels of a frame, then the next frame.
    ByFrame,
}

/// A walk over one grid in coding order: level by level, each in the order `[t][y][x]`, or frame by frame.
///
/// The call protocol, per token: `expect` if another token makes this one likely; `probability` of any nodes, any number of times, in
/// any order; then `observe` once, or `skip` where nothing was asked. Probabilities do not change between two calls of `observe`, so a search may ask for
/// many paths. A depth-`d` token `p` is the path through the heap nodes 1, `2 + b1`, …: at node `n` the
/// bit `b`, most significant first, leads to node `2n + b`.
pub trait PriorSession {
    /// Probability that the bit taken at `node` is 1, times 65,536; from 32 to 65,504.
    ///
    /// `node` is from 1 to `2^depth - 1`. The answer for any other node, or after the last token, is
    /// unspecified.
    fn probability(&mut self, node: usize) -> u16;

    /// Takes `token`, which must be below `2^depth`, as the current token and goes on to the next.
    /// Without effect after the last token.
    fn observe(&mut self, token: u16);

    /// Takes `token` as the current one, known without having been coded: a neighbour to others, and nothing is learned of it.
    fn skip(&mut self, token: u16);

    /// Says which token the current one is likely to be near in the tree, such as that of the frame before; in its place the neighbours count it as the
    /// co-located one.
    fn expect(&mut self, token: u16);
}

/// The prior that knows nothing: every token costs its depth in bits.
///
/// ```
/// use tessera_core::entropy::{UniformPrior, encode_tokens};
/// use tessera_core::{GridShape, TokenGrid};
/// let shape = GridShape { levels: 1, t: 1, y: 4, x: 4 };
/// let grid = TokenGrid::from_tokens(shape, &[8], (200..216).collect())?;
/// assert_eq!(encode_tokens(&grid, &UniformPrior)?.len(), 16 + 1); // one byte closes the stream
/// # Ok::<(), tessera_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct UniformPrior;

impl TokenPrior for UniformPrior {
    fn fingerprint(&self) -> u64 {
        0
    }

    fn walk<'a>(&'a self, shape: GridShape, depths: &[u8], _: Order) -> Result<Box<dyn PriorSession + 'a>> {
        check_session(shape, depths)?;
        Ok(Box::new(UniformSession))
    }
}

struct UniformSession;

impl PriorSession for UniformSession {
    fn probability(&mut self, _node: usize) -> u16 {
        1 << 15
    }

    fn observe(&mut self, _token: u16) {}

    fn skip(&mut self, _token: u16) {}

    fn expect(&mut self, _token: u16) {}
}

/// What every prior demands of a session's arguments.
pub(super) fn check_session(shape: GridShape, depths: &[u8]) -> Result<()> {
    let unlimited = Limits { max_tokens: u64::MAX, ..Limits::default() };
    shape.check(&unlimited)?;
    check_depths(shape, depths)
}
