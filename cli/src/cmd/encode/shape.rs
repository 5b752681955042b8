//! Point clouds, meshes and splats to `.tsr` files.

use std::{fs, sync::Arc, time::Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tessera_core::container::GeometryTier;
use tessera_geometry::{EncodeOptions, MeshTier, Precision, Shape, Target, io};
use tessera_models::Pack;

use crate::{
    engine::Shared,
    explain,
    failure::{Failure, Result},
    files::{Job, Output, Source},
    print,
};

/// Bytes of a file per point, at least, for the memory that is set aside before it is read.
const BYTES_PER_POINT: u64 = 12;

/// Options for shapes.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Shapes")]
pub struct ShapeArgs {
    /// Keep coordinates of points to the last bit
    #[arg(long, conflicts_with_all = ["bits", "precision"])]
    pub lossless: bool,

    /// Steps along the longest side, as a power of two; 11 if nothing is said, and whole numbers stay as they are
    #[arg(long, value_name = "BITS", conflicts_with = "precision", value_parser = clap::value_parser!(u8).range(1..=21))]
    pub bits: Option<u8>,

    /// Greatest error of a coordinate, in the units of the file
    #[arg(long, value_name = "UNITS", value_parser = parse_precision)]
    pub precision: Option<f64>,

    /// Bits of each half of a normal
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=14))]
    pub normal_bits: u8,

    /// Size of the file of a mesh or splats: their positions and faces, or all their numbers, as 32-bit numbers, divided by this
    #[arg(long, value_name = "N", conflicts_with_all = ["quality", "bpp", "size", "rung"], value_parser = parse_ratio)]
    pub ratio: Option<f64>,

    /// Code the vertices of a mesh or the centres of splats as a point cloud; faces and the rest of splats are dropped
    #[arg(long)]
    pub points: bool,

    /// Keep the name, the only material without its pictures, and the rights of a mesh: written to GLB, the name to OBJ
    #[arg(long)]
    pub keep_side: bool,

    /// How the surface of a mesh is coded, for a size or a ratio
    #[arg(long, value_enum, default_value_t = Tier::Best)]
    pub tier: Tier,
}

/// How the surface of a mesh is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// As is measured to be nearer
    Best,
    /// As fewer triangles
    Decimated,
    /// As tokens of a geometry pack
    Surface,
}

impl ShapeArgs {
    /// An option that does nothing is a mistake.
    fn check(&self, shape: &Shape, target: bool) -> Result<()> {
        let (has_target, fix) = match shape {
            Shape::Mesh(mesh) => (!mesh.faces.is_empty(), "it is a mesh: choose with -q, --size or --ratio"),
            Shape::Splats(_) => (true, "it holds splats: choose with -q, --size or --ratio"),
            _ => (false, ""),
        };
        let has_target = has_target && !self.points;
        if self.tier != Tier::Best && (self.points || !matches!(shape, Shape::Mesh(mesh) if !mesh.faces.is_empty())) {
            return Err(Failure::usage("--tier does not apply", "it is for meshes with faces"));
        }
        if has_target && (self.bits.is_some() || self.precision.is_some()) {
            return Err(Failure::usage("--bits and --precision do not apply", fix));
        }
        if !has_target && (target || self.ratio.is_some()) {
            let fix = "they are points: choose with --bits, --precision or --lossless";
            return Err(Failure::usage("-q, --size and --ratio do not apply", fix));
        }
        Ok(())
    }

    fn options(&self, size: Option<u64>, quality: Option<f32>) -> EncodeOptions {
        let precision = match (self.lossless, self.bits, self.precision) {
            (true, ..) => Precision::Lossless,
            (_, Some(bits), _) => Precision::Bits(bits),
            (_, _, Some(error)) => Precision::Error(error),
            _ => Precision::Auto,
        };
        let target = match (size, self.ratio, quality) {
            (Some(size), ..) => Target::Size(size),
            (_, Some(ratio), _) => Target::Ratio(ratio),
            (.., quality) => Target::Quality(quality.map_or(50.0, f64::from)),
        };
        let tier = match self.tier {
            Tier::Best => MeshTier::Best,
            Tier::Decimated => MeshTier::Decimated,
            Tier::Surface => MeshTier::Surface,
        };
        EncodeOptions { precision, normal_bits: self.normal_bits, vertices: self.points, target, tier, reserve: 0 }
    }
}

fn parse_ratio(text: &str) -> std::result::Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio: &f64| *ratio >= 1.0 && ratio.is_finite());
    ratio.ok_or_else(|| "a ratio is a number from 1, such as 300".to_owned())
}

fn parse_precision(text: &str) -> std::result::Result<f64, String> {
    text.parse()
        .ok()
        .filter(|error: &f64| *error > 0.0 && error.is_finite())
        .ok_or_else(|| "a precision is a number above 0, such as 0.001".to_owned())
}

