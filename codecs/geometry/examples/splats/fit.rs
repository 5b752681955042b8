//! Splats fitted to pictures, by gradient descent through a renderer: how splats are made, on a small scale.
//!
//! The picture is that of `metrics::views`, whose steps are gone through backwards; what a splat's own place changes of the shape of its
//! spot is left out. Adam (Kingma and Ba, 2015). No splat is added or taken away on the way.

use rayon::prelude::*;
use tessera_geometry::Splats;
use tessera_geometry::metrics::views::{self, Camera, View};

use crate::scene::{Sample, cross, dot, sub};

/// Numbers of a splat: place, size, turn, opacity, colour; then three for each coefficient.
const PLACE: usize = 0;
const SIZE: usize = 3;
const TURN: usize = 6;
const OPACITY: usize = 9;
const COLOR: usize = 10;
const OWN: usize = 13;
const BLUR: f64 = 0.3;
const FAINTEST: f64 = 1.0 / 255.0;

/// Splats on a surface, of sizes and opacities by chance.
pub fn first(samples: &[Sample], spacing: f64, degree: u8) -> Splats {
    let mut splats = Splats { degree, ..Splats::default() };
    for (n, sample) in samples.iter().enumerate() {
        let chance = |k: usize| ((n * 7 + k) as f64 * 0.618_033_988_749_895).fract();
        // Flat along the surface: z becomes the normal.
        let axis = cross([0.0, 0.0, 1.0], sample.normal);
        let cos = sample.normal[2];
        let rotation = match cos < -0.9999 {
            true => [0.0, 1.0, 0.0, 0.0],
            false => [1.0 + cos, axis[0], axis[1], axis[2]],
        };
        let length = rotation.iter().map(|x| x * x).sum::<f64>().sqrt();
        let wide = (spacing * (0.5 + 0.5 * chance(0))).ln();
        splats.positions.push(sample.place.map(|x| x as f32));
        splats.scales.push([wide + 0.6 * chance(1) - 0.3, wide + 0.6 * chance(2) - 0.3, wide - 1.2].map(|x| x as f32));
        splats.rotations.push(rotation.map(|x| (x / length) as f32));
        splats.opacities.push((1.5 * chance(3) - 0.2) as f32);
        splats.colors.push(sample.color.map(|c| ((c * 0.6 - 0.5) / f64::from(tessera_geometry::DC)) as f32));
    }
    let coefficients = (usize::from(degree) + 1).pow(2) - 1;
    splats.harmonics = vec![[0.0; 3]; samples.len() * coefficients];
    splats
}

/// Moves splats towards pictures seen from cameras, each of which is looked at `rounds` times.
pub fn fit(splats: &mut Splats, cameras: &[Camera], pictures: &[View], extent: f64, rounds: usize) {
    let each = OWN + 3 * splats.harmonics_of(0).len();
    let mut moments = vec![[0.0f64; 2]; each * splats.len()];
    let rate = |number: usize| match number {
        PLACE..SIZE => 4e-4 * extent,
        SIZE..TURN => 0.012,
        TURN..OPACITY => 0.015,
        OPACITY => 0.04,
        COLOR..OWN => 0.015,
        _ => 0.004,
    };
    let batch = 4;
    let steps = rounds * cameras.len() / batch;
    for step in 0..steps {
        let chosen: Vec<usize> = (0..batch).map(|k| (step * batch + k) * 13 % cameras.len()).collect();
        let slopes: Vec<Vec<f64>> =
            chosen.par_iter().map(|&n| slope(splats, &cameras[n], &pictures[n], each)).collect();
        // Slower towards the end.
        let slow = 0.02f64.powf(step as f64 / steps as f64);
        for n in 0..splats.len() {
            let mut moved = vec![0.0; each];
            for (k, moved) in moved.iter_mut().enumerate() {
                let slope: f64 = slopes.iter().map(|slope| slope[n * each + k]).sum();
                let [mean, square] = &mut moments[n * each + k];
                *mean = 0.9 * *mean + 0.1 * slope;
                *square = 0.99 * *square + 0.01 * slope * slope;
                let (mean, square) =
                    (*mean / (1.0 - 0.9f64.powi(step as i32 + 1)), *square / (1.0 - 0.99f64.powi(step as i32 + 1)));
                *moved = -rate(k) * slow * mean / (square.sqrt() + 1e-12);
            }
            apply(splats, n, &moved);
        }
    }
}

