//! The alpha plane: an adaptive integer context model over a binary range coder.
//!
//! The payload of an alpha chunk is one form byte, then
//!
//! - form 255: one byte, the value of all pixels;
//! - else bits 0–2 of the form: the plane is scaled down by 2^n to sides rounded up; bits 3–5: n low
//!   bits of the values are dropped; bits 6 and 7 are 0; the range coder's bytes follow.
//!
//! Form 0 is lossless.

mod fill;
mod model;
mod range;
mod scale;

use std::borrow::Cow;

use crate::error::{Error, Result};
pub(crate) use fill::Fill;
use model::{Plane, walk};
use range::{Decoder, Encoder};

const CONSTANT: u8 = 255;

/// How exactly an alpha plane is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlphaForm {
    /// The plane is scaled down by `2^shift`, 0 to 7.
    pub shift: u8,
    /// Low bits of the values that are dropped, 0 to 7.
    pub dropped: u8,
}

impl AlphaForm {
    /// Every value is kept.
    pub const LOSSLESS: Self = Self { shift: 0, dropped: 0 };

    /// Forms from exact to coarse, each a fraction of the one before for planes that are not masks.
    const LADDER: [Self; 10] = {
        const fn form(shift: u8, dropped: u8) -> AlphaForm {
            AlphaForm { shift, dropped }
        }
        [
            Self::LOSSLESS,
            form(0, 2),
            form(0, 4),
            form(1, 3),
            form(1, 5),
            form(2, 4),
            form(3, 4),
            form(4, 5),
            form(5, 5),
            form(7, 6),
        ]
    };

    fn byte(self) -> u8 {
        self.shift | self.dropped << 3
    }
}

/// A coded plane.
pub(crate) struct CodedAlpha {
    pub form: AlphaForm,
    pub payload: Vec<u8>,
}

/// Codes a plane `[y][x]` in the most exact form that takes at most `budget` bytes, or in the
/// coarsest form if none does.
pub(crate) fn encode(plane: &[u8], width: u32, height: u32, budget: u64) -> CodedAlpha {
    let first = plane.first().copied().unwrap_or(CONSTANT);
    if plane.iter().all(|&value| value == first) {
        return CodedAlpha { form: AlphaForm::LOSSLESS, payload: vec![CONSTANT, first] };
    }
    let (exact, coarsest) = (&AlphaForm::LADDER[..9], AlphaForm::LADDER[9]);
    for &form in exact {
        if let Some(payload) = in_form(plane, width as usize, height as usize, form, budget) {
            return CodedAlpha { form, payload };
        }
    }
    let payload = in_form(plane, width as usize, height as usize, coarsest, u64::MAX);
    CodedAlpha { form: coarsest, payload: payload.unwrap_or_default() }
}

/// The payload, or `None` as soon as it exceeds `budget`.
fn in_form(plane: &[u8], width: usize, height: usize, form: AlphaForm, budget: u64) -> Option<Vec<u8>> {
    let shift = u32::from(form.shift);
    let (columns, rows) = scale::shrunk(width, height, shift);
    let mut small = match shift {
        0 => Cow::Borrowed(plane),
        _ => Cow::Owned(scale::shrink(plane, width, height, shift)),
    };
    if form.dropped > 0 {
        scale::to_levels(small.to_mut(), u32::from(form.dropped));
    }
    let mut plane = Plane { width: columns, height: rows, values: small.into_owned() };
    let mut encoder = Encoder::new();
    walk(&mut encoder, &mut plane, |encoder| encoder.len() as u64 <= budget);
    let mut payload = vec![form.byte()];
    payload.extend(encoder.finish());
    (payload.len() as u64 <= budget).then_some(payload)
}

