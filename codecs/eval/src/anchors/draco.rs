//! Draco, through its programs: clouds by its kd-tree, meshes after triangles were taken away.

use std::{fs, io::ErrorKind, process::Command};

use tempfile::TempDir;
use tessera_geometry::{
    IoLimits, Mesh, Shape, decimated,
    io::{self, Format},
    metrics::surfaces::compare,
};

use super::{Codec, Rate};
use crate::{Error, Form, Result, Solid};

/// Bits of a coordinate that are tried for a mesh.
const MESH_BITS: std::ops::RangeInclusive<u32> = 6..=10;
/// Tries to meet the bytes of a mesh.
const TRIES: usize = 6;

/// Google's Draco at its best level.
pub struct Draco {
    form: Form,
    version: String,
}

impl Draco {
    /// For clouds, or for meshes that are simplified before.
    ///
    /// # Errors
    /// [`Error::Missing`] where its programs are not installed.
    pub fn new(form: Form) -> Result<Self> {
        let version = match Command::new("draco_encoder").arg("-h").output() {
            Ok(_) => "draco_encoder".to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::Missing(
                    "the program draco_encoder was not found; install Draco (Debian: apt-get install draco)".to_owned(),
                ));
            }
            Err(error) => return Err(Error::Failed(format!("draco_encoder: {error}"))),
        };
        Ok(Self { form, version })
    }

    fn coded(&self, shape: &Shape, bits: u32) -> Result<Vec<u8>> {
        let folder = folder()?;
        let (from, to) = (folder.path().join("in.ply"), folder.path().join("out.drc"));
        fs::write(&from, io::write(shape, Format::Ply).map_err(failed)?.bytes).map_err(Error::at(&from))?;
        let mut command = Command::new("draco_encoder");
        if self.form == Form::Cloud {
            command.arg("-point_cloud");
        }
        command.arg("-i").arg(&from).arg("-o").arg(&to).args(["-cl", "10", "-qp", &bits.to_string()]);
        run(command)?;
        fs::read(&to).map_err(Error::at(&to))
    }

    /// The nearest surface among those of several steps that fit the bytes: for each step as many triangles as do.
    fn fitting(&self, mesh: &Mesh, size: u64) -> Result<Vec<u8>> {
        let whole = mesh.welded();
        let mut best: Option<(f64, Vec<u8>)> = None;
        for bits in MESH_BITS {
            let mut target = size as usize;
            let mut fits: Option<(usize, Vec<u8>)> = None;
            for _ in 0..TRIES {
                let reduced = decimated(&whole, target.clamp(4, whole.faces.len().max(4)));
                if reduced.faces.is_empty() {
                    break;
                }
                let file = self.coded(&Shape::Mesh(reduced.clone()), bits)?;
                let (bytes, faces) = (file.len() as u64, reduced.faces.len());
                if bytes <= size && fits.as_ref().is_none_or(|(most, _)| faces > *most) {
                    fits = Some((faces, file));
                    if bytes * 100 > size * 97 || faces == whole.faces.len() {
                        break;
                    }
                }
                target = (faces as f64 * size as f64 / bytes as f64 * 0.985) as usize;
            }
            let Some((_, file)) = fits else { continue };
            if let Shape::Mesh(back) = shape_of(&file)?
                && let Ok(found) = compare(mesh, &back)
                && best.as_ref().is_none_or(|(least, _)| found.mean < *least)
            {
                best = Some((found.mean, file));
            }
        }
        best.map(|(_, file)| file).ok_or_else(|| Error::Failed(format!("nothing of the mesh fits {size} bytes")))
    }
}

impl Codec<Solid> for Draco {
    fn name(&self) -> &str {
        if self.form == Form::Mesh { "decimate-draco" } else { "draco" }
    }

    fn describe(&self) -> String {
        match self.form {
            Form::Mesh => format!(
                "meshoptimizer, vertices moved to where they fit best, then {}, level 10; of 6 to 10 bits those with the nearest surface that fits",
                self.version
            ),
            _ => format!("{} -point_cloud, level 10 (kd-tree), by bits of a coordinate", self.version),
        }
    }

    fn extension(&self) -> &str {
        "drc"
    }

    fn ladder(&self) -> Vec<Rate> {
        match self.form {
            Form::Mesh => Rate::ladder("bytes", crate::ours::MESH_BYTES),
            _ => Rate::ladder("bits", crate::ours::CLOUD_BITS),
        }
    }

    fn encode(&mut self, original: &Solid, rate: &Rate) -> Result<Vec<u8>> {
        match original.shape() {
            Shape::Mesh(mesh) if self.form == Form::Mesh => self.fitting(mesh, rate.value as u64),
            shape => self.coded(shape, rate.value as u32),
        }
    }

    fn decode(&mut self, file: &[u8]) -> Result<Solid> {
        Solid::new(shape_of(file)?)
    }
}

fn shape_of(file: &[u8]) -> Result<Shape> {
    let folder = folder()?;
    let (from, to) = (folder.path().join("in.drc"), folder.path().join("out.ply"));
    fs::write(&from, file).map_err(Error::at(&from))?;
    let mut command = Command::new("draco_decoder");
    command.arg("-i").arg(&from).arg("-o").arg(&to);
    run(command)?;
    let back = fs::read(&to).map_err(Error::at(&to))?;
    Ok(io::read(&back, &IoLimits::default(), &|_| None).map_err(failed)?.shape)
}

fn folder() -> Result<TempDir> {
    tempfile::tempdir().map_err(|error| Error::Failed(format!("cannot make a temporary folder: {error}")))
}

fn run(mut command: Command) -> Result<()> {
    let output = command.output().map_err(|error| Error::Failed(format!("{command:?}: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
            Err(Error::Failed(format!("{} failed: {said}", command.get_program().to_string_lossy())))
        }
    }
}

fn failed(error: tessera_geometry::Error) -> Error {
    Error::Failed(error.to_string())
}
