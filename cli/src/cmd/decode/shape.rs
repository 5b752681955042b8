//! `.tsr` files back to shapes.

use std::time::Instant;

use serde::Serialize;
use tessera_core::container::{GeometryTier, Header, MediaShape, POINTS_OF_A_BLOCK, POINTS_OF_A_SPLAT};
use tessera_geometry::{
    DecodeOptions, Shape,
    io::{self, Format},
};

use crate::{
    engine::Shared,
    explain,
    failure::Result,
    files::{Output, Sink, Source},
    print,
};

/// One decoded shape, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    /// Points, vertices of a mesh, or splats.
    points: usize,
    /// Whether they are splats.
    splats: bool,
    /// Of a mesh.
    faces: Option<usize>,
    /// Bits of a coordinate of points and of splats' centres.
    bits: Option<u8>,
    bytes: u64,
    /// What of the file was lost or left out.
    losses: Vec<String>,
    /// That, and what the output's format does not hold.
    pub notes: Vec<String>,
    /// Decoding alone: the shape is not yet written.
    seconds: f64,
}

pub fn decode(
    shared: &Shared,
    (source, header): (&Source, &Header),
    bytes: &[u8],
    sink: &Sink,
    (options, format): (&DecodeOptions, Format),
    output: Output,
) -> Result<Report> {
    let _held = shared.hold_points(claimed(header));
    let codec = match header.needs_pack() {
        true => Some(shared.surface_codec(&shared.find_pack(header)?)?),
        false => None,
    };
    let start = Instant::now();
    let decoded = tessera_geometry::decode_with(bytes, options, codec.as_deref());
    let decoded = decoded.map_err(|error| explain::shape(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    let side = tessera_geometry::side_of(bytes, options).map_err(|error| explain::shape(&error))?;
    let written = io::write_with(&decoded.shape, &side, format).map_err(|error| explain::shape(&error))?;
    output.write(sink, &written.bytes)?;
    Ok(Report {
        input: source.to_string(),
        output: sink.to_string(),
        points: decoded.shape.positions().len(),
        faces: match &decoded.shape {
            Shape::Mesh(mesh) => Some(mesh.faces.len()),
            _ => None,
        },
        splats: matches!(decoded.shape, Shape::Splats(_)),
        bits: (decoded.bits > 0).then_some(decoded.bits),
        bytes: written.bytes.len() as u64,
        notes: [&decoded.losses[..], &written.notes].concat(),
        losses: decoded.losses,
        seconds,
    })
}

/// Points that the header says.
fn claimed(header: &Header) -> u64 {
    match header.media {
        MediaShape::Geometry(GeometryTier::Octree { points, .. }) => points.into(),
        MediaShape::Geometry(GeometryTier::Decimated { faces }) => faces.into(),
        MediaShape::Geometry(GeometryTier::Surface { blocks }) => u64::from(blocks) * POINTS_OF_A_BLOCK,
        MediaShape::Geometry(GeometryTier::Splats { points, .. }) => u64::from(points) * POINTS_OF_A_SPLAT,
        _ => 0,
    }
}

impl Report {
    pub fn line(&self) -> String {
        let points = print::grouped(self.points as u64);
        let what = match (self.faces, self.bits) {
            (Some(faces), _) => format!("{points} vertices  {} faces", print::grouped(faces as u64)),
            (None, Some(bits)) => {
                format!("{points} {}  {bits} bits a coordinate", if self.splats { "splats" } else { "points" })
            }
            (None, None) => format!("{points} points"),
        };
        format!("{} -> {}  {what}  {:.2} s", self.input, self.output, self.seconds)
    }
}
