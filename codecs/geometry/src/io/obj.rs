//! Wavefront OBJ.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{IoLimits, Siblings, Side, View, check, text};
use crate::error::{Error, Result};
use crate::shape::{Mesh, Shape};

/// Words that lines of an OBJ file begin with.
const WORDS: [&[u8]; 13] =
    [b"v", b"vn", b"vt", b"vp", b"f", b"l", b"p", b"o", b"g", b"s", b"mtllib", b"usemtl", b"usemap"];

pub(super) fn is_obj(bytes: &[u8]) -> bool {
    let lines = text::first_lines(bytes, 8);
    let known = |line: &&[u8]| text::words(line).next().is_some_and(|word| WORDS.contains(&word));
    !lines.is_empty() && lines.iter().all(known)
}

/// Polygons become fans of triangles. A corner with a normal or texture coordinate of its own is a vertex of its own.
pub(super) fn read(
    bytes: &[u8],
    limits: &IoLimits,
    siblings: &Siblings<'_>,
    (notes, side): (&mut Vec<String>, &mut Side),
) -> Result<Mesh> {
    let mut file = File::default();
    for (n, line) in text::lines(bytes) {
        let mut words = text::words(line);
        match words.next() {
            Some(b"v") => file.vertex(line, n, limits)?,
            Some(b"vn") => {
                check("normals of the file", file.normals.len() as u64 + 1, limits.max_points)?;
                file.normals.push(text::numbers(&mut words, n, "a normal")?);
            }
            Some(b"vt") => {
                check("texture coordinates of the file", file.uvs.len() as u64 + 1, limits.max_points)?;
                let [u] = text::numbers(&mut words, n, "a texture coordinate")?;
                file.uvs.push([u, words.next().and_then(text::number).unwrap_or(0.0)]);
            }
            Some(b"f") => file.face(words, n, limits)?,
            Some(b"l") => file.lines = true,
            Some(b"mtllib") => note(&mut file.libraries, words),
            Some(b"usemtl") => note(&mut file.materials, words),
            Some(b"o") => note(&mut file.objects, words),
            Some(b"g") => file.groups = true,
            Some(word) if word.iter().all(u8::is_ascii_graphic) => {}
            Some(_) => {
                return Err(Error::shape(format!(
                    "line {n} of the OBJ file is no text; fetch a good copy of the file"
                )));
            }
            None => {}
        }
    }
    if let [name] = &Vec::from_iter(&file.objects)[..] {
        side.add_text("name", Some(&json!(name)));
    }
    let textures = match &Vec::from_iter(&file.materials)[..] {
        [material] => {
            let library = file.libraries.iter().filter(|name| super::is_beside(name)).find_map(|name| siblings(name));
            let (material, textures) = material_of(&library.unwrap_or_default(), material);
            side.add_material(&material);
            textures
        }
        _ => false,
    };
    let said = [
        (file.materials.len() > 1, "its materials are dropped: there are several"),
        (textures, "textures are dropped"),
        (file.objects.len() > 1 || file.groups, "names of several objects and of groups are dropped"),
        (file.lines, "lines are dropped"),
    ];
    notes.extend(said.iter().filter(|(there, _)| *there).map(|(_, what)| (*what).to_owned()));
    file.into_mesh(limits, notes)
}

/// A corner of a face: the indices of its position, texture coordinate and normal.
type Corner = (u32, Option<u32>, Option<u32>);

#[derive(Default)]
struct File {
    positions: Vec<[f32; 3]>,
    colors: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
    uvs: Vec<[f32; 2]>,
    faces: Vec<[Corner; 3]>,
    /// Names, at most [`MOST_NAMES`] each.
    libraries: BTreeSet<String>,
    materials: BTreeSet<String>,
    objects: BTreeSet<String>,
    groups: bool,
    lines: bool,
}

/// Names that are told apart: more than one is several.
const MOST_NAMES: usize = 8;

fn note<'a>(names: &mut BTreeSet<String>, words: impl Iterator<Item = &'a [u8]>) {
    let name = words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    if names.len() < MOST_NAMES && !name.is_empty() {
        names.insert(name);
    }
}

