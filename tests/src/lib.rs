//! What the end-to-end tests, the benches and the demo share: the samples and pictures made from them.

use std::path::{Path, PathBuf};

use image::{DynamicImage, RgbImage};

pub use tessera_eval::preview::{preview, seen};

/// The folder of sample images in the repository.
pub fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples")
}

/// The sample images, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_images() -> Vec<PathBuf> {
    with_endings(&["png", "jpg"])
}

/// The sample sounds, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_sounds() -> Vec<PathBuf> {
    with_endings(&["flac"])
}

/// The sample videos, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_videos() -> Vec<PathBuf> {
    with_endings(&["mp4"])
}

/// The sample clouds, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_clouds() -> Vec<PathBuf> {
    with_endings(&["ply"])
}

/// The sample meshes, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_meshes() -> Vec<PathBuf> {
    with_endings(&["obj"])
}

/// The sample splats, in name order.
///
/// # Panics
/// The folder is not in the repository.
pub fn sample_splats() -> Vec<PathBuf> {
    with_endings(&["spz"])
}

#[allow(clippy::expect_used)]
fn with_endings(endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(samples()).expect("samples/ is part of the repository");
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)))
        .collect();
    paths.sort();
    paths
}

/// PSNR in dB and mean SSIM over luma, between two pictures of one size, `[0, 255]` per channel.
///
/// Transparent pictures are compared on white, as a page would show them. Identical pictures give an
/// infinite PSNR. SSIM: Wang et al., "Image quality assessment: from error visibility to structural
/// similarity", 2004.
///
/// # Errors
/// The sizes differ, or are too small for a SSIM window.
pub fn compare(a: &DynamicImage, b: &DynamicImage) -> Result<(f64, f64), String> {
    let (x, y) = (on_white(a), on_white(b));
    if x.dimensions() != y.dimensions() {
        return Err(format!("sizes differ: {:?} and {:?}", x.dimensions(), y.dimensions()));
    }
    let squares = x.as_raw().iter().zip(y.as_raw()).map(|(&p, &q)| (f64::from(p) - f64::from(q)).powi(2));
    let mse = squares.sum::<f64>() / x.as_raw().len() as f64;
    let luma = |image: &RgbImage| DynamicImage::ImageRgb8(image.clone()).to_luma8();
    let ssim = image_compare::gray_similarity_structure(&image_compare::Algorithm::MSSIMSimple, &luma(&x), &luma(&y));
    Ok((10.0 * (255.0 * 255.0 / mse).log10(), ssim.map_err(|e| e.to_string())?.score))
}

/// A picture as RGB, laid on white where it is transparent.
pub fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0.map(u32::from);
        image::Rgb([r, g, b].map(|c| ((c * a + 255 * (255 - a) + 127) / 255) as u8))
    })
}

/// `photo` repeated, every second copy mirrored so that no seam shows, to `width` by `height` pixels.
pub fn tiled(photo: &RgbImage, width: u32, height: u32) -> RgbImage {
    let fold = |v: u32, n: u32| if (v / n).is_multiple_of(2) { v % n } else { n - 1 - v % n };
    RgbImage::from_fn(width, height, |x, y| *photo.get_pixel(fold(x, photo.width()), fold(y, photo.height())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_equals_itself_and_noise_does_not() {
        let a = RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, 90]));
        let b = RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8 ^ 16, (y * 5) as u8, 90]));
        let (psnr, ssim) = compare(&a.clone().into(), &a.clone().into()).unwrap();
        assert!(psnr.is_infinite() && ssim > 0.999);
        let (psnr, ssim) = compare(&a.into(), &b.into()).unwrap();
        assert!((20.0..40.0).contains(&psnr) && ssim < 0.999, "{psnr} {ssim}");
    }

    #[test]
    fn tiling_mirrors_at_the_seams() {
        let photo = RgbImage::from_fn(3, 1, |x, _| image::Rgb([x as u8, 0, 0]));
        let row: Vec<u8> = tiled(&photo, 8, 1).pixels().map(|p| p.0[0]).collect();
        assert_eq!(row, [0, 1, 2, 2, 1, 0, 0, 1]);
    }
}
