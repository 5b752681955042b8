//! ICC profiles: conversion to sRGB.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

use crate::picture::Picture;

/// Pixels converted at once.
const RUN: usize = 1 << 14;

/// Whether the picture has no profile, or a valid one for its kind of colours.
pub(super) fn fits(picture: &Picture) -> bool {
    let Some(icc) = &picture.icc else {
        return true;
    };
    match ColorProfile::new_from_slice(icc).map(|profile| profile.color_space) {
        Ok(DataColorSpace::Rgb) => !picture.gray,
        Ok(DataColorSpace::Gray) => picture.gray,
        _ => false,
    }
}

/// Converts the colours to sRGB and drops the profile.
///
/// A profile that is damaged or not for red, green and blue or gray samples is dropped without conversion.
pub(crate) fn to_srgb(picture: &mut Picture) {
    let Some(icc) = picture.icc.take() else {
        return;
    };
    let Ok(profile) = ColorProfile::new_from_slice(&icc) else {
        return;
    };
    let source = match profile.color_space {
        DataColorSpace::Rgb => Layout::Rgb,
        DataColorSpace::Gray if picture.gray => Layout::Gray,
        _ => return,
    };
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let Ok(transform) = profile.create_transform_8bit(source, &srgb, Layout::Rgb, options) else {
        return;
    };
    convert(&mut picture.rgb, source, &transform);
    if picture.gray {
        // Neutral colours of a profile may come out off the neutral axis by a rounding.
        for pixel in picture.rgb.as_chunks_mut::<3>().0 {
            *pixel = [pixel[1]; 3];
        }
    }
}

fn convert(rgb: &mut [u8], source: Layout, transform: &Arc<Transform8BitExecutor>) {
    let mut input = Vec::with_capacity(3 * RUN);
    for run in rgb.chunks_mut(3 * RUN) {
        input.clear();
        match source {
            Layout::Gray => input.extend(run.as_chunks::<3>().0.iter().map(|pixel| pixel[0])),
            _ => input.extend_from_slice(run),
        }
        // Fails only for slices that do not hold the same number of whole pixels.
        let converted = transform.transform(&input, run);
        debug_assert!(converted.is_ok(), "both slices hold the same pixels");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(profile: &ColorProfile, gray: bool, rgb: Vec<u8>) -> Picture {
        Picture {
            width: (rgb.len() / 3) as u32,
            height: 1,
            rgb,
            alpha: None,
            gray,
            icc: Some(profile.encode().unwrap()),
            exif: None,
        }
    }

    #[test]
    fn a_wide_gamut_red_becomes_stronger_in_srgb() {
        let rgb = vec![200, 50, 50, 128, 128, 128];
        let mut wide = picture(&ColorProfile::new_display_p3(), false, rgb);
        assert!(fits(&wide));
        to_srgb(&mut wide);
        assert_eq!(wide.icc, None);
        assert!(wide.rgb[0] > 205 && wide.rgb[1] < 45, "{:?}", wide.rgb);
        assert!(wide.rgb[3..].iter().all(|v| v.abs_diff(128) <= 1), "{:?}", wide.rgb);
    }

    #[test]
    fn srgb_stays_as_it_is_within_one_level() {
        let rgb: Vec<u8> = (0..=254).flat_map(|v| [v, 255 - v, v / 2]).collect();
        let mut plain = picture(&ColorProfile::new_srgb(), false, rgb.clone());
        to_srgb(&mut plain);
        assert!(rgb.iter().zip(&plain.rgb).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn a_linear_gray_profile_brightens_the_middle() {
        let gray = ColorProfile::new_gray_with_gamma(1.0);
        let mut linear = picture(&gray, true, vec![55, 55, 55, 0, 0, 0, 255, 255, 255]);
        assert!(fits(&linear));
        to_srgb(&mut linear);
        assert!(linear.rgb[0].abs_diff(128) <= 2, "{:?}", linear.rgb);
        assert_eq!(linear.rgb[3..], [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn a_damaged_or_foreign_profile_is_dropped_and_pixels_stay() {
        let rgb = vec![10, 20, 30];
        let mut odd = picture(&ColorProfile::new_gray_with_gamma(1.0), false, rgb.clone());
        assert!(!fits(&odd));
        to_srgb(&mut odd);
        assert_eq!((odd.rgb.clone(), odd.icc.clone()), (rgb.clone(), None));
        odd.icc = Some(vec![1, 2, 3]);
        assert!(!fits(&odd));
        to_srgb(&mut odd);
        assert_eq!((odd.rgb, odd.icc), (rgb, None));
    }
}
