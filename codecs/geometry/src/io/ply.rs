//! PLY: text and both binary orders.

use super::{IoLimits, Read, View, check, splats, text};
use crate::error::{Error, Result};
use crate::shape::{Mesh, Shape};

/// Longest header.
const MOST_HEADER: usize = 1 << 16;
/// Most corners of a polygon.
const MOST_CORNERS: usize = 1 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Scalar {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"char" | b"int8" => Self::I8,
            b"uchar" | b"uint8" => Self::U8,
            b"short" | b"int16" => Self::I16,
            b"ushort" | b"uint16" => Self::U16,
            b"int" | b"int32" => Self::I32,
            b"uint" | b"uint32" => Self::U32,
            b"float" | b"float32" => Self::F32,
            b"double" | b"float64" => Self::F64,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number(Scalar),
    List(Scalar, Scalar),
}

#[derive(Debug)]
pub(super) struct Property {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) struct Element {
    pub name: String,
    pub count: u64,
    pub properties: Vec<Property>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Text,
    Little,
    Big,
}

/// What a property of a vertex is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Position(usize),
    Normal(usize),
    Uv(usize),
    Color(usize),
    Other,
}

fn field(name: &str) -> Field {
    match name {
        "x" => Field::Position(0),
        "y" => Field::Position(1),
        "z" => Field::Position(2),
        "nx" | "normal_x" => Field::Normal(0),
        "ny" | "normal_y" => Field::Normal(1),
        "nz" | "normal_z" => Field::Normal(2),
        "s" | "u" | "texture_u" => Field::Uv(0),
        "t" | "v" | "texture_v" => Field::Uv(1),
        "red" | "r" | "diffuse_red" => Field::Color(0),
        "green" | "g" | "diffuse_green" => Field::Color(1),
        "blue" | "b" | "diffuse_blue" => Field::Color(2),
        _ => Field::Other,
    }
}

pub(super) fn read(bytes: &[u8], limits: &IoLimits, notes: &mut Vec<String>) -> Result<Read> {
    let (order, elements, body) = header(bytes)?;
    let mut values = Values { order, bytes: &bytes[body..], what: "" };
    let mut mesh = Mesh::default();
    let mut found = None;
    for element in &elements {
        values.what = if element.name == "vertex" { "vertices" } else { "faces" };
        // Each takes at least so many bytes: a claim that the file cannot hold allocates nothing.
        let least = element.properties.iter().map(|property| values.least(property)).sum::<u64>().max(1);
        if element.properties.is_empty() || element.count.saturating_mul(least) > values.bytes.len() as u64 + 1 {
            if element.count == 0 {
                continue;
            }
            return Err(Error::shape(format!(
                "the PLY file claims {} of element {} and ends before; fetch a good copy of the file",
                element.count, element.name
            )));
        }
        match element.name.as_str() {
            "vertex" => {
                check("points of the file", element.count, limits.max_points)?;
                if splats::are_splats(element) {
                    // Each has as many numbers as four points.
                    check("splats of the file", element.count, limits.max_points / 4)?;
                    found = Some(splats::read(&mut values, element, notes)?);
                    continue;
                }
                vertices(&mut values, element, &mut mesh, notes)?;
            }
            "face" => {
                check("faces of the file", element.count, limits.max_faces)?;
                faces(&mut values, element, &mut mesh, limits)?;
            }
            other => {
                notes.push(format!("element {other} is dropped"));
                for _ in 0..element.count {
                    for property in &element.properties {
                        values.skip(property)?;
                    }
                }
            }
        }
    }
    Ok(match found {
        Some(splats) => Read::Splats(splats),
        None => Read::Mesh(mesh),
    })
}

fn header(bytes: &[u8]) -> Result<(Order, Vec<Element>, usize)> {
    let bad = |n: usize| Error::shape(format!("line {n} of the PLY header is not understood; repair the file"));
    let mut order = None;
    let mut elements: Vec<Element> = Vec::new();
    let mut at = 0;
    for n in 1.. {
        let head = &bytes[at..bytes.len().min(MOST_HEADER)];
        let Some(end) = head.iter().position(|&byte| byte == b'\n' || byte == b'\r') else {
            return Err(Error::shape("the PLY header does not end; fetch a good copy of the file"));
        };
        let line = &head[..end];
        at += end + 1;
        if line.is_empty() && at > 1 && bytes.get(at - 2) == Some(&b'\r') {
            continue;
        }
        let words: Vec<&[u8]> = text::words(line).collect();
        let name = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        match words[..] {
            [b"ply"] | [b"comment" | b"obj_info", ..] | [] => {}
            [b"format", b"ascii", ..] => order = Some(Order::Text),
            [b"format", b"binary_little_endian", ..] => order = Some(Order::Little),
            [b"format", b"binary_big_endian", ..] => order = Some(Order::Big),
            [b"element", own, count] => {
                let count =
                    std::str::from_utf8(count).ok().and_then(|count| count.parse().ok()).ok_or_else(|| bad(n))?;
                elements.push(Element { name: name(own), count, properties: Vec::new() });
            }
            [b"property", b"list", count, scalar, own] => {
                let kind = Scalar::of(count).zip(Scalar::of(scalar)).map(|(count, scalar)| Kind::List(count, scalar));
                let element = elements.last_mut().ok_or_else(|| bad(n))?;
                element.properties.push(Property { name: name(own), kind: kind.ok_or_else(|| bad(n))? });
            }
            [b"property", scalar, own] => {
                let kind = Scalar::of(scalar).map(Kind::Number).ok_or_else(|| bad(n))?;
                let element = elements.last_mut().ok_or_else(|| bad(n))?;
                element.properties.push(Property { name: name(own), kind });
            }
            [b"end_header"] => {
                // Lines of the header may end in both.
                if bytes.get(at - 1) == Some(&b'\r') && bytes.get(at) == Some(&b'\n') {
                    at += 1;
                }
                return match order {
                    Some(order) => Ok((order, elements, at)),
                    None => Err(Error::shape("the PLY header names no format; repair the file")),
                };
            }
            _ => return Err(bad(n)),
        }
    }
    Err(bad(0))
}

