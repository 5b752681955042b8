//! The nested codebook.

use super::scan::{Scan, Scored};
use crate::error::{Error, Result};
use crate::token::MAX_DEPTH;

/// A codeword near a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Index of the codeword at the searched depth.
    pub index: u16,
    /// Squared Euclidean distance from the vector.
    pub distortion: f32,
}

/// A binary tree of centroids that serves as a codebook at every depth.
///
/// At depth `d` it holds `2^d` centroids. The children of path `p` are `2p` and `2p + 1`, so the
/// index of a codeword at depth `d` is a prefix of the indices below it: `index >> 1` is the parent.
/// Rows are in heap order: row `2^d + p` is the centroid of path `p` at depth `d`, row 1 the root (the
/// mean of all data), row 0 unused.
///
/// Variable rate from one codebook by clustering codewords follows Mao et al., "Extreme image
/// compression using fine-tuned VQGANs" (DCC 2024); the tree makes their ladder embedded.
///
/// ```
/// use tessera_core::vq::NestedCodebook;
/// let book = NestedCodebook::new(1, 2, vec![0.0, 0.0, -1.0, 1.0, -1.5, -0.5, 0.5, 1.5])?;
/// assert_eq!(book.nearest(2, &[0.75]), (2, 0.0625));
/// assert_eq!(book.nearest(1, &[0.0]), (0, 1.0)); // a tie goes to the lowest index
/// assert_eq!(book.centroid(1, 2 >> 1), [1.0]); // the parent of codeword 2
/// # Ok::<(), tessera_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NestedCodebook {
    dim: usize,
    depth: u8,
    nodes: Vec<f32>,
    scans: Vec<Scan>,
}

impl NestedCodebook {
    /// A codebook from the rows of its tree: `nodes` is `[2^(depth+1), dim]` in heap order.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `dim` is 0, `depth` is not from 1 to 16, the count is wrong or a
    /// value is not finite.
    pub fn new(dim: usize, depth: u8, nodes: Vec<f32>) -> Result<Self> {
        if dim == 0 || depth == 0 || depth > MAX_DEPTH {
            return Err(Error::parameter(format!(
                "codebook of {dim} dimensions and depth {depth}; at least 1 dimension and a depth from 1 to {MAX_DEPTH} are needed"
            )));
        }
        let expected = dim.checked_mul(2 << depth);
        if expected != Some(nodes.len()) {
            return Err(Error::parameter(format!(
                "a codebook of {dim} dimensions and depth {depth} does not have {} values",
                nodes.len()
            )));
        }
        if let Some(at) = nodes.iter().position(|value| !value.is_finite()) {
            return Err(Error::parameter(format!("codebook row {} holds a value that is not finite", at / dim)));
        }
        let scans = (0..=depth).map(|d| Scan::new(dim, &nodes[dim << d..dim << (d + 1)])).collect();
        Ok(Self { dim, depth, nodes, scans })
    }

    /// Dimensions of a codeword.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Depth of the leaves: bits per token at full rate.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The centroid of path `index` at `depth`.
    ///
    /// # Panics
    /// If `depth` exceeds the codebook's or `index` is not below `2^depth`.
    pub fn centroid(&self, depth: u8, index: u16) -> &[f32] {
        assert!(depth <= self.depth && u32::from(index) >> depth == 0, "no codeword {index} at depth {depth}");
        &self.nodes[((1 << depth) + usize::from(index)) * self.dim..][..self.dim]
    }

    /// The codeword of `depth` nearest to `vector`, with its squared distance.
    ///
    /// A full search over all `2^depth` centroids. Every sum runs over the dimensions in order, so
    /// the result is the same on every machine; ties go to the lowest index. A vector with a value
    /// that is not finite gets index 0.
    ///
    /// # Panics
    /// If `depth` exceeds the codebook's or `vector` does not have [`dim`](Self::dim) values.
    pub fn nearest(&self, depth: u8, vector: &[f32]) -> (u16, f32) {
        assert_eq!(vector.len(), self.dim, "vector and codebook dimensions");
        let index = self.scans[usize::from(depth)].nearest(vector);
        (index, self.distortion(depth, index, vector))
    }

