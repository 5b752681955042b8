//! Where tokens are that do not fill a grid.

use std::collections::HashMap;

/// Places of a sparse grid in coding order: ascending, the last coordinate fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    sorted: Vec<[u32; 3]>,
    index: HashMap<[u32; 3], usize>,
}

impl Places {
    /// Places in any order; of equal ones one remains.
    pub fn new(mut places: Vec<[u32; 3]>) -> Self {
        places.sort_unstable();
        places.dedup();
        let index = places.iter().enumerate().map(|(n, &place)| (place, n)).collect();
        Self { sorted: places, index }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The places in coding order.
    pub fn sorted(&self) -> &[[u32; 3]] {
        &self.sorted
    }

    /// Which place lies at an offset from the one with a number, which is below [`len`](Self::len).
    pub fn beside(&self, number: usize, offset: [i32; 3]) -> Option<usize> {
        let place = self.sorted.get(number)?;
        let mut beside = [0; 3];
        for (to, (&from, by)) in beside.iter_mut().zip(place.iter().zip(offset)) {
            *to = from.checked_add_signed(by)?;
        }
        self.index.get(&beside).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_where_they_are() {
        let places = Places::new(vec![[1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]]);
        assert_eq!(places.sorted(), [[0, 0, 0], [1, 0, 0], [1, 0, 1]]);
        assert_eq!(places.beside(0, [1, 0, 0]), Some(1));
        assert_eq!(places.beside(1, [0, 0, 1]), Some(2));
        assert_eq!(places.beside(2, [-1, 0, -1]), Some(0));
        for (number, offset) in [(0, [-1, 0, 0]), (0, [0, 1, 0]), (2, [i32::MAX; 3]), (3, [0, 0, 0])] {
            assert_eq!(places.beside(number, offset), None);
        }
    }
}
