//! Morton codes: the bits of three indices interleaved, x highest.

/// The code of a place, each index below 2^21.
pub(crate) fn code_of([x, y, z]: [u32; 3]) -> u64 {
    spread(x) << 2 | spread(y) << 1 | spread(z)
}

/// The place of a code below 2^63.
pub(crate) fn place_of(code: u64) -> [u32; 3] {
    [gather(code >> 2), gather(code >> 1), gather(code)]
}

fn spread(index: u32) -> u64 {
    let mut x = u64::from(index) & 0x1f_ffff;
    x = (x | x << 32) & 0x001f_0000_0000_ffff;
    x = (x | x << 16) & 0x001f_0000_ff00_00ff;
    x = (x | x << 8) & 0x100f_00f0_0f00_f00f;
    x = (x | x << 4) & 0x10c3_0c30_c30c_30c3;
    (x | x << 2) & 0x1249_2492_4924_9249
}

fn gather(code: u64) -> u32 {
    let mut x = code & 0x1249_2492_4924_9249;
    x = (x | x >> 2) & 0x10c3_0c30_c30c_30c3;
    x = (x | x >> 4) & 0x100f_00f0_0f00_f00f;
    x = (x | x >> 8) & 0x001f_0000_ff00_00ff;
    x = (x | x >> 16) & 0x001f_0000_0000_ffff;
    (x | x >> 32) as u32 & 0x1f_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_survive(place in prop::array::uniform3(0u32..1 << 21)) {
            prop_assert_eq!(place_of(code_of(place)), place);
            let bit_by_bit = (0..21).fold(0u64, |code, n| {
                place.iter().enumerate().fold(code, |code, (axis, index)| code | u64::from(index >> n & 1) << (3 * n + 2 - axis))
            });
            prop_assert_eq!(code_of(place), bit_by_bit);
        }
    }
}
