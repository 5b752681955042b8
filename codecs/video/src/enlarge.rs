//! Frames of a base layer at the size of the video: interpolated, and by a share what the enhancer of a frame pack makes of them.

use tessera_core::LatentShape;
use tessera_image::Canvas;
use tessera_models::{Session, VideoPack};

use crate::error::Result;
use crate::paint::Reach;
use crate::scale::Scaler;

/// Samples of a frame's side that the enhancer sees as one block.
const BLOCK: u32 = 4;
/// Longest side of what the enhancer sees at once, in blocks.
const WINDOW: u32 = 160;
/// A share in which all is the enhancer's, in parts that a file counts it in.
pub(crate) const WHOLE: u8 = 8;

/// Enlarges frames of one size.
pub(crate) struct Enlarger {
    from: (u32, u32),
    plain: Scaler,
    enhancer: Option<Enhancer>,
}

struct Enhancer {
    session: Session,
    reach: Reach,
    doubled: Scaler,
}

/// A frame at the size of the video.
pub(crate) struct Enlarged {
    plain: Vec<u8>,
    enhanced: Option<Vec<u8>>,
}

impl Enlarger {
    /// For frames of `from` columns and rows that are shown at `to`, with a frame pack's enhancer if it has one.
    pub fn new(from: (u32, u32), to: (u32, u32), pack: Option<&VideoPack>) -> Result<Self> {
        let enhancer =
            match pack.and_then(|pack| pack.enhancer.as_ref().map(|graph| (graph, pack.section.enhancer_margin))) {
                None => None,
                Some((graph, margin)) => Some(Enhancer {
                    session: Session::load(graph, 1).map_err(tessera_image::Error::from)?,
                    reach: Reach { stride: 2 * BLOCK, window: Some((WINDOW, margin)), before: false },
                    doubled: Scaler::new((2 * from.0, 2 * from.1), to),
                }),
            };
        Ok(Self { from, plain: Scaler::new(from, to), enhancer })
    }

    /// Whether it is for frames of this size.
    pub fn is_for(&self, from: (u32, u32)) -> bool {
        self.from == from
    }

    /// Whether shares make a difference.
    pub fn enhances(&self) -> bool {
        self.enhancer.is_some()
    }

    /// The frame `[y][x][3]`, enlarged. The enhancer is only asked if it is `wanted`.
    pub fn enlarge(&mut self, rgb: &[u8], wanted: bool) -> Result<Enlarged> {
        let enhanced = match &mut self.enhancer {
            Some(enhancer) if wanted => Some(enhancer.enhance(rgb, self.from)?),
            _ => None,
        };
        Ok(Enlarged { plain: self.plain.scale(rgb), enhanced })
    }
}

impl Enlarged {
    /// The frame with a share of enhancement, out of [`WHOLE`].
    pub fn with(&self, share: u8) -> Vec<u8> {
        let Some(enhanced) = self.enhanced.as_ref().filter(|_| share > 0) else { return self.plain.clone() };
        let (whole, share) = (u16::from(WHOLE), u16::from(share.min(WHOLE)));
        let mix = |(&plain, &enhanced): (&u8, &u8)| {
            ((u16::from(plain) * (whole - share) + u16::from(enhanced) * share + whole / 2) / whole) as u8
        };
        self.plain.iter().zip(enhanced).map(mix).collect()
    }
}

impl Enhancer {
    fn enhance(&mut self, rgb: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>> {
        let grid = LatentShape { t: 1, y: height.div_ceil(BLOCK), x: width.div_ceil(BLOCK) };
        let blocks = blocks(rgb, (width as usize, height as usize), grid);
        let canvas = Canvas { width: 2 * width, height: 2 * height, gray: false };
        let mut picture = vec![0; canvas.width as usize * canvas.height as usize * 3];
        for window in self.reach.windows(grid, true, |_| false) {
            let seen = window.gather(&blocks, grid.x as usize, (3 * BLOCK * BLOCK) as usize);
            let made = self.session.run(seen.view()).map_err(tessera_image::Error::from)?;
            window.cut(&made, canvas, self.reach.stride)?.put(&mut picture, canvas.width as usize);
        }
        Ok(self.doubled.scale(&picture))
    }
}

/// Samples in [-1,1] of a frame, by blocks: `[y][x][colour][row][column]`. Beyond its edges a frame goes on as it ends.
fn blocks(rgb: &[u8], (width, height): (usize, usize), grid: LatentShape) -> Vec<f32> {
    let side = BLOCK as usize;
    let mut blocks = Vec::with_capacity(grid.len() as usize * 3 * side * side);
    for (top, left) in (0..grid.y as usize).flat_map(|y| (0..grid.x as usize).map(move |x| (y * side, x * side))) {
        for colour in 0..3 {
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (top + y, left + x))) {
                let sample = rgb[(y.min(height - 1) * width + x.min(width - 1)) * 3 + colour];
                blocks.push(f32::from(sample) / 127.5 - 1.0);
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_colours_row_by_row_and_edges_go_on() {
        let rgb: Vec<u8> = (0..5 * 6 * 3).collect();
        let got = blocks(&rgb, (5, 6), LatentShape { t: 1, y: 2, x: 2 });
        let at = |block: usize, colour: usize, y: usize, x: usize| {
            ((got[block * 48 + colour * 16 + y * 4 + x] + 1.0) * 127.5).round() as usize
        };
        assert_eq!(got.len(), 4 * 48);
        assert_eq!((at(0, 0, 0, 0), at(0, 2, 0, 0), at(0, 1, 1, 2)), (0, 2, (5 + 2) * 3 + 1));
        assert_eq!((at(1, 0, 0, 0), at(1, 0, 0, 3)), (12, 12));
        assert_eq!(at(3, 2, 3, 3), (5 * 5 + 4) * 3 + 2);
    }

    #[test]
    fn a_share_lies_between_both() {
        let frame = Enlarged { plain: vec![0, 100, 255], enhanced: Some(vec![80, 100, 15]) };
        assert_eq!((frame.with(0), frame.with(WHOLE)), (vec![0, 100, 255], vec![80, 100, 15]));
        assert_eq!(frame.with(WHOLE / 2), vec![40, 100, 135]);
    }
}
