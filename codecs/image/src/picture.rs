//! The picture that every part of the crate works on.

use crate::error::{Error, Result};

/// An upright picture of 8 bits per sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Colour, `[y][x][3]` in the order red, green, blue; sRGB unless `icc` says otherwise.
    pub rgb: Vec<u8>,
    /// Opacity, `[y][x]`, 0 is transparent; not premultiplied. `None`: opaque.
    pub alpha: Option<Vec<u8>>,
    /// Whether all pixels have red = green = blue, and the picture is to be coded and written as gray.
    pub gray: bool,
    /// ICC profile that `rgb` is in, if it was kept.
    pub icc: Option<Vec<u8>>,
    /// EXIF block without the `Exif\0\0` marker, if it was kept. Its orientation is upright.
    pub exif: Option<Vec<u8>>,
}

impl Picture {
    /// An opaque sRGB picture of `rgb`, `[y][x][3]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a side is 0 or `rgb` has not `3 * width * height` bytes.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self> {
        let picture = Self { width, height, rgb, alpha: None, gray: false, icc: None, exif: None };
        picture.check()?;
        Ok(picture)
    }

    /// Number of pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Checks that the planes fit the sides.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a side is 0 or a plane has another size.
    pub fn check(&self) -> Result<()> {
        let pixels = self.pixels();
        let fits = |plane: &[u8], channels: u64| plane.len() as u64 == pixels * channels;
        if pixels == 0 {
            return Err(Error::parameter("a picture with a side of 0 pixels"));
        }
        if !fits(&self.rgb, 3) || !self.alpha.as_ref().is_none_or(|alpha| fits(alpha, 1)) {
            return Err(Error::parameter(format!(
                "planes that do not fill a picture of {} x {} pixels",
                self.width, self.height
            )));
        }
        Ok(())
    }
}
