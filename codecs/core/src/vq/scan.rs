//! Full search over one depth of a codebook, vectorised across codewords.
//!
//! A codeword's score is `½|c|² − c·v`, which orders codewords as `|v − c|²` does. Each score is one
//! chain of multiplications and additions in the order of the dimensions, so it does not depend on how
//! many codewords are scored at once.

use archmage::autoversion;

/// Codewords scored together. Four SSE2 registers, two AVX2 registers.
const LANES: usize = 16;

/// The codewords of one depth, transposed in blocks of [`LANES`]: `[block][dim][lane]`.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    dim: usize,
    transposed: Vec<f32>,
    /// `½|c|²` per codeword; infinite for the lanes beyond the last codeword.
    half_norms: Vec<f32>,
}

/// A codeword and its score, lower is nearer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    pub index: u16,
    pub score: f32,
}

impl Scan {
    /// Prepares the search over `codewords`, laid out `[codeword][dim]`.
    pub fn new(dim: usize, codewords: &[f32]) -> Self {
        let count = codewords.len() / dim;
        let blocks = count.div_ceil(LANES);
        let mut transposed = vec![0.0; blocks * dim * LANES];
        let mut half_norms = vec![f32::INFINITY; blocks * LANES];
        for (n, codeword) in codewords.chunks_exact(dim).enumerate() {
            let block = &mut transposed[n / LANES * dim * LANES..];
            let mut norm = 0.0;
            for (d, &value) in codeword.iter().enumerate() {
                block[d * LANES + n % LANES] = value;
                norm += value * value;
            }
            half_norms[n] = 0.5 * norm;
        }
        Self { dim, transposed, half_norms }
    }

    /// The lowest score; the lowest index among equals.
    #[autoversion(v3, neon)]
    pub fn nearest(&self, vector: &[f32]) -> u16 {
        let mut best = [f32::INFINITY; LANES];
        let mut block_of_best = [0u32; LANES];
        for (block, (rows, norms)) in (0u32..).zip(self.blocks()) {
            let scores = scores(rows, norms, vector);
            for lane in 0..LANES {
                let nearer = scores[lane] < best[lane];
                best[lane] = if nearer { scores[lane] } else { best[lane] };
                block_of_best[lane] = if nearer { block } else { block_of_best[lane] };
            }
        }
        let mut winner = (f32::INFINITY, 0);
        for lane in 0..LANES {
            let index = block_of_best[lane] * LANES as u32 + lane as u32;
            if best[lane] < winner.0 || (best[lane] == winner.0 && index < winner.1) {
                winner = (best[lane], index);
            }
        }
        winner.1 as u16
    }

    /// The `n` lowest scores in rising order, the lower index first among equals.
    #[autoversion(v3, neon)]
    pub fn nearest_n(&self, vector: &[f32], n: usize, out: &mut Vec<Scored>) {
        out.clear();
        if n == 0 {
            return;
        }
        let mut worst = f32::INFINITY;
        for (block, (rows, norms)) in self.blocks().enumerate() {
            let scores = scores(rows, norms, vector);
            if !scores.iter().fold(false, |any, &score| any | (score < worst)) {
                continue;
            }
            for (lane, &score) in scores.iter().enumerate() {
                if score < worst {
                    if out.len() == n {
                        out.pop();
                    }
                    let at = out.partition_point(|other| other.score <= score);
                    let index = (block * LANES + lane) as u16;
                    out.insert(at, Scored { index, score });
                    if let (true, Some(last)) = (out.len() == n, out.last()) {
                        worst = last.score;
                    }
                }
            }
        }
    }

    /// Rows `[dim][lane]` and halves of norms, block by block.
    #[inline(always)]
    fn blocks(&self) -> impl Iterator<Item = (&[f32], &[f32; LANES])> {
        self.transposed.chunks_exact(self.dim * LANES).zip(self.half_norms.as_chunks::<LANES>().0)
    }
}

/// The scores of a block.
#[inline(always)]
fn scores(rows: &[f32], norms: &[f32; LANES], vector: &[f32]) -> [f32; LANES] {
    let mut scores = *norms;
    for (row, &value) in rows.as_chunks::<LANES>().0.iter().zip(vector) {
        for lane in 0..LANES {
            scores[lane] -= row[lane] * value;
        }
    }
    scores
}