/// A material of a library as glTF has it, and whether it has pictures. What is not said there is left out.
fn material_of(library: &[u8], name: &str) -> (Value, bool) {
    let mut material = json!({ "name": name });
    let (mut own, mut textures) = (false, false);
    let (mut color, mut alpha) = ([1.0f32; 3], 1.0f32);
    for (_, line) in text::lines(library) {
        let mut words = text::words(line);
        let word = words.next().unwrap_or_default();
        if word == b"newmtl" {
            own = words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ") == name;
            continue;
        }
        if !own {
            continue;
        }
        let numbers: Vec<f32> = words.map_while(text::number).filter(|number| number.is_finite()).take(3).collect();
        match (word, &numbers[..]) {
            (b"Kd", &[r, g, b]) => color = [r, g, b],
            (b"d", &[opaque]) => alpha = opaque,
            (b"Ke", &[r, g, b]) => material["emissiveFactor"] = json!([r, g, b].map(|x| x.clamp(0.0, 1.0))),
            (b"Pr", &[rough]) => material["pbrMetallicRoughness"]["roughnessFactor"] = json!(rough.clamp(0.0, 1.0)),
            (b"Pm", &[metal]) => material["pbrMetallicRoughness"]["metallicFactor"] = json!(metal.clamp(0.0, 1.0)),
            _ => textures |= word.starts_with(b"map_"),
        }
    }
    if color != [1.0; 3] || alpha != 1.0 {
        let [r, g, b] = color;
        let factor = [r, g, b, alpha].map(|x| x.clamp(0.0, 1.0));
        material["pbrMetallicRoughness"]["baseColorFactor"] = json!(factor);
        if alpha < 1.0 {
            material["alphaMode"] = json!("BLEND");
        }
    }
    (material, textures)
}

impl File {
    fn vertex(&mut self, line: &[u8], n: usize, limits: &IoLimits) -> Result<()> {
        check("points of the file", self.positions.len() as u64 + 1, limits.max_points)?;
        let mut words = text::words(line).skip(1);
        self.positions.push(text::numbers(&mut words, n, "a vertex")?);
        let rest: Option<Vec<f32>> = words.map(text::number).collect();
        // A fourth number alone is a weight.
        if let Some([r, g, b]) = rest.as_deref().filter(|rest| rest.len() == 3) {
            self.colors.push([*r, *g, *b]);
        }
        Ok(())
    }

