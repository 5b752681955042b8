//! Pictures of shapes: a small software renderer with a depth buffer, seen from above the front, without perspective; and splats as the codec's own
//! renderer shows them.

use image::{Rgb, RgbImage};
use tessera_geometry::metrics::views::{Camera, render};
use tessera_geometry::{Bounds, Shape, Splats};

/// Degrees by which the view is turned about the upright axis and tilted down.
const TURN: f64 = 35.0;
const TILT: f64 = 20.0;
/// Share of the picture that is left free on either side.
const MARGIN: f64 = 0.06;
const BACKGROUND: Rgb<u8> = Rgb([250, 250, 248]);
/// Gray of what has no colour.
const PLAIN: [f64; 3] = [150.0, 160.0, 175.0];

/// A picture of `size` by `size` pixels of a shape within `bounds`, which two pictures to be compared share.
///
/// Triangles are shaded by how they face the viewer; points, drawn as squares, by their normals or else by depth.
pub fn preview(shape: &Shape, bounds: &Bounds, size: u32) -> RgbImage {
    let mut canvas = Canvas::new(size);
    let view = View::new(bounds, size);
    match shape {
        Shape::Mesh(mesh) => {
            for face in &mesh.faces {
                let corners = face.map(|index| view.project(mesh.positions[index as usize]));
                let colors = face.map(|index| tint(mesh.colors.as_deref(), index as usize));
                let color = std::array::from_fn(|c| colors.iter().map(|color| color[c]).sum::<f64>() / 3.0);
                canvas.triangle(corners, color);
            }
        }
        Shape::Cloud(cloud) => {
            // About as large as the gaps between points on a surface.
            let radius = (f64::from(size) * 0.6 / (cloud.len() as f64).sqrt()).clamp(0.0, 4.0) as i64;
            for (n, position) in cloud.positions.iter().enumerate() {
                let place = view.project(*position);
                let light = match &cloud.normals {
                    Some(normals) => {
                        let turned = view.turn(normals[n].map(f64::from));
                        let length = turned.iter().map(|x| x * x).sum::<f64>().sqrt();
                        0.3 + 0.7 * if length > 0.0 { turned[2].abs() / length } else { 0.0 }
                    }
                    None => 0.45 + 0.55 * (1.0 - place[2]).clamp(0.0, 1.0),
                };
                let color = tint(cloud.colors.as_deref(), n).map(|c| c * light);
                for dy in -radius..=radius {
                    for dx in -radius..=radius {
                        canvas.put(place[0].round() as i64 + dx, place[1].round() as i64 + dy, place[2], color);
                    }
                }
            }
        }
        _ => {}
    }
    canvas.picture
}

/// A picture of splats from a camera, on black.
pub fn seen(splats: &Splats, camera: &Camera) -> RgbImage {
    let size = camera.size as u32;
    let levels = render(splats, camera).levels();
    RgbImage::from_fn(size, size, |x, y| {
        let at = 3 * (y * size + x) as usize;
        Rgb([levels[at], levels[at + 1], levels[at + 2]])
    })
}

fn tint(colors: Option<&[[u8; 3]]>, n: usize) -> [f64; 3] {
    colors.map_or(PLAIN, |colors| colors[n].map(f64::from))
}

struct View {
    centre: [f64; 3],
    scale: f64,
    depth: f64,
    size: f64,
}

impl View {
    fn new(bounds: &Bounds, size: u32) -> Self {
        let diagonal = bounds.diagonal().max(f64::MIN_POSITIVE);
        Self {
            centre: std::array::from_fn(|axis| (f64::from(bounds.min[axis]) + f64::from(bounds.max[axis])) / 2.0),
            scale: f64::from(size) * (1.0 - 2.0 * MARGIN) / diagonal,
            depth: diagonal,
            size: f64::from(size),
        }
    }

    fn turn(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        let (sin, cos) = TURN.to_radians().sin_cos();
        let (x, z) = (cos * x + sin * z, cos * z - sin * x);
        let (sin, cos) = TILT.to_radians().sin_cos();
        [x, cos * y - sin * z, cos * z + sin * y]
    }