/// One encoded shape, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    /// Points, vertices of a mesh, or splats.
    points: u64,
    /// Of a mesh.
    faces: Option<u32>,
    bytes: u64,
    /// Of the whole file.
    bits_per_point: f64,
    tier: &'static str,
    why: &'static str,
    /// Bits of a coordinate of points and of splats' centres.
    depth: Option<u8>,
    /// Of points and centres: greatest error of a coordinate; 0 without loss. Of a mesh: mean distance between the surfaces, there and back.
    error: f64,
    /// What of the input is not in the file, or was repaired.
    pub notes: Vec<String>,
    /// Encoding alone: the shape is read.
    seconds: f64,
}

pub fn encode(
    shared: &Shared,
    pack: Option<&Arc<Pack>>,
    job: &Job,
    bytes: Vec<u8>,
    (arguments, size, quality): (&ShapeArgs, Option<u64>, Option<f32>),
    output: Output,
) -> Result<Report> {
    let _held = shared.hold_points(bytes.len() as u64 / BYTES_PER_POINT);
    let read = io::read(&bytes, &Default::default(), &|name| sibling(&job.source, name));
    let io::Input { shape, mut notes, side, .. } = read.map_err(|error| explain::shape(&error))?;
    drop(bytes);
    arguments.check(&shape, size.is_some() || quality.is_some())?;
    let mut options = arguments.options(size, quality);
    let side = Some(side).filter(|side| !side.is_empty());
    let holds = matches!(shape, Shape::Mesh(_)) && !arguments.points;
    let kept = side.as_ref().filter(|_| holds && arguments.keep_side);
    if let Some(side) = kept {
        options.reserve = tessera_geometry::side_cost(side).map_err(|error| explain::shape(&error))?;
    } else if let Some(side) = &side {
        let way = if holds { "; --keep-side keeps that" } else { "" };
        notes.push(format!("dropped: {}{way}", side.content()));
    }
    let meshes = matches!(shape, Shape::Mesh(_)) && !matches!(options.target, Target::Quality(_));
    let codec = match pack.filter(|_| meshes && options.tier != MeshTier::Decimated) {
        None => None,
        Some(pack) => match shared.surface_codec(pack) {
            Ok(codec) => Some(codec),
            Err(failure) if options.tier == MeshTier::Surface => return Err(failure),
            Err(_) => {
                notes.push("the networks of the geometry pack do not run, so only triangles were tried".to_owned());
                None
            }
        },
    };
    let start = Instant::now();
    let encoded = tessera_geometry::encode_with(&shape, &options, codec.as_deref());
    let mut encoded = encoded.map_err(|error| explain::shape(&error))?;
    if let Some(side) = kept {
        encoded.bytes = tessera_geometry::with_side(&encoded.bytes, side).map_err(|error| explain::shape(&error))?;
    }
    let seconds = start.elapsed().as_secs_f64();
    output.write(&job.sink, &encoded.bytes)?;
    notes.extend(encoded.notes);
    let (tier, depth, faces) = match encoded.tier {
        GeometryTier::Octree { depth, .. } => ("octree", Some(depth), None),
        GeometryTier::Decimated { faces } => ("decimated", None, Some(faces)),
        GeometryTier::Surface { .. } => ("surface", None, None),
        GeometryTier::Splats { depth, .. } => ("splats", Some(depth), None),
        _ => ("other", None, None),
    };
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        points: encoded.points,
        faces,
        bytes: encoded.bytes.len() as u64,
        bits_per_point: 8.0 * encoded.bytes.len() as f64 / encoded.points as f64,
        tier,
        why: encoded.why,
        depth,
        error: encoded.error,
        notes,
        seconds,
    })
}

/// A file that a shape names, from beside it.
fn sibling(source: &Source, name: &str) -> Option<Vec<u8>> {
    let Source::File(path) = source else { return None };
    let path = path.parent()?.join(name);
    let length = fs::metadata(&path).ok()?.len();
    (length <= super::MAX_INPUT_BYTES).then(|| fs::read(path).ok()).flatten()
}

impl Report {
    pub fn line(&self) -> String {
        let points = print::grouped(self.points);
        let (what, loss) = match (self.faces, self.error) {
            (None, error) if self.tier == "splats" => {
                (format!("{points} splats"), format!("centres within {error:.2e}"))
            }
            (None, error) if self.tier == "surface" => {
                (format!("{points} vertices"), format!("surface off by {error:.2e}"))
            }
            (Some(faces), error) => {
                let faces = print::grouped(faces.into());
                (format!("{points} vertices  {faces} faces"), format!("surface off by {error:.2e}"))
            }
            (None, 0.0) => (format!("{points} points"), "no coordinate changed".to_owned()),
            (None, error) => (format!("{points} points"), format!("coordinates within {error:.2e}")),
        };
        format!(
            "{} -> {}  {what}  {} bytes  {:.2} bits per {}  {loss}  {:.2} s",
            self.input,
            self.output,
            print::grouped(self.bytes),
            self.bits_per_point,
            match self.tier {
                "decimated" | "surface" => "vertex",
                "splats" => "splat",
                _ => "point",
            },
            self.seconds
        )
    }
}
