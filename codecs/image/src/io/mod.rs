//! Picture files: PNG, JPEG, WebP, TIFF, BMP and GIF in; PNG, JPEG and WebP out.
//!
//! [`read`] yields upright 8-bit pictures: EXIF orientation is applied, 16-bit and floating-point
//! samples are rounded, palettes looked up, the first frame of an animation taken.

pub mod orient;
pub(crate) mod profile;
mod read;
mod samples;
mod write;

pub use read::{dimensions, read};
pub use write::{WriteOptions, write};

/// Formats that pictures are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless.
    Png,
    /// Lossy, without transparency: see [`write`].
    Jpeg,
    /// Lossless (VP8L), sides up to 16,383; lossy WebP is not written.
    WebP,
}

impl Format {
    /// The format of a file name's extension, without the dot, in any case.
    ///
    /// ```
    /// use tessera_image::Format;
    /// assert_eq!(Format::from_extension("JPG"), Some(Format::Jpeg));
    /// assert_eq!(Format::from_extension("tif"), None);
    /// ```
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }
}

/// What happens to EXIF and ICC blocks. The orientation is applied to the pixels in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Metadata {
    /// They are dropped, after conversion of the colours to sRGB.
    #[default]
    Strip,
    /// They are kept, and the colours are left as they are.
    Keep,
}

/// What a picture file may ask for, checked before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoLimits {
    /// Pixels. Default 2^28, about 268 megapixels, as [`tessera_core::Limits`].
    pub max_pixels: u64,
    /// Bytes of the decoded samples, at the file's own depth. Default 2^31: 268 megapixels of 16-bit RGBA.
    pub max_bytes: u64,
}

impl Default for IoLimits {
    fn default() -> Self {
        Self { max_pixels: 1 << 28, max_bytes: 1 << 31 }
    }
}
