//! Pixels that are not square, made square.

use image::{RgbImage, imageops};

use super::IoLimits;
use crate::error::{Error, Result};

/// The ratio of a pixel's width to its height beyond which it is not believed.
const ODDEST: f64 = 4.0;

/// Columns and rows as shown, for stored columns and rows of pixels `aspect` times as wide as high. Whichever side has to grow does.
pub fn size(width: u32, height: u32, aspect: f64) -> (u32, u32) {
    let believed = aspect.is_finite() && (1.0 / ODDEST..=ODDEST).contains(&aspect) && (aspect - 1.0).abs() > 0.005;
    match believed {
        false => (width, height),
        true if aspect > 1.0 => ((f64::from(width) * aspect).round() as u32, height),
        true => (width, (f64::from(height) / aspect).round() as u32),
    }
}

/// `[y][x][3]` of size `from` at size `to`, Catmull-Rom.
///
/// # Errors
/// [`Error::Video`] if the samples do not fit the size.
pub fn resize(rgb: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>> {
    scale(rgb, from, to, imageops::FilterType::CatmullRom)
}

/// As [`resize`], by any filter.
///
/// # Errors
/// As [`resize`].
pub fn scale(rgb: Vec<u8>, from: (u32, u32), to: (u32, u32), filter: imageops::FilterType) -> Result<Vec<u8>> {
    if from == to {
        return Ok(rgb);
    }
    let picture = RgbImage::from_raw(from.0, from.1, rgb)
        .ok_or_else(|| Error::video("the samples of a frame do not fit its sides; fetch a good copy of the file"))?;
    Ok(imageops::resize(&picture, to.0, to.1, filter).into_raw())
}

/// Refuses frames without pixels and those above the limits.
///
/// # Errors
/// [`Error::Video`].
pub fn check(width: u32, height: u32, limits: &IoLimits) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Error::video("its frames have no pixels; use a video with content"));
    }
    if pixels > limits.max_pixels || width > IoLimits::MAX_SIDE || height > IoLimits::MAX_SIDE {
        return Err(Error::video(format!(
            "frames of {width} x {height} pixels exceed the limit of {} pixels and {} a side; scale the video down",
            limits.max_pixels,
            IoLimits::MAX_SIDE
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_side_grows() {
        assert_eq!(size(720, 576, 16.0 / 15.0), (768, 576));
        assert_eq!(size(720, 480, 8.0 / 9.0), (720, 540));
        assert_eq!(size(640, 360, 1.001), (640, 360));
        for nonsense in [0.0, f64::NAN, f64::INFINITY, 1000.0] {
            assert_eq!(size(640, 360, nonsense), (640, 360));
        }
    }

    #[test]
    fn a_flat_frame_stays_flat() {
        let rgb = [7, 80, 200].repeat(9 * 5);
        assert_eq!(resize(rgb, (9, 5), (12, 5)).unwrap(), [7, 80, 200].repeat(12 * 5));
    }
}
