//! Splats as they are seen: a small software renderer, and how far two sets of splats are apart in what it shows.
//!
//! Each splat is a Gaussian on the picture (Zwicker et al., "EWA splatting", 2002), laid over those behind it from the front on, with the
//! constants of the field's renderer (Kerbl et al., 2023): a blur of 0.3 square pixels, no opacity above 0.99, none below 1/255. Everything runs in the same
//! order on every machine and with any number of threads.

use rayon::prelude::*;

use crate::shape::Bounds;
use crate::splats::{DC, Splats, axes};

/// Square pixels by which every splat is blurred.
const BLUR: f64 = 0.3;
/// Opacities that are laid over the picture.
const FAINTEST: f64 = 1.0 / 255.0;
const MOST: f64 = 0.99;
/// Light that is left when a pixel is done.
const DONE: f32 = 1e-4;
/// Rows that are drawn together.
const ROWS: usize = 16;
/// The share of centres at either end of an axis that cameras do not look at.
const OUTLIERS: usize = 100;
/// Views that are compared, on two rings around the splats; degrees above the middle.
const RINGS: [(usize, f64); 2] = [(4, 10.0), (4, 40.0)];
/// Degrees from the left border of a view to the right one.
const FIELD: f64 = 40.0;

type Place = [f64; 3];

/// Where splats are seen from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera {
    /// Its place.
    pub place: [f64; 3],
    /// Directions in the picture: to the right, down, and into it; at right angles and of length 1.
    pub axes: [[f64; 3]; 3],
    /// Pixels of a side.
    pub size: usize,
    /// Distance of the picture, in pixels.
    pub focus: f64,
}

/// A picture, row by row from the top: red, green and blue, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Pixels of a side.
    pub size: usize,
    /// Its pixels.
    pub pixels: Vec<[f32; 3]>,
}

impl Camera {
    /// One that looks at a point from `distance` away, `turn` degrees around the upright axis and `rise` above it; up is -y, as 3DGS has it.
    pub fn around(middle: [f64; 3], distance: f64, turn: f64, rise: f64, size: usize) -> Self {
        let ((turn_sin, turn_cos), (rise_sin, rise_cos)) = (turn.to_radians().sin_cos(), rise.to_radians().sin_cos());
        let away = [turn_sin * rise_cos, -rise_sin, -turn_cos * rise_cos];
        let into = away.map(|x| -x);
        let right = [turn_cos, 0.0, turn_sin];
        let down = cross(into, right);
        Self {
            place: std::array::from_fn(|n| middle[n] + distance * away[n]),
            axes: [right, down, into],
            size,
            focus: size as f64 / 2.0 / (FIELD / 2.0).to_radians().tan(),
        }
    }

    /// Eight of them around splats.
    pub fn ring(splats: &Splats, size: usize) -> Vec<Self> {
        let bounds = inner(&splats.positions);
        let middle = std::array::from_fn(|n| (f64::from(bounds.min[n]) + f64::from(bounds.max[n])) / 2.0);
        let distance = bounds.diagonal().max(1e-6) / 2.0 / (FIELD / 2.0).to_radians().sin();
        let views = RINGS.into_iter().enumerate().flat_map(|(ring, (count, rise))| {
            (0..count).map(move |n| (360.0 * (n as f64 + ring as f64 / 2.0) / count as f64 + 20.0, rise))
        });
        views.map(|(turn, rise)| Self::around(middle, distance, turn, rise, size)).collect()
    }

    fn seen(&self, place: Place) -> Place {
        let from = sub(place, self.place);
        self.axes.map(|axis| dot(axis, from))
    }
}

/// Draws splats on black.
pub fn render(splats: &Splats, camera: &Camera) -> View {
    let mut spots: Vec<Spot> = (0..splats.len()).into_par_iter().filter_map(|n| Spot::of(splats, n, camera)).collect();
    // Centres of one depth in the order of the file.
    spots.sort_by(|a, b| a.depth.total_cmp(&b.depth).then(a.splat.cmp(&b.splat)));
    let size = camera.size;
    let mut pixels = vec![[0.0; 3]; size * size];
    pixels
        .par_chunks_mut((ROWS * size).max(1))
        .enumerate()
        .for_each(|(band, pixels)| draw(&spots, band * ROWS, size, pixels));
    View { size, pixels }
}

/// Draws the rows from `first` on.
fn draw(spots: &[Spot], first: usize, size: usize, pixels: &mut [[f32; 3]]) {
    let rows = pixels.len() / size;
    let mut light = vec![1.0f32; pixels.len()];
    for spot in spots {
        let [left, right] = spot.reach(0, 0..size);
        let [top, bottom] = spot.reach(1, first..first + rows);
        for y in top..bottom {
            for x in left..right {
                let (dx, dy) = (x as f64 + 0.5 - spot.middle[0], y as f64 + 0.5 - spot.middle[1]);
                let [a, b, c] = spot.inverse;
                let opacity = spot.opacity * (-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy).exp();
                let at = (y - first) * size + x;
                if opacity < FAINTEST || light[at] < DONE {
                    continue;
                }
                let taken = light[at] * opacity.min(MOST) as f32;
                pixels[at].iter_mut().zip(spot.color).for_each(|(sum, color)| *sum += taken * color);
                light[at] -= taken;
            }
        }
    }
}

