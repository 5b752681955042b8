//! What a frame looks like at each place, in a few bytes: to see what did not change.

/// Cells of a token along each side.
const CELLS: usize = 4;
/// Levels by which the mean of a cell may differ where nothing changed: noise, and what codecs of sources leave.
const NOISE: u8 = 3;

/// Means of luma in 4x4 cells of a token, then of the other two components of colour.
pub(crate) type Mark = [u8; CELLS * CELLS + 2];

/// Marks of a picture `[y][x][3]`, one a token of `stride` pixels along each side; tokens at the right and at the bottom may reach beyond it.
pub(crate) fn marks(rgb: &[u8], (width, height): (u32, u32), stride: u32) -> Vec<Mark> {
    let (width, height, stride) = (width as usize, height as usize, stride as usize);
    let (columns, rows) = (width.div_ceil(stride), height.div_ceil(stride));
    let cell = stride.div_ceil(CELLS);
    let mut sums = vec![([[0u32; 2]; CELLS * CELLS], [0u32; 3]); columns * rows];
    for (y, row) in rgb.chunks_exact(width * 3).take(height).enumerate() {
        for (x, &[r, g, b]) in row.as_chunks::<3>().0.iter().enumerate() {
            let (lumas, colour) = &mut sums[y / stride * columns + x / stride];
            let [r, g, b] = [r, g, b].map(u32::from);
            let luma = (2 * r + 5 * g + b) / 8;
            let at = &mut lumas[y % stride / cell * CELLS + x % stride / cell];
            *at = [at[0] + luma, at[1] + 1];
            *colour = [colour[0] + (255 + r - luma) / 2, colour[1] + (255 + b - luma) / 2, colour[2] + 1];
        }
    }
    let mark = |(lumas, [red, blue, count]): ([[u32; 2]; CELLS * CELLS], [u32; 3])| {
        let mut mark = [0; CELLS * CELLS + 2];
        for (to, [sum, count]) in mark.iter_mut().zip(lumas) {
            *to = sum.checked_div(count).unwrap_or(0) as u8;
        }
        mark[CELLS * CELLS] = red.checked_div(count).unwrap_or(0) as u8;
        mark[CELLS * CELLS + 1] = blue.checked_div(count).unwrap_or(0) as u8;
        mark
    };
    sums.into_iter().map(mark).collect()
}

/// Whether nothing but noise is between two marks of a place.
pub(crate) fn is_steady(one: &Mark, other: &Mark) -> bool {
    one.iter().zip(other).all(|(a, b)| a.abs_diff(*b) <= NOISE)
}
