//! Latents to pictures.

use ndarray::{Array4, ArrayView4};

use super::pixels::scatter;
use super::{Tiling, spans::spans};
use crate::error::{Error, Result};

/// What is to be painted.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// Columns in pixels.
    pub width: u32,
    /// Rows in pixels.
    pub height: u32,
    /// Whether red, green and blue are the luma.
    pub gray: bool,
}

/// Colours `[y][x][3]` of latents `[y][x][dim]`, whose grid is the canvas over the stride, rounded up.
///
/// `decoder` maps f32[1, dim, h, w] to f32[1, 3, stride·h, stride·w], about in [-1, 1].
pub(crate) fn synthesise(
    latents: &[f32],
    canvas: Canvas,
    (stride, dim): (u32, usize),
    tiling: Tiling,
    mut decoder: impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>>,
) -> Result<Vec<u8>> {
    let shape = super::latent_shape(canvas.width, canvas.height, stride);
    let columns = shape.x as usize;
    let stride = stride as usize;
    let (width, height) = (canvas.width as usize, canvas.height as usize);
    let mut rgb = vec![0; width * height * 3];
    for down in spans(shape.y, tiling) {
        for across in spans(shape.x, tiling) {
            let (left, top) = (across.seen.start as usize, down.seen.start as usize);
            let (seen_x, seen_y) = (across.seen.len(), down.seen.len());
            let input = Array4::from_shape_fn((1, dim, seen_y, seen_x), |(_, c, y, x)| {
                latents[((top + y) * columns + left + x) * dim + c]
            });
            let output = decoder(input.view())?;
            if output.shape() != [1, 3, seen_y * stride, seen_x * stride] {
                return Err(Error::Pack {
                    what: format!(
                        "its decoder made a picture of shape {:?}, not {:?}",
                        output.shape(),
                        [1, 3, seen_y * stride, seen_x * stride]
                    ),
                });
            }
            // The last column and row of tokens may reach beyond the picture.
            let (from_x, to_x) = (across.kept.start as usize * stride, across.kept.end as usize * stride);
            let (from_y, to_y) = (down.kept.start as usize * stride, down.kept.end as usize * stride);
            let rect = (from_x, from_y, to_x.min(width) - from_x, to_y.min(height) - from_y);
            let origin = (left * stride, top * stride);
            scatter(output.view(), origin, rect, &mut rgb, width, canvas.gray);
        }
    }
    Ok(rgb)
}

#[cfg(test)]
mod tests {
    use super::super::analyse;
    use super::*;
    use crate::picture::Picture;

    /// An "encoder" that keeps the first pixel of each cell, and a "decoder" that repeats it.
    #[test]
    fn windows_put_every_latent_and_pixel_in_its_place() {
        let (width, height) = (70u32, 45u32);
        let rgb = (0..width * height).flat_map(|n| [(n % width / 4) as u8, (n / width / 4) as u8, 7]).collect();
        let picture = Picture::from_rgb(width, height, rgb).unwrap();
        let tiling = Tiling { window: 6, margin: 2 };
        let encoder = |view: ArrayView4<'_, f32>| {
            let (h, w) = (view.shape()[2] / 4, view.shape()[3] / 4);
            Ok(Array4::from_shape_fn((1, 3, h, w), |(_, c, y, x)| view[[0, c, 4 * y, 4 * x]]))
        };
        let decoder = |view: ArrayView4<'_, f32>| {
            let (h, w) = (view.shape()[2] * 4, view.shape()[3] * 4);
            Ok(Array4::from_shape_fn((1, 3, h, w), |(_, c, y, x)| view[[0, c, y / 4, x / 4]]))
        };
        let latents = analyse(&picture, (4, 3), tiling, encoder).unwrap();
        assert_eq!(latents, analyse(&picture, (4, 3), Tiling::WHOLE, encoder).unwrap());
        let canvas = Canvas { width, height, gray: false };
        let back = synthesise(&latents, canvas, (4, 3), tiling, decoder).unwrap();
        assert_eq!(back, picture.rgb);
    }

    #[test]
    fn a_network_of_another_shape_is_a_bad_pack() {
        let canvas = Canvas { width: 4, height: 4, gray: false };
        let wrong = |_: ArrayView4<'_, f32>| Ok(Array4::zeros((1, 3, 8, 8)));
        let result = synthesise(&[0.0; 3], canvas, (4, 3), Tiling::WHOLE, wrong);
        assert!(matches!(result, Err(Error::Pack { .. })));
    }
}
