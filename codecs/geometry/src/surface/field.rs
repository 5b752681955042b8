//! Signed distances on a grid around triangles.

use std::ops::Range;

use rayon::prelude::*;
use tessera_core::entropy::Places;

use super::grid::{Grid, MARGIN};
use crate::shape::Mesh;
use crate::triangles::{self, nearest_place};

/// Greatest distance that is told, in steps.
pub(super) const CUT: f32 = 2.0;
/// Samples this near to the surface let no way through: of a step that crosses it one end is.
const WALL: f32 = 0.501;
/// Which side a sample of the wall is on is looked up so far from the surface.
const FURTHER: f64 = 1.2;
/// Most samples of a field.
const MOST: usize = 1 << 24;

type Place = [f64; 3];

/// Distances in steps at the corners of cells, positive outside, at most [`CUT`] either way.
pub(super) struct Field {
    /// Steps along a block.
    side: usize,
    /// Blocks along each axis.
    blocks: [usize; 3],
    values: Vec<f32>,
}

/// A triangle in steps, the plane that it lies in and a ball around it.
struct Triangle {
    corners: [Place; 3],
    normal: Place,
    middle: Place,
    radius: f64,
    low: Place,
    high: Place,
}

impl Field {
    /// Distances to a mesh's triangles; `None` where the grid is too fine for it.
    pub fn new(mesh: &Mesh, grid: &Grid, side: usize) -> Option<Self> {
        let places: Vec<Place> = mesh.positions.iter().map(|position| grid.place(position.map(f64::from))).collect();
        let high = places.iter().fold([0.0f64; 3], |high, place| [0, 1, 2].map(|axis| high[axis].max(place[axis])));
        let blocks = high.map(|high| ((high + MARGIN) / side as f64).ceil() as usize);
        let samples = blocks.map(|count| count * side + 1);
        if blocks.iter().any(|&count| count > 1 << super::MAX_DEPTH) || samples.iter().product::<usize>() > MOST {
            return None;
        }
        let triangles: Vec<Triangle> =
            mesh.faces.iter().map(|face| Triangle::new(face.map(|n| places[n as usize]))).collect();
        let (distances, faces) = distances(&triangles, samples);
        let values = signed(distances, &faces, &triangles, samples);
        Some(Self { side, blocks, values })
    }

    /// The blocks that the surface goes through if it is taken at `offset` steps outside of where it is: where they are, and their samples
    /// `[n][side+1]³`.
    pub fn near(&self, offset: f32) -> (Places, Vec<f32>) {
        let block = |place: [u32; 3]| {
            let first = place.map(|index| index as usize * self.side);
            let wide = 0..=self.side;
            let mut samples = Vec::with_capacity((self.side + 1).pow(3));
            for x in wide.clone() {
                for y in wide.clone() {
                    let row = self.index([first[0] + x, first[1] + y, first[2]]);
                    samples
                        .extend(self.values[row..][wide.clone()].iter().map(|value| (value - offset).clamp(-CUT, CUT)));
                }
            }
            samples
        };
        let crossed =
            |samples: &[f32]| samples.iter().any(|&value| value < 0.0) && samples.iter().any(|&value| value > 0.0);
        let [x, y, z] = self.blocks.map(|count| count as u32);
        let all = (0..x).flat_map(|a| (0..y).flat_map(move |b| (0..z).map(move |c| [a, b, c])));
        let (places, samples): (Vec<_>, Vec<_>) =
            all.map(|place| (place, block(place))).filter(|(_, samples)| crossed(samples)).unzip();
        (Places::new(places), samples.concat())
    }

    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        let [_, b, c] = self.blocks.map(|count| count * self.side + 1);
        (x * b + y) * c + z
    }
}

impl Triangle {
    fn new(corners: [Place; 3]) -> Self {
        let normal = triangles::normal(&corners);
        let length = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
        let over =
            |pick: fn(f64, f64) -> f64| [0, 1, 2].map(|n| corners.iter().map(|c| c[n]).reduce(pick).unwrap_or(0.0));
        let middle = [0, 1, 2].map(|axis| corners.iter().map(|corner| corner[axis]).sum::<f64>() / 3.0);
        let radius = corners.iter().map(|&corner| self::length(triangles::sub(corner, middle))).fold(0.0, f64::max);
        Self {
            corners,
            middle,
            radius,
            normal: if length > 0.0 { normal.map(|x| x / length) } else { [0.0; 3] },
            low: over(f64::min),
            high: over(f64::max),
        }
    }

