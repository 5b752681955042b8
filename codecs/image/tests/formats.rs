//! Picture files: what is written is read again, and hostile ones are refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};
use proptest::prelude::*;
use tessera_image::io::{self, WriteOptions};
use tessera_image::{Error, Format, IoLimits, Metadata, Picture};

fn read(bytes: &[u8]) -> Picture {
    io::read(bytes, &IoLimits::default(), Metadata::Strip).unwrap()
}

fn write(picture: &Picture, format: Format) -> Vec<u8> {
    io::write(picture, format, &WriteOptions::default()).unwrap()
}

/// A smooth picture that is not symmetric in any way.
fn picture(width: u32, height: u32, gray: bool, alpha: bool) -> Picture {
    let at = |n: u32| (n % width, n / width);
    let color = |n| {
        let (x, y) = at(n);
        let red = (x * 200 / width + 30) as u8;
        match gray {
            true => [red; 3],
            false => [red, (y * 220 / height) as u8, ((x + y) * 100 / (width + height)) as u8],
        }
    };
    let rgb = (0..width * height).flat_map(color).collect();
    let mut picture = Picture::from_rgb(width, height, rgb).unwrap();
    picture.gray = gray;
    picture.alpha = alpha.then(|| (0..width * height).map(|n| (n * 7) as u8).collect());
    picture
}

#[test]
fn lossless_formats_return_every_sample() {
    for (width, height) in [(1, 1), (1, 37), (64, 3), (33, 34)] {
        for format in [Format::Png, Format::WebP] {
            for (gray, alpha) in [(false, false), (false, true), (true, false), (true, true)] {
                let picture = picture(width, height, gray, alpha);
                let mut back = read(&write(&picture, format));
                // A single pixel or column may be neutral by chance.
                back.gray = gray;
                assert!(back == picture, "{format:?} {width}x{height} {gray} {alpha}");
            }
        }
    }
}

#[test]
fn jpeg_is_close_and_lays_transparency_over_white() {
    let plain = picture(64, 48, false, false);
    let back = read(&write(&plain, Format::Jpeg));
    let error = plain.rgb.iter().zip(&back.rgb).map(|(a, b)| u32::from(a.abs_diff(*b)));
    assert!(error.sum::<u32>() < 3 * plain.rgb.len() as u32);
    assert!(read(&write(&picture(64, 48, true, false), Format::Jpeg)).gray);
    let clear = Picture { alpha: Some(vec![0; 64 * 48]), ..plain };
    let back = read(&write(&clear, Format::Jpeg));
    assert!(back.alpha.is_none() && back.rgb.iter().all(|&v| v >= 253));
}

#[test]
fn tiff_bmp_and_gif_are_read() {
    let source = picture(40, 30, false, false);
    for format in [ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::Gif] {
        let mut bytes = Cursor::new(Vec::new());
        let buffer = image::RgbImage::from_raw(40, 30, source.rgb.clone()).unwrap();
        let dynamic = image::DynamicImage::from(buffer);
        match format {
            ImageFormat::Gif => image::DynamicImage::from(dynamic.to_rgba8()),
            _ => dynamic,
        }
        .write_to(&mut bytes, format)
        .unwrap();
        let back = read(bytes.get_ref());
        assert_eq!((back.width, back.height, back.alpha.is_none()), (40, 30, true), "{format:?}");
        let worst = source.rgb.iter().zip(&back.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        let allowed = if format == ImageFormat::Gif { 40 } else { 0 };
        assert!(worst <= Some(allowed), "{format:?}: {worst:?}");
    }
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let samples: Vec<u16> = (0..40 * 30 * 3).map(|n| n * 18).collect();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let buffer = image::ImageBuffer::<image::Rgb<u16>, _>::from_raw(40, 30, samples.clone()).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        image::DynamicImage::from(buffer).write_to(&mut bytes, format).unwrap();
        let rounded = |sample: &u16| (f64::from(*sample) / 257.0).round() as u8;
        assert!(read(bytes.get_ref()).rgb.iter().copied().eq(samples.iter().map(rounded)));
    }
}

/// A little-endian EXIF block that holds an orientation alone.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

