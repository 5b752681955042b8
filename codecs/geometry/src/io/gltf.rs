//! glTF 2.0, through the `gltf` crate in; a minimal GLB out.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gltf::mesh::Mode;
use serde_json::{Value, json};

use super::{IoLimits, Siblings, Side, View, check};
use crate::error::{Error, Result};
use crate::shape::{Bounds, Mesh, Shape};

const GLB_JSON: u32 = 0x4E4F_534A;
const GLB_BINARY: u32 = 0x004E_4942;
/// Nodes that a scene may nest.
const DEEPEST: usize = 256;
/// Nodes of a scene, each as often as it is used.
const MOST_NODES: usize = 1 << 16;

pub(super) fn is_gltf(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1 << 16)];
    let holds = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    bytes.starts_with(b"glTF") || (head.trim_ascii_start().starts_with(b"{") && holds(b"\"asset\""))
}

/// The meshes of a file in the places where its scene has them, as one.
pub(super) fn read(
    bytes: &[u8],
    limits: &IoLimits,
    siblings: &Siblings<'_>,
    said: (&mut Vec<String>, &mut Side),
) -> Result<Mesh> {
    // The crate checks indices, not ranges; what it does not expect ends as an error here.
    catch_unwind(AssertUnwindSafe(|| scene(bytes, limits, siblings, said)))
        .unwrap_or_else(|_| Err(Error::shape("the glTF file is damaged beyond reading; fetch a good copy of the file")))
}

fn scene(
    bytes: &[u8],
    limits: &IoLimits,
    siblings: &Siblings<'_>,
    (notes, side): (&mut Vec<String>, &mut Side),
) -> Result<Mesh> {
    let file = gltf::Gltf::from_slice(bytes).map_err(|error| {
        let error = error.to_string();
        let line = error.lines().next().unwrap_or_default();
        Error::shape(format!("the glTF file is not readable ({line}); export it again, without extensions"))
    })?;
    let mut reader = Reader {
        buffers: buffers(&file, siblings)?,
        limits,
        merged: Merged::default(),
        nodes: 0,
        said: HashSet::new(),
        parts: Vec::new(),
    };
    let scene = file.default_scene().or_else(|| file.scenes().next());
    let Some(scene) = scene else { return Err(Error::shape("the glTF file has no scene; export it again")) };
    if file.scenes().len() > 1 {
        notes.push("scenes but the first are dropped".to_owned());
    }
    let identity = std::array::from_fn(|n| std::array::from_fn(|m| f64::from(u8::from(n == m))));
    for node in scene.nodes() {
        reader.node(&node, &identity, 0)?;
    }
    let several = beside(bytes, &reader.parts, side);
    let dropped = [
        (several, "names and materials of several parts are dropped"),
        (file.textures().len() > 0, "textures are dropped"),
        (file.animations().len() > 0, "animations are dropped"),
        (file.skins().len() > 0, "skins are dropped"),
    ];
    notes.extend(dropped.iter().filter(|(there, _)| *there).map(|(_, what)| (*what).to_owned()));
    let mut said: Vec<&str> = reader.said.into_iter().collect();
    said.sort_unstable();
    notes.extend(said.into_iter().map(str::to_owned));
    Ok(reader.merged.into_mesh(notes))
}

/// The bytes of every buffer: within the file, in it as text, or beside it.
fn buffers(file: &gltf::Gltf, siblings: &Siblings<'_>) -> Result<Vec<Vec<u8>>> {
    let own = |buffer: gltf::Buffer<'_>| {
        let bytes = match buffer.source() {
            gltf::buffer::Source::Bin => file.blob.clone(),
            gltf::buffer::Source::Uri(uri) => match uri.strip_prefix("data:") {
                Some(data) => data.split_once(";base64,").and_then(|(_, text)| base64(text)),
                // Only what lies beside the file, or below.
                None if !super::is_beside(uri) => {
                    return Err(Error::shape(format!(
                        "the glTF file refers to '{uri}', outside of its folder; export it as GLB"
                    )));
                }
                None => Some(siblings(&uri.replace("%20", " ")).ok_or_else(|| {
                    Error::shape(format!("its buffer '{uri}' is not beside it; put it there or export it as GLB"))
                })?),
            },
        };
        match bytes.filter(|bytes| bytes.len() >= buffer.length()) {
            Some(bytes) => Ok(bytes),
            None => Err(Error::shape(format!(
                "buffer {} of the glTF file is missing or too short; fetch a good copy of the file",
                buffer.index()
            ))),
        }
    };
    file.buffers().map(own).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    Some(out)
}

