//! How many bytes a picture gets: the ladder of rungs, quality as a number, and the search for a budget.

mod ladder;
mod search;

pub use ladder::Ladder;
pub(crate) use search::{Trial, fit, least};