/// Says which properties of an element are not kept, by their numbers.
pub(super) fn note_dropped(what: &str, element: &Element, is_dropped: impl Fn(usize) -> bool, notes: &mut Vec<String>) {
    let names = element.properties.iter().enumerate().filter(|(n, _)| is_dropped(*n));
    let names: Vec<&str> = names.map(|(_, property)| property.name.as_str()).collect();
    if !names.is_empty() {
        let shown = names.iter().take(8).copied().collect::<Vec<_>>().join(", ");
        let more = if names.len() > 8 { ", …" } else { "" };
        notes.push(format!("properties of {what} are dropped: {shown}{more}"));
    }
}

fn vertices(values: &mut Values<'_>, element: &Element, mesh: &mut Mesh, notes: &mut Vec<String>) -> Result<()> {
    let fields: Vec<Field> = element.properties.iter().map(|property| field(&property.name)).collect();
    let has = |wanted: &[Field]| wanted.iter().all(|field| fields.contains(field));
    if !has(&[Field::Position(0), Field::Position(1), Field::Position(2)]) {
        return Err(Error::shape("the PLY file has vertices without x, y and z; repair the file"));
    }
    let with_normals = has(&[Field::Normal(0), Field::Normal(1), Field::Normal(2)]);
    let with_uvs = has(&[Field::Uv(0), Field::Uv(1)]);
    let with_colors = has(&[Field::Color(0), Field::Color(1), Field::Color(2)]);
    note_dropped("vertices", element, |n| fields[n] == Field::Other, notes);
    let count = element.count as usize;
    mesh.positions.reserve_exact(count);
    let mut normals = Vec::with_capacity(if with_normals { count } else { 0 });
    let mut uvs = Vec::with_capacity(if with_uvs { count } else { 0 });
    let mut colors = Vec::with_capacity(if with_colors { count } else { 0 });
    for _ in 0..count {
        let (mut position, mut normal, mut uv, mut color) = ([0.0; 3], [0.0; 3], [0.0; 2], [0; 3]);
        for (property, field) in element.properties.iter().zip(&fields) {
            let Kind::Number(scalar) = property.kind else {
                values.skip(property)?;
                continue;
            };
            let value = values.number(scalar)?;
            match *field {
                Field::Position(axis) => position[axis] = value as f32,
                Field::Normal(axis) => normal[axis] = value as f32,
                Field::Uv(axis) => uv[axis] = value as f32,
                Field::Color(channel) => color[channel] = level(value, scalar),
                Field::Other => {}
            }
        }
        mesh.positions.push(position);
        if with_normals {
            normals.push(normal);
        }
        if with_uvs {
            uvs.push(uv);
        }
        if with_colors {
            colors.push(color);
        }
    }
    mesh.normals = with_normals.then_some(normals);
    mesh.uvs = with_uvs.then_some(uvs);
    mesh.colors = with_colors.then_some(colors);
    Ok(())
}

/// A colour as 8 bits: floating-point numbers are from 0 to 1, 16-bit ones use their range.
fn level(value: f64, scalar: Scalar) -> u8 {
    let scaled = match scalar {
        Scalar::F32 | Scalar::F64 => value * 255.0,
        Scalar::U16 => value / 257.0,
        _ => value,
    };
    scaled.round().clamp(0.0, 255.0) as u8
}

