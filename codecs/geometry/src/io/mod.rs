//! Shape files: PLY, OBJ, STL, glTF, XYZ and SPZ, in and out.
//!
//! [`read`] tells the format by what is in a file. What a shape does not hold is dropped and said so, but for names, the only
//! material and rights of a mesh, which lie beside it as a [`Side`].

mod clean;
mod gltf;
mod obj;
mod ply;
mod side;
mod splats;
mod spz;
mod stl;
mod text;
mod xyz;

pub use side::Side;

use crate::error::{Error, Result};
use crate::shape::{Mesh, Shape};
use crate::splats::Splats;

/// Formats that shapes are read from and written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Polygon File Format, of splats too; written as binary, little endian.
    Ply,
    /// Wavefront OBJ, without materials.
    Obj,
    /// Stereolithography; written as binary. Triangles only.
    Stl,
    /// glTF 2.0, JSON or binary; written as binary (GLB).
    Gltf,
    /// Text, a point a line: x y z, then red green blue.
    Xyz,
    /// Gaussian splats as bytes, compressed; versions 2 to 4 are read, 3 is written.
    Spz,
}

impl Format {
    /// The format of a file name's extension, without the dot, in any case.
    ///
    /// ```
    /// use tessera_geometry::io::Format;
    /// assert_eq!(Format::from_extension("GLB"), Some(Format::Gltf));
    /// assert_eq!(Format::from_extension("fbx"), None);
    /// ```
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "ply" => Some(Self::Ply),
            "obj" => Some(Self::Obj),
            "stl" => Some(Self::Stl),
            "glb" | "gltf" => Some(Self::Gltf),
            "xyz" => Some(Self::Xyz),
            "spz" => Some(Self::Spz),
            _ => None,
        }
    }

    /// The format that bytes are in, by their content; `None` for no known one.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"ply\n") || bytes.starts_with(b"ply\r") {
            return Some(Self::Ply);
        }
        if spz::is_spz(bytes) {
            return Some(Self::Spz);
        }
        if gltf::is_gltf(bytes) {
            return Some(Self::Gltf);
        }
        if stl::is_stl(bytes) {
            return Some(Self::Stl);
        }
        if obj::is_obj(bytes) {
            return Some(Self::Obj);
        }
        xyz::is_xyz(bytes).then_some(Self::Xyz)
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ply => "PLY",
            Self::Obj => "OBJ",
            Self::Stl => "STL",
            Self::Gltf => "glTF",
            Self::Xyz => "XYZ",
            Self::Spz => "SPZ",
        }
    }
}

/// What a shape file may ask for, checked before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoLimits {
    /// Points or vertices. Default 2^25: 400 MB as positions.
    pub max_points: u64,
    /// Triangles. Default 2^26: 800 MB as indices.
    pub max_faces: u64,
}

impl Default for IoLimits {
    fn default() -> Self {
        Self { max_points: 1 << 25, max_faces: 1 << 26 }
    }
}

/// A shape as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The shape; it passes [`Shape::check`].
    pub shape: Shape,
    /// What it was read from.
    pub format: Format,
    /// What was dropped or repaired, each in one line.
    pub notes: Vec<String>,
    /// What the file says beside the shape and can be kept, which is not in `shape`.
    pub side: Side,
}

/// A shape as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The file.
    pub bytes: Vec<u8>,
    /// What the format does not hold, each in one line.
    pub notes: Vec<String>,
}

/// Where files beside a file come from: by the relative path that it names, as it is there.
pub type Siblings<'a> = dyn Fn(&str) -> Option<Vec<u8>> + 'a;

/// Reads a shape file. A mesh without faces is a cloud.
///
/// `siblings` finds the buffers of a glTF file and the materials of an OBJ file, which lie beside it.
///
/// # Errors
/// [`Error::Shape`] if the bytes are no readable shape, are damaged, end too early, hold no points, a mesh's coordinates that are
/// not finite or an index without a vertex; [`Error::Limit`] if the shape exceeds `limits`.
pub fn read(bytes: &[u8], limits: &IoLimits, siblings: &Siblings<'_>) -> Result<Input> {
    if bytes.is_empty() {
        return Err(Error::shape("the file is empty; use a shape with content"));
    }
    let Some(format) = Format::of(bytes) else {
        return Err(Error::shape("it is no shape in a known format; use PLY, OBJ, STL, glTF, XYZ or SPZ"));
    };
    let (mut notes, mut side) = (Vec::new(), Side::default());
    let read = match format {
        Format::Ply => ply::read(bytes, limits, &mut notes)?,
        Format::Obj => Read::Mesh(obj::read(bytes, limits, siblings, (&mut notes, &mut side))?),
        Format::Stl => Read::Mesh(stl::read(bytes, limits, &mut notes)?),
        Format::Gltf => Read::Mesh(gltf::read(bytes, limits, siblings, (&mut notes, &mut side))?),
        Format::Xyz => Read::Mesh(xyz::read(bytes, limits, &mut notes)?),
        Format::Spz => Read::Splats(spz::read(bytes, limits, &mut notes)?),
    };
    let shape = match read {
        Read::Mesh(mesh) => clean::clean(mesh, format, &mut notes)?,
        Read::Splats(splats) => Shape::Splats(clean::clean_splats(splats, format, &mut notes)?),
    };
    Ok(Input { shape, format, notes, side })
}

