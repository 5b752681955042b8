//! Latents to pictures.

use ndarray::{Array4, ArrayView4, Slice};

use super::Tiling;
use super::pixels::{Rect, scatter};
use super::spans::{Span, spans};
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
/// `decoder` maps f32[1, dim, h, w], which are those of a window, to f32[1, 3, stride·h, stride·w], about in [-1, 1].
pub(crate) fn synthesise(
    latents: &[f32],
    canvas: Canvas,
    (stride, dim): (u32, usize),
    tiling: Tiling,
    mut decoder: impl FnMut(ArrayView4<'_, f32>, &Window) -> Result<Array4<f32>>,
) -> Result<Vec<u8>> {
    let shape = super::latent_shape(canvas.width, canvas.height, stride);
    let width = canvas.width as usize;
    let mut rgb = vec![0; width * canvas.height as usize * 3];
    for down in spans(shape.y, tiling) {
        for across in spans(shape.x, tiling) {
            let window = Window { down: down.clone(), across };
            let output = decoder(window.gather(latents, shape.x as usize, dim).view(), &window)?;
            window.cut(&output, canvas, stride)?.put(&mut rgb, width);
        }
    }
    Ok(rgb)
}

/// A rectangle of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where it is.
    pub rect: Rect,
    /// `[y][x][3]`.
    pub rgb: Vec<u8>,
}

impl Patch {
    /// Puts it into a picture `[y][x][3]` of so many columns, which it must lie in.
    pub fn put(&self, rgb: &mut [u8], columns: usize) {
        let (left, top, width, height) = self.rect;
        for (y, row) in (top..top + height).zip(self.rgb.chunks_exact((width * 3).max(1))) {
            rgb[(y * columns + left) * 3..][..width * 3].copy_from_slice(row);
        }
    }
}

/// A part of a picture that goes through a network by itself, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Rows.
    pub down: Span,
    /// Columns.
    pub across: Span,
}

impl Window {
    /// What the network sees of latents `[y][x][dim]` of so many columns: f32[1, dim, h, w].
    pub fn gather(&self, latents: &[f32], columns: usize, dim: usize) -> Array4<f32> {
        let (left, top) = (self.across.seen.start as usize, self.down.seen.start as usize);
        Array4::from_shape_fn((1, dim, self.down.seen.len(), self.across.seen.len()), |(_, c, y, x)| {
            latents[((top + y) * columns + left + x) * dim + c]
        })
    }

    /// What is kept of the network's picture of the window, f32[1, 3, stride·h, stride·w]. The last column and row of tokens may reach beyond the canvas.
    ///
    /// # Errors
    /// [`Error::Pack`] for a picture of another size.
    pub fn cut(&self, output: &Array4<f32>, canvas: Canvas, stride: u32) -> Result<Patch> {
        let stride = stride as usize;
        let expected = [1, 3, self.down.seen.len() * stride, self.across.seen.len() * stride];
        if output.shape() != expected {
            return Err(Error::Pack {
                what: format!("its decoder made a picture of shape {:?}, not {expected:?}", output.shape()),
            });
        }
        let span = |span: &Span, most: u32| {
            let (from, to) = (span.kept.start as usize * stride, (span.kept.end as usize * stride).min(most as usize));
            (from, to.saturating_sub(from), from - span.seen.start as usize * stride)
        };
        let (left, width, inner_left) = span(&self.across, canvas.width);
        let (top, height, inner_top) = span(&self.down, canvas.height);
        let inner = output.slice_each_axis(|axis| match axis.axis.index() {
            2 => Slice::from(inner_top..inner_top + height),
            3 => Slice::from(inner_left..inner_left + width),
            _ => Slice::from(..),
        });
        let mut rgb = vec![0; width * height * 3];
        scatter(inner, (0, 0), (0, 0, width, height), &mut rgb, width, canvas.gray);
        Ok(Patch { rect: (left, top, width, height), rgb })
    }
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
        let decoder = |view: ArrayView4<'_, f32>, _: &Window| {
            let (h, w) = (view.shape()[2] * 4, view.shape()[3] * 4);
            Ok(Array4::from_shape_fn((1, 3, h, w), |(_, c, y, x)| view[[0, c, y / 4, x / 4]]))
        };
        let latents = analyse(&picture, (4, 3), tiling, "test", encoder).unwrap();
        assert_eq!(latents, analyse(&picture, (4, 3), Tiling::WHOLE, "test", encoder).unwrap());
        let canvas = Canvas { width, height, gray: false };
        let back = synthesise(&latents, canvas, (4, 3), tiling, decoder).unwrap();
        assert_eq!(back, picture.rgb);
    }

    #[test]
    fn a_network_of_another_shape_is_a_bad_pack() {
        let canvas = Canvas { width: 4, height: 4, gray: false };
        let wrong = |_: ArrayView4<'_, f32>, _: &Window| Ok(Array4::zeros((1, 3, 8, 8)));
        let result = synthesise(&[0.0; 3], canvas, (4, 3), Tiling::WHOLE, wrong);
        assert!(matches!(result, Err(Error::Pack { .. })));
    }
}
