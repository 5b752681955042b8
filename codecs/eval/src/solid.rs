//! What is measured of a shape: a mesh, a cloud or splats.

use std::{fs, path::Path};

use tessera_geometry::{
    IoLimits, Shape,
    io::{self, Format},
};

use crate::{Error, Result};

/// Forms of shapes, each with metrics and anchors of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Triangles.
    Mesh,
    /// Points.
    Cloud,
    /// Gaussian splats.
    Splats,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mesh, Self::Cloud, Self::Splats];

    /// What several of them are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mesh => "meshes",
            Self::Cloud => "clouds",
            Self::Splats => "splats",
        }
    }

    /// The form of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }
}

/// A shape, as a user gets it in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Solid {
    shape: Shape,
    form: Form,
}

impl Solid {
    /// A shape; a mesh without faces is a cloud.
    ///
    /// # Errors
    /// [`Error::Parameter`] where it has no points or is of no known form.
    pub fn new(shape: Shape) -> Result<Self> {
        shape.check().map_err(|error| Error::Parameter(error.to_string()))?;
        let (shape, form) = match shape {
            Shape::Mesh(mesh) if mesh.faces.is_empty() => (Shape::Cloud(mesh.into_cloud()), Form::Cloud),
            Shape::Mesh(mesh) => (Shape::Mesh(mesh), Form::Mesh),
            Shape::Cloud(cloud) => (Shape::Cloud(cloud), Form::Cloud),
            Shape::Splats(splats) => (Shape::Splats(splats), Form::Splats),
            _ => return Err(Error::Parameter("a shape of this form cannot be measured".to_owned())),
        };
        Ok(Self { shape, form })
    }

    /// The shape in a file.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Failed`] where it is no readable shape.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::at(path))?;
        let beside = |name: &str| fs::read(path.parent()?.join(name)).ok();
        let read = io::read(&bytes, &IoLimits::default(), &beside);
        Self::new(read.map_err(|error| Error::Failed(error.to_string()))?.shape)
    }

    /// A PLY file.
    ///
    /// # Errors
    /// [`Error::Failed`] where it cannot be written.
    pub fn to_ply(&self) -> Result<Vec<u8>> {
        Ok(io::write(&self.shape, Format::Ply).map_err(|error| Error::Failed(error.to_string()))?.bytes)
    }

    /// What it is.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Triangles, points or splats.
    pub fn count(&self) -> usize {
        match &self.shape {
            Shape::Mesh(mesh) => mesh.faces.len(),
            shape => shape.positions().len(),
        }
    }
}
