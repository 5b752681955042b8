//! A textured mesh, and pictures of it: what splats are fitted to.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use image::RgbImage;
use tessera_geometry::metrics::views::{Camera, View};

type Place = [f64; 3];

/// Units across.
const DIAGONAL: f64 = 4.0;
/// Samples of a pixel along each side.
const SAMPLES: usize = 2;
/// Where light comes from, and what there is of it everywhere, from there, and as a gleam.
const LIGHT: Place = [0.4, -0.8, -0.45];
const AMBIENT: f64 = 0.35;
const DIFFUSE: f64 = 0.65;
const GLEAM: f64 = 0.25;
const SHARPNESS: i32 = 12;

struct Face {
    places: [Place; 3],
    normals: [Place; 3],
    uvs: [[f64; 2]; 3],
    material: usize,
}

#[derive(Default)]
struct Material {
    color: [f64; 3],
    texture: Option<RgbImage>,
}

/// Triangles with textures, y down and z to the front as 3DGS has them.
pub struct Scene {
    faces: Vec<Face>,
    materials: Vec<Material>,
}

/// A point of the surface.
pub struct Sample {
    pub place: Place,
    pub normal: Place,
    pub color: [f64; 3],
}

impl Scene {
    /// Reads an OBJ file with the materials and textures beside it.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        let (mut places, mut uvs, mut corners) = (Vec::new(), Vec::new(), Vec::new());
        let mut materials = vec![Material { color: [0.7; 3], texture: None }];
        let mut names: HashMap<String, usize> = HashMap::new();
        let mut material = 0;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |n: usize| words.get(n).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
            match words.first() {
                Some(&"v") => places.push([number(1), -number(2), -number(3)]),
                Some(&"vt") => uvs.push([number(1), number(2)]),
                Some(&"mtllib") => materials_of(&folder.join(words[1..].join(" ")), &mut materials, &mut names),
                Some(&"usemtl") => material = names.get(&words[1..].join(" ")).copied().unwrap_or(0),
                Some(&"f") => {
                    let corner = |word: &str| -> Option<(usize, usize)> {
                        let mut parts = word.split('/').map(|part| part.parse::<i64>().ok());
                        let index = |n: i64, count: usize| if n < 0 { count as i64 + n } else { n - 1 } as usize;
                        let place = index(parts.next()??, places.len());
                        let uv = parts.next().flatten().map_or(usize::MAX, |n| index(n, uvs.len()));
                        (place < places.len()).then_some((place, uv))
                    };
                    let all: Vec<(usize, usize)> = words[1..].iter().filter_map(|word| corner(word)).collect();
                    for n in 1..all.len().saturating_sub(1) {
                        corners.push(([all[0], all[n], all[n + 1]], material));
                    }
                }
                _ => {}
            }
        }
        // A few units across, as captured scenes are: SPZ keeps coordinates in steps of 1/4096 of one.
        let range = |n: usize| {
            places.iter().fold([f64::MAX, f64::MIN], |[low, high], p: &Place| [low.min(p[n]), high.max(p[n])])
        };
        let ranges = [range(0), range(1), range(2)];
        let diagonal = ranges.iter().map(|[low, high]| (high - low).powi(2)).sum::<f64>().sqrt().max(1e-30);
        for place in &mut places {
            *place = std::array::from_fn(|n| (place[n] - (ranges[n][0] + ranges[n][1]) / 2.0) * DIAGONAL / diagonal);
        }
        // Normals of vertices: those of the faces around, by their area.
        let mut normals = vec![[0.0; 3]; places.len()];
        for (face, _) in &corners {
            let [a, b, c] = face.map(|(place, _)| places[place]);
            let normal = cross(sub(b, a), sub(c, a));
            for (place, _) in face {
                normals[*place] = std::array::from_fn(|n| normals[*place][n] + normal[n]);
            }
        }
        let face = |(face, material): ([(usize, usize); 3], usize)| Face {
            places: face.map(|(place, _)| places[place]),
            normals: face.map(|(place, _)| unit(normals[place])),
            uvs: face.map(|(_, uv)| uvs.get(uv).copied().unwrap_or_default()),
            material,
        };
        Ok(Self { faces: corners.into_iter().map(face).collect(), materials })
    }

    /// Positions of all corners, for the cameras.
    pub fn places(&self) -> Vec<[f32; 3]> {
        self.faces.iter().flat_map(|face| face.places.map(|place| place.map(|x| x as f32))).collect()
    }

    fn color(&self, face: &Face, weights: Place) -> [f64; 3] {
        let material = &self.materials[face.material];
        let Some(texture) = &material.texture else { return material.color };
        let uv: [f64; 2] = std::array::from_fn(|n| (0..3).map(|k| face.uvs[k][n] * weights[k]).sum());
        let at = |x: f64, size: u32| ((x - x.floor()) * f64::from(size)).min(f64::from(size - 1)) as u32;
        let pixel = texture.get_pixel(at(uv[0], texture.width()), at(1.0 - uv[1], texture.height()));
        pixel.0.map(|level| f64::from(level) / 255.0)
    }

    /// About `count` points, evenly over the surface.
    pub fn samples(&self, count: usize) -> Vec<Sample> {
        let area = |face: &Face| {
            let normal = cross(sub(face.places[1], face.places[0]), sub(face.places[2], face.places[0]));
            dot(normal, normal).sqrt() / 2.0
        };
        let total: f64 = self.faces.iter().map(area).sum();
        let (mut due, mut drawn, mut all) = (0.5, 0.0, Vec::new());
        for face in &self.faces {
            due += area(face) / total * count as f64;
            while due >= 1.0 {
                due -= 1.0;
                drawn += 1.0;
                let (s, t) = ((drawn * 0.754_877_666_246_693f64).fract(), (drawn * 0.569_840_290_998_053f64).fract());
                let (s, t) = if s + t > 1.0 { (1.0 - s, 1.0 - t) } else { (s, t) };
                let weights = [1.0 - s - t, s, t];
                let mix = |of: &[Place; 3]| std::array::from_fn(|n| (0..3).map(|k| of[k][n] * weights[k]).sum());
                let color = self.color(face, weights);
                all.push(Sample { place: mix(&face.places), normal: unit(mix(&face.normals)), color });
            }
        }
        all
    }

    /// A picture on black.
    pub fn view(&self, camera: &Camera) -> View {
        let size = camera.size * SAMPLES;
        let mut depths = vec![f64::INFINITY; size * size];
        let mut colors = vec![[0.0f64; 3]; size * size];
        let focus = camera.focus * SAMPLES as f64;
        for face in &self.faces {
            let seen = face.places.map(|place| camera.axes.map(|axis| dot(axis, sub(place, camera.place))));
            if seen.iter().any(|place| place[2] < 1e-3) {
                continue;
            }
            let spots = seen.map(|[x, y, z]| [x, y].map(|x| size as f64 / 2.0 + focus * x / z));
            let range = |n: usize| {
                let all = spots.map(|spot| spot[n].clamp(0.0, size as f64 - 1.0));
                all.into_iter().fold(size as f64, f64::min) as usize
                    ..all.into_iter().fold(0.0, f64::max).ceil() as usize + 1
            };
            let edge =
                |a: [f64; 2], b: [f64; 2], x: f64, y: f64| (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
            let whole = edge(spots[0], spots[1], spots[2][0], spots[2][1]);
            for y in range(1).take_while(|y| *y < size) {
                for x in range(0).take_while(|x| *x < size) {
                    let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                    let flat = [(1, 2), (2, 0), (0, 1)].map(|(a, b)| edge(spots[a], spots[b], px, py) / whole);
                    if !flat.iter().all(|weight| *weight >= 0.0) {
                        continue;
                    }
                    // What is even on the picture is not on the surface.
                    let near: Place = std::array::from_fn(|k| flat[k] / seen[k][2]);
                    let depth = 1.0 / near.iter().sum::<f64>();
                    if depth >= depths[y * size + x] {
                        continue;
                    }
                    depths[y * size + x] = depth;
                    let weights = near.map(|near| near * depth);
                    let mix = |of: &[Place; 3]| -> Place {
                        std::array::from_fn(|n| (0..3).map(|k| of[k][n] * weights[k]).sum())
                    };
                    colors[y * size + x] =
                        lit(self.color(face, weights), mix(&face.places), mix(&face.normals), camera);
                }
            }
        }
        let share = 1.0 / (SAMPLES * SAMPLES) as f64;
        let pixel = |n: usize| {
            let (x, y) = (n % camera.size * SAMPLES, n / camera.size * SAMPLES);
            let all = (0..SAMPLES * SAMPLES).map(|k| colors[(y + k / SAMPLES) * size + x + k % SAMPLES]);
            all.fold([0.0f32; 3], |sum, color| std::array::from_fn(|c| sum[c] + (color[c] * share) as f32))
        };
        View { size: camera.size, pixels: (0..camera.size * camera.size).map(pixel).collect() }
    }
}