/// What a file holds, as it is there.
enum Read {
    Mesh(Mesh),
    Splats(Splats),
}

/// Writes a shape file with what lies beside the shape. GLB holds all of that, OBJ the name.
///
/// # Errors
/// As [`write`].
pub fn write_with(shape: &Shape, side: &Side, format: Format) -> Result<Output> {
    let mut output = write(shape, format)?;
    let splats = matches!(shape, Shape::Splats(_));
    let kept = match format {
        Format::Gltf if !splats => {
            output.bytes = gltf::write(shape, side)?;
            return Ok(output);
        }
        Format::Obj if !splats => {
            output.bytes = obj::write(shape, side.name());
            side.name().is_some()
        }
        _ => false,
    };
    let all = if kept { side.content() == "name" } else { side.is_empty() };
    if !all {
        let but = if kept { ", but for the name" } else { "" };
        output.notes.push(format!("{} does not hold {}{but}; GLB does", format.name(), side.content()));
    }
    Ok(output)
}

/// Writes a shape file. Of splats, formats other than PLY and SPZ hold the centres.
///
/// # Errors
/// [`Error::Shape`] for a shape that does not pass [`Shape::check`], or of which the format holds nothing.
pub fn write(shape: &Shape, format: Format) -> Result<Output> {
    shape.check()?;
    let mut notes = Vec::new();
    if let Shape::Splats(splats) = shape {
        let bytes = match format {
            Format::Ply => splats::write(splats),
            Format::Spz => spz::write(splats, &mut notes)?,
            _ => {
                let mut points = write(&Shape::Cloud(splats.to_cloud()), format)?;
                points.notes.push(format!("{} holds no splats: their centres are written", format.name()));
                return Ok(points);
            }
        };
        return Ok(Output { bytes, notes });
    }
    let bytes = match format {
        Format::Ply => ply::write(shape),
        Format::Obj => obj::write(shape, None),
        Format::Stl => stl::write(shape, &mut notes)?,
        Format::Gltf => gltf::write(shape, &Side::default())?,
        Format::Xyz => xyz::write(shape, &mut notes),
        Format::Spz => return Err(Error::shape("SPZ holds splats, and the shape has none; use PLY, OBJ, glTF or XYZ")),
    };
    Ok(Output { bytes, notes })
}

/// Whether a name that a file gives is that of one beside it, or below.
fn is_beside(name: &str) -> bool {
    !(name.starts_with('/') || name.contains("..") || name.contains(':') || name.contains('\\'))
}

/// Fails when a claim exceeds a limit.
fn check(what: &'static str, claimed: u64, limit: u64) -> Result<()> {
    match claimed > limit {
        true => Err(Error::Limit { what, claimed, limit }),
        false => Ok(()),
    }
}

/// What every format's writer needs of a shape.
struct View<'a> {
    positions: &'a [[f32; 3]],
    faces: &'a [[u32; 3]],
    normals: Option<&'a [[f32; 3]]>,
    uvs: Option<&'a [[f32; 2]]>,
    colors: Option<&'a [[u8; 3]]>,
}

impl<'a> View<'a> {
    fn of(shape: &'a Shape) -> Self {
        match shape {
            Shape::Mesh(mesh) => Self {
                positions: &mesh.positions,
                faces: &mesh.faces,
                normals: mesh.normals.as_deref(),
                uvs: mesh.uvs.as_deref(),
                colors: mesh.colors.as_deref(),
            },
            Shape::Cloud(cloud) => Self {
                positions: &cloud.positions,
                faces: &[],
                normals: cloud.normals.as_deref(),
                uvs: None,
                colors: cloud.colors.as_deref(),
            },
            // Written by their own writers, or as a cloud.
            Shape::Splats(splats) => {
                Self { positions: &splats.positions, faces: &[], normals: None, uvs: None, colors: None }
            }
        }
    }
}
