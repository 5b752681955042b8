//! Points as the leaves of an octree, level by level from the root, under contexts that learn as they go.
//!
//! A level's nodes are in Morton order, and each says which of its eight children hold points. By then the level itself is known all around
//! a node, and of the children those of the nodes before it: both are the contexts of a decision. A node that holds one point and has no
//! neighbour says so, spells the rest of its path and is done with; so noise costs what it must and little time.

mod attributes;
mod coding;
mod model;
mod morton;
mod values;
mod walk;

pub(crate) use attributes::{Near, bucket, code_colors, code_lumas, code_normals, fold, unfold};
pub(crate) use coding::{Leaves, Tree, encode_groups};
pub(crate) use morton::{code_of, place_of};
pub(crate) use values::{Numbers, code_counts, code_exact};
