//! Where the next vertex is looked for: a frame on the edge that it is joined to, in whole numbers.

use super::Point;

/// Fractional bits of the axes.
const AXIS_BITS: u32 = 14;
const ONE: i64 = 1 << AXIS_BITS;

/// Three perpendicular axes at the middle of an edge: along it, away from the face behind it, and that face's normal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    origin: Point,
    axes: [[i64; 3]; 3],
    /// Length of the edge.
    pub length: i64,
    /// The face's third vertex: its place along the edge, and its distance behind it.
    pub behind: [i64; 2],
}

impl Frame {
    /// On the edge from `a` to `b`, of which a face with third vertex `o` is on the right.
    pub fn new(a: Point, b: Point, o: Point) -> Self {
        let edge = sub(b, a);
        let origin = [0, 1, 2].map(|n| (a[n] + b[n]) >> 1);
        let along = unit(edge).unwrap_or([ONE, 0, 0]);
        let to_o = sub(o, a);
        let normal = unit(cross(to_o, edge)).unwrap_or_else(|| perpendicular(along));
        let away = cross(normal, along).map(|value| value >> AXIS_BITS);
        let axes = [along, away, normal];
        let length = i64::from(dot(edge, edge).isqrt() as u32);
        let from_origin = sub(o, origin);
        let behind = [project(from_origin, along), -project(from_origin, away)];
        Self { origin, axes, length, behind }
    }

    /// Coordinates of a point: along, away, up.
    pub fn local(&self, point: Point) -> Point {
        let from = sub(point, self.origin);
        self.axes.map(|axis| project(from, axis))
    }

    /// The point at local coordinates.
    pub fn global(&self, local: Point) -> Point {
        let half = 1 << (AXIS_BITS - 1);
        [0, 1, 2].map(|n| {
            let sum: i64 = self.axes.iter().zip(local).map(|(axis, value)| axis[n] * value).sum();
            self.origin[n] + ((sum + half) >> AXIS_BITS)
        })
    }
}

fn project(from: Point, axis: [i64; 3]) -> i64 {
    (dot(from, axis) + (1 << (AXIS_BITS - 1))) >> AXIS_BITS
}

pub(super) fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(super) fn dot(a: Point, b: Point) -> i64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// A vector of length [`ONE`], `None` for none. Components stay below 2^56.
fn unit(vector: Point) -> Option<[i64; 3]> {
    let greatest = vector.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0);
    let bits = u64::BITS - greatest.leading_zeros();
    // Between 2^27 and 2^28, so that squares add up below 2^58 and short vectors keep their direction.
    let scaled = vector.map(|value| if bits > 28 { value >> (bits - 28) } else { value << (28 - bits) });
    let length = dot(scaled, scaled).isqrt();
    (greatest > 0).then(|| scaled.map(|value| value * ONE / length))
}

/// Some axis perpendicular to a unit vector.
fn perpendicular(along: [i64; 3]) -> [i64; 3] {
    let least = (0..3).min_by_key(|&n| along[n].abs()).unwrap_or(0);
    let mut other = [0; 3];
    other[least] = ONE;
    unit(cross(along, other)).unwrap_or([0, 0, ONE])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What three axes that are off by two in their last bit leave at a distance of 350,000, and two units for rounding.
    const OFF: i64 = ((3 * 350_000 * 2) >> AXIS_BITS) + 2;

    fn point() -> impl Strategy<Value = Point> {
        [-100_000..100_000i64, -100_000..100_000i64, -100_000..100_000i64]
    }

    proptest! {
        #[test]
        fn local_coordinates_lead_back(a in point(), b in point(), o in point(), p in point()) {
            let frame = Frame::new(a, b, o);
            let back = frame.global(frame.local(p));
            prop_assert!(sub(back, p).iter().all(|value| value.abs() <= OFF), "{p:?} came back as {back:?}");
        }

        #[test]
        fn the_face_lies_behind(a in point(), b in point(), o in point()) {
            prop_assert!(Frame::new(a, b, o).behind[1] >= -OFF);
        }
    }

    #[test]
    fn edges_and_faces_without_extent_have_frames() {
        for (a, b, o) in [([0; 3], [0; 3], [0; 3]), ([0; 3], [5, 0, 0], [9, 0, 0]), ([3; 3], [3; 3], [4, 3, 3])] {
            let frame = Frame::new(a, b, o);
            let back = frame.global(frame.local([7, -3, 2]));
            assert!(sub(back, [7, -3, 2]).iter().all(|value| value.abs() <= 1));
        }
    }
}
