//! Coarser alpha planes: fewer pixels, fewer levels. Integers only, so every machine decodes the same plane.

/// Sides of a plane scaled down by `2^shift`.
pub(super) fn shrunk(width: usize, height: usize, shift: u32) -> (usize, usize) {
    let cell = 1 << shift;
    (width.div_ceil(cell), height.div_ceil(cell))
}

/// Means over cells of `2^shift` by `2^shift` pixels, cut off at the border.
pub(super) fn shrink(plane: &[u8], width: usize, height: usize, shift: u32) -> Vec<u8> {
    let cell = 1usize << shift;
    let (columns, rows) = shrunk(width, height, shift);
    let mut small = Vec::with_capacity(columns * rows);
    let mut sums = vec![0u32; columns];
    for top in (0..height).step_by(cell) {
        sums.fill(0);
        let bottom = height.min(top + cell);
        for row in plane[top * width..bottom * width].chunks_exact(width) {
            for (sum, run) in sums.iter_mut().zip(row.chunks(cell)) {
                *sum += run.iter().map(|&v| u32::from(v)).sum::<u32>();
            }
        }
        small.extend(sums.iter().enumerate().map(|(column, sum)| {
            let pixels = ((bottom - top) * cell.min(width - column * cell)) as u32;
            ((sum + pixels / 2) / pixels) as u8
        }));
    }
    small
}

/// The plane of `width` by `height` that [`shrink`] came from, about: bilinear between cell centres.
pub(super) fn grow(small: &[u8], width: usize, height: usize, shift: u32) -> Vec<u8> {
    if shift == 0 {
        return small.to_vec();
    }
    let (columns, rows) = shrunk(width, height, shift);
    let mut plane = Vec::with_capacity(width * height);
    // The two cells and the second one's weight, in units of 2^-(shift + 1).
    let taps = |n: usize, cells: usize| {
        let place = (2 * n + 1) as isize - (1 << shift);
        let cell = place >> (shift + 1);
        let weight = (place & ((2 << shift) - 1)) as u32;
        let inside = |cell: isize| cell.clamp(0, cells as isize - 1) as usize;
        (inside(cell), inside(cell + 1), weight)
    };
    let whole = 2u32 << shift;
    let across: Vec<_> = (0..width).map(|x| taps(x, columns)).collect();
    for y in 0..height {
        let (upper, lower, down) = taps(y, rows);
        let upper = &small[upper * columns..][..columns];
        let lower = &small[lower * columns..][..columns];
        plane.extend(across.iter().map(|&(left, right, along)| {
            let mix = |row: &[u8]| u32::from(row[left]) * (whole - along) + u32::from(row[right]) * along;
            let sum = mix(upper) * (whole - down) + mix(lower) * down;
            ((sum + whole * whole / 2) / (whole * whole)) as u8
        }));
    }
    plane
}

/// Values of `256 >> dropped` levels as level numbers. Transparent and opaque stay what they are.
pub(super) fn to_levels(plane: &mut [u8], dropped: u32) {
    let top = (256u32 >> dropped) - 1;
    for value in plane {
        *value = ((u32::from(*value) * top + 127) / 255) as u8;
    }
}

/// Level numbers to values. Numbers above the top level, which no encoder writes, are opaque.
pub(super) fn from_levels(plane: &mut [u8], dropped: u32) {
    let top = (256u32 >> dropped) - 1;
    for value in plane {
        *value = ((u32::from(*value).min(top) * 255 + top / 2) / top) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_planes_survive_every_scale_and_level_count() {
        for (width, height) in [(1, 1), (7, 3), (64, 33)] {
            for shift in 0..8 {
                for value in [0, 93, 255] {
                    let plane = vec![value; width * height];
                    let small = shrink(&plane, width, height, shift);
                    assert_eq!(small, vec![value; small.len()]);
                    assert_eq!(grow(&small, width, height, shift), plane);
                }
            }
        }
        for dropped in 0..8 {
            let mut plane: Vec<u8> = (0..=255).collect();
            to_levels(&mut plane, dropped);
            from_levels(&mut plane, dropped);
            assert_eq!((plane[0], plane[255]), (0, 255));
            let step = 255 / ((256 >> dropped) - 1) + 1;
            assert!((0u8..=255).zip(&plane).all(|(v, &w)| v.abs_diff(w) <= (step / 2 + 1) as u8));
        }
    }

    #[test]
    fn a_ramp_survives_halving_within_a_level() {
        let plane: Vec<u8> = (0..16 * 100).map(|n| (n % 100 * 2) as u8).collect();
        let small = shrink(&plane, 100, 16, 1);
        let back = grow(&small, 100, 16, 1);
        assert!(plane.iter().zip(&back).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}
