//! A surface to measure distances to: its triangles in a tree of boxes, and points spread over it.

use rayon::prelude::*;

use crate::shape::Bounds;

/// A point in the mesh's units.
pub(crate) type Place = [f64; 3];

/// Most triangles of a box that is not divided further.
const LEAF: usize = 2;
/// Most levels of boxes: those of 2^32 triangles, and one more.
const LEVELS: usize = 34;
/// Points that one thread looks up in a row: what is nearest to one is a good guess for the next.
const ROW: usize = 512;

/// What a guess is enlarged by, so that it wins no ties.
const AGAIN: f64 = 1.0 + 1e-12;

/// What coordinates of a [`Frame`] may be off by, with something to spare.
const ROUNDING: f32 = 2e-6;
/// The box around nothing.
const NOWHERE: Corners = [[f32::INFINITY; 4], [f32::NEG_INFINITY; 4]];

/// One triangle.
#[derive(Debug, Clone)]
struct Triangle {
    corners: [Place; 3],
    /// Its place in the mesh.
    face: usize,
}

/// Where a triangle is: the sum of its corners.
#[derive(Debug, Clone, Copy)]
struct Middle {
    at: [f32; 4],
    face: u32,
}

/// What lies nearest to a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearest {
    pub face: usize,
    /// Weights of the face's corners.
    pub weights: [f64; 3],
    /// Squared distance.
    pub squared: f64,
}

/// Triangles that can be asked for their distance. A box with more than [`LEAF`] of them is divided in the middle of their order along the side on
/// which they lie furthest apart; box `n` has the halves `2 n + 1` and `2 n + 2`.
pub(crate) struct Surface {
    triangles: Vec<Triangle>,
    /// In the frame.
    boxes: Vec<Corners>,
    frame: Frame,
}

/// A box's lowest and highest corner, with a fourth coordinate that is 0: four of them are one register.
type Corners = [[f32; 4]; 2];

/// Coordinates from -1 to 1 around the triangles.
#[derive(Debug, Clone, Copy)]
struct Frame {
    middle: Place,
    scale: f64,
}

/// Points spread evenly over a mesh, each with the face that it lies on.
pub(crate) struct Samples {
    pub points: Vec<Place>,
    pub faces: Vec<usize>,
}

impl Surface {
    pub fn new(positions: &[[f32; 3]], faces: &[[u32; 3]]) -> Self {
        let frame = Frame::new(positions);
        let middle = |(n, face): (u32, &[u32; 3])| {
            let [a, b, c] = face.map(|n| frame.place(place(&positions[n as usize])));
            Middle { at: [a[0] + b[0] + c[0], a[1] + b[1] + c[1], a[2] + b[2] + c[2], 0.0], face: n }
        };
        let mut middles: Vec<Middle> = (0..).zip(faces).map(middle).collect();
        let mut surface = Self { triangles: Vec::with_capacity(faces.len()), boxes: Vec::new(), frame };
        surface.divide(0, &mut middles, &|face| places(positions, &faces[face]));
        surface
    }

    /// Adds a box and its triangles, in order; gives its corners.
    fn divide(&mut self, node: usize, middles: &mut [Middle], corners: &impl Fn(usize) -> [Place; 3]) -> Corners {
        if self.boxes.len() <= node {
            self.boxes.resize(node + 1, NOWHERE);
        }
        let over = if middles.len() > LEAF {
            let [low, high] = middles.iter().fold(NOWHERE, |over, middle| both(over, [middle.at; 2]));
            let axis = (0..3).max_by(|&a, &b| (high[a] - low[a]).total_cmp(&(high[b] - low[b]))).unwrap_or(0);
            let half = middles.len() / 2;
            middles.select_nth_unstable_by(half, |a, b| a.at[axis].total_cmp(&b.at[axis]));
            let (left, right) = middles.split_at_mut(half);
            both(self.divide(2 * node + 1, left, corners), self.divide(2 * node + 2, right, corners))
        } else {
            let mut over = NOWHERE;
            for middle in middles {
                let face = middle.face as usize;
                let corners = corners(face);
                for corner in corners {
                    let [x, y, z, _] = self.frame.place(corner);
                    over = both(over, [-ROUNDING, ROUNDING].map(|by| [x + by, y + by, z + by, 0.0]));
                }
                self.triangles.push(Triangle { corners, face });
            }
            over
        };
        self.boxes[node] = over;
        over
    }

