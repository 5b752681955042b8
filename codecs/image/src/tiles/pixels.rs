//! Pixels to the networks' values and back.

use ndarray::{Array4, ArrayView4};

use crate::alpha::Fill;
use crate::picture::Picture;

/// A rectangle of pixels: (left, top, width, height). May reach beyond the picture.
pub type Rect = (usize, usize, usize, usize);

/// Pixels of a rectangle as f32[1, 3, height, width] in [-1, 1].
///
/// Beyond the picture its edge is repeated; fully transparent pixels take their colour from `fill`.
pub(super) fn gather(picture: &Picture, fill: Option<&Fill>, rect: Rect) -> Array4<f32> {
    let (left, top, width, height) = rect;
    let (columns, rows) = (picture.width as usize, picture.height as usize);
    let pixels = picture.rgb.as_chunks::<3>().0;
    let hidden = fill.zip(picture.alpha.as_deref());
    let mut values = vec![0.0; 3 * width * height];
    let (red, rest) = values.split_at_mut(width * height);
    let (green, blue) = rest.split_at_mut(width * height);
    for y in 0..height {
        let from_y = (top + y).min(rows - 1);
        let row = &pixels[from_y * columns..][..columns];
        for x in 0..width {
            let from_x = (left + x).min(columns - 1);
            let mut color = row[from_x].map(f32::from);
            if let Some((fill, alpha)) = hidden
                && alpha[from_y * columns + from_x] == 0
            {
                color = fill.color(from_x, from_y);
            }
            let [r, g, b] = color.map(|sample| sample / 127.5 - 1.0);
            let n = y * width + x;
            (red[n], green[n], blue[n]) = (r, g, b);
        }
    }
    // The length is that of the shape, so this is never the empty array.
    Array4::from_shape_vec((1, 3, height, width), values).unwrap_or_default()
}

/// Puts part of a network's picture, f32[1, 3, h, w] about in [-1, 1], into `rgb`, `[y][x][3]`.
///
/// The network's picture has its first pixel at `origin` (left, top) of the whole; `rect` says which pixels of
/// the whole are taken and must lie in both. Gray takes the luma of BT.601 for all three samples.
pub(super) fn scatter(
    values: ArrayView4<'_, f32>,
    origin: (usize, usize),
    rect: Rect,
    rgb: &mut [u8],
    columns: usize,
    gray: bool,
) {
    let (left, top, width, height) = rect;
    for y in top..top + height {
        let row = &mut rgb[(y * columns + left) * 3..][..width * 3];
        for (x, pixel) in (left..).zip(row.as_chunks_mut::<3>().0) {
            let at = |c| values[[0, c, y - origin.1, x - origin.0]];
            let color = [at(0), at(1), at(2)];
            *pixel = match gray {
                false => color.map(to_sample),
                true => {
                    let luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
                    [to_sample(luma); 3]
                }
            };
        }
    }
}

/// Rounds and clamps; what is no number becomes 0.
fn to_sample(value: f32) -> u8 {
    // The cast cuts off and clamps.
    (value * 127.5 + 128.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_survive_and_edges_are_repeated() {
        let rgb: Vec<u8> = (0..5 * 3 * 3).map(|n| (n * 5) as u8).collect();
        let picture = Picture::from_rgb(5, 3, rgb.clone()).unwrap();
        let values = gather(&picture, None, (0, 0, 16, 16));
        let mut back = vec![0; rgb.len()];
        scatter(values.view(), (0, 0), (0, 0, 5, 3), &mut back, 5, false);
        assert_eq!(back, rgb);
        assert_eq!(values[[0, 1, 15, 15]], values[[0, 1, 2, 4]]);
        assert_eq!(values[[0, 2, 1, 9]], values[[0, 2, 1, 4]]);
    }

    #[test]
    fn values_out_of_range_are_clamped() {
        assert_eq!([-9.0, -1.0, 0.0, 1.0, 9.0, f32::NAN].map(to_sample), [0, 0, 128, 255, 255, 0]);
    }
}