    /// Column and row in pixels, and depth from 0, near, to 1.
    fn project(&self, position: [f32; 3]) -> [f64; 3] {
        let [x, y, z] = self.turn(std::array::from_fn(|axis| f64::from(position[axis]) - self.centre[axis]));
        [self.size / 2.0 + self.scale * x, self.size / 2.0 - self.scale * y, 0.5 - z / self.depth]
    }
}

struct Canvas {
    picture: RgbImage,
    depth: Vec<f64>,
}

impl Canvas {
    fn new(size: u32) -> Self {
        Self {
            picture: RgbImage::from_pixel(size, size, BACKGROUND),
            depth: vec![f64::INFINITY; (size * size) as usize],
        }
    }

    fn put(&mut self, x: i64, y: i64, depth: f64, color: [f64; 3]) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= self.picture.width() || y >= self.picture.height() {
            return;
        }
        let held = &mut self.depth[(y * self.picture.width() + x) as usize];
        if depth < *held {
            *held = depth;
            self.picture.put_pixel(x, y, Rgb(color.map(|c| c.clamp(0.0, 255.0) as u8)));
        }
    }

    fn triangle(&mut self, [a, b, c]: [[f64; 3]; 3], color: [f64; 3]) {
        let cross = |p: [f64; 3], q: [f64; 3], x: f64, y: f64| (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]);
        let area = cross(a, b, c[0], c[1]);
        if area == 0.0 {
            return;
        }
        // The slope of depth over the picture, in pixels, says how the face lies.
        let size = f64::from(self.picture.width());
        let slope = |k: usize| {
            let other = 1 - k;
            let up = (b[2] - a[2]) * (c[other] - a[other]) - (c[2] - a[2]) * (b[other] - a[other]);
            up / area * size
        };
        let light = 0.25 + 0.75 / (1.0 + slope(0).powi(2) + slope(1).powi(2)).sqrt();
        let color = color.map(|channel| channel * light);
        let range = |axis: usize| {
            let least = a[axis].min(b[axis]).min(c[axis]).clamp(0.0, size - 1.0);
            let most = a[axis].max(b[axis]).max(c[axis]).clamp(0.0, size - 1.0);
            least.floor() as i64..=most.ceil() as i64
        };
        for y in range(1) {
            for x in range(0) {
                let (px, py) = (x as f64, y as f64);
                let weights = [cross(b, c, px, py), cross(c, a, px, py), cross(a, b, px, py)].map(|w| w / area);
                if weights.iter().all(|weight| *weight >= -1e-9) {
                    let depth = weights[0] * a[2] + weights[1] * b[2] + weights[2] * c[2];
                    self.put(x, y, depth, color);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tessera_geometry::{Cloud, Mesh};

    use super::*;

    #[test]
    fn near_things_hide_far_ones() {
        let square = |z: f32| [[-1.0, -1.0, z], [1.0, -1.0, z], [1.0, 1.0, z], [-1.0, 1.0, z]];
        let positions = [square(0.5), square(-0.5)].concat();
        let faces = vec![[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]];
        let colors = [vec![[200, 0, 0]; 4], vec![[0, 0, 200]; 4]].concat();
        let bounds = Bounds::of(&positions).unwrap();
        let shape = Shape::Mesh(Mesh { positions, faces, colors: Some(colors), ..Mesh::default() });
        let picture = preview(&shape, &bounds, 64);
        let [r, _, b] = picture.get_pixel(32, 32).0;
        assert!(r > 50 && b == 0, "{r} {b}");
        assert_eq!(*picture.get_pixel(0, 0), BACKGROUND);
    }

    #[test]
    fn points_appear_where_they_are() {
        let cloud = Cloud::new(vec![[0.0; 3], [1.0, 1.0, 1.0]]);
        let bounds = Bounds::of(&cloud.positions).unwrap();
        let picture = preview(&Shape::Cloud(cloud), &bounds, 64);
        let drawn = picture.pixels().filter(|pixel| **pixel != BACKGROUND).count();
        assert!((2..=162).contains(&drawn), "{drawn} pixels");
    }
}
