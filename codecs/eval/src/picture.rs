//! What is measured: 8-bit RGB.

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
