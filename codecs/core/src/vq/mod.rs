//! Nested vector quantisation: one tree of centroids that is a codebook at every depth.
//!
//! - [`NestedCodebook`]: the tree and the full search over one of its depths.
//! - [`ResidualCodebook`]: levels of trees, each coding what the levels before it left over.
//! - [`Candidate`]: a codeword with its distortion, for entropy-constrained search.

mod nested;
mod residual;
mod scan;

pub use nested::{Candidate, NestedCodebook};
pub use residual::ResidualCodebook;
pub(crate) use residual::subtract;
