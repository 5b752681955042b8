//! Frames at another size.

/// Taps of one output sample along one axis: the first input sample and a weight for each.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The Catmull-Rom kernel, of support 2 to either side.
fn kernel(x: f32) -> f32 {
    let x = x.abs();
    match x {
        _ if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        _ if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

/// Taps of every sample of an axis. Going down, the kernel is widened so that nothing aliases.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f32 / to as f32;
    let wide = ratio.max(1.0);
    (0..to)
        .map(|n| {
            let center = (n as f32 + 0.5) * ratio - 0.5;
            let first = (center - 2.0 * wide).ceil().max(0.0) as usize;
            let last = ((center + 2.0 * wide).floor() as usize).min(from - 1);
            let mut weights: Vec<f32> = (first..=last).map(|at| kernel((at as f32 - center) / wide)).collect();
            let sum: f32 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            Taps { first, weights }
        })
        .collect()
}

/// From one size of pictures `[y][x][3]` to another: Catmull-Rom, along one axis and then along the other.
pub(crate) struct Scaler {
    from: (usize, usize),
    to: (usize, usize),
    across: Vec<Taps>,
    down: Vec<Taps>,
}

impl Scaler {
    /// Sizes are columns and rows, each at least 1.
    pub fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        let size = |(width, height): (u32, u32)| (width as usize, height as usize);
        let (from, to) = (size(from), size(to));
        Self { from, to, across: taps(from.0, to.0), down: taps(from.1, to.1) }
    }

    /// The picture at the other size.
    pub fn scale(&self, rgb: &[u8]) -> Vec<u8> {
        if self.from == self.to {
            return rgb.to_vec();
        }
        let (columns, rows) = self.to;
        let mut narrowed = vec![0.0f32; columns * self.from.1 * 3];
        for (row, out) in rgb.chunks_exact(self.from.0 * 3).zip(narrowed.chunks_exact_mut(columns * 3)) {
            let row = row.as_chunks::<3>().0;
            for (taps, out) in self.across.iter().zip(out.as_chunks_mut::<3>().0) {
                for (weight, pixel) in taps.weights.iter().zip(&row[taps.first..]) {
                    for c in 0..3 {
                        out[c] += weight * f32::from(pixel[c]);
                    }
                }
            }
        }
        let mut scaled = Vec::with_capacity(columns * rows * 3);
        let mut sums = vec![0.0f32; columns * 3];
        for taps in &self.down {
            sums.fill(0.5);
            for (weight, row) in taps.weights.iter().zip(narrowed.chunks_exact(columns * 3).skip(taps.first)) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
            scaled.extend(sums.iter().map(|&sum| sum as u8));
        }
        scaled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_pictures_stay_flat_and_slopes_stay_slopes() {
        for (from, to) in [((7, 5), (3, 9)), ((64, 48), (24, 18)), ((24, 18), (64, 48)), ((1, 1), (5, 4))] {
            let flat = Scaler::new(from, to).scale(&[10, 200, 255].repeat((from.0 * from.1) as usize));
            assert_eq!(flat, [10, 200, 255].repeat((to.0 * to.1) as usize));
        }
        let slope: Vec<u8> = (0..32 * 4).flat_map(|n| [(n % 32 * 8) as u8; 3]).collect();
        let half = Scaler::new((32, 4), (16, 4)).scale(&slope);
        for x in 2..14 {
            assert!((i32::from(half[x * 3]) - (x as i32 * 16 + 4)).abs() <= 1);
        }
    }
}