#[test]
fn orientation_is_applied_and_a_kept_block_says_upright() {
    let stored = picture(48, 32, false, false);
    for orientation in 1..=8 {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(&stored.rgb, 48, 32, ExtendedColorType::Rgb8).unwrap();
        let kept = io::read(&bytes, &IoLimits::default(), Metadata::Keep).unwrap();
        assert_eq!(kept.exif, Some(exif(1)));
        let upright = read(&bytes);
        assert_eq!((&upright.rgb, &upright.exif), (&kept.rgb, &None));
        // Where the stored picture's first pixel went, by the definition of EXIF.
        let (right, bottom) = (upright.width - 1, upright.height - 1);
        let corner = match orientation {
            1 | 5 => (0, 0),
            2 | 6 => (right, 0),
            3 | 7 => (right, bottom),
            _ => (0, bottom),
        };
        let n = (corner.1 * upright.width + corner.0) as usize * 3;
        let near = (0..3).all(|c| upright.rgb[n + c].abs_diff(stored.rgb[c]) < 12);
        assert!(near, "orientation {orientation}");
        let size = if orientation < 5 { (48, 32) } else { (32, 48) };
        assert_eq!((upright.width, upright.height), size);
    }
}

#[test]
fn kept_metadata_is_written_again_in_every_format() {
    let mut source = picture(20, 20, false, false);
    source.exif = Some(exif(1));
    source.icc = Some(moxcms::ColorProfile::new_display_p3().encode().unwrap());
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let bytes = write(&source, format);
        let kept = io::read(&bytes, &IoLimits::default(), Metadata::Keep).unwrap();
        assert_eq!((&kept.exif, &kept.icc), (&source.exif, &source.icc), "{format:?}");
        let stripped = read(&bytes);
        assert_eq!((&stripped.exif, &stripped.icc), (&None, &None));
        assert!(stripped.rgb != kept.rgb, "{format:?}: colours were not converted");
    }
}

#[test]
fn neutral_pictures_are_gray_however_they_are_stored() {
    let mut neutral = picture(20, 20, true, false);
    neutral.gray = false;
    assert!(read(&write(&neutral, Format::Png)).gray);
}

#[test]
fn limits_are_checked_before_decoding() {
    let bytes = write(&picture(100, 100, false, false), Format::Png);
    let few_pixels = IoLimits { max_pixels: 9_999, ..IoLimits::default() };
    let few_bytes = IoLimits { max_bytes: 29_999, ..IoLimits::default() };
    for limits in [few_pixels, few_bytes] {
        let error = io::read(&bytes, &limits, Metadata::Strip).unwrap_err();
        assert!(matches!(error, Error::Limit { .. } | Error::Image { .. }), "{error}");
        println!("{error}");
    }
    // A header that claims four gigapixels.
    let mut bomb = bytes;
    bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    assert!(io::read(&bomb, &IoLimits::default(), Metadata::Strip).is_err());
}

#[test]
fn what_is_no_picture_is_refused_in_one_line() {
    let webp = write(&picture(9, 9, false, false), Format::WebP);
    for bytes in [&b""[..], b"hello", &[0; 100], &webp[..20], b"GIF89a", b"\x89PNG\r\n\x1a\n"] {
        let error = io::read(bytes, &IoLimits::default(), Metadata::Strip).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.contains("; "), "{error}");
    }
}

#[test]
fn prefixes_of_pictures_never_panic() {
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let bytes = write(&picture(20, 20, false, false), format);
        for end in 0..bytes.len() {
            let _ = io::read(&bytes[..end], &IoLimits::default(), Metadata::Keep);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn damaged_pictures_never_panic(
        format in prop_oneof![Just(Format::Png), Just(Format::Jpeg), Just(Format::WebP)],
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..8),
    ) {
        let mut source = picture(16, 16, false, true);
        source.exif = Some(exif(6));
        source.icc = Some(moxcms::ColorProfile::new_srgb().encode().unwrap());
        let mut bytes = write(&source, format);
        for (index, flip) in flips {
            let n = index.index(bytes.len());
            bytes[n] ^= flip;
        }
        let limits = IoLimits { max_pixels: 1 << 20, max_bytes: 1 << 24 };
        let _ = io::read(&bytes, &limits, Metadata::Strip);
    }
}
