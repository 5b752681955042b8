//! What is measured: 8-bit RGB.

use std::{fs, path::Path};

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use tessera_image::{IoLimits, Metadata};

use crate::{Error, Result};

/// A picture, `[y][x][3]` in the order red, green, blue, sRGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8 {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Rgb8 {
    /// A picture of the given sides, each at least 1.
    ///
    /// # Errors
    /// [`Error::Parameter`] where `data` has another length than `width·height·3`, or a side is 0.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Result<Self> {
        if width == 0 || height == 0 || data.len() as u64 != 3 * u64::from(width) * u64::from(height) {
            return Err(Error::Parameter(format!("{} bytes are no picture of {width} x {height}", data.len())));
        }
        Ok(Self { width, height, data })
    }

    /// The picture in a file as everything here sees it: upright, in sRGB, 8 bit, what is transparent over white.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Failed`] where it is no readable picture.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::at(path))?;
        let mut picture = tessera_image::io::read(&bytes, &IoLimits::default(), Metadata::Strip)
            .map_err(|error| Error::Failed(error.to_string()))?;
        if let Some(alpha) = &picture.alpha {
            for (pixel, &alpha) in picture.rgb.chunks_exact_mut(3).zip(alpha) {
                for value in pixel {
                    let blend = u32::from(*value) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
                    *value = ((blend + 127) / 255) as u8;
                }
            }
        }
        Self::new(picture.width, picture.height, picture.rgb)
    }

    /// A PNG file, quickly made.
    ///
    /// # Errors
    /// [`Error::Failed`] where the encoder refuses the picture.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Up)
            .write_image(&self.data, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| Error::Failed(error.to_string()))?;
        Ok(file)
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// `[y][x][3]`.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}
