//! Files in and out: which inputs become which outputs, bounded reading, writing that is whole or not at all.

mod boxes;
mod input;
mod kind;
mod output;
mod plan;

pub use boxes::missing;
pub use input::{read, read_on};
pub use kind::Kind;
pub use output::{Output, Workshop, on_first_interrupt, remove_unfinished_on_interrupt};
pub use plan::{Job, Rule, Sink, Source, plan, refuse_clashes, walk};