    fn face<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>, n: usize, limits: &IoLimits) -> Result<()> {
        let bad =
            || Error::shape(format!("the face in line {n} of the OBJ file has no valid corners; repair the file"));
        let mut fan: [Option<Corner>; 2] = [None, None];
        let mut corners = 0;
        for word in words {
            let mut parts = word.split(|&byte| byte == b'/');
            let position = index(parts.next(), self.positions.len()).and_then(|index| index).ok_or_else(bad)?;
            let uv = index(parts.next(), self.uvs.len()).ok_or_else(bad)?;
            let normal = index(parts.next(), self.normals.len()).ok_or_else(bad)?;
            let corner = (position, uv, normal);
            corners += 1;
            match fan {
                [None, _] => fan[0] = Some(corner),
                [_, None] => fan[1] = Some(corner),
                [Some(first), Some(last)] => {
                    check("faces of the file", self.faces.len() as u64 + 1, limits.max_faces)?;
                    self.faces.push([first, last, corner]);
                    fan[1] = Some(corner);
                }
            }
        }
        if corners < 3 { Err(bad()) } else { Ok(()) }
    }

    fn into_mesh(self, limits: &IoLimits, notes: &mut Vec<String>) -> Result<Mesh> {
        let colored = self.colors.len() == self.positions.len() && !self.colors.is_empty();
        // Most write 0 to 1, some 0 to 255.
        let scale = if self.colors.iter().flatten().any(|&c| c > 1.0) { 1.0 } else { 255.0 };
        let color = |n: usize| self.colors[n].map(|c| (c * scale).round().clamp(0.0, 255.0) as u8);
        let all = |has: fn(&Corner) -> bool| !self.faces.is_empty() && self.faces.iter().flatten().all(has);
        let any = |has: fn(&Corner) -> bool| self.faces.iter().flatten().any(has);
        let (with_uvs, with_normals) = (all(|c| c.1.is_some()), all(|c| c.2.is_some()));
        if !with_uvs && any(|c| c.1.is_some()) {
            notes.push("texture coordinates are dropped: not every corner has one".to_owned());
        }
        if !with_normals && any(|c| c.2.is_some()) {
            notes.push("normals are dropped: not every corner has one".to_owned());
        }
        if !with_uvs && !with_normals {
            // Vertices stay as they are, in their order.
            let colors = colored.then(|| (0..self.positions.len()).map(color).collect());
            let normals = (self.faces.is_empty() && self.normals.len() == self.positions.len()).then_some(self.normals);
            let faces = self.faces.iter().map(|face| face.map(|corner| corner.0)).collect();
            return Ok(Mesh { faces, normals, uvs: None, colors, positions: self.positions });
        }
        let mut known: HashMap<Corner, u32> = HashMap::new();
        let mut order: Vec<Corner> = Vec::new();
        let mut faces = Vec::with_capacity(self.faces.len());
        for face in &self.faces {
            faces.push(face.map(|(position, uv, normal)| {
                let corner = (position, uv.filter(|_| with_uvs), normal.filter(|_| with_normals));
                *known.entry(corner).or_insert_with(|| {
                    order.push(corner);
                    (order.len() - 1) as u32
                })
            }));
            check("points of the file", order.len() as u64, limits.max_points)?;
        }
        let at = |index: Option<u32>| index.unwrap_or(0) as usize;
        Ok(Mesh {
            positions: order.iter().map(|corner| self.positions[corner.0 as usize]).collect(),
            faces,
            normals: with_normals.then(|| order.iter().map(|corner| self.normals[at(corner.2)]).collect()),
            uvs: with_uvs.then(|| order.iter().map(|corner| self.uvs[at(corner.1)]).collect()),
            colors: colored.then(|| order.iter().map(|corner| color(corner.0 as usize)).collect()),
        })
    }
}

/// An index from 1, or from the end if below 0, of so many; `Some(None)` for no word.
fn index(word: Option<&[u8]>, count: usize) -> Option<Option<u32>> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Some(None) };
    let number: i64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    let index = if number < 0 { number.checked_add(count as i64)? } else { number - 1 };
    (0..count as i64).contains(&index).then_some(Some(index as u32))
}

pub(super) fn write(shape: &Shape, name: Option<&str>) -> Vec<u8> {
    let view = View::of(shape);
    let mut out = b"# tessera\n".to_vec();
    if let Some(name) = name {
        let line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        out.extend(format!("o {}\n", line.trim()).bytes());
    }
    for (n, position) in view.positions.iter().enumerate() {
        out.push(b'v');
        text::put(&mut out, *position);
        if let Some(colors) = view.colors {
            // To what reads back as the same byte.
            text::put(&mut out, colors[n].map(|c| (f32::from(c) / 255.0 * 1e4).round() / 1e4));
        }
        out.push(b'\n');
    }
    for uv in view.uvs.unwrap_or_default() {
        out.extend(b"vt");
        text::put(&mut out, *uv);
        out.push(b'\n');
    }
    for normal in view.normals.unwrap_or_default() {
        out.extend(b"vn");
        text::put(&mut out, *normal);
        out.push(b'\n');
    }
    for face in view.faces {
        out.push(b'f');
        for index in face {
            let n = index + 1;
            let corner = match (view.uvs.is_some(), view.normals.is_some()) {
                (false, false) => format!(" {n}"),
                (true, false) => format!(" {n}/{n}"),
                (false, true) => format!(" {n}//{n}"),
                (true, true) => format!(" {n}/{n}/{n}"),
            };
            out.extend(corner.bytes());
        }
        out.push(b'\n');
    }
    out
}