fn lit(color: [f64; 3], place: Place, normal: Place, camera: &Camera) -> [f64; 3] {
    let (light, normal) = (unit(LIGHT), unit(normal));
    let viewer = unit(sub(camera.place, place));
    // Either side of a face can be seen.
    let normal = if dot(normal, viewer) < 0.0 { normal.map(|x| -x) } else { normal };
    let half = unit(std::array::from_fn(|n| light[n] + viewer[n]));
    let gleam = GLEAM * dot(normal, half).max(0.0).powi(SHARPNESS);
    let shade = AMBIENT + DIFFUSE * dot(normal, light).max(0.0);
    color.map(|c| (c * shade + gleam).min(1.0))
}

fn materials_of(path: &Path, materials: &mut Vec<Material>, names: &mut HashMap<String, usize>) {
    let Ok(bytes) = fs::read(path) else { return };
    for line in String::from_utf8_lossy(&bytes).lines() {
        let (key, value) = line.trim().split_once(char::is_whitespace).unwrap_or(("", ""));
        match (key, materials.last_mut()) {
            ("newmtl", _) => {
                names.insert(value.trim().to_owned(), materials.len());
                materials.push(Material { color: [0.7; 3], texture: None });
            }
            ("Kd", Some(last)) => {
                let mut numbers = value.split_whitespace().filter_map(|word| word.parse().ok());
                last.color = std::array::from_fn(|_| numbers.next().unwrap_or(0.7));
            }
            ("map_Kd", Some(last)) => {
                let file = path.with_file_name(Path::new(value.trim()).file_name().unwrap_or_default());
                last.texture = image::open(file).ok().map(|texture| texture.to_rgb8());
            }
            _ => {}
        }
    }
}

pub fn sub(a: Place, b: Place) -> Place {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub fn dot(a: Place, b: Place) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn cross(a: Place, b: Place) -> Place {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub fn unit(a: Place) -> Place {
    let length = dot(a, a).sqrt().max(1e-30);
    a.map(|x| x / length)
}