    /// What is nearest to each point; nothing for no triangles.
    pub fn nearest(&self, points: &[Place]) -> Vec<Nearest> {
        let row = |points: &[Place]| {
            let mut last = 0;
            let nearest = |&point: &Place| {
                let found = self.nearest_to(point, last)?;
                last = found.triangle;
                Some(self.told(&found))
            };
            points.iter().filter_map(nearest).collect::<Vec<_>>()
        };
        points.par_chunks(ROW).flat_map_iter(row).collect()
    }

    /// The same, where the faces that were nearest before are good guesses.
    pub fn nearest_again(&self, points: &[Place], before: &[Nearest]) -> Vec<Nearest> {
        let mut order = vec![0; self.triangles.len()];
        for (n, triangle) in self.triangles.iter().enumerate() {
            order[triangle.face] = n;
        }
        let row = |(points, before): (&[Place], &[Nearest])| {
            let nearest = |(&point, before): (&Place, &Nearest)| {
                let guess = order.get(before.face).copied().unwrap_or(0);
                Some(self.told(&self.nearest_to(point, guess)?))
            };
            points.iter().zip(before).filter_map(nearest).collect::<Vec<_>>()
        };
        points.par_chunks(ROW).zip(before.par_chunks(ROW)).flat_map_iter(row).collect()
    }

    fn told(&self, found: &Found) -> Nearest {
        Nearest { face: self.triangles[found.triangle].face, weights: found.weights, squared: found.squared }
    }

    /// The nearest triangle, which is a certain one unless another is found; `None` if that is not there.
    fn nearest_to(&self, point: Place, guess: usize) -> Option<Found> {
        let away = |n: usize| {
            let corners = &self.triangles[n].corners;
            let weights = closest(corners, point);
            Found { triangle: n, weights, squared: squared(at(corners, weights), point) }
        };
        if guess >= self.triangles.len() {
            return None;
        }
        let mut found = away(guess);
        found.squared *= AGAIN;
        let framed = self.frame.place(point);
        let mut within = self.frame.squared(found.squared);
        // Boxes to look into, nearer ones last: never more than there are levels.
        let mut open = [(0.0, 0, 0, 0); LEVELS];
        open[0] = (0.0, 0, 0, self.triangles.len() as u32);
        let mut count = 1;
        while count > 0 {
            count -= 1;
            let (apart, node, start, end) = open[count];
            if apart > within {
                continue;
            }
            if end - start <= LEAF as u32 {
                for n in start..end {
                    let here = away(n as usize);
                    if here.squared < found.squared {
                        within = self.frame.squared(here.squared);
                        found = here;
                    }
                }
                continue;
            }
            let half = start + (end - start) / 2;
            let (left, right) = (2 * node + 1, 2 * node + 2);
            let mut halves = [
                (apart_from(&self.boxes[right as usize], framed), right, half, end),
                (apart_from(&self.boxes[left as usize], framed), left, start, half),
            ];
            if halves[0].0 < halves[1].0 {
                halves.reverse();
            }
            for half in halves {
                if half.0 <= within {
                    open[count] = half;
                    count += 1;
                }
            }
        }
        Some(found)
    }
}

/// The nearest triangle so far to a point, by its place in the tree's order.
struct Found {
    triangle: usize,
    weights: [f64; 3],
    squared: f64,
}