/// Columns of four, as glTF has them.
type Matrix = [[f64; 4]; 4];

struct Reader<'a> {
    buffers: Vec<Vec<u8>>,
    limits: &'a IoLimits,
    merged: Merged,
    nodes: usize,
    said: HashSet<&'static str>,
    /// Node and material of each part that is read.
    parts: Vec<(usize, Option<usize>)>,
}

/// What the file says of the only node with a mesh, of the only material and of rights; whether there are several of the former.
fn beside(bytes: &[u8], parts: &[(usize, Option<usize>)], side: &mut Side) -> bool {
    let text = match bytes.strip_prefix(b"glTF") {
        // The length of the text follows version, length of the file; its kind comes before it.
        Some(rest) => {
            let length = rest.get(8..12).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
            rest.get(16..).map(|text| &text[..text.len().min(length as usize)])
        }
        None => Some(bytes),
    };
    let Some(root) = text.and_then(|text| serde_json::from_slice::<Value>(text).ok()) else { return false };
    side.add_text("copyright", root.pointer("/asset/copyright"));
    let Some(&(node, material)) = parts.first() else { return false };
    let node_is_one = parts.iter().all(|part| part.0 == node);
    if node_is_one {
        let node = &root["nodes"][node];
        let mesh = &root["meshes"][node["mesh"].as_u64().unwrap_or(u64::MAX) as usize];
        side.add_text("name", node.get("name").or_else(|| mesh.get("name")));
        side.add("extras", node.get("extras").or_else(|| mesh.get("extras")));
    }
    let material_is_one = parts.iter().all(|part| part.1 == material);
    if material_is_one && let Some(material) = material {
        side.add_material(&root["materials"][material]);
    }
    let named = || root["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node.get("name").is_some()));
    !material_is_one || !node_is_one && named()
}

impl Reader<'_> {
    fn node(&mut self, node: &gltf::Node<'_>, above: &Matrix, depth: usize) -> Result<()> {
        self.nodes += 1;
        if depth > DEEPEST || self.nodes > MOST_NODES {
            return Err(Error::shape(
                "the nodes of the glTF file go round in a circle or are too many; repair the file",
            ));
        }
        let own = node.transform().matrix();
        let place: Matrix = std::array::from_fn(|column| {
            std::array::from_fn(|row| (0..4).map(|k| above[k][row] * f64::from(own[column][k])).sum())
        });
        if let Some(mesh) = node.mesh() {
            for primitive in mesh.primitives() {
                self.parts.push((node.index(), primitive.material().index()));
                self.primitive(&primitive, &place)?;
            }
        }
        for child in node.children() {
            self.node(&child, &place, depth + 1)?;
        }
        Ok(())
    }

    fn primitive(&mut self, primitive: &gltf::Primitive<'_>, place: &Matrix) -> Result<()> {
        for (_, accessor) in primitive.attributes() {
            self.check(&accessor)?;
        }
        if let Some(accessor) = primitive.indices() {
            self.check(&accessor)?;
        }
        let buffers = &self.buffers;
        let reader = primitive.reader(|buffer| buffers.get(buffer.index()).map(Vec::as_slice));
        let Some(positions) = reader.read_positions() else { return Ok(()) };
        let positions: Vec<[f32; 3]> = positions.map(|p| moved(place, p, 1.0)).collect();
        let count = positions.len();
        let merged = &mut self.merged;
        check("points of the file", (merged.positions.len() + count) as u64, self.limits.max_points)?;
        let base = merged.positions.len() as u32;
        let indices: Vec<u32> = match reader.read_indices() {
            Some(indices) => indices.into_u32().collect(),
            None => (0..count as u32).collect(),
        };
        let faces = match primitive.mode() {
            Mode::Triangles => indices.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect(),
            Mode::TriangleStrip => indices
                .windows(3)
                .enumerate()
                .map(|(n, c)| if n % 2 == 0 { [c[0], c[1], c[2]] } else { [c[1], c[0], c[2]] })
                .collect(),
            Mode::TriangleFan => indices[1.min(indices.len())..].windows(2).map(|c| [indices[0], c[0], c[1]]).collect(),
            Mode::Points => Vec::new(),
            Mode::Lines | Mode::LineLoop | Mode::LineStrip => {
                self.said.insert("lines are dropped");
                return Ok(());
            }
        };
        check("faces of the file", (merged.faces.len() + faces.len()) as u64, self.limits.max_faces)?;
        if let Some(index) = faces.iter().flatten().find(|&&index| index as usize >= count) {
            return Err(Error::shape(format!(
                "a face of the glTF file refers to vertex {index} of {count}; repair the file"
            )));
        }
        merged.faces.extend(faces.iter().map(|face: &[u32; 3]| face.map(|index| index + base)));
        let turned = |n: [f32; 3]| unit(moved(&cofactors(place), n, 0.0));
        merged.normals.add(count, reader.read_normals().map(|normals| normals.map(turned).collect()));
        // glTF counts downwards from the upper left.
        let uvs = reader.read_tex_coords(0).map(|uvs| uvs.into_f32().map(|[u, v]| [u, 1.0 - v]).collect());
        merged.uvs.add(count, uvs);
        merged.colors.add(count, reader.read_colors(0).map(|colors| colors.into_rgb_u8().collect()));
        merged.positions.extend(positions);
        Ok(())
    }

    /// Checks that an accessor lies within its buffer: the crate takes its word for it.
    fn check(&self, accessor: &gltf::Accessor<'_>) -> Result<()> {
        check("points of the file", accessor.count() as u64, self.limits.max_points.max(3 * self.limits.max_faces))?;
        let Some(view) = accessor.view() else {
            return Err(Error::shape("the glTF file has sparse data alone, which is not read; export it again"));
        };
        let outside = || Error::shape("the glTF file refers to bytes beyond its buffers; repair the file");
        if accessor.sparse().is_some() {
            return Err(Error::shape("the glTF file has sparse data, which is not read; export it again"));
        }
        let stride = view.stride().unwrap_or(accessor.size());
        let last = accessor.count().checked_sub(1).ok_or_else(outside)?;
        let end =
            last.checked_mul(stride).and_then(|end| end.checked_add(accessor.offset())?.checked_add(accessor.size()));
        let in_view = end.is_some_and(|end| end <= view.length());
        let in_buffer = view
            .offset()
            .checked_add(view.length())
            .is_some_and(|end| self.buffers.get(view.buffer().index()).is_some_and(|buffer| end <= buffer.len()));
        if in_view && in_buffer && stride >= accessor.size() { Ok(()) } else { Err(outside()) }
    }
}

