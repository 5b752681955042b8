//! Point clouds to `.tsr` files.

use std::{fs, time::Instant};

use clap::Args;
use serde::Serialize;
use tessera_core::container::GeometryTier;
use tessera_geometry::{EncodeOptions, Precision, io};

use crate::{
    engine::Shared,
    explain,
    failure::Result,
    files::{Job, Output, Source},
    print,
};

/// Bytes of a file per point, at least, for the memory that is set aside before it is read.
const BYTES_PER_POINT: u64 = 12;

/// Options for shapes.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Shapes")]
pub struct ShapeArgs {
    /// Keep coordinates to the last bit
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

    /// Code the vertices of a mesh as a point cloud; its faces are dropped
    #[arg(long)]
    pub points: bool,
}

impl ShapeArgs {
    fn options(&self) -> EncodeOptions {
        let precision = match (self.lossless, self.bits, self.precision) {
            (true, ..) => Precision::Lossless,
            (_, Some(bits), _) => Precision::Bits(bits),
            (_, _, Some(error)) => Precision::Error(error),
            _ => Precision::Auto,
        };
        EncodeOptions { precision, normal_bits: self.normal_bits, vertices: self.points }
    }
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
    points: u64,
    bytes: u64,
    /// Of the whole file.
    bits_per_point: f64,
    tier: &'static str,
    why: &'static str,
    /// Bits of a coordinate.
    depth: u8,
    /// Greatest error of a coordinate; 0 without loss.
    error: f64,
    /// What of the input is not in the file, or was repaired.
    pub notes: Vec<String>,
    /// Encoding alone: the shape is read.
    seconds: f64,
}

pub fn encode(shared: &Shared, job: &Job, bytes: Vec<u8>, arguments: &ShapeArgs, output: Output) -> Result<Report> {
    let _held = shared.hold_points(bytes.len() as u64 / BYTES_PER_POINT);
    let read = io::read(&bytes, &Default::default(), &|name| sibling(&job.source, name));
    let io::Input { shape, mut notes, .. } = read.map_err(|error| explain::shape(&error))?;
    drop(bytes);
    let start = Instant::now();
    let encoded = tessera_geometry::encode(&shape, &arguments.options()).map_err(|error| explain::shape(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    output.write(&job.sink, &encoded.bytes)?;
    notes.extend(encoded.notes);
    let (tier, depth) = match encoded.tier {
        GeometryTier::Octree { depth, .. } => ("octree", depth),
        _ => ("other", 0),
    };
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        points: encoded.points,
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
        let loss = match self.error {
            0.0 => "no coordinate changed".to_owned(),
            error => format!("coordinates within {error:.2e}"),
        };
        format!(
            "{} -> {}  {} points  {} bytes  {:.2} bits per point  {loss}  {:.2} s",
            self.input,
            self.output,
            print::grouped(self.points),
            print::grouped(self.bytes),
            self.bits_per_point,
            self.seconds
        )
    }
}
