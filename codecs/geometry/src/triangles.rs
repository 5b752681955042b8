//! A surface to measure distances to: its triangles in an R-tree, and points spread over it.

use rstar::{AABB, PointDistance, RTree, RTreeObject};

type Place = [f64; 3];

/// One triangle.
#[derive(Debug, Clone)]
pub(crate) struct Triangle {
    corners: [Place; 3],
    /// Its place in the mesh.
    pub face: usize,
}

/// What lies nearest to a point.
pub(crate) struct Nearest {
    pub face: usize,
    /// Weights of the face's corners.
    pub weights: [f64; 3],
    /// Squared distance.
    pub squared: f64,
}

/// Triangles that can be asked for their distance.
pub(crate) struct Surface {
    tree: RTree<Triangle>,
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
        Self { tree: RTree::bulk_load(triangles.collect()) }
    }

    /// `None` for no triangles.
    pub fn nearest(&self, point: Place) -> Option<Nearest> {
        let triangle = self.tree.nearest_neighbor(point)?;
        let weights = closest(&triangle.corners, point);
        let squared = squared(at(&triangle.corners, weights), point);
        Some(Nearest { face: triangle.face, weights, squared })
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

impl RTreeObject for Triangle {
    type Envelope = AABB<Place>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_points(&self.corners)
    }
}

impl PointDistance for Triangle {
    fn distance_2(&self, point: &Place) -> f64 {
        squared(at(&self.corners, closest(&self.corners, *point)), *point)
    }
}

pub(crate) fn places(positions: &[[f32; 3]], face: &[u32; 3]) -> [Place; 3] {
    face.map(|n| positions[n as usize].map(f64::from))
}

fn at(corners: &[Place; 3], weights: [f64; 3]) -> Place {
    [0, 1, 2].map(|axis| (0..3).map(|n| corners[n][axis] * weights[n]).sum())
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

/// Weights of the corners at the point of a triangle that is nearest to another point.
fn closest(corners: &[Place; 3], point: Place) -> [f64; 3] {
    // Inside of the triangle if the point's shadow is; else on one of the edges.
    let (u, v, p) = (sub(corners[1], corners[0]), sub(corners[2], corners[0]), sub(point, corners[0]));
    let (uu, uv, vv, pu, pv) = (dot(u, u), dot(u, v), dot(v, v), dot(p, u), dot(p, v));
    let determinant = uu * vv - uv * uv;
    if determinant > 0.0 {
        let (s, t) = ((vv * pu - uv * pv) / determinant, (uu * pv - uv * pu) / determinant);
        if s >= 0.0 && t >= 0.0 && s + t <= 1.0 {
            return [1.0 - s - t, s, t];
        }
    }
    let mut best = ([1.0, 0.0, 0.0], f64::INFINITY);
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        let (edge, from) = (sub(corners[b], corners[a]), sub(point, corners[a]));
        let length = dot(edge, edge);
        let part = if length > 0.0 { (dot(from, edge) / length).clamp(0.0, 1.0) } else { 0.0 };
        let mut weights = [0.0; 3];
        (weights[a], weights[b]) = (1.0 - part, part);
        let distance = squared(at(corners, weights), point);
        if distance < best.1 {
            best = (weights, distance);
        }
    }
    best.0
}