    /// The `n` codewords of `depth` nearest to `vector`, nearest first; fewer if the depth has fewer.
    ///
    /// The order is that of [`nearest`](Self::nearest): its result comes first. `out` is cleared.
    ///
    /// # Panics
    /// As [`nearest`](Self::nearest).
    pub fn nearest_n(&self, depth: u8, vector: &[f32], n: usize, out: &mut Vec<Candidate>) {
        assert_eq!(vector.len(), self.dim, "vector and codebook dimensions");
        let mut scored: Vec<Scored> = Vec::with_capacity(n.min(1 << depth));
        self.scans[usize::from(depth)].nearest_n(vector, n, &mut scored);
        out.clear();
        out.extend(
            scored.iter().map(|s| Candidate { index: s.index, distortion: self.distortion(depth, s.index, vector) }),
        );
    }

    fn distortion(&self, depth: u8, index: u16, vector: &[f32]) -> f32 {
        let mut sum = 0.0;
        for (v, c) in vector.iter().zip(self.centroid(depth, index)) {
            sum += (v - c) * (v - c);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn random_book(dim: usize, depth: u8, seed: u64) -> NestedCodebook {
        let mut random = Random::new(seed);
        let nodes = (0..dim << (depth + 1)).map(|_| random.unit()).collect();
        NestedCodebook::new(dim, depth, nodes).unwrap()
    }

    #[test]
    fn nearest_agrees_with_an_exhaustive_search_in_f64() {
        for (dim, depth) in [(1, 1), (3, 4), (16, 7), (5, 9)] {
            let book = random_book(dim, depth, 7);
            let mut random = Random::new(11);
            for _ in 0..50 {
                let v: Vec<f32> = (0..dim).map(|_| random.unit()).collect();
                for d in 0..=depth {
                    let distance = |i: u16| -> f64 {
                        let c = book.centroid(d, i);
                        v.iter().zip(c).map(|(a, b)| f64::from(a - b).powi(2)).sum()
                    };
                    let last = ((1u32 << d) - 1) as u16;
                    let best = (0..=last).map(distance).fold(f64::INFINITY, f64::min);
                    let (index, distortion) = book.nearest(d, &v);
                    assert!(distance(index) <= best + 1e-6);
                    assert!((f64::from(distortion) - distance(index)).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_lowest_index_in_any_lane_and_block() {
        let depth = 7;
        let mut nodes = vec![9.0; 2 << depth];
        for (first, second) in [(0, 127), (3, 4), (15, 16), (17, 31), (40, 56), (5, 37)] {
            nodes[128 + first] = 1.0;
            nodes[128 + second] = 1.0;
            let book = NestedCodebook::new(1, depth, nodes.clone()).unwrap();
            assert_eq!(book.nearest(depth, &[1.25]).0, first as u16);
            let mut out = Vec::new();
            book.nearest_n(depth, &[1.25], 3, &mut out);
            let found: Vec<u16> = out.iter().map(|c| c.index).collect();
            let far = (0..).find(|&i| i != first as u16 && i != second as u16);
            assert_eq!(found, [first as u16, second as u16, far.unwrap()]);
            nodes[128 + first] = 9.0;
            nodes[128 + second] = 9.0;
        }
    }

    #[test]
    fn nearest_n_starts_with_nearest_and_rises() {
        let book = random_book(8, 8, 3);
        let mut random = Random::new(5);
        let mut out = Vec::new();
        for n in [1, 2, 7, 8, 100, 300] {
            let v: Vec<f32> = (0..8).map(|_| random.unit()).collect();
            book.nearest_n(8, &v, n, &mut out);
            assert_eq!(out.len(), n.min(256));
            assert_eq!((out[0].index, out[0].distortion), book.nearest(8, &v));
            let slack = |a: &Candidate, b: &Candidate| a.distortion <= b.distortion + 1e-5;
            assert!(out.is_sorted_by(slack));
        }
    }

    #[test]
    fn an_index_shifted_right_is_its_ancestor() {
        let book = random_book(2, 6, 1);
        for index in 0..64u16 {
            for depth in 0..6 {
                let row = (64 + usize::from(index)) >> (6 - depth);
                let ancestor = book.centroid(depth, index >> (6 - depth));
                assert_eq!(ancestor, &book.nodes[row * 2..][..2]);
            }
        }
    }

    #[test]
    fn malformed_trees_are_refused() {
        assert!(NestedCodebook::new(0, 2, vec![]).is_err());
        assert!(NestedCodebook::new(1, 0, vec![0.0; 2]).is_err());
        assert!(NestedCodebook::new(1, 17, vec![0.0; 1 << 18]).is_err());
        assert!(NestedCodebook::new(2, 3, vec![0.0; 31]).is_err());
        assert!(NestedCodebook::new(usize::MAX, 3, vec![0.0; 31]).is_err());
        assert!(NestedCodebook::new(1, 1, vec![0.0, 0.0, f32::NAN, 0.0]).is_err());
    }
}