    /// Those of so many samples along an axis that it may be within [`CUT`] of.
    fn span(&self, axis: usize, count: usize) -> Range<usize> {
        let cut = f64::from(CUT);
        let low = (self.low[axis] - cut).ceil().max(0.0) as usize;
        let end = (self.high[axis] + cut).floor().min(count as f64 - 1.0).max(-1.0) + 1.0;
        low.min(end as usize)..end as usize
    }

    /// Whether it may be nearer to a point than so many steps: whether the ball and the plane are.
    fn may_be_nearer(&self, point: Place, least: f64) -> bool {
        let away = triangles::sub(point, self.middle);
        let (x, y, z) = (away[0], away[1], away[2]);
        let off = self.normal[0] * x + self.normal[1] * y + self.normal[2] * z;
        x * x + y * y + z * z < (least + self.radius).powi(2) && off.abs() < least
    }
}

/// The distance of each sample, at most [`CUT`], and the triangle that it is to.
fn distances(triangles: &[Triangle], [a, b, c]: [usize; 3]) -> (Vec<f32>, Vec<u32>) {
    let mut near = vec![Vec::new(); a];
    for (n, triangle) in (0u32..).zip(triangles) {
        near[triangle.span(0, a)].iter_mut().for_each(|near| near.push(n));
    }
    let mut nearest = vec![(CUT, 0u32); a * b * c];
    nearest.par_chunks_mut(b * c).zip(near).enumerate().for_each(|(x, (slice, near))| {
        for n in near {
            let triangle = &triangles[n as usize];
            for y in triangle.span(1, b) {
                for z in triangle.span(2, c) {
                    let (least, face) = &mut slice[y * c + z];
                    let point = [x, y, z].map(|index| index as f64);
                    if triangle.may_be_nearer(point, f64::from(*least)) {
                        let place = nearest_place(&triangle.corners, point);
                        let distance = length(triangles::sub(place, point)) as f32;
                        if distance < *least {
                            (*least, *face) = (distance, n);
                        }
                    }
                }
            }
        }
    });
    nearest.into_iter().unzip()
}

/// Distances negative where no way leads to from outside.
fn signed(mut distances: Vec<f32>, faces: &[u32], triangles: &[Triangle], samples: [usize; 3]) -> Vec<f32> {
    let [_, b, c] = samples;
    let wall: Vec<bool> = distances.iter().map(|&distance| distance <= WALL).collect();
    let outside = reached(&wall, samples);
    let inside = |n: usize| !wall[n] && !outside[n];
    let negative: Vec<bool> = (0..distances.len())
        .into_par_iter()
        .map(|n| {
            if !wall[n] {
                return inside(n);
            }
            let point = [n / (b * c), n / c % b, n % c].map(|index| index as f64);
            let place = nearest_place(&triangles[faces[n] as usize].corners, point);
            let away = triangles::sub(point, place);
            let length = length(away);
            if length < 1e-3 {
                return false;
            }
            let there = [0, 1, 2].map(|axis| {
                let further = place[axis] + away[axis] / length * FURTHER;
                further.round().clamp(0.0, samples[axis] as f64 - 1.0) as usize
            });
            inside((there[0] * b + there[1]) * c + there[2])
        })
        .collect();
    for (distance, negative) in distances.iter_mut().zip(negative) {
        if negative {
            *distance = -*distance;
        }
    }
    distances
}

/// Which samples a way leads to from the first one, in single steps along the axes, through none of the wall.
fn reached(wall: &[bool], [a, b, c]: [usize; 3]) -> Vec<bool> {
    let mut reached = vec![false; wall.len()];
    let mut open = vec![0];
    reached[0] = true;
    while let Some(n) = open.pop() {
        let (x, y, z) = (n / (b * c), n / c % b, n % c);
        let steps = [
            (x > 0).then(|| n - b * c),
            (x + 1 < a).then(|| n + b * c),
            (y > 0).then(|| n - c),
            (y + 1 < b).then(|| n + c),
            (z > 0).then(|| n - 1),
            (z + 1 < c).then(|| n + 1),
        ];
        for to in steps.into_iter().flatten() {
            if !wall[to] && !reached[to] {
                reached[to] = true;
                open.push(to);
            }
        }
    }
    reached
}

fn length(vector: Place) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}
