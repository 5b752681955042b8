//! Pictures to latents.

use ndarray::{Array4, ArrayView4};
use tessera_core::LatentShape;

use super::pixels::gather;
use super::{Tiling, spans::spans};
use crate::alpha::Fill;
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Grid of tokens of a picture: sides divided by the stride, rounded up.
pub(crate) fn latent_shape(width: u32, height: u32, stride: u32) -> LatentShape {
    LatentShape { t: 1, y: height.div_ceil(stride), x: width.div_ceil(stride) }
}

/// Latents `[y][x][dim]` of a picture.
///
/// `encoder`, which errors call `name`, maps f32[1, 3, stride·h, stride·w] in [-1, 1] to f32[1, dim, h, w].
pub(crate) fn analyse(
    picture: &Picture,
    (stride, dim): (u32, usize),
    tiling: Tiling,
    name: &str,
    mut encoder: impl FnMut(ArrayView4<'_, f32>) -> Result<Array4<f32>>,
) -> Result<Vec<f32>> {
    let shape = latent_shape(picture.width, picture.height, stride);
    let fill = Fill::of(picture);
    let columns = shape.x as usize;
    let stride = stride as usize;
    let mut latents = vec![0.0; shape.y as usize * columns * dim];
    for down in spans(shape.y, tiling) {
        for across in spans(shape.x, tiling) {
            let (width, height) = (across.seen.len(), down.seen.len());
            let (left, top) = (across.seen.start as usize, down.seen.start as usize);
            let rect = (left * stride, top * stride, width * stride, height * stride);
            let output = encoder(gather(picture, fill.as_ref(), rect).view())?;
            if output.shape() != [1, dim, height, width] {
                let (made, wanted) = (output.shape(), [1, dim, height, width]);
                return Err(Error::Pack { what: format!("{name} made latents of shape {made:?}, not {wanted:?}") });
            }
            for y in down.kept.clone() {
                for x in across.kept.clone() {
                    let (y, x) = (y as usize, x as usize);
                    let latent = &mut latents[(y * columns + x) * dim..][..dim];
                    for (c, value) in latent.iter_mut().enumerate() {
                        *value = output[[0, c, y - top, x - left]];
                    }
                }
            }
        }
    }
    Ok(latents)
}
