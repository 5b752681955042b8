//! The shapes that every part of the crate works on.

use std::collections::HashMap;
use std::hash::Hash;

use crate::error::{Error, Result};
use crate::splats::Splats;

/// A mesh, a cloud or splats.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// Triangles between vertices.
    Mesh(Mesh),
    /// Points alone.
    Cloud(Cloud),
    /// Gaussian splats.
    Splats(Splats),
}

/// Triangles between vertices.
///
/// Optional fields hold one entry per vertex. A corner that shares its position but not its normal, texture coordinate or colour with
/// another is a vertex of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mesh {
    /// Vertices, in the units of the file.
    pub positions: Vec<[f32; 3]>,
    /// Triangles as indices into the vertices, counter-clockwise from outside.
    pub faces: Vec<[u32; 3]>,
    /// Unit normals.
    pub normals: Option<Vec<[f32; 3]>>,
    /// Texture coordinates, the origin at the lower left.
    pub uvs: Option<Vec<[f32; 2]>>,
    /// Red, green and blue, 0 to 255.
    pub colors: Option<Vec<[u8; 3]>>,
}

/// Points without order: a multiset of positions, each with its attributes.
///
/// Optional fields hold one entry per point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cloud {
    /// Points, in the units of the file.
    pub positions: Vec<[f32; 3]>,
    /// Unit normals.
    pub normals: Option<Vec<[f32; 3]>>,
    /// Red, green and blue, 0 to 255.
    pub colors: Option<Vec<[u8; 3]>>,
}

/// An axis-parallel box that holds positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Least coordinates.
    pub min: [f32; 3],
    /// Greatest coordinates.
    pub max: [f32; 3],
}

impl Bounds {
    /// The tightest box, `None` for no positions.
    pub fn of(positions: &[[f32; 3]]) -> Option<Self> {
        let (&first, rest) = positions.split_first()?;
        let grow = |b: Self, p: &[f32; 3]| Self {
            min: std::array::from_fn(|axis| b.min[axis].min(p[axis])),
            max: std::array::from_fn(|axis| b.max[axis].max(p[axis])),
        };
        Some(rest.iter().fold(Self { min: first, max: first }, grow))
    }

    /// Its longest edge.
    pub fn side(&self) -> f64 {
        (0..3).map(|axis| f64::from(self.max[axis]) - f64::from(self.min[axis])).fold(0.0, f64::max)
    }

    /// Its diagonal.
    pub fn diagonal(&self) -> f64 {
        let squares = (0..3).map(|axis| (f64::from(self.max[axis]) - f64::from(self.min[axis])).powi(2));
        squares.sum::<f64>().sqrt()
    }
}

impl Mesh {
    /// The vertices without the triangles and texture coordinates.
    pub fn into_cloud(self) -> Cloud {
        Cloud { positions: self.positions, normals: self.normals, colors: self.colors }
    }

    /// Triangles alone: one vertex at a place, none without a face, no face with a vertex twice, no attributes.
    pub fn welded(&self) -> Self {
        // 0 and -0 are one place.
        let (positions, faces) = weld(&self.positions, &self.faces, |position| position.map(|x| (x + 0.0).to_bits()));
        Self { positions, faces, ..Self::default() }
    }

    /// Checks that there are vertices, all finite, that indices are below their number, and that there is one attribute per vertex.
    ///
    /// # Errors
    /// [`Error::Shape`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        check_points("mesh", &self.positions, self.normals.as_deref(), self.colors.as_deref())?;
        let vertices = self.positions.len();
        if let Some(uvs) = &self.uvs {
            if uvs.len() != vertices {
                return Err(Error::shape("the mesh does not have one texture coordinate per vertex"));
            }
            if !uvs.iter().flatten().all(|value| value.is_finite()) {
                return Err(Error::shape("the mesh has texture coordinates that are not finite; repair the file"));
            }
        }
        match self.faces.iter().flatten().find(|&&index| index as usize >= vertices) {
            Some(index) => Err(Error::shape(format!("a face refers to vertex {index} of {vertices}; repair the file"))),
            None => Ok(()),
        }
    }
}

impl Cloud {
    /// A cloud of positions alone.
    pub fn new(positions: Vec<[f32; 3]>) -> Self {
        Self { positions, normals: None, colors: None }
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Checks that there are points, all finite, with one attribute each.
    ///
    /// # Errors
    /// [`Error::Shape`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        check_points("cloud", &self.positions, self.normals.as_deref(), self.colors.as_deref())
    }
}

impl Shape {
    /// The positions of its vertices or points, or the centres of its splats.
    pub fn positions(&self) -> &[[f32; 3]] {
        match self {
            Self::Mesh(mesh) => &mesh.positions,
            Self::Cloud(cloud) => &cloud.positions,
            Self::Splats(splats) => &splats.positions,
        }
    }

    /// As [`Mesh::check`], [`Cloud::check`] and [`Splats::check`].
    ///
    /// # Errors
    /// [`Error::Shape`] says what is wrong.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Mesh(mesh) => mesh.check(),
            Self::Cloud(cloud) => cloud.check(),
            Self::Splats(splats) => splats.check(),
        }
    }
}

/// Vertices with equal keys become one, in the order in which faces name them; faces with a vertex twice are left out.
pub(crate) fn weld<P: Copy, K: Eq + Hash>(
    positions: &[P],
    faces: &[[u32; 3]],
    key: impl Fn(P) -> K,
) -> (Vec<P>, Vec<[u32; 3]>) {
    let mut ids = HashMap::with_capacity(positions.len());
    let mut distinct = Vec::new();
    let mut id = |vertex: u32| {
        let position = positions[vertex as usize];
        *ids.entry(key(position)).or_insert_with(|| {
            distinct.push(position);
            distinct.len() as u32 - 1
        })
    };
    let faces = faces.iter().map(|face| face.map(&mut id)).filter(|[a, b, c]| a != b && b != c && c != a).collect();
    (distinct, faces)
}

/// The face with its least index first: the same for the same triangle.
pub(crate) fn turned([a, b, c]: [u32; 3]) -> [u32; 3] {
    if a < b && a < c {
        [a, b, c]
    } else if b < c {
        [b, c, a]
    } else {
        [c, a, b]
    }
}

pub(crate) fn check_points(
    what: &str,
    positions: &[[f32; 3]],
    normals: Option<&[[f32; 3]]>,
    colors: Option<&[[u8; 3]]>,
) -> Result<()> {
    if positions.is_empty() {
        return Err(Error::shape(format!("the {what} has no points; use one with content")));
    }
    if !positions.iter().flatten().all(|value| value.is_finite()) {
        return Err(Error::shape(format!("the {what} has coordinates that are not finite; repair the file")));
    }
    if normals.is_some_and(|normals| normals.len() != positions.len()) {
        return Err(Error::shape(format!("the {what} does not have one normal per point")));
    }
    if normals.is_some_and(|normals| !normals.iter().flatten().all(|value| value.is_finite())) {
        return Err(Error::shape(format!("the {what} has normals that are not finite; repair the file")));
    }
    if colors.is_some_and(|colors| colors.len() != positions.len()) {
        return Err(Error::shape(format!("the {what} does not have one colour per point")));
    }
    Ok(())
}