/// A splat on the picture.
struct Spot {
    splat: usize,
    depth: f64,
    middle: [f64; 2],
    /// Of its covariance: xx, xy, yy.
    inverse: [f64; 3],
    /// Pixels to either side within which it shows.
    radius: [f64; 2],
    opacity: f64,
    color: [f32; 3],
}

impl Spot {
    /// `None` for what is behind the camera or does not show.
    fn of(splats: &Splats, n: usize, camera: &Camera) -> Option<Self> {
        let place = splats.positions[n].map(f64::from);
        let [x, y, depth] = camera.seen(place);
        if depth <= 0.01 {
            return None;
        }
        let opacity = splats.opacity(n);
        if opacity < FAINTEST {
            return None;
        }
        // How the axes look, by the derivative of the projection; far outside of the picture that of its border.
        let border = 1.3 * camera.size as f64 / 2.0 / camera.focus;
        let (slope_x, slope_y) = ((x / depth).clamp(-border, border), (y / depth).clamp(-border, border));
        let near = camera.focus / depth;
        let mut covariance = [BLUR, 0.0, BLUR];
        for (axis, scale) in axes(splats.rotations[n]).into_iter().zip(splats.scales[n]) {
            let [along, down, into] = camera.axes.map(|own| dot(own, axis));
            let length = f64::from(scale).exp() * near;
            let (u, v) = (length * (along - slope_x * into), length * (down - slope_y * into));
            covariance = [covariance[0] + u * u, covariance[1] + u * v, covariance[2] + v * v];
        }
        let determinant = covariance[0] * covariance[2] - covariance[1] * covariance[1];
        let middle = [x, y].map(|x| camera.size as f64 / 2.0 + camera.focus * x / depth);
        // Where the opacity falls below what shows.
        let reach = (2.0 * (opacity / FAINTEST).ln()).max(0.0).sqrt();
        let sound = determinant > 0.0 && middle.iter().chain(&covariance).all(|x| x.is_finite());
        sound.then(|| Self {
            splat: n,
            depth,
            middle,
            inverse: [covariance[2] / determinant, -covariance[1] / determinant, covariance[0] / determinant],
            radius: [covariance[0].sqrt() * reach, covariance[2].sqrt() * reach],
            opacity,
            color: shade(splats, n, sub(place, camera.place)),
        })
    }

    /// Pixels of an axis that it may show in.
    fn reach(&self, axis: usize, within: std::ops::Range<usize>) -> [usize; 2] {
        let bound = |value: f64| (value.clamp(within.start as f64, within.end as f64)) as usize;
        [
            bound((self.middle[axis] - self.radius[axis] - 0.5).floor()),
            bound((self.middle[axis] + self.radius[axis] + 0.5).ceil()),
        ]
    }
}

/// The colour of a splat that is seen in a direction.
fn shade(splats: &Splats, n: usize, direction: Place) -> [f32; 3] {
    let length = dot(direction, direction).sqrt().max(f64::MIN_POSITIVE);
    let basis = basis(direction.map(|x| x / length));
    let mut color = splats.colors[n].map(|value| 0.5 + DC * value);
    for (of, weight) in splats.harmonics_of(n).iter().zip(basis) {
        color.iter_mut().zip(of).for_each(|(sum, value)| *sum += weight as f32 * value);
    }
    color.map(|value| value.max(0.0))
}

/// Real spherical harmonics of degree 1 to 3 with the signs of 3DGS, in a direction of length 1: what the coefficients of a splat weigh.
pub fn basis([x, y, z]: Place) -> [f64; 15] {
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let one = 0.488_602_511_902_92;
    let two = [1.092_548_430_592_079, 0.315_391_565_252_52, 0.546_274_215_296_04];
    let three = [
        0.590_043_589_926_644,
        2.890_611_442_640_554,
        0.457_045_799_464_466,
        0.373_176_332_590_115,
        1.445_305_721_320_277,
    ];
    [
        -one * y,
        one * z,
        -one * x,
        two[0] * x * y,
        -two[0] * y * z,
        two[1] * (2.0 * zz - xx - yy),
        -two[0] * x * z,
        two[2] * (xx - yy),
        -three[0] * y * (3.0 * xx - yy),
        three[1] * x * y * z,
        -three[2] * y * (4.0 * zz - xx - yy),
        three[3] * z * (2.0 * zz - 3.0 * xx - 3.0 * yy),
        -three[2] * x * (4.0 * zz - xx - yy),
        three[4] * z * (xx - yy),
        -three[0] * x * (xx - 3.0 * yy),
    ]
}

