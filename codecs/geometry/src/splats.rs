//! Gaussian splats.

use crate::error::{Error, Result};
use crate::shape::{Cloud, check_points};

/// The constant of spherical harmonics of degree 0: what a coefficient of it weighs in a colour.
pub const DC: f32 = 0.282_094_8;

/// Degrees of spherical harmonics that are kept.
pub(crate) const MAX_DEGREE: u8 = 3;

/// Coefficients of a degree and those below it, without degree 0.
pub(crate) fn coefficients(degree: u8) -> usize {
    (usize::from(degree) + 1).pow(2) - 1
}

/// Translucent ellipsoids whose colour depends on where they are seen from (Kerbl et al., "3D Gaussian splatting for real-time radiance
/// field rendering", 2023), in the units and with the axes of 3DGS PLY files.
///
/// Every field holds one entry per splat, `harmonics` as many as its degree has coefficients.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Splats {
    /// Centres.
    pub positions: Vec<[f32; 3]>,
    /// Natural logarithms of the standard deviations along the splat's own axes.
    pub scales: Vec<[f32; 3]>,
    /// How its axes are turned, as unit quaternions w, x, y, z.
    pub rotations: Vec<[f32; 4]>,
    /// Opacity at the centre, as log odds.
    pub opacities: Vec<f32>,
    /// Coefficients of degree 0 of red, green and blue: the colour is 0.5 + 0.282 of it.
    pub colors: Vec<[f32; 3]>,
    /// Degree of the spherical harmonics, 0 to 3.
    pub degree: u8,
    /// Coefficients of degree 1 and more, in the order of 3DGS, of red, green and blue each: 0, 3, 8 or 15 of them for each splat.
    pub harmonics: Vec<[f32; 3]>,
    /// Whether they were trained with the filter of Mip-Splatting.
    pub antialiased: bool,
}

impl Splats {
    /// Splats.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The coefficients of degree 1 and more of a splat.
    ///
    /// # Panics
    /// If there is no such splat.
    pub fn harmonics_of(&self, splat: usize) -> &[[f32; 3]] {
        let count = coefficients(self.degree);
        &self.harmonics[splat * count..][..count]
    }

    /// Opacity at the centre of a splat, from 0 to 1.
    ///
    /// # Panics
    /// If there is no such splat.
    pub fn opacity(&self, splat: usize) -> f64 {
        1.0 / (1.0 + (-f64::from(self.opacities[splat])).exp())
    }

    /// The splats of the given numbers, in that order.
    ///
    /// # Panics
    /// If there is no such splat.
    pub fn picked(&self, order: &[u32]) -> Self {
        fn pick<T: Copy>(values: &[T], order: &[u32]) -> Vec<T> {
            order.iter().map(|&n| values[n as usize]).collect()
        }
        Self {
            positions: pick(&self.positions, order),
            scales: pick(&self.scales, order),
            rotations: pick(&self.rotations, order),
            opacities: pick(&self.opacities, order),
            colors: pick(&self.colors, order),
            degree: self.degree,
            harmonics: order.iter().flat_map(|&n| self.harmonics_of(n as usize)).copied().collect(),
            antialiased: self.antialiased,
        }
    }

    /// Their centres, with their colours of degree 0.
    pub fn to_cloud(&self) -> Cloud {
        let level = |value: f32| ((0.5 + DC * value) * 255.0).round().clamp(0.0, 255.0) as u8;
        let colors = self.colors.iter().map(|color| color.map(level)).collect();
        Cloud { positions: self.positions.clone(), normals: None, colors: Some(colors) }
    }

    /// Checks that there are splats, that all numbers are finite, and that there is one of everything for each.
    ///
    /// # Errors
    /// [`Error::Shape`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        check_points("file of splats", &self.positions, None, None)?;
        let count = self.len();
        let lengths = [self.scales.len(), self.rotations.len(), self.opacities.len(), self.colors.len()];
        let whole = self.degree <= MAX_DEGREE && self.harmonics.len() == count * coefficients(self.degree);
        if lengths != [count; 4] || !whole {
            return Err(Error::shape("the splats do not have one of everything each"));
        }
        let all = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let finite = all(self.scales.as_flattened())
            && all(self.rotations.as_flattened())
            && all(&self.opacities)
            && all(self.colors.as_flattened())
            && all(self.harmonics.as_flattened());
        match finite {
            true => Ok(()),
            false => Err(Error::shape("the splats have numbers that are not finite; repair the file")),
        }
    }
}

/// A rotation of length 1; what has no length does not turn.
pub(crate) fn unit(rotation: [f32; 4]) -> [f32; 4] {
    let length = rotation.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    match length > 0.0 && length.is_finite() {
        true => rotation.map(|x| (f64::from(x) / length) as f32),
        false => [1.0, 0.0, 0.0, 0.0],
    }
}

/// The axes of a rotation: what it makes of x, y and z.
pub(crate) fn axes([w, x, y, z]: [f32; 4]) -> [[f64; 3]; 3] {
    let [w, x, y, z] = [w, x, y, z].map(f64::from);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)],
        [2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)],
        [2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// The rotation that has the given axes, which are at right angles and right-handed.
pub(crate) fn rotation([a, b, c]: [[f64; 3]; 3]) -> [f32; 4] {
    // The greatest component first: the others are divided by it.
    let traces =
        [a[0] + b[1] + c[2], a[0] - b[1] - c[2], b[1] - a[0] - c[2], c[2] - a[0] - b[1]].map(|trace| 1.0 + trace);
    let most = (0..4).fold(0, |most, n| if traces[n] > traces[most] { n } else { most });
    let half = traces[most].max(0.0).sqrt();
    let part = |value: f64| if half > 0.0 { value / half } else { 0.0 };
    let whole = match most {
        0 => [half, part(b[2] - c[1]), part(c[0] - a[2]), part(a[1] - b[0])],
        1 => [part(b[2] - c[1]), half, part(a[1] + b[0]), part(c[0] + a[2])],
        2 => [part(c[0] - a[2]), part(a[1] + b[0]), half, part(b[2] + c[1])],
        _ => [part(a[1] - b[0]), part(c[0] + a[2]), part(b[2] + c[1]), half],
    };
    unit(whole.map(|x| (x / 2.0) as f32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_rotation_is_that_of_its_axes(parts in prop::array::uniform4(-1f32..1.0)) {
            prop_assume!(parts.iter().any(|x| x.abs() > 0.01));
            let turned = unit(parts);
            let back = rotation(axes(turned));
            let along: f32 = turned.iter().zip(back).map(|(a, b)| a * b).sum();
            prop_assert!((along.abs() - 1.0).abs() < 1e-5, "{turned:?} {back:?}");
        }
    }
}
