//! How fast the coder adapts to a stream: all constants in one place.

/// How strongly the decisions of a stream must disagree with the network before it is corrected.
///
/// Every correction starts at nothing and is a penalised maximum-likelihood step: a prior worth so many
/// fair decisions (probability 1/2) pulls it to nothing. Larger numbers trust the network more. A stream
/// decodes only with the numbers that it was coded with; they are part of
/// [`TokenPrior::fingerprint`](super::TokenPrior::fingerprint).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptation {
    /// Prior of the weight on the network's log odds, per level and depth, in fair decisions of one nat.
    pub weight: u32,
    /// Prior of the correction per tree node.
    pub node: u32,
    /// Prior of the correction per depth and agreement with the neighbours' paths.
    pub agreement: u32,
    /// Prior of the correction per upper tree node and prefix of the left neighbour's path.
    pub prefix: u32,
    /// Prior of the correction per depth for taking the way of the token that is expected, where one is.
    pub follow: u32,
    /// Fair decisions that a correction remembers at most, which bounds its inertia.
    pub memory: u32,
}

impl Adaptation {
    /// What `.tsr` version 1 uses.
    pub const DEFAULT: Self = Self { weight: 640, node: 128, agreement: 256, prefix: 192, follow: 24, memory: 4096 };

    /// No adaptation: the network's probabilities as they are.
    pub const OFF: Self = Self {
        weight: u32::MAX,
        node: u32::MAX,
        agreement: u32::MAX,
        prefix: u32::MAX,
        follow: u32::MAX,
        memory: u32::MAX,
    };
}

impl Default for Adaptation {
    fn default() -> Self {
        Self::DEFAULT
    }
}