fn apply(splats: &mut Splats, n: usize, moved: &[f64]) {
    for axis in 0..3 {
        splats.positions[n][axis] += moved[PLACE + axis] as f32;
        splats.scales[n][axis] += moved[SIZE + axis] as f32;
        splats.colors[n][axis] += moved[COLOR + axis] as f32;
    }
    splats.opacities[n] = (splats.opacities[n] + moved[OPACITY] as f32).clamp(-6.0, 9.0);
    let [w, x, y, z] = splats.rotations[n].map(f64::from);
    let [a, b, c] = [0, 1, 2].map(|k| moved[TURN + k] / 2.0);
    let turned =
        [w - a * x - b * y - c * z, x + a * w + b * z - c * y, y + b * w + c * x - a * z, z + c * w + a * y - b * x];
    let length = turned.iter().map(|x| x * x).sum::<f64>().sqrt();
    splats.rotations[n] = turned.map(|x| (x / length) as f32);
    let count = (moved.len() - OWN) / 3;
    for k in 0..count {
        for channel in 0..3 {
            splats.harmonics[n * count + k][channel] += moved[OWN + 3 * k + channel] as f32;
        }
    }
}

/// A splat on a picture, with all that leads back to its numbers.
struct Spot {
    splat: usize,
    seen: [f64; 3],
    middle: [f64; 2],
    inverse: [f64; 3],
    radius: [f64; 2],
    opacity: f64,
    color: [f64; 3],
    /// Whether a channel is cut off at 0.
    lit: [bool; 3],
    basis: [f64; 15],
    /// Where the picture's axes point, corrected for the perspective, times the focus over the depth.
    maps: [[f64; 3]; 2],
    axes: [[f64; 3]; 3],
    lengths: [f64; 3],
}

fn spots(splats: &Splats, camera: &Camera) -> Vec<Spot> {
    let mut all = Vec::new();
    for n in 0..splats.len() {
        let from = sub(splats.positions[n].map(f64::from), camera.place);
        let seen = camera.axes.map(|axis| dot(axis, from));
        let opacity = splats.opacity(n);
        if seen[2] <= 0.01 || opacity < FAINTEST {
            continue;
        }
        let near = camera.focus / seen[2];
        let border = 1.3 * camera.size as f64 / 2.0 / camera.focus;
        let maps = [0, 1].map(|k| {
            let slope = (seen[k] / seen[2]).clamp(-border, border);
            std::array::from_fn(|c| near * (camera.axes[k][c] - slope * camera.axes[2][c]))
        });
        let axes = axes(splats.rotations[n].map(f64::from));
        let lengths = splats.scales[n].map(|scale| f64::from(scale).exp());
        let mut covariance = [BLUR, 0.0, BLUR];
        for (axis, length) in axes.iter().zip(lengths) {
            let [u, v] = maps.map(|map| length * dot(map, *axis));
            covariance = [covariance[0] + u * u, covariance[1] + u * v, covariance[2] + v * v];
        }
        let determinant = covariance[0] * covariance[2] - covariance[1] * covariance[1];
        let reach = (2.0 * (opacity / FAINTEST).ln()).max(0.0).sqrt();
        let basis = views::basis(crate::scene::unit(from));
        let mut color = splats.colors[n].map(|c| 0.5 + f64::from(tessera_geometry::DC * c));
        for (of, weight) in splats.harmonics_of(n).iter().zip(basis) {
            color.iter_mut().zip(of).for_each(|(sum, value)| *sum += weight * f64::from(*value));
        }
        all.push(Spot {
            splat: n,
            seen,
            middle: [0, 1].map(|k| camera.size as f64 / 2.0 + camera.focus * seen[k] / seen[2]),
            inverse: [covariance[2] / determinant, -covariance[1] / determinant, covariance[0] / determinant],
            radius: [covariance[0].sqrt() * reach, covariance[2].sqrt() * reach],
            opacity,
            lit: color.map(|c| c > 0.0),
            color: color.map(|c| c.max(0.0)),
            basis,
            maps,
            axes,
            lengths,
        });
    }
    all.sort_by(|a, b| a.seen[2].total_cmp(&b.seen[2]).then(a.splat.cmp(&b.splat)));
    all
}