fn faces(values: &mut Values<'_>, element: &Element, mesh: &mut Mesh, limits: &IoLimits) -> Result<()> {
    let own = |property: &Property| matches!(property.name.as_str(), "vertex_indices" | "vertex_index");
    for _ in 0..element.count {
        for property in &element.properties {
            let (Kind::List(count, scalar), true) = (property.kind, own(property)) else {
                values.skip(property)?;
                continue;
            };
            let corners = values.length(count)?;
            let mut fan = [0; 2];
            for n in 0..corners {
                let index = values.number(scalar)?;
                // What is no index is none of the vertices either: that is said later.
                let index = if index >= 0.0 && index.fract() == 0.0 { index as u32 } else { u32::MAX };
                if n >= 2 {
                    check("faces of the file", mesh.faces.len() as u64 + 1, limits.max_faces)?;
                    mesh.faces.push([fan[0], fan[1], index]);
                }
                fan[usize::from(n > 0)] = index;
            }
        }
    }
    Ok(())
}

/// The numbers of a file's body.
pub(super) struct Values<'a> {
    order: Order,
    bytes: &'a [u8],
    what: &'static str,
}

impl Values<'_> {
    fn least(&self, property: &Property) -> u64 {
        match (self.order, property.kind) {
            // A digit and a blank.
            (Order::Text, _) => 2,
            (_, Kind::Number(scalar) | Kind::List(scalar, _)) => scalar.bytes() as u64,
        }
    }

    pub fn number(&mut self, scalar: Scalar) -> Result<f64> {
        if self.order == Order::Text {
            return self.word();
        }
        let Some((own, rest)) = self.bytes.split_at_checked(scalar.bytes()) else {
            return Err(Error::shape(format!(
                "the PLY file ends within its {}; fetch a good copy of the file",
                self.what
            )));
        };
        self.bytes = rest;
        let mut raw = [0; 8];
        raw[..own.len()].copy_from_slice(own);
        if self.order == Order::Big {
            raw[..own.len()].reverse();
        }
        let [a, b, c, d, ..] = raw;
        Ok(match scalar {
            Scalar::I8 => f64::from(a as i8),
            Scalar::U8 => f64::from(a),
            Scalar::I16 => f64::from(i16::from_le_bytes([a, b])),
            Scalar::U16 => f64::from(u16::from_le_bytes([a, b])),
            Scalar::I32 => f64::from(i32::from_le_bytes([a, b, c, d])),
            Scalar::U32 => f64::from(u32::from_le_bytes([a, b, c, d])),
            Scalar::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            Scalar::F64 => f64::from_le_bytes(raw),
        })
    }

    fn word(&mut self) -> Result<f64> {
        self.bytes = self.bytes.trim_ascii_start();
        let end = self.bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(self.bytes.len());
        let (word, rest) = self.bytes.split_at(end);
        self.bytes = rest;
        if word.is_empty() {
            return Err(Error::shape(format!(
                "the PLY file ends within its {}; fetch a good copy of the file",
                self.what
            )));
        }
        let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        number.ok_or_else(|| {
            let shown: String = String::from_utf8_lossy(word).chars().take(20).collect();
            Error::shape(format!("'{shown}' among the {} of the PLY file is no number; repair the file", self.what))
        })
    }

    fn length(&mut self, scalar: Scalar) -> Result<usize> {
        let length = self.number(scalar)?;
        match (0.0..=MOST_CORNERS as f64).contains(&length) && length.fract() == 0.0 {
            true => Ok(length as usize),
            false => Err(Error::shape(format!(
                "a list of the PLY file's {} has {length} entries; at most {MOST_CORNERS} are read",
                self.what
            ))),
        }
    }

    pub fn skip(&mut self, property: &Property) -> Result<()> {
        match property.kind {
            Kind::Number(scalar) => self.number(scalar).map(drop),
            Kind::List(count, scalar) => {
                for _ in 0..self.length(count)? {
                    self.number(scalar)?;
                }
                Ok(())
            }
        }
    }
}

pub(super) fn write(shape: &Shape) -> Vec<u8> {
    let view = View::of(shape);
    let mut out = String::from("ply\nformat binary_little_endian 1.0\ncomment tessera\n");
    out += &format!("element vertex {}\n", view.positions.len());
    let mut property = |there: bool, kind: &str, names: &[&str]| {
        for name in names.iter().filter(|_| there) {
            out += &format!("property {kind} {name}\n");
        }
    };
    property(true, "float", &["x", "y", "z"]);
    property(view.normals.is_some(), "float", &["nx", "ny", "nz"]);
    property(view.uvs.is_some(), "float", &["s", "t"]);
    property(view.colors.is_some(), "uchar", &["red", "green", "blue"]);
    if !view.faces.is_empty() {
        out += &format!("element face {}\nproperty list uchar uint vertex_indices\n", view.faces.len());
    }
    out += "end_header\n";
    let mut out = out.into_bytes();
    for (n, position) in view.positions.iter().enumerate() {
        let mut put = |values: &[f32]| out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        put(position);
        if let Some(normals) = view.normals {
            put(&normals[n]);
        }
        if let Some(uvs) = view.uvs {
            put(&uvs[n]);
        }
        if let Some(colors) = view.colors {
            out.extend(colors[n]);
        }
    }
    for face in view.faces {
        out.push(3);
        out.extend(face.iter().flat_map(|index| index.to_le_bytes()));
    }
    out
}
