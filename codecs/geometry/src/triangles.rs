//! A surface to measure distances to: its triangles in a tree of boxes, and points spread over it.

use std::ops::Range;

use rayon::prelude::*;

/// A point in the mesh's units.
pub(crate) type Place = [f64; 3];

/// Most triangles of a box that is not divided further.
const LEAF: usize = 2;
/// Points that one thread looks up in a row: what is nearest to one is a good guess for the next.
const ROW: usize = 512;

/// What a guess is enlarged by, so that it wins no ties.
const AGAIN: f64 = 1.0 + 1e-12;

/// One triangle.
#[derive(Debug, Clone)]
struct Triangle {
    corners: [Place; 3],
    /// Its place in the mesh.
    face: usize,
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

/// Triangles that can be asked for their distance. A box with more than [`LEAF`] of them is divided in the middle of their order along its longest
/// side; box `n` has the halves `2 n + 1` and `2 n + 2`.
pub(crate) struct Surface {
    triangles: Vec<Triangle>,
    boxes: Vec<[Place; 2]>,
}

/// Points spread evenly over a mesh, each with the face that it lies on.
pub(crate) struct Samples {
    pub points: Vec<Place>,
    pub faces: Vec<usize>,
}

impl Surface {
    pub fn new(positions: &[[f32; 3]], faces: &[[u32; 3]]) -> Self {
        let triangles =
            faces.iter().enumerate().map(|(face, corners)| Triangle { corners: places(positions, corners), face });
        let mut surface = Self { triangles: triangles.collect(), boxes: Vec::new() };
        let mut triangles = std::mem::take(&mut surface.triangles);
        surface.divide(0, &mut triangles);
        Self { triangles, ..surface }
    }

    fn divide(&mut self, node: usize, triangles: &mut [Triangle]) {
        let [mut low, mut high] = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
        for corner in triangles.iter().flat_map(|triangle| &triangle.corners) {
            low = [0, 1, 2].map(|axis| low[axis].min(corner[axis]));
            high = [0, 1, 2].map(|axis| high[axis].max(corner[axis]));
        }
        if self.boxes.len() <= node {
            self.boxes.resize(node + 1, [[0.0; 3]; 2]);
        }
        self.boxes[node] = [low, high];
        if triangles.len() > LEAF {
            let axis = (0..3).max_by(|&a, &b| (high[a] - low[a]).total_cmp(&(high[b] - low[b]))).unwrap_or(0);
            let middle = |triangle: &Triangle| triangle.corners.iter().map(|corner| corner[axis]).sum::<f64>();
            let half = triangles.len() / 2;
            triangles.select_nth_unstable_by(half, |a, b| middle(a).total_cmp(&middle(b)));
            let (left, right) = triangles.split_at_mut(half);
            self.divide(2 * node + 1, left);
            self.divide(2 * node + 2, right);
        }
    }

    /// What is nearest to each point; nothing for no triangles.
    pub fn nearest(&self, points: &[Place]) -> Vec<Nearest> {
        let row = |points: &[Place]| {
            let mut last = 0;
            let nearest = |&point: &Place| {
                let mut search = Search::new(self, point, last)?;
                search.visit(0, 0..self.triangles.len());
                last = search.triangle;
                Some(Nearest { face: self.triangles[last].face, weights: search.weights, squared: search.squared })
            };
            points.iter().filter_map(nearest).collect::<Vec<_>>()
        };
        points.par_chunks(ROW).flat_map_iter(row).collect()
    }
}

/// The nearest triangle so far to a point.
struct Search<'a> {
    surface: &'a Surface,
    point: Place,
    triangle: usize,
    weights: [f64; 3],
    squared: f64,
}

impl<'a> Search<'a> {
    /// Begins with the distance of a triangle, to be found again or outdone; `None` if it is not there.
    fn new(surface: &'a Surface, point: Place, triangle: usize) -> Option<Self> {
        let corners = &surface.triangles.get(triangle)?.corners;
        let weights = closest(corners, point);
        let squared = squared(at(corners, weights), point);
        Some(Self { surface, point, triangle, weights, squared: squared * AGAIN })
    }

    /// Looks into a box that holds some of the triangles.
    fn visit(&mut self, node: usize, range: Range<usize>) {
        if range.len() <= LEAF {
            for n in range {
                let corners = &self.surface.triangles[n].corners;
                let weights = closest(corners, self.point);
                let squared = squared(at(corners, weights), self.point);
                if squared < self.squared {
                    (self.triangle, self.weights, self.squared) = (n, weights, squared);
                }
            }
            return;
        }
        let half = range.start + range.len() / 2;
        let (left, right) = (2 * node + 1, 2 * node + 2);
        let (to_left, to_right) = (self.apart(left), self.apart(right));
        let mut halves = [(to_left, left, range.start..half), (to_right, right, half..range.end)];
        if to_right < to_left {
            halves.reverse();
        }
        for (apart, node, range) in halves {
            if apart < self.squared {
                self.visit(node, range);
            }
        }
    }

    /// Squared distance of a box.
    fn apart(&self, node: usize) -> f64 {
        let [low, high] = &self.surface.boxes[node];
        let along = |n: usize| (low[n] - self.point[n]).max(self.point[n] - high[n]).max(0.0);
        let apart = [along(0), along(1), along(2)];
        dot(apart, apart)
    }
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
    face.map(|n| positions[n as usize].map(f64::from))
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
        ) {
            let faces: Vec<[u32; 3]> = (0..positions.len() as u32 - 2).map(|n| [n, n + 1, n + 2]).collect();
            let found = Surface::new(&positions, &faces).nearest(&points);
            prop_assert_eq!(found.len(), points.len());
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
