//! Decoded samples of any layout to 8-bit planes, in place where that saves memory.

use image::ColorType;

use crate::error::{Error, Result};

/// 8-bit planes of one picture.
pub(super) struct Planes {
    /// `[y][x][3]`.
    pub rgb: Vec<u8>,
    /// `[y][x]`.
    pub alpha: Option<Vec<u8>>,
    /// Whether the file stores gray.
    pub gray: bool,
}

/// Splits interleaved samples in native byte order into planes of 8 bits.
pub(super) fn to_planes(buffer: Vec<u8>, color: ColorType) -> Result<Planes> {
    let samples = match color {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => buffer,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => reduce(buffer, |sample: [u8; 2]| {
            let sample = u32::from(u16::from_ne_bytes(sample));
            ((sample * 255 + 32_767) / 65_535) as u8
        }),
        ColorType::Rgb32F | ColorType::Rgba32F => {
            reduce(buffer, |sample: [u8; 4]| (f32::from_ne_bytes(sample) * 255.0).round() as u8)
        }
        other => {
            return Err(Error::image(format!(
                "samples of kind {other:?} are not supported; convert the picture to 8-bit PNG first"
            )));
        }
    };
    let gray = !color.has_color();
    let (rgb, alpha) = match color.channel_count() {
        1 => (expand(&samples), None),
        2 => {
            let (gray, alpha): (Vec<u8>, Vec<u8>) = samples.as_chunks::<2>().0.iter().map(|&[g, a]| (g, a)).unzip();
            (expand(&gray), Some(alpha))
        }
        3 => (samples, None),
        _ => split_alpha(samples),
    };
    Ok(Planes { rgb, alpha, gray })
}

/// Whether every pixel of `[..][3]` has equal samples.
pub(super) fn is_gray(rgb: &[u8]) -> bool {
    rgb.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b)
}

/// Replaces every sample of `N` bytes by one of 8 bits, in place.
fn reduce<const N: usize>(mut buffer: Vec<u8>, to_8_bit: impl Fn([u8; N]) -> u8) -> Vec<u8> {
    let count = buffer.len() / N;
    for n in 0..count {
        let mut sample = [0; N];
        sample.copy_from_slice(&buffer[n * N..][..N]);
        buffer[n] = to_8_bit(sample);
    }
    buffer.truncate(count);
    buffer.shrink_to_fit();
    buffer
}

fn expand(gray: &[u8]) -> Vec<u8> {
    let mut rgb = vec![0; gray.len() * 3];
    for (pixel, &value) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(gray) {
        *pixel = [value; 3];
    }
    rgb
}

/// `[..][4]` to `[..][3]`, in place, and the fourth samples.
fn split_alpha(mut samples: Vec<u8>) -> (Vec<u8>, Option<Vec<u8>>) {
    let pixels = samples.len() / 4;
    let alpha = samples.as_chunks::<4>().0.iter().map(|p| p[3]).collect();
    for n in 0..pixels {
        samples.copy_within(n * 4..n * 4 + 3, n * 3);
    }
    samples.truncate(pixels * 3);
    samples.shrink_to_fit();
    (samples, Some(alpha))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_samples_are_rounded_and_split() {
        let samples: Vec<u8> =
            [0u16, 65_535, 32_896, 257, 128, 129, 65_406, 65_407].into_iter().flat_map(u16::to_ne_bytes).collect();
        let planes = to_planes(samples, ColorType::Rgba16).unwrap();
        assert_eq!(planes.rgb, [0, 255, 128, 0, 1, 254]);
        assert_eq!(planes.alpha, Some(vec![1, 255]));
        assert!(!planes.gray);
    }

    #[test]
    fn floating_point_samples_are_clamped() {
        let samples = [-1.0f32, 0.5, 2.0, f32::NAN, 1.0, 0.0];
        let samples = samples.into_iter().flat_map(f32::to_ne_bytes).collect();
        let planes = to_planes(samples, ColorType::Rgb32F).unwrap();
        assert_eq!(planes.rgb, [0, 128, 255, 0, 255, 0]);
    }

    #[test]
    fn gray_with_alpha_is_expanded() {
        let planes = to_planes(vec![7, 1, 9, 2], ColorType::La8).unwrap();
        assert_eq!(planes.rgb, [7, 7, 7, 9, 9, 9]);
        assert_eq!(planes.alpha, Some(vec![1, 2]));
        assert!(planes.gray);
    }
}
