//! Opacities and colours of splats.

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, table_bits};

use super::sizes::Size;
use crate::octree::{Near, Numbers, bucket, code_lumas};

/// Colours are below this in size, in steps.
const WIDEST: i32 = 1 << 14;

/// Codes the opacities of splats, from 0 to `most`, whose codes ascend. The decoder ignores `opacities`.
pub(crate) fn code_opacities(
    coder: &mut impl BitCoder,
    codes: &[u64],
    (sizes, step): (&[Size], u8),
    most: u8,
    opacities: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let mut numbers = Numbers::new(table_bits(codes.len() as u64));
    let mut coded: Vec<u8> = Vec::new();
    let mut values: Vec<[i32; 3]> = Vec::new();
    let mut near = Near::default();
    for n in 0..codes.len() {
        // What is left to be opaque: opaque splats are the many.
        let wanted = opacities.map_or(0, |opacities| most.saturating_sub(opacities[n]));
        let (guess, spread) = near.predict(codes[n], &values);
        let (guess, spread) = (bucket(guess[0].max(0).unsigned_abs()), bucket(spread[0]));
        // About half a nat, and how flat.
        let size = sizes[n].map(|size| (i64::from(size) * i64::from(step) / 32).clamp(-31, 31));
        let size = (size[0] + 31) as u64 * 8 + (size[1] as u64).min(7);
        let contexts = [1 << 20 | guess << 8 | spread, 2 << 20 | size << 4 | guess];
        let taken = numbers.code(coder, u32::from(wanted), contexts, guess as usize)?.min(u32::from(most));
        near.push(codes[n]);
        values.push([taken as i32, 0, 0]);
        coded.push(most - taken as u8);
    }
    Ok(coded)
}

/// Codes the colours of splats as steps of coefficients of red, green and blue. The decoder ignores `levels`.
pub(crate) fn code_levels(
    coder: &mut impl BitCoder,
    codes: &[u64],
    levels: Option<&[[i32; 3]]>,
) -> Result<Vec<[i32; 3]>> {
    code_lumas(coder, codes, WIDEST, levels)
}
