//! Where samples of the field lie.

use crate::error::{Error, Result};
use crate::shape::Bounds;
use crate::varint;

/// Parts of a step that the corner is rounded to.
const PARTS: f64 = 4.0;
/// Steps around the surface that belong to the field.
pub(super) const MARGIN: f64 = 2.0;
/// Farthest corner, in parts.
const REACH: i64 = 1 << 40;

/// Steps of one length along the axes, from a corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    step: f32,
    /// In parts of a step.
    corner: [i64; 3],
}

impl Grid {
    /// Steps so that a box is about `steps` of them along its longest side.
    pub fn new(bounds: Bounds, steps: f64) -> Self {
        let step = (bounds.side() / steps).max(f64::from(f32::MIN_POSITIVE) * 65_536.0) as f32;
        let step = f32::from_bits(step.to_bits() & 0xffff_0000);
        let corner = bounds.min.map(|least| ((f64::from(least) / f64::from(step) - MARGIN) * PARTS).floor() as i64);
        Self { step, corner }
    }

    /// A point in steps from the corner.
    pub fn place(&self, point: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|axis| point[axis] / f64::from(self.step) - self.corner[axis] as f64 / PARTS)
    }

    /// The position so many steps from the corner.
    pub fn position(&self, place: [f32; 3]) -> [f32; 3] {
        [0, 1, 2]
            .map(|axis| ((f64::from(place[axis]) + self.corner[axis] as f64 / PARTS) * f64::from(self.step)) as f32)
    }

    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend(((self.step.to_bits() >> 16) as u16).to_le_bytes());
        for corner in self.corner {
            varint::put_signed(out, corner);
        }
    }

    pub fn take(bytes: &mut &[u8]) -> Result<Self> {
        let Some((&step, rest)) = bytes.split_first_chunk() else { return Err(super::truncated()) };
        *bytes = rest;
        let step = f32::from_bits(u32::from(u16::from_le_bytes(step)) << 16);
        let mut corner = [0; 3];
        for value in &mut corner {
            *value = varint::take_signed(bytes)?;
        }
        let reach = step * (REACH as f32);
        if !step.is_normal() || step < 0.0 || !reach.is_finite() || corner.iter().any(|value| value.abs() > REACH) {
            return Err(Error::corrupt("the surface is out of reach"));
        }
        Ok(Self { step, corner })
    }
}
