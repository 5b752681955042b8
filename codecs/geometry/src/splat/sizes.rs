//! How long the axes of splats are: the longest, and how much shorter the others are, in steps of a logarithm.

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, table_bits};

use super::NAT;
use crate::octree::{Near, Numbers, bucket};

/// Greatest number in size.
const MOST: i32 = 1 << 12;
/// An axis that is shorter than the longest by more nats than this is taken for one that is not.
const THIN: f64 = 5.5;

/// Longest axis, and what the second and the third are shorter than the one before; the latter two are not negative.
pub(crate) type Size = [i32; 3];

/// The size of three logarithms of lengths, longest first, in steps of `step` units.
pub(crate) fn size_of(lengths: [f64; 3], step: u8) -> Size {
    let whole = |length: f64| ((length * NAT / f64::from(step)).round().clamp(-1e6, 1e6) as i32).clamp(-MOST, MOST);
    let longest = whole(lengths[0]);
    let second = whole(lengths[1].max(lengths[0] - THIN)).min(longest);
    let third = whole(lengths[2].max(lengths[0] - THIN)).min(second);
    [longest, longest - second, second - third]
}

/// The logarithms of a size, longest first.
pub(crate) fn scales_of([longest, second, third]: Size, step: u8) -> [f32; 3] {
    [longest, longest - second, longest - second - third].map(|n| (f64::from(n) * f64::from(step) / NAT) as f32)
}

/// Codes the sizes of splats, whose codes ascend. The decoder ignores `sizes`.
pub(crate) fn code_sizes(coder: &mut impl BitCoder, codes: &[u64], sizes: Option<&[Size]>) -> Result<Vec<Size>> {
    let bits = table_bits(codes.len() as u64);
    let (mut longest, mut shorter) = (Numbers::new(bits), Numbers::new(bits));
    let mut coded: Vec<Size> = Vec::new();
    let mut near = Near::default();
    for n in 0..codes.len() {
        let wanted = sizes.map_or([0; 3], |sizes| sizes[n]);
        let (guess, spread) = near.predict(codes[n], &coded);
        let last = n.checked_sub(1).map_or([0; 3], |n| coded[n]);
        let contexts = [bucket(spread[0]), 1 << 16 | bucket(last[0].abs_diff(guess[0])) << 8 | bucket(spread[0])];
        let difference = longest.code_signed(coder, wanted[0] - guess[0], contexts, bucket(spread[0]) as usize)?;
        let mut size = [guess[0].saturating_add(difference).clamp(-MOST, MOST), 0, 0];
        let mut before = bucket(difference.unsigned_abs()) << 1 | u64::from(difference < 0);
        for axis in 1..3 {
            let near = bucket(guess[axis].max(0).unsigned_abs());
            let own = (axis as u64) << 20;
            let contexts = [own | near << 12 | before, own | 1 << 18 | near << 8 | bucket(spread[axis])];
            let set = axis * 16 + near as usize;
            size[axis] =
                shorter.code(coder, wanted[axis].max(0).unsigned_abs(), contexts, set)?.min(MOST as u32) as i32;
            before = 64 | bucket(size[axis].unsigned_abs());
        }
        near.push(codes[n]);
        coded.push(size);
    }
    Ok(coded)
}