/// How far other splats are from the original in what is seen of them: the PSNR in dB over all pixels of eight views of `size` pixels around the
/// original, with values beyond 1 cut off as a screen does. Infinite for the same pictures.
pub fn psnr(original: &Splats, other: &Splats, size: usize) -> f64 {
    let squares = Camera::ring(original, size)
        .into_iter()
        .map(|camera| render(original, &camera).squares(&render(other, &camera)));
    let (sum, count) = squares.fold((0.0, 0), |(sum, count), squares| (sum + squares, count + 3 * size * size));
    -10.0 * (sum / count as f64).log10()
}

impl View {
    /// Its pixels in 8 bits a channel.
    pub fn levels(&self) -> Vec<u8> {
        self.pixels.as_flattened().iter().map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8).collect()
    }

    /// Sum of squared differences of all channels, values cut off at 1.
    pub fn squares(&self, other: &Self) -> f64 {
        let pairs = self.pixels.as_flattened().iter().zip(other.pixels.as_flattened());
        pairs.map(|(a, b)| f64::from(a.min(1.0) - b.min(1.0)).powi(2)).sum()
    }
}

/// The box without the outermost centres of each axis.
fn inner(positions: &[[f32; 3]]) -> Bounds {
    let mut bounds = Bounds { min: [0.0; 3], max: [0.0; 3] };
    let cut = positions.len() / OUTLIERS;
    for axis in 0..3 {
        let mut along: Vec<f32> = positions.iter().map(|p| p[axis]).collect();
        along.sort_by(f32::total_cmp);
        bounds.min[axis] = along.get(cut).copied().unwrap_or(0.0);
        bounds.max[axis] = along.len().checked_sub(1 + cut).map_or(0.0, |last| along[last]);
    }
    bounds
}

fn sub(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: Place, b: Place) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Place, b: Place) -> Place {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ball(position: [f32; 3], color: [f32; 3], opacity: f32) -> Splats {
        Splats {
            positions: vec![position],
            scales: vec![[-2.0; 3]],
            rotations: vec![[1.0, 0.0, 0.0, 0.0]],
            opacities: vec![opacity],
            colors: vec![color],
            ..Splats::default()
        }
    }

    fn both(a: &Splats, b: &Splats) -> Splats {
        let mut all = a.clone();
        all.positions.extend(&b.positions);
        all.scales.extend(&b.scales);
        all.rotations.extend(&b.rotations);
        all.opacities.extend(&b.opacities);
        all.colors.extend(&b.colors);
        all
    }

    #[test]
    fn what_is_in_front_hides_what_is_behind_in_any_order() {
        let camera = Camera::around([0.0; 3], 5.0, 0.0, 0.0, 64);
        let near = ball([0.0, 0.0, -1.0], [1.7, -1.7, -1.7], 9.0);
        let far = ball([0.0, 0.0, 1.0], [-1.7, -1.7, 1.7], 9.0);
        for splats in [both(&near, &far), both(&far, &near)] {
            let middle = render(&splats, &camera).pixels[32 * 64 + 32];
            assert!(middle[0] > 0.9 && middle[2] < 0.05, "{middle:?}");
        }
        assert_eq!(render(&near, &camera).pixels[0], [0.0; 3]);
    }

    #[test]
    fn a_splat_is_seen_where_it_is_and_as_large_as_it_is() {
        // To the right and below: x and y grow that way.
        let camera = Camera::around([0.0; 3], 5.0, 0.0, 0.0, 200);
        let view = render(&ball([0.8, 0.5, 0.0], [1.0; 3], 4.0), &camera);
        let (mut sum, mut along, mut down, mut wide) = (0.0f64, 0.0, 0.0, 0.0);
        for (n, pixel) in view.pixels.iter().enumerate() {
            let (x, y) = ((n % 200) as f64 + 0.5, (n / 200) as f64 + 0.5);
            let weight = f64::from(pixel[0]);
            (sum, along, down) = (sum + weight, along + weight * x, down + weight * y);
            wide += weight * (x - 100.0 - camera.focus * 0.16).powi(2);
        }
        assert!(
            (along / sum - 100.0 - camera.focus * 0.16).abs() < 1.0
                && (down / sum - 100.0 - camera.focus * 0.1).abs() < 1.0
        );
        let deviation = (-2.0f64).exp() * camera.focus / 5.0;
        assert!(((wide / sum).sqrt() / deviation - 1.0).abs() < 0.1, "{} for {deviation}", (wide / sum).sqrt());
    }

    #[test]
    fn the_same_is_not_apart_and_more_noise_is_farther() {
        let original = both(&ball([0.0; 3], [1.0, 0.3, 0.0], 2.0), &ball([0.3, 0.1, 0.2], [0.0, 0.6, 1.0], 1.0));
        assert!(psnr(&original, &original, 64).is_infinite());
        let noisy = |size: f32| {
            let mut other = original.clone();
            other.colors.iter_mut().for_each(|color| color[0] += size);
            psnr(&original, &other, 64)
        };
        assert!(noisy(0.01) > noisy(0.1) && noisy(0.1) > 25.0, "{} {}", noisy(0.01), noisy(0.1));
    }
}