/// Decodes the payload of a plane whose sides were checked against the limits.
///
/// # Errors
/// `Corrupt` if the form is none, or bytes are left over.
pub(crate) fn decode(payload: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let (width, height) = (width as usize, height as usize);
    let (form, coded) = match payload {
        [CONSTANT, value] => return Ok(vec![*value; width * height]),
        [form, coded @ ..] if form >> 6 == 0 => (*form, coded),
        _ => return Err(Error::corrupt("the alpha plane has an unknown form")),
    };
    let (shift, dropped) = (u32::from(form & 7), u32::from(form >> 3));
    let (columns, rows) = scale::shrunk(width, height, shift);
    let mut plane = Plane { width: columns, height: rows, values: vec![0; columns * rows] };
    let mut decoder = Decoder::new(coded);
    walk(&mut decoder, &mut plane, |_| true);
    if !decoder.is_at_end() {
        return Err(Error::corrupt("the alpha plane is longer than its size"));
    }
    if dropped > 0 {
        scale::from_levels(&mut plane.values, dropped);
    }
    Ok(match shift {
        0 => plane.values,
        _ => scale::grow(&plane.values, width, height, shift),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lossless(plane: &[u8], width: u32, height: u32) -> usize {
        let coded = encode(plane, width, height, u64::MAX);
        assert_eq!(coded.form, AlphaForm::LOSSLESS);
        assert!(decode(&coded.payload, width, height).unwrap() == plane);
        coded.payload.len()
    }

    fn plane(width: u32, height: u32, value: impl Fn(f32, f32) -> f32) -> Vec<u8> {
        let at = |n: u32| value((n % width) as f32, (n / width) as f32).clamp(0.0, 255.0) as u8;
        (0..width * height).map(at).collect()
    }

    #[test]
    fn constant_planes_cost_two_bytes() {
        for value in [0, 77, 255] {
            assert_eq!(lossless(&vec![value; 768 * 512], 768, 512), 2);
        }
    }

    #[test]
    fn masks_cost_little_and_are_exact() {
        let distance = |x: f32, y: f32| ((x - 384.0).powi(2) + (y - 256.0).powi(2)).sqrt();
        let disc = plane(768, 512, |x, y| if distance(x, y) < 200.0 { 255.0 } else { 0.0 });
        let bytes = lossless(&disc, 768, 512);
        println!("disc: {bytes} bytes");
        assert!(bytes < 300, "{bytes} bytes");
        let frame =
            plane(768, 512, |x, y| if (40.0..700.0).contains(&x) && (40.0..480.0).contains(&y) { 255.0 } else { 0.0 });
        let bytes = lossless(&frame, 768, 512);
        println!("frame: {bytes} bytes");
        assert!(bytes < 60, "{bytes} bytes");
        let soft = plane(768, 512, |x, y| 255.0 * (200.5 - distance(x, y)));
        let bytes = lossless(&soft, 768, 512);
        println!("antialiased disc: {bytes} bytes");
        assert!(bytes < 2000, "{bytes} bytes");
        let shade = plane(768, 512, |x, y| 300.0 - distance(x, y));
        println!("soft shade: {} bytes", lossless(&shade, 768, 512));
    }

    #[test]
    fn a_tight_budget_gives_a_coarser_plane_that_is_still_close() {
        let noise = |x: f32, y: f32| ((x * 12.9898 + y * 78.233).sin() * 43_758.547).fract() * 20.0;
        let rough = plane(256, 256, |x, y| x + noise(x, y));
        let exact = lossless(&rough, 256, 256);
        for budget in [exact / 2, exact / 8, exact / 40, 20] {
            let coded = encode(&rough, 256, 256, budget as u64);
            assert!(coded.payload.len() <= budget, "{} of {budget}", coded.payload.len());
            let back = decode(&coded.payload, 256, 256).unwrap();
            let error: f64 = rough.iter().zip(&back).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            println!("{budget} bytes: {:?}, mean error {:.1}", coded.form, error / 65_536.0);
            assert!(error / 65_536.0 < 64.0);
        }
    }

    #[test]
    fn no_payload_panics() {
        for form in 0..=255 {
            for tail in [&[][..], &[0], &[255; 3], &[1, 2, 3, 4, 5, 6, 7, 8]] {
                let payload: Vec<u8> = [&[form], tail].concat();
                if let Ok(back) = decode(&payload, 33, 17) {
                    assert_eq!(back.len(), 33 * 17);
                }
            }
        }
        assert!(decode(&[], 3, 3).is_err());
    }

    proptest! {
        #[test]
        fn any_plane_is_exact_without_a_budget(
            width in 1u32..70,
            values in prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 1..3000),
        ) {
            let height = (values.len() as u32).div_ceil(width);
            let mut values = values;
            values.resize((width * height) as usize, 128);
            lossless(&values, width, height);
        }
    }
}
