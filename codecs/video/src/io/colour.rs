//! Luma and chroma planes to sRGB and back.
//!
//! Transfer functions are left alone, as players leave them: the matrix and the range are what turns Y'CbCr into R'G'B'.

use yuv::{
    YuvConversionMode, YuvGrayImage, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, rgb_to_yuv444,
    yuv400_to_rgb, yuv444_to_rgb,
};

use super::chroma::{self, Siting};
use crate::error::{Error, Result};

/// How many chroma samples there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// One for two columns and two rows.
    Yuv420,
    /// One for two columns.
    Yuv422,
    /// One for every pixel.
    Yuv444,
    /// None: gray.
    Mono,
}

impl Sampling {
    /// Columns and rows of a chroma plane.
    pub fn chroma_size(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::Yuv420 => (width.div_ceil(2), height.div_ceil(2)),
            Self::Yuv422 => (width.div_ceil(2), height),
            Self::Yuv444 => (width, height),
            Self::Mono => (0, 0),
        }
    }
}

/// What the samples mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// The weights of red, green and blue in luma.
    pub matrix: YuvStandardMatrix,
    /// Whether luma is from 0 to 255 instead of from 16 to 235.
    pub full: bool,
    /// Where the chroma samples lie.
    pub siting: Siting,
}

impl Colour {
    /// The matrix that is meant where a file does not say: BT.709 from 720 rows up, BT.601 below.
    pub fn usual_matrix(height: u32) -> YuvStandardMatrix {
        if height >= 720 { YuvStandardMatrix::Bt709 } else { YuvStandardMatrix::Bt601 }
    }

    fn range(self) -> YuvRange {
        if self.full { YuvRange::Full } else { YuvRange::Limited }
    }
}

/// 8-bit planes without gaps between rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planes {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Which chroma planes there are.
    pub sampling: Sampling,
    /// `[y][x]`.
    pub luma: Vec<u8>,
    /// Cb and Cr, `[y][x]` of [`Sampling::chroma_size`].
    pub chroma: [Vec<u8>; 2],
}

impl Planes {
    /// `[y][x][3]`.
    ///
    /// # Errors
    /// [`Error::Video`] if the planes do not fit the sides.
    pub fn to_rgb(&self, colour: Colour) -> Result<Vec<u8>> {
        let (width, height) = (self.width, self.height);
        let (columns, rows) = self.sampling.chroma_size(width, height);
        if self.luma.len() != width * height || self.chroma.iter().any(|plane| plane.len() != columns * rows) {
            return Err(Error::video("the planes of a frame do not fit its sides; fetch a good copy of the file"));
        }
        let mut rgb = vec![0; 3 * width * height];
        let stride = 3 * width as u32;
        let (range, matrix) = (colour.range(), colour.matrix);
        let whole = |plane: &[u8]| match self.sampling {
            Sampling::Yuv420 => chroma::widen(&chroma::heighten(plane, columns, height), width, colour.siting),
            Sampling::Yuv422 => chroma::widen(plane, width, colour.siting),
            Sampling::Yuv444 | Sampling::Mono => plane.to_vec(),
        };
        let converted = if self.sampling == Sampling::Mono {
            let gray = YuvGrayImage {
                y_plane: &self.luma,
                y_stride: width as u32,
                width: width as u32,
                height: height as u32,
            };
            yuv400_to_rgb(&gray, &mut rgb, stride, range, matrix)
        } else {
            let [u, v] = [whole(&self.chroma[0]), whole(&self.chroma[1])];
            let planes = YuvPlanarImage {
                y_plane: &self.luma,
                y_stride: width as u32,
                u_plane: &u,
                u_stride: width as u32,
                v_plane: &v,
                v_stride: width as u32,
                width: width as u32,
                height: height as u32,
            };
            yuv444_to_rgb(&planes, &mut rgb, stride, range, matrix)
        };
        converted.map_err(|error| Error::video(format!("a frame cannot be turned into RGB ({error})")))?;
        Ok(rgb)
    }

