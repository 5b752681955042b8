//! Clusters of vectors and their means.

/// Rounds of moving means to the middle of what is nearest to them, at most.
const ROUNDS: usize = 30;
/// Share of the error that a round must save to be followed by another.
const WORTH: f64 = 1e-4;

/// Means of clusters, the one of the largest cluster first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Means {
    dim: usize,
    /// `[cluster][dim]`.
    vectors: Vec<f32>,
    /// Mean squared distance from a vector to the mean that is nearest to it.
    error: f64,
}

impl Means {
    /// At most `count` means of vectors `[n][dim]`: k-means (Lloyd) from a start that is spread as k-means++ spreads it, with numbers that are always the same. Fewer where there
    /// are fewer different vectors.
    pub fn of(vectors: &[f32], dim: usize, count: usize) -> Self {
        let mut means = Self { dim, vectors: spread(vectors, dim, count), error: f64::INFINITY };
        for _ in 0..ROUNDS {
            let before = means.error;
            means.step(vectors);
            if means.error >= before * (1.0 - WORTH) {
                break;
            }
        }
        means.sort(vectors);
        means
    }

    /// Clusters.
    pub fn len(&self) -> usize {
        self.vectors.len() / self.dim.max(1)
    }

    /// `[cluster][dim]`.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// Mean squared distance of what the means were made of.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// The nearest mean, the first among equals, and its squared distance.
    pub fn nearest(&self, vector: &[f32]) -> (usize, f32) {
        let mut best = (0, f32::INFINITY);
        for (n, mean) in self.vectors.chunks_exact(self.dim).enumerate() {
            let away = distance(mean, vector);
            if away < best.1 {
                best = (n, away);
            }
        }
        best
    }

    /// Moves each mean to the middle of the vectors that are nearest to it.
    fn step(&mut self, vectors: &[f32]) {
        let (mut sums, mut counts) = (vec![0.0f64; self.vectors.len()], vec![0u32; self.len()]);
        let mut total = 0.0;
        for vector in vectors.chunks_exact(self.dim) {
            let (nearest, away) = self.nearest(vector);
            total += f64::from(away);
            counts[nearest] += 1;
            let sum = &mut sums[nearest * self.dim..][..self.dim];
            sum.iter_mut().zip(vector).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        self.error = total / (vectors.len() / self.dim).max(1) as f64;
        for (n, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let mean = &mut self.vectors[n * self.dim..][..self.dim];
            let sum = &sums[n * self.dim..][..self.dim];
            mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean = (sum / f64::from(count)) as f32);
        }
    }

    /// The largest cluster first, and no empty ones.
    fn sort(&mut self, vectors: &[f32]) {
        let mut counts = vec![0u32; self.len()];
        let mut total = 0.0;
        for vector in vectors.chunks_exact(self.dim) {
            let (nearest, away) = self.nearest(vector);
            counts[nearest] += 1;
            total += f64::from(away);
        }
        self.error = total / (vectors.len() / self.dim.max(1)).max(1) as f64;
        let mut order: Vec<usize> = (0..counts.len()).filter(|&n| counts[n] > 0).collect();
        order.sort_by_key(|&n| std::cmp::Reverse(counts[n]));
        let sorted = order.iter().flat_map(|&n| self.vectors[n * self.dim..][..self.dim].iter().copied());
        self.vectors = sorted.collect();
    }
}

/// At most `count` of the vectors, no two alike: each drawn with a chance that goes with the squared distance to those before it (k-means++, Arthur and
/// Vassilvitskii, 2007).
fn spread(vectors: &[f32], dim: usize, count: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut chance = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    };
    let Some(first) = vectors.chunks_exact(dim).next() else { return Vec::new() };
    let mut chosen = first.to_vec();
    let mut away: Vec<f64> = vectors.chunks_exact(dim).map(|vector| f64::from(distance(vector, first))).collect();
    while chosen.len() < count * dim {
        let total: f64 = away.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut left = chance() * total;
        let mut next = None;
        for (n, &away) in away.iter().enumerate().filter(|(_, away)| **away > 0.0) {
            next = Some(n);
            left -= away;
            if left < 0.0 {
                break;
            }
        }
        let Some(next) = next else { break };
        let vector = &vectors[next * dim..][..dim];
        chosen.extend_from_slice(vector);
        for (away, other) in away.iter_mut().zip(vectors.chunks_exact(dim)) {
            *away = away.min(f64::from(distance(other, vector)));
        }
    }
    chosen
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clouds of vectors around so many places, of unlike sizes.
    fn clouds(count: usize) -> Vec<f32> {
        let mut vectors = Vec::new();
        for n in 0..count {
            for m in 0..20 * (n + 1) {
                let wave = (m as f32 * 0.7 + n as f32).sin();
                vectors.extend([10.0 * n as f32 + 0.1 * wave, -7.0 * (n * n) as f32 + 0.1 * wave * wave]);
            }
        }
        vectors
    }

    #[test]
    fn clouds_are_found_and_the_largest_comes_first() {
        let vectors = clouds(5);
        let means = Means::of(&vectors, 2, 5);
        assert_eq!(means.len(), 5);
        assert!(means.error() < 0.02, "{}", means.error());
        for (n, mean) in means.vectors().chunks(2).enumerate() {
            assert!((mean[0] - 10.0 * (4 - n) as f32).abs() < 0.2, "{n}: {mean:?}");
        }
    }

    #[test]
    fn more_means_are_nearer_and_there_are_no_more_than_different_vectors() {
        let vectors = clouds(6);
        let errors: Vec<f64> = [1, 2, 4, 6].iter().map(|&count| Means::of(&vectors, 2, count).error()).collect();
        assert!(errors.windows(2).all(|pair| pair[1] < pair[0]), "{errors:?}");
        let same = [1.0, 2.0].repeat(50);
        let means = Means::of(&same, 2, 8);
        assert_eq!((means.vectors(), means.error()), (&[1.0, 2.0][..], 0.0));
    }
}
