//! Picture files to pictures.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageReader};

use super::{IoLimits, Metadata, orient, profile, samples};
use crate::error::{Error, Result};
use crate::picture::Picture;

const READABLE: &str = "PNG, JPEG, WebP, TIFF, BMP or GIF";
const EXIF_MARKER: &[u8] = b"Exif\0\0";

/// Width and height that a picture file claims, before orientation, in pixels.
///
/// # Errors
/// [`Error::Image`] if the bytes are no readable picture.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32)> {
    Ok(open(bytes, &IoLimits::default())?.1.dimensions())
}

fn open<'a>(bytes: &'a [u8], limits: &IoLimits) -> Result<(ImageFormat, impl ImageDecoder + 'a)> {
    let format = known_format(bytes)?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut allocation = image::Limits::no_limits();
    allocation.max_alloc = Some(limits.max_bytes);
    reader.limits(allocation);
    let decoder = reader.into_decoder().map_err(|error| unreadable(format, &error))?;
    Ok((format, decoder))
}

/// Reads a picture file. The format is told by its first bytes.
///
/// With [`Metadata::Strip`] the colours are converted to sRGB by the file's ICC profile; with
/// [`Metadata::Keep`] pixels, profile and EXIF block are kept as they are. A profile that is damaged, or not
/// for the colours that the decoder yields (as that of a CMYK picture), is ignored. The orientation
/// that EXIF or TIFF ask for is applied, and that of a kept EXIF block set to upright. A picture
/// whose pixels are all neutral is gray, unless it keeps a profile for colours.
///
/// # Errors
/// [`Error::Image`] if the bytes are no readable picture, [`Error::Limit`] if it exceeds `limits`.
pub fn read(bytes: &[u8], limits: &IoLimits, metadata: Metadata) -> Result<Picture> {
    let (format, mut decoder) = open(bytes, limits)?;

    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Error::image(format!(
            "the {} picture has a side of 0 pixels; use a picture with content",
            name(format)
        )));
    }
    check("pixels of the picture", pixels, limits.max_pixels)?;
    check("bytes of the decoded picture", decoder.total_bytes(), limits.max_bytes)?;

    // A damaged metadata block does not make the picture unreadable.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc = decoder.icc_profile().ok().flatten();
    let exif = match metadata {
        Metadata::Strip => None,
        Metadata::Keep => decoder.exif_metadata().ok().flatten().map(upright),
    };

    let color = decoder.color_type();
    let mut buffer = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut buffer).map_err(|error| unreadable(format, &error))?;
    let samples::Planes { rgb, alpha, gray } = samples::to_planes(buffer, color)?;
    // Every GIF decodes with an alpha plane.
    let alpha = alpha.filter(|plane| format != ImageFormat::Gif || plane.iter().any(|&a| a < 255));

    let (rgb, size) = orient::apply::<3>(orientation, rgb, (width, height));
    let alpha = alpha.map(|plane| orient::apply::<1>(orientation, plane, (width, height)).0);
    let mut picture =
        Picture { width: size.0, height: size.1, rgb, alpha, gray, icc: icc.filter(|icc| !icc.is_empty()), exif };
    if metadata == Metadata::Strip || !profile::fits(&picture) {
        profile::to_srgb(&mut picture);
    }
    if picture.icc.is_none() && !picture.gray {
        picture.gray = samples::is_gray(&picture.rgb);
    }
    Ok(picture)
}

fn known_format(bytes: &[u8]) -> Result<ImageFormat> {
    if bytes.is_empty() {
        return Err(Error::image("the file is empty; use a picture with content"));
    }
    let format = image::guess_format(bytes).ok().filter(|format| {
        matches!(
            format,
            ImageFormat::Png
                | ImageFormat::Jpeg
                | ImageFormat::WebP
                | ImageFormat::Tiff
                | ImageFormat::Bmp
                | ImageFormat::Gif
        )
    });
    format.ok_or_else(|| Error::image(format!("it is no picture in a known format; use {READABLE}")))
}

fn check(what: &'static str, claimed: u64, limit: u64) -> Result<()> {
    if claimed > limit {
        return Err(Error::Limit { what, claimed, limit });
    }
    Ok(())
}

fn unreadable(format: ImageFormat, error: &image::ImageError) -> Error {
    let reason = error.to_string().replace('\n', " ");
    let name = name(format);
    let advice = match error {
        image::ImageError::Unsupported(_) => "convert the picture to 8-bit PNG or JPEG first",
        image::ImageError::Limits(_) => "raise the limits if you trust the file",
        _ => "fetch a good copy of the file",
    };
    Error::image(format!("the {name} picture is not readable ({reason}); {advice}"))
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Bmp => "BMP",
        _ => "GIF",
    }
}

/// The block without its marker, its orientation set to upright.
fn upright(mut exif: Vec<u8>) -> Vec<u8> {
    if exif.starts_with(EXIF_MARKER) {
        exif.drain(..EXIF_MARKER.len());
    }
    // The orientation itself has been asked of the decoder.
    let _applied = Orientation::remove_from_exif_chunk(&mut exif);
    exif
}
