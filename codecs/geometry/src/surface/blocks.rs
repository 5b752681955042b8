//! What lies around blocks.

use tessera_core::entropy::Places;
use tessera_models::AROUND;

/// For each block which one is at each of the 27 places around it, itself among them, the last axis fastest.
pub(super) struct Around {
    /// Block numbers; their count for none.
    all: Vec<i64>,
    count: usize,
}

impl Around {
    pub fn new(places: &Places) -> Self {
        let count = places.len();
        let offsets = (-1..=1).flat_map(|a| (-1..=1).flat_map(move |b| (-1..=1).map(move |c| [a, b, c])));
        let beside = |n: usize| offsets.clone().map(move |offset| places.beside(n, offset).unwrap_or(count) as i64);
        Self { all: (0..count).flat_map(beside).collect(), count }
    }

    /// As the graphs take it.
    pub fn table(&self) -> &[i64] {
        &self.all
    }

    /// Blocks.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The block at an offset of -1 to 1 along each axis, if there is one.
    pub fn beside(&self, block: usize, offset: [i32; 3]) -> Option<usize> {
        let place = offset.into_iter().fold(0, |place, by| 3 * place + (by + 1) as usize);
        let beside = self.all[block * AROUND + place] as usize;
        (beside < self.count).then_some(beside)
    }
}