/// An attribute that only counts if all parts have it.
struct Attribute<T> {
    values: Vec<T>,
    some: bool,
    all: bool,
}

impl<T> Default for Attribute<T> {
    fn default() -> Self {
        Self { values: Vec::new(), some: false, all: true }
    }
}

impl<T> Attribute<T> {
    fn add(&mut self, count: usize, values: Option<Vec<T>>) {
        match values.filter(|values| values.len() == count) {
            Some(values) => {
                self.some = true;
                self.values.extend(values);
            }
            None => self.all = false,
        }
    }

    fn take(self, what: &str, notes: &mut Vec<String>) -> Option<Vec<T>> {
        if self.some && !self.all {
            notes.push(format!("{what} are dropped: not every part has them"));
        }
        (self.some && self.all).then_some(self.values)
    }
}

#[derive(Default)]
struct Merged {
    positions: Vec<[f32; 3]>,
    faces: Vec<[u32; 3]>,
    normals: Attribute<[f32; 3]>,
    uvs: Attribute<[f32; 2]>,
    colors: Attribute<[u8; 3]>,
}

impl Merged {
    fn into_mesh(self, notes: &mut Vec<String>) -> Mesh {
        Mesh {
            positions: self.positions,
            faces: self.faces,
            normals: self.normals.take("normals", notes),
            uvs: self.uvs.take("texture coordinates", notes),
            colors: self.colors.take("colours", notes),
        }
    }
}

fn moved(place: &Matrix, [x, y, z]: [f32; 3], w: f64) -> [f32; 3] {
    let point = [f64::from(x), f64::from(y), f64::from(z), w];
    std::array::from_fn(|row| (0..4).map(|column| place[column][row] * point[column]).sum::<f64>() as f32)
}