impl Frame {
    fn new(positions: &[[f32; 3]]) -> Self {
        let Some(bounds) = Bounds::of(positions) else { return Self { middle: [0.0; 3], scale: 1.0 } };
        let (low, high) = (bounds.min.map(f64::from), bounds.max.map(f64::from));
        let half = (0..3).map(|n| (high[n] - low[n]) / 2.0).fold(0.0, f64::max);
        Self {
            middle: [0, 1, 2].map(|n| f64::midpoint(low[n], high[n])),
            scale: if half > 0.0 { half.recip() } else { 1.0 },
        }
    }

    fn place(&self, place: Place) -> [f32; 4] {
        let along = |n: usize| ((place[n] - self.middle[n]) * self.scale) as f32;
        [along(0), along(1), along(2), 0.0]
    }

    /// A squared distance, rather too great than too small.
    fn squared(&self, squared: f64) -> f32 {
        (squared * self.scale * self.scale) as f32 * (1.0 + ROUNDING)
    }
}

/// Squared distance between a box and a point.
fn apart_from([low, high]: &Corners, point: [f32; 4]) -> f32 {
    let mut squares = [0.0; 4];
    for n in 0..4 {
        let along = greater(greater(low[n] - point[n], point[n] - high[n]), 0.0);
        squares[n] = along * along;
    }
    let [x, y, z, w] = squares;
    (x + y) + (z + w)
}

/// The box around two.
fn both([mut low, mut high]: Corners, [other_low, other_high]: Corners) -> Corners {
    for n in 0..4 {
        low[n] = -greater(-low[n], -other_low[n]);
        high[n] = greater(high[n], other_high[n]);
    }
    [low, high]
}

