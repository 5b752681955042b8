//! Pictures to picture files.

use std::borrow::Cow;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::Format;
use crate::error::{Error, Result};
use crate::picture::Picture;

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Quality of JPEG, 1 to 100. Default 92. PNG and WebP are lossless.
    pub jpeg_quality: u8,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { jpeg_quality: 92 }
    }
}

/// Writes a picture file, with the picture's ICC profile and EXIF block if it has them.
///
/// Gray pictures have one component. PNG and WebP keep transparency; JPEG has none, so the
/// picture is laid over white. WebP is always lossless: the encoder at hand writes no lossy WebP.
///
/// # Errors
/// [`Error::Parameter`] if the planes do not fit the sides or the quality is out of range,
/// [`Error::Image`] if the format does not take the picture: JPEG has at most 65,535 pixels a side,
/// WebP 16,383, and JPEG's EXIF blocks end at 64 kB.
pub fn write(picture: &Picture, format: Format, options: &WriteOptions) -> Result<Vec<u8>> {
    picture.check()?;
    let mut out = Vec::new();
    match format {
        Format::Png => encode(picture, PngEncoder::new(&mut out), "PNG", true)?,
        Format::WebP => encode(picture, WebPEncoder::new_lossless(&mut out), "WebP", true)?,
        Format::Jpeg if !(1..=100).contains(&options.jpeg_quality) => {
            return Err(Error::parameter("JPEG quality is from 1 to 100"));
        }
        Format::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, options.jpeg_quality);
            encode(picture, encoder, "JPEG", false)?;
        }
    }
    Ok(out)
}

fn encode(picture: &Picture, mut encoder: impl ImageEncoder, name: &str, alpha: bool) -> Result<()> {
    let refused = |reason: String| {
        let reason = reason.replace('\n', " ");
        Error::image(format!("the picture cannot be written as {name} ({reason}); write PNG instead"))
    };
    if let Some(icc) = &picture.icc {
        let set = encoder.set_icc_profile(icc.clone());
        set.map_err(|error| refused(error.to_string()))?;
    }
    if let Some(exif) = &picture.exif {
        let set = encoder.set_exif_metadata(exif.clone());
        set.map_err(|error| refused(error.to_string()))?;
    }
    let (samples, color) = match (&picture.alpha, picture.gray) {
        (Some(plane), gray) if alpha => (interleave(picture, plane, gray), with_alpha(gray)),
        (Some(plane), gray) => layer(flattened(picture, plane), gray),
        (None, gray) => layer(Cow::Borrowed(&picture.rgb), gray),
    };
    encoder.write_image(&samples, picture.width, picture.height, color).map_err(|error| refused(error.to_string()))
}

fn with_alpha(gray: bool) -> ExtendedColorType {
    match gray {
        true => ExtendedColorType::La8,
        false => ExtendedColorType::Rgba8,
    }
}

/// Samples without alpha; gray takes the green ones.
fn layer(rgb: Cow<'_, [u8]>, gray: bool) -> (Cow<'_, [u8]>, ExtendedColorType) {
    match gray {
        false => (rgb, ExtendedColorType::Rgb8),
        true => {
            let samples = rgb.as_chunks::<3>().0.iter().map(|pixel| pixel[1]);
            (samples.collect(), ExtendedColorType::L8)
        }
    }
}

fn interleave<'a>(picture: &Picture, alpha: &[u8], gray: bool) -> Cow<'a, [u8]> {
    let channels = if gray { 2 } else { 4 };
    let mut samples = Vec::with_capacity(alpha.len() * channels);
    for (&[r, g, b], &a) in picture.rgb.as_chunks::<3>().0.iter().zip(alpha) {
        match gray {
            true => samples.extend([g, a]),
            false => samples.extend([r, g, b, a]),
        }
    }
    Cow::Owned(samples)
}

/// The colours over white.
fn flattened<'a>(picture: &Picture, alpha: &[u8]) -> Cow<'a, [u8]> {
    let pixels = picture.rgb.as_chunks::<3>().0.iter().zip(alpha);
    let over_white = |sample: u8, a: u32| ((u32::from(sample) * a + 255 * (255 - a) + 127) / 255) as u8;
    let samples = pixels.flat_map(|(pixel, &a)| pixel.map(|sample| over_white(sample, u32::from(a))));
    Cow::Owned(samples.collect())
}