/// How the squared difference from a picture changes with every number of every splat.
fn slope(splats: &Splats, camera: &Camera, picture: &View, each: usize) -> Vec<f64> {
    let spots = spots(splats, camera);
    let size = camera.size;
    let mut slopes = vec![0.0; each * splats.len()];
    let mut sums = vec![[0.0f64; 3]; size * size];
    let mut light = vec![1.0f64; size * size];
    let over = |spot: &Spot, visit: &mut dyn FnMut(usize, [f64; 2], f64)| {
        let bound =
            |k: usize, side: f64| (spot.middle[k] + side * (spot.radius[k] + 0.5)).clamp(0.0, size as f64) as usize;
        for y in bound(1, -1.0)..bound(1, 1.0) {
            for x in bound(0, -1.0)..bound(0, 1.0) {
                let [dx, dy] = [x as f64 + 0.5 - spot.middle[0], y as f64 + 0.5 - spot.middle[1]];
                let [a, b, c] = spot.inverse;
                let opacity = spot.opacity * (-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy).exp();
                if opacity >= FAINTEST {
                    visit(y * size + x, [dx, dy], opacity.min(0.99));
                }
            }
        }
    };
    for spot in &spots {
        over(spot, &mut |at, _, opacity| {
            let taken = light[at] * opacity;
            sums[at].iter_mut().zip(spot.color).for_each(|(sum, color)| *sum += taken * color);
            light[at] -= taken;
        });
    }
    // Of the picture; and what all that is behind a splat adds along it.
    let errors: Vec<[f64; 3]> = sums
        .iter()
        .zip(&picture.pixels)
        .map(|(sum, wanted)| std::array::from_fn(|c| sum[c] - f64::from(wanted[c])))
        .collect();
    let mut behind: Vec<f64> = sums.iter().zip(&errors).map(|(sum, error)| dot(*sum, *error)).collect();
    light.fill(1.0);
    for spot in &spots {
        let (mut middle, mut inverse, mut opaque, mut color) = ([0.0; 2], [0.0; 3], 0.0, [0.0; 3]);
        over(spot, &mut |at, [dx, dy], opacity| {
            let along = dot(spot.color, errors[at]);
            let taken = light[at] * opacity;
            behind[at] -= taken * along;
            let slope = light[at] * along - behind[at] / (1.0 - opacity);
            color.iter_mut().zip(errors[at]).for_each(|(sum, error)| *sum += taken * error);
            light[at] -= taken;
            opaque += slope * opacity;
            let bent = -0.5 * slope * opacity;
            let [a, b, c] = spot.inverse;
            middle[0] -= 2.0 * bent * (a * dx + b * dy);
            middle[1] -= 2.0 * bent * (b * dx + c * dy);
            inverse = [inverse[0] + bent * dx * dx, inverse[1] + bent * dx * dy, inverse[2] + bent * dy * dy];
        });
        let own = &mut slopes[spot.splat * each..][..each];
        own[OPACITY] += opaque * (1.0 - spot.opacity);
        for channel in (0..3).filter(|&c| spot.lit[c]) {
            own[COLOR + channel] += color[channel] * f64::from(tessera_geometry::DC);
            for k in 0..(each - OWN) / 3 {
                own[OWN + 3 * k + channel] += color[channel] * spot.basis[k];
            }
        }
        for n in 0..3 {
            own[PLACE + n] += middle[0] * spot.maps[0][n] + middle[1] * spot.maps[1][n];
        }
        // Of the covariance: minus inverse times its slope times inverse.
        let [a, b, c] = spot.inverse;
        let [p, q, r] = inverse;
        let (aa, ab, ba, bb) = (a * p + b * q, a * q + b * r, b * p + c * q, b * q + c * r);
        let shape = [[-(aa * a + ab * b), -(aa * b + ab * c)], [-(ba * a + bb * b), -(ba * b + bb * c)]];
        for k in 0..3 {
            let length = spot.lengths[k];
            let [u, v] = spot.maps.map(|map| length * dot(map, spot.axes[k]));
            let slope = [2.0 * (shape[0][0] * u + shape[0][1] * v), 2.0 * (shape[1][0] * u + shape[1][1] * v)];
            own[SIZE + k] += slope[0] * u + slope[1] * v;
            let axis = std::array::from_fn(|n| length * (slope[0] * spot.maps[0][n] + slope[1] * spot.maps[1][n]));
            let turn = cross(spot.axes[k], axis);
            (0..3).for_each(|n| own[TURN + n] += turn[n]);
        }
    }
    slopes
}

fn axes([w, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)],
        [2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)],
        [2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}