/// One instruction, unlike what also minds what is no number.
fn greater(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

impl Samples {
    /// About `count` points: on each face as many as its share of the area, at places that fill it evenly.
    pub fn new(positions: &[[f32; 3]], faces: &[[u32; 3]], count: usize) -> Self {
        let areas: Vec<f64> = faces.iter().map(|face| area(&places(positions, face))).collect();
        let total: f64 = areas.iter().sum();
        let (mut due, mut drawn) = (0.5, 0u32);
        let mut samples = Self { points: Vec::with_capacity(count + 1), faces: Vec::with_capacity(count + 1) };
        for (n, (face, area)) in faces.iter().zip(areas).enumerate() {
            due += if total > 0.0 { area / total * count as f64 } else { 0.0 };
            while due >= 1.0 {
                due -= 1.0;
                drawn += 1;
                // Two coordinates that fill the unit square evenly (Roberts' sequence), folded into the triangle.
                let (s, t) = (f64::from(drawn) * 0.754_877_666_246_693, f64::from(drawn) * 0.569_840_290_998_053);
                let (s, t) = (s.fract(), t.fract());
                let (s, t) = if s + t > 1.0 { (1.0 - s, 1.0 - t) } else { (s, t) };
                samples.points.push(at(&places(positions, face), [1.0 - s - t, s, t]));
                samples.faces.push(n);
            }
        }
        samples
    }
}

pub(crate) fn places(positions: &[[f32; 3]], face: &[u32; 3]) -> [Place; 3] {
    let [a, b, c] = face;
    [place(&positions[*a as usize]), place(&positions[*b as usize]), place(&positions[*c as usize])]
}

fn place(&[x, y, z]: &[f32; 3]) -> Place {
    [x.into(), y.into(), z.into()]
}

fn at([a, b, c]: &[Place; 3], [s, t, u]: [f64; 3]) -> Place {
    let along = |axis: usize| a[axis] * s + b[axis] * t + c[axis] * u;
    [along(0), along(1), along(2)]
}

pub(crate) fn sub(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: Place, b: Place) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn squared(a: Place, b: Place) -> f64 {
    dot(sub(a, b), sub(a, b))
}

/// Twice the area, as a vector along the normal.
pub(crate) fn normal(corners: &[Place; 3]) -> Place {
    let (u, v) = (sub(corners[1], corners[0]), sub(corners[2], corners[0]));
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

fn area(corners: &[Place; 3]) -> f64 {
    let normal = normal(corners);
    dot(normal, normal).sqrt() / 2.0
}

/// The place on a triangle that is nearest to a point.
pub(crate) fn nearest_place(corners: &[Place; 3], point: Place) -> Place {
    at(corners, closest(corners, point))
}

/// Weights of the corners at the point of a triangle that is nearest to another point: which of its corners, edges and inside that is on is told by
/// where the point's shadow lies (Ericson, Real-Time Collision Detection, 2005, 5.1.5).
fn closest(&[a, b, c]: &[Place; 3], point: Place) -> [f64; 3] {
    let (u, v) = (sub(b, a), sub(c, a));
    let along = |corner: Place| {
        let from = sub(point, corner);
        (dot(u, from), dot(v, from))
    };
    let part = |of: f64, whole: f64| if whole > 0.0 { of / whole } else { 0.0 };
    let (ua, va) = along(a);
    if ua <= 0.0 && va <= 0.0 {
        return [1.0, 0.0, 0.0];
    }
    let (ub, vb) = along(b);
    if ub >= 0.0 && vb <= ub {
        return [0.0, 1.0, 0.0];
    }
    let beyond_ab = ua * vb - ub * va;
    if beyond_ab <= 0.0 && ua >= 0.0 && ub <= 0.0 {
        let t = part(ua, ua - ub);
        return [1.0 - t, t, 0.0];
    }
    let (uc, vc) = along(c);
    if vc >= 0.0 && uc <= vc {
        return [0.0, 0.0, 1.0];
    }
    let beyond_ac = uc * va - ua * vc;
    if beyond_ac <= 0.0 && va >= 0.0 && vc <= 0.0 {
        let t = part(va, va - vc);
        return [1.0 - t, 0.0, t];
    }
    let beyond_bc = ub * vc - uc * vb;
    if beyond_bc <= 0.0 && vb >= ub && uc >= vc {
        let t = part(vb - ub, vb - ub + uc - vc);
        return [0.0, 1.0 - t, t];
    }
    let whole = beyond_ab + beyond_ac + beyond_bc;
    let (s, t) = (part(beyond_ac, whole), part(beyond_ab, whole));
    [1.0 - s - t, s, t]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_triangle_is_that_of_a_full_search(
            positions in prop::collection::vec(prop::array::uniform3(-9f32..9.0), 3..60),
            points in prop::collection::vec(prop::array::uniform3(-12f64..12.0), 1..40),
            moved in prop::sample::select(vec![0.0f32, 3e5, -1e-30]),
        ) {
            let positions: Vec<_> = positions.iter().map(|place| place.map(|x| x + moved)).collect();
            let points: Vec<_> = points.iter().map(|place| place.map(|x| x + f64::from(moved))).collect();
            let faces: Vec<[u32; 3]> = (0..positions.len() as u32 - 2).map(|n| [n, n + 1, n + 2]).collect();
            let surface = Surface::new(&positions, &faces);
            let found = surface.nearest(&points);
            prop_assert_eq!(found.len(), points.len());
            let again = surface.nearest_again(&points, &found);
            prop_assert!(again.iter().zip(&found).all(|(a, b)| a.squared <= b.squared * AGAIN && b.squared <= a.squared * AGAIN));
            for (&point, found) in points.iter().zip(found) {
                let away = |face: &[u32; 3]| squared(nearest_place(&places(&positions, face), point), point);
                let least = faces.iter().map(away).fold(f64::INFINITY, f64::min);
                prop_assert!(found.squared <= least * AGAIN + f64::MIN_POSITIVE);
                prop_assert!((away(&faces[found.face]) - found.squared).abs() <= 1e-9 * least);
            }
        }
    }

    #[test]
    fn nothing_is_nearest_where_nothing_is() {
        assert!(Surface::new(&[], &[]).nearest(&[[0.0; 3]]).is_empty());
    }
}
