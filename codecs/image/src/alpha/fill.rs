//! Colours for pixels that are fully transparent, smooth so that they cost nothing.

use crate::picture::Picture;

/// Side of the cells whose mean colours are interpolated.
const CELL: usize = 16;

/// Mean colours of the visible pixels, cell by cell, continued smoothly into cells without any.
pub(crate) struct Fill {
    columns: usize,
    rows: usize,
    means: Vec<[f32; 3]>,
}

/// Sums of colours and their number.
#[derive(Clone, Copy, Default)]
struct Sum {
    color: [f32; 3],
    count: f32,
}

impl Fill {
    /// `None` if no pixel is fully transparent.
    pub fn of(picture: &Picture) -> Option<Self> {
        let alpha = picture.alpha.as_ref().filter(|alpha| alpha.contains(&0))?;
        let width = picture.width as usize;
        let (columns, rows) = (width.div_ceil(CELL), (picture.height as usize).div_ceil(CELL));
        let mut sums = vec![Sum::default(); columns * rows];
        let pixels = picture.rgb.as_chunks::<3>().0;
        for (y, (row, opacity)) in pixels.chunks_exact(width).zip(alpha.chunks_exact(width)).enumerate() {
            let sums = &mut sums[y / CELL * columns..][..columns];
            for (x, (pixel, &opacity)) in row.iter().zip(opacity).enumerate() {
                if opacity > 0 {
                    sums[x / CELL].add(pixel.map(f32::from), 1.0);
                }
            }
        }
        let means = continued(&sums, columns, rows);
        Some(Self { columns, rows, means })
    }

    /// Colour at a pixel, 0 to 255: bilinear between the centres of cells.
    pub fn color(&self, x: usize, y: usize) -> [f32; 3] {
        let taps = |n: usize, cells: usize| {
            let place = (n as f32 + 0.5) / CELL as f32 - 0.5;
            let place = place.clamp(0.0, (cells - 1) as f32);
            let cell = place as usize;
            (cell, (cell + 1).min(cells - 1), place - cell as f32)
        };
        let (left, right, along) = taps(x, self.columns);
        let (upper, lower, down) = taps(y, self.rows);
        let at = |x: usize, y: usize, c: usize| self.means[y * self.columns + x][c];
        std::array::from_fn(|c| {
            let mix = |y| at(left, y, c) + along * (at(right, y, c) - at(left, y, c));
            mix(upper) + down * (mix(lower) - mix(upper))
        })
    }
}

impl Sum {
    fn add(&mut self, color: [f32; 3], count: f32) {
        for (sum, value) in self.color.iter_mut().zip(color) {
            *sum += value;
        }
        self.count += count;
    }
}

/// Means where there are any, else those of ever larger cells (Gortler et al., 1996, pull and push).
fn continued(sums: &[Sum], columns: usize, rows: usize) -> Vec<[f32; 3]> {
    let mean = |sum: &Sum| sum.color.map(|color| color / sum.count);
    if sums.iter().all(|sum| sum.count > 0.0) {
        return sums.iter().map(mean).collect();
    }
    if sums.len() == 1 {
        return vec![[127.5; 3]];
    }
    let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
    let mut halves = vec![Sum::default(); half_columns * half_rows];
    for (n, sum) in sums.iter().enumerate() {
        let (x, y) = (n % columns, n / columns);
        halves[y / 2 * half_columns + x / 2].add(sum.color, sum.count);
    }
    let coarse = continued(&halves, half_columns, half_rows);
    let cells = sums.iter().enumerate().map(|(n, sum)| {
        let (x, y) = (n % columns, n / columns);
        match sum.count > 0.0 {
            true => mean(sum),
            false => coarse[y / 2 * half_columns + x / 2],
        }
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_take_the_colour_around_them() {
        let (width, height) = (100, 80);
        let mut picture = Picture::from_rgb(width, height, [200, 100, 50].repeat(8000)).unwrap();
        assert!(Fill::of(&picture).is_none());
        let mut alpha = vec![255; 8000];
        for (n, opacity) in alpha.iter_mut().enumerate() {
            if n % 100 > 30 && n / 100 > 20 {
                *opacity = 0;
                picture.rgb[3 * n..3 * n + 3].copy_from_slice(&[0, 255, n as u8]);
            }
        }
        picture.alpha = Some(alpha);
        let fill = Fill::of(&picture).unwrap();
        for (x, y) in [(0, 0), (50, 50), (99, 79)] {
            let near = fill.color(x, y).iter().zip([200.0, 100.0, 50.0]).all(|(a, b)| (a - b).abs() < 0.01);
            assert!(near, "{:?}", fill.color(x, y));
        }
    }

    #[test]
    fn a_picture_without_visible_pixels_is_mid_gray() {
        let mut picture = Picture::from_rgb(20, 20, vec![9; 1200]).unwrap();
        picture.alpha = Some(vec![0; 400]);
        assert_eq!(Fill::of(&picture).unwrap().color(3, 19), [127.5; 3]);
    }
}