    /// 4:2:0 planes of `[y][x][3]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the samples do not fit the sides.
    pub fn from_rgb(rgb: &[u8], width: usize, height: usize, colour: Colour) -> Result<Self> {
        let size = width.checked_mul(height).filter(|&pixels| pixels > 0 && pixels.checked_mul(3) == Some(rgb.len()));
        let Some(size) = size else {
            return Err(Error::parameter("a frame's samples do not fit its sides"));
        };
        let (w, h) = (width as u32, height as u32);
        let mut planes = YuvPlanarImageMut {
            y_plane: yuv::BufferStoreMut::Owned(vec![0; size]),
            y_stride: w,
            u_plane: yuv::BufferStoreMut::Owned(vec![0; size]),
            u_stride: w,
            v_plane: yuv::BufferStoreMut::Owned(vec![0; size]),
            v_stride: w,
            width: w,
            height: h,
        };
        rgb_to_yuv444(&mut planes, rgb, 3 * w, colour.range(), colour.matrix, YuvConversionMode::Balanced)
            .map_err(|error| Error::video(format!("a frame cannot be turned into luma and chroma ({error})")))?;
        let half = |plane: &[u8]| chroma::halve(plane, width, colour.siting);
        Ok(Self {
            width,
            height,
            sampling: Sampling::Yuv420,
            chroma: [half(planes.u_plane.borrow()), half(planes.v_plane.borrow())],
            luma: planes.y_plane.borrow().to_vec(),
        })
    }
}

/// A sample of `bits` bits, 9 to 16, rounded to 8.
pub fn to_8_bits(sample: u16, bits: u32) -> u8 {
    let shift = bits - 8;
    ((u32::from(sample) + (1 << (shift - 1))) >> shift).min(255) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn colour(full: bool, siting: Siting, tall: bool) -> Colour {
        Colour { matrix: Colour::usual_matrix(if tall { 720 } else { 360 }), full, siting }
    }

    proptest! {
        #[test]
        fn flat_colours_survive_at_any_size(
            width in 1usize..20, height in 1usize..20, pixel: [u8; 3], full: bool, left: bool, tall: bool
        ) {
            let colour = colour(full, if left { Siting::Left } else { Siting::Centre }, tall);
            let rgb = pixel.repeat(width * height);
            let planes = Planes::from_rgb(&rgb, width, height, colour).unwrap();
            let back = planes.to_rgb(colour).unwrap();
            for (a, b) in rgb.iter().zip(&back) {
                prop_assert!(a.abs_diff(*b) <= 3, "{pixel:?} came back as {:?}", &back[..3]);
            }
        }

        #[test]
        fn planes_of_any_content_and_size_give_a_whole_picture(
            width in 1usize..9, height in 1usize..9, which in 0usize..4, value: u8, full: bool
        ) {
            let sampling = [Sampling::Yuv420, Sampling::Yuv422, Sampling::Yuv444, Sampling::Mono][which];
            let (columns, rows) = sampling.chroma_size(width, height);
            let planes = Planes {
                width, height, sampling,
                luma: vec![value; width * height],
                chroma: [vec![value; columns * rows], vec![255 - value; columns * rows]],
            };
            let rgb = planes.to_rgb(colour(full, Siting::Left, false)).unwrap();
            prop_assert_eq!(rgb.len(), 3 * width * height);
            // All pixels see the same samples.
            prop_assert!(rgb.chunks(3).all(|pixel| pixel == &rgb[..3]));
        }
    }

    #[test]
    fn a_coloured_edge_stays_where_it_is() {
        // Red left of the middle, blue right of it: chroma that is shifted by a pixel would show on one side only.
        for siting in [Siting::Left, Siting::Centre] {
            let colour = colour(true, siting, false);
            let (width, height) = (16, 4);
            let rgb: Vec<u8> =
                (0..width * height).flat_map(|n| if n % width < 8 { [200, 40, 40] } else { [40, 40, 200] }).collect();
            let back = Planes::from_rgb(&rgb, width, height, colour).unwrap().to_rgb(colour).unwrap();
            let error = |x: usize| (0..3).map(|c| i32::from(rgb[3 * x + c].abs_diff(back[3 * x + c]))).sum::<i32>();
            let (left, right): (i32, i32) = ((4..8).map(error).sum(), (8..12).map(error).sum());
            assert!(left.abs_diff(right) <= left.max(right) as u32 / 2 + 12, "{siting:?}: {left} against {right}");
        }
    }

    #[test]
    fn wide_samples_are_rounded() {
        assert_eq!([0, 1, 2, 940, 1023].map(|sample| to_8_bits(sample, 10)), [0, 0, 1, 235, 255]);
        assert_eq!(to_8_bits(u16::MAX, 16), 255);
    }

    #[test]
    fn planes_that_do_not_fit_are_refused() {
        let planes =
            Planes { width: 4, height: 4, sampling: Sampling::Mono, luma: vec![0; 15], chroma: [vec![], vec![]] };
        assert!(planes.to_rgb(colour(true, Siting::Left, false)).is_err());
        assert!(Planes::from_rgb(&[0; 9], 2, 2, colour(true, Siting::Left, false)).is_err());
    }
}
