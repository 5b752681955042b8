//! Statistics of two planes under a sliding Gaussian window: what SSIM and MS-SSIM share.

use crate::Rgb8;

/// Side of the window, pixels.
pub(super) const SIDE: usize = 11;
const SIGMA: f64 = 1.5;
const RANGE: f64 = 255.0;
/// `(K1·L)²` and `(K2·L)²` of Wang et al. 2004.
const C1: f64 = (0.01 * RANGE) * (0.01 * RANGE);
const C2: f64 = (0.03 * RANGE) * (0.03 * RANGE);

/// One channel, `[y][x]`.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) data: Vec<f64>,
}

/// Means over all positions of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Similarity {
    /// Luminance × contrast × structure.
    pub(super) ssim: f64,
    /// Contrast × structure alone.
    pub(super) contrast: f64,
}

/// Red, green and blue as code values 0 to 255.
pub(super) fn planes(picture: &Rgb8) -> [Plane; 3] {
    let plane = |channel| Plane {
        width: picture.width() as usize,
        height: picture.height() as usize,
        data: picture.data().iter().skip(channel).step_by(3).map(|v| f64::from(*v)).collect(),
    };
    [plane(0), plane(1), plane(2)]
}

/// Compares two planes of one size, both sides at least [`SIDE`], at every position where the window lies inside.
pub(super) fn similarity(a: &Plane, b: &Plane) -> Similarity {
    let taps = taps();
    let (width, height) = (a.width, a.height);
    let (across, down) = (width + 1 - SIDE, height + 1 - SIDE);
    // Rows of the window are summed first, one output row at a time, so that the working set stays in the cache. The formulas
    // need the two variances only as a sum: four moments instead of five.
    let mut columns: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; width]);
    let mut moments: [Vec<f64>; 4] = std::array::from_fn(|_| vec![0.0; across]);
    let (mut ssim, mut contrast) = (0.0, 0.0);
    for top in 0..down {
        columns.iter_mut().for_each(|column| column.fill(0.0));
        let [mean_a, mean_b, squares, product] = &mut columns;
        for (row, tap) in (top..).zip(taps) {
            let row = row * width..(row + 1) * width;
            let pixels = a.data[row.clone()].iter().zip(&b.data[row]);
            let sums = mean_a.iter_mut().zip(mean_b.iter_mut()).zip(squares.iter_mut().zip(product.iter_mut()));
            for ((a, b), ((mean_a, mean_b), (squares, product))) in pixels.zip(sums) {
                *mean_a += tap * a;
                *mean_b += tap * b;
                *squares += tap * (a * a + b * b);
                *product += tap * (a * b);
            }
        }
        for (moment, column) in moments.iter_mut().zip(&columns) {
            moment.fill(0.0);
            for (left, tap) in taps.iter().enumerate() {
                for (sum, value) in moment.iter_mut().zip(&column[left..]) {
                    *sum += tap * value;
                }
            }
        }
        let [mean_a, mean_b, squares, product] = &moments;
        for ((mean_a, mean_b), (squares, product)) in mean_a.iter().zip(mean_b).zip(squares.iter().zip(product)) {
            let (means, powers) = (mean_a * mean_b, mean_a * mean_a + mean_b * mean_b);
            let here = (2.0 * (product - means) + C2) / (squares - powers + C2);
            contrast += here;
            ssim += here * (2.0 * means + C1) / (powers + C1);
        }
    }
    let positions = (across * down) as f64;
    Similarity { ssim: ssim / positions, contrast: contrast / positions }
}

/// The window along one axis; it sums to 1.
fn taps() -> [f64; SIDE] {
    let bell: [f64; SIDE] = std::array::from_fn(|i| {
        let distance = i as f64 - (SIDE / 2) as f64;
        (-distance * distance / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = bell.iter().sum();
    bell.map(|tap| tap / sum)
}
