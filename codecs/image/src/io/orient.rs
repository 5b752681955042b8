//! Orientation, as EXIF and video files ask for it, applied to the pixels.

use image::metadata::Orientation;

/// Side of the squares that a transposition goes through, so that both planes stay in the cache.
const SQUARE: usize = 64;

/// The upright plane `[y][x][N]` and its size (width, height).
pub fn apply<const N: usize>(orientation: Orientation, mut plane: Vec<u8>, size: (u32, u32)) -> (Vec<u8>, (u32, u32)) {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let turned = (size.1, size.0);
    let pixels = plane.as_chunks_mut::<N>().0;
    match orientation {
        Orientation::NoTransforms => {}
        Orientation::FlipHorizontal => {
            for row in pixels.chunks_exact_mut(width) {
                row.reverse();
            }
        }
        Orientation::Rotate180 => pixels.reverse(),
        Orientation::FlipVertical => {
            for y in 0..height / 2 {
                let (upper, lower) = pixels.split_at_mut((height - 1 - y) * width);
                upper[y * width..][..width].swap_with_slice(&mut lower[..width]);
            }
        }
        Orientation::Rotate90FlipH => {
            return (transpose(pixels, width, height, |x, y| (y, x)), turned);
        }
        Orientation::Rotate90 => {
            return (transpose(pixels, width, height, |x, y| (y, height - 1 - x)), turned);
        }
        Orientation::Rotate270FlipH => {
            return (transpose(pixels, width, height, |x, y| (width - 1 - y, height - 1 - x)), turned);
        }
        Orientation::Rotate270 => {
            return (transpose(pixels, width, height, |x, y| (width - 1 - y, x)), turned);
        }
    }
    (plane, size)
}

/// A plane of `height` columns and `width` rows; `source` gives the (column, row) that a new one comes from.
fn transpose<const N: usize>(
    pixels: &[[u8; N]],
    width: usize,
    height: usize,
    source: impl Fn(usize, usize) -> (usize, usize),
) -> Vec<u8> {
    let (columns, rows) = (height, width);
    let mut out = vec![0; pixels.len() * N];
    let turned = out.as_chunks_mut::<N>().0;
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for y in top..rows.min(top + SQUARE) {
                for x in left..columns.min(left + SQUARE) {
                    let (from_x, from_y) = source(x, y);
                    turned[y * columns + x] = pixels[from_y * width + from_x];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What EXIF says: the 0th row and column of the stored picture are the named sides of the upright one.
    #[test]
    fn the_eight_orientations_are_those_of_exif() {
        // abc
        // def
        let expected = [
            (1, "abcdef", (3, 2)),
            (2, "cbafed", (3, 2)),
            (3, "fedcba", (3, 2)),
            (4, "defabc", (3, 2)),
            (5, "adbecf", (2, 3)),
            (6, "daebfc", (2, 3)),
            (7, "fcebda", (2, 3)),
            (8, "cfbead", (2, 3)),
        ];
        for (code, upright, size) in expected {
            let orientation = Orientation::from_exif(code).unwrap();
            let (plane, turned) = apply::<1>(orientation, b"abcdef".to_vec(), (3, 2));
            assert_eq!((plane.as_slice(), turned), (upright.as_bytes(), size), "{code}");
        }
    }

    #[test]
    fn pixels_of_three_samples_and_planes_of_many_squares_stay_whole() {
        let (width, height) = (150u32, 70u32);
        let pixel = |x: u32, y: u32| [x as u8, y as u8, (x ^ y) as u8];
        let plane: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        let (turned, size) = apply::<3>(Orientation::Rotate90, plane.clone(), (width, height));
        assert_eq!(size, (70, 150));
        for (n, got) in turned.as_chunks::<3>().0.iter().enumerate() {
            let (x, y) = (n as u32 % 70, n as u32 / 70);
            assert_eq!(*got, pixel(y, height - 1 - x));
        }
        let back = apply::<3>(Orientation::Rotate270, turned, size);
        assert_eq!(back, (plane, (width, height)));
    }
}
