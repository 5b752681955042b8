//! Chroma planes between one sample a pixel and one for two columns and two rows.
//!
//! Rows of chroma lie between rows of luma, as all common formats have them; columns as [`Siting`] says. Beyond an edge the last sample goes on.

/// Where a chroma sample lies in its pair of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Siting {
    /// On the left column: MPEG-2, H.264 and what came after.
    Left,
    /// Between both columns: JPEG, MPEG-1.
    Centre,
}

/// Rows of `columns` samples to twice as many, cut at `height`.
pub fn heighten(plane: &[u8], columns: usize, height: usize) -> Vec<u8> {
    let rows: Vec<&[u8]> = plane.chunks_exact(columns.max(1)).collect();
    let Some(last) = rows.len().checked_sub(1) else { return Vec::new() };
    let mut out = Vec::with_capacity(columns * height);
    for y in 0..height {
        let near = (y / 2).min(last);
        let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(last) };
        out.extend(rows[near].iter().zip(rows[far]).map(|(&near, &far)| quarter(near, far)));
    }
    out
}

/// Rows of half as many samples as `width`, rounded up, to rows of `width`.
pub fn widen(plane: &[u8], width: usize, siting: Siting) -> Vec<u8> {
    let columns = width.div_ceil(2);
    let mut out = Vec::with_capacity(plane.len() * 2);
    for row in plane.chunks_exact(columns.max(1)) {
        let mut before = row[0];
        for (i, &here) in row.iter().enumerate() {
            let after = row.get(i + 1).copied().unwrap_or(here);
            let pair = match siting {
                Siting::Left => [here, ((u16::from(here) + u16::from(after)).div_ceil(2)) as u8],
                Siting::Centre => [quarter(here, before), quarter(here, after)],
            };
            out.extend_from_slice(&pair[..(width - 2 * i).min(2)]);
            before = here;
        }
    }
    out
}

/// Rows of `width` samples to half as many of half as many, rounded up.
pub fn halve(plane: &[u8], width: usize, siting: Siting) -> Vec<u8> {
    let rows: Vec<&[u8]> = plane.chunks_exact(width.max(1)).collect();
    let mut out = Vec::with_capacity(width.div_ceil(2) * rows.len().div_ceil(2));
    for pair in rows.chunks(2) {
        let (upper, lower) = (pair[0], pair[pair.len() - 1]);
        let sum = |x: usize| u16::from(upper[x]) + u16::from(lower[x]);
        for x in (0..width).step_by(2) {
            let after = sum((x + 1).min(width - 1));
            out.push(match siting {
                Siting::Left => ((sum(x.saturating_sub(1)) + 2 * sum(x) + after + 4) / 8) as u8,
                Siting::Centre => ((sum(x) + after + 2) / 4) as u8,
            });
        }
    }
    out
}

fn quarter(near: u8, far: u8) -> u8 {
    ((3 * u16::from(near) + u16::from(far) + 2) / 4) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp() {
        let (width, height) = (16, 10);
        let ramp: Vec<u8> = (0..width * height).map(|n| (40 + 8 * (n % width) + 2 * (n / width)) as u8).collect();
        for siting in [Siting::Left, Siting::Centre] {
            let small = halve(&ramp, width, siting);
            assert_eq!(small.len(), 8 * 5);
            let back = widen(&heighten(&small, 8, height), width, siting);
            // Edges aside, where there is nothing to go on with.
            for y in 1..height - 1 {
                for x in 2..width - 2 {
                    let (a, b) = (ramp[y * width + x], back[y * width + x]);
                    assert!(a.abs_diff(b) <= 1, "{siting:?} at {x}, {y}: {a} became {b}");
                }
            }
        }
    }

    #[test]
    fn odd_sides_are_cut() {
        for (width, height) in [(1usize, 1usize), (3, 1), (1, 5), (5, 7)] {
            let plane = vec![9; width * height];
            let small = halve(&plane, width, Siting::Left);
            assert_eq!(small.len(), width.div_ceil(2) * height.div_ceil(2));
            assert_eq!(widen(&heighten(&small, width.div_ceil(2), height), width, Siting::Left), plane);
        }
    }
}