/// What turns normals: the cofactors of the upper 3×3.
fn cofactors(m: &Matrix) -> Matrix {
    let minor = |column: usize, row: usize| {
        let at = |c: usize, r: usize| m[(column + c) % 3][(row + r) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let mut out = [[0.0; 4]; 4];
    for (column, values) in out.iter_mut().enumerate().take(3) {
        for (row, value) in values.iter_mut().enumerate().take(3) {
            *value = minor(column, row);
        }
    }
    out
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 { vector.map(|x| (f64::from(x) / length) as f32) } else { vector }
}

/// One mesh, one node, one buffer, at most one material.
pub(super) fn write(shape: &Shape, side: &Side) -> Result<Vec<u8>> {
    let view = View::of(shape);
    let bounds = Bounds::of(view.positions).ok_or_else(|| Error::shape("there are no points to write"))?;
    let mut file = Glb::default();
    let mut attributes = serde_json::Map::new();
    let count = view.positions.len();
    let position = file.add(
        floats(view.positions.as_flattened()),
        34_962,
        json!({
            "componentType": 5126, "count": count, "type": "VEC3", "min": bounds.min, "max": bounds.max
        }),
    );
    attributes.insert("POSITION".to_owned(), position);
    if let Some(normals) = view.normals {
        let accessor = json!({ "componentType": 5126, "count": count, "type": "VEC3" });
        attributes.insert("NORMAL".to_owned(), file.add(floats(normals.as_flattened()), 34_962, accessor));
    }
    if let Some(uvs) = view.uvs {
        let downwards: Vec<f32> = uvs.iter().flat_map(|[u, v]| [*u, 1.0 - v]).collect();
        let accessor = json!({ "componentType": 5126, "count": count, "type": "VEC2" });
        attributes.insert("TEXCOORD_0".to_owned(), file.add(floats(&downwards), 34_962, accessor));
    }
    if let Some(colors) = view.colors {
        // Rows begin at multiples of four bytes, so with an alpha.
        let rgba: Vec<u8> = colors.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
        let accessor = json!({ "componentType": 5121, "count": count, "type": "VEC4", "normalized": true });
        attributes.insert("COLOR_0".to_owned(), file.add(rgba, 34_962, accessor));
    }
    let mut primitive = json!({ "attributes": attributes, "mode": if view.faces.is_empty() { 0 } else { 4 } });
    if !view.faces.is_empty() {
        let indices: Vec<u8> = view.faces.as_flattened().iter().flat_map(|index| index.to_le_bytes()).collect();
        let accessor = json!({ "componentType": 5125, "count": 3 * view.faces.len(), "type": "SCALAR" });
        primitive["indices"] = file.add(indices, 34_963, accessor);
    }
    file.finish(primitive, side)
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[derive(Default)]
struct Glb {
    binary: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
}

impl Glb {
    /// Adds data of whole words; returns its accessor's index.
    fn add(&mut self, data: Vec<u8>, target: u32, mut accessor: Value) -> Value {
        self.views.push(json!({
            "buffer": 0, "byteOffset": self.binary.len(), "byteLength": data.len(), "target": target
        }));
        self.binary.extend(data);
        accessor["bufferView"] = json!(self.views.len() - 1);
        self.accessors.push(accessor);
        json!(self.accessors.len() - 1)
    }

    fn finish(self, mut primitive: Value, side: &Side) -> Result<Vec<u8>> {
        let mut node = json!({ "mesh": 0 });
        for field in ["name", "extras"] {
            if let Some(value) = side.get(field) {
                node[field] = value.clone();
            }
        }
        if side.get("material").is_some() {
            primitive["material"] = json!(0);
        }
        let mut json = json!({
            "asset": { "version": "2.0", "generator": "tessera" },
            "scene": 0,
            "scenes": [{ "nodes": [0] }],
            "nodes": [node],
            "meshes": [{ "primitives": [primitive] }],
            "buffers": [{ "byteLength": self.binary.len() }],
            "bufferViews": self.views,
            "accessors": self.accessors,
        });
        if let Some(material) = side.get("material") {
            json["materials"] = json!([material]);
        }
        if let Some(copyright) = side.get("copyright") {
            json["asset"]["copyright"] = copyright.clone();
        }
        let mut json = json.to_string().into_bytes();
        json.resize(json.len().next_multiple_of(4), b' ');
        let total = u32::try_from(12 + 8 + json.len() + 8 + self.binary.len());
        let total = total.map_err(|_| Error::shape("a GLB file holds less than 4 GiB; use PLY"))?;
        let mut out = b"glTF".to_vec();
        let mut put = |number: u32| out.extend(number.to_le_bytes());
        put(2);
        put(total);
        put(json.len() as u32);
        put(GLB_JSON);
        out.extend(&json);
        let mut put = |number: u32| out.extend(number.to_le_bytes());
        put(self.binary.len() as u32);
        put(GLB_BINARY);
        out.extend(&self.binary);
        Ok(out)
    }
}
