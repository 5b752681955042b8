//! What is in the `.tsr` file of a shape.

use serde::Serialize;
use tessera_core::{Limits, container::GeometryTier};
use tessera_geometry::inspect;

use super::{PartReport, parts_table};
use crate::{
    explain,
    failure::{Exit, Failure, Result},
    print,
};

/// Everything `info` tells about the file of a shape; `--json` prints it as it is.
#[derive(Debug, Serialize)]
pub struct Report {
    file: String,
    modality: &'static str,
    tier: &'static str,
    /// Why this tier.
    why: &'static str,
    #[serde(flatten)]
    content: Content,
    bytes: u64,
    parts: Vec<PartReport>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content {
    Points(Points),
    Mesh { faces: u32, mesh_bytes: u64 },
    Surface { blocks: u32, token_bytes: u64, pack: String },
    Splats(Splats),
}

#[derive(Debug, Serialize)]
struct Splats {
    splats: u32,
    /// Of the spherical harmonics of their colours.
    degree: u8,
    antialiased: bool,
    /// Bits of a centre's coordinate.
    depth: u8,
    /// Units between neighbouring indices.
    step: f64,
    /// Coordinates of index 0.
    origin: [f64; 3],
    level_bytes: u64,
    attribute_bytes: u64,
    bytes_per_splat: f64,
}

#[derive(Debug, Serialize)]
struct Points {
    points: u32,
    /// Bits of a coordinate.
    depth: u8,
    /// Units between neighbouring indices.
    step: f64,
    /// Coordinates of index 0.
    origin: [f64; 3],
    /// Whether coordinates are there to the last bit beyond the lattice.
    exact: bool,
    repeated: bool,
    colors: bool,
    normal_bits: Option<u8>,
    level_bytes: u64,
    attribute_bytes: u64,
    bits_per_point: f64,
}

pub fn inspect_shape(file: String, bytes: &[u8]) -> Result<Report> {
    let held = inspect(bytes, &Limits::default()).map_err(|error| explain::shape(&error))?;
    let (tier, why, content) = match held.tier {
        GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits } => {
            let why = match exact {
                true => "points, kept to the last bit: what the lattice does not hold follows the tree",
                false => "points, on a lattice: no model pack is needed",
            };
            let points = Points {
                points,
                depth,
                step: 1.0 / lattice.divisor,
                origin: lattice.offset.map(|offset| offset / lattice.divisor),
                exact,
                repeated: counts,
                colors,
                normal_bits,
                level_bytes: held.level_bytes,
                attribute_bytes: held.attribute_bytes,
                bits_per_point: 8.0 * bytes.len() as f64 / f64::from(points),
            };
            ("octree", why, Content::Points(points))
        }
        GeometryTier::Decimated { faces } => {
            let why = "a surface, with as many triangles as were worth their bytes: no model pack is needed";
            ("decimated", why, Content::Mesh { faces, mesh_bytes: held.level_bytes })
        }
        GeometryTier::Surface { blocks } => {
            let why = "blocks of a surface, as tokens, which were nearer to it than triangles of that size";
            let pack = held.pack.id.unwrap_or_else(|| explain::hex(&held.pack.hash));
            ("surface", why, Content::Surface { blocks, token_bytes: held.level_bytes, pack })
        }
        GeometryTier::Splats { points, depth, lattice, degree, antialiased, .. } => {
            let splats = Splats {
                splats: points,
                degree,
                antialiased,
                depth,
                step: 1.0 / lattice.divisor,
                origin: lattice.offset.map(|offset| offset / lattice.divisor),
                level_bytes: held.level_bytes,
                attribute_bytes: held.attribute_bytes,
                bytes_per_splat: bytes.len() as f64 / f64::from(points),
            };
            ("splats", "Gaussian splats, with palettes of their own: no model pack is needed", Content::Splats(splats))
        }
        _ => return Err(Failure::new(Exit::Input, "it holds a shape of an unknown tier", "use a newer tessera")),
    };
    let parts = held.parts.into_iter().map(PartReport::from).collect();
    Ok(Report { file, modality: "geometry", tier, why, content, bytes: bytes.len() as u64, parts })
}

impl Points {
    fn lines(&self, tier: &str, bytes: u64) -> String {
        let mut has = vec![];
        if self.repeated {
            has.push("some repeated".to_owned());
        }
        if self.colors {
            has.push("colours of 8 bits".to_owned());
        }
        if let Some(bits) = self.normal_bits {
            has.push(format!("normals of {bits} bits a half"));
        }
        let has = if has.is_empty() { String::new() } else { format!(", {}", has.join(", ")) };
        format!(
            "  shape    {} points{has}\n{tier}  lattice  {} bits a coordinate, steps of {}, from {} {} {}\n  coded    {} bytes of levels, {} of attributes\n  file     {} bytes, {:.3} bits per point, 1 : {:.0} of 32-bit coordinates\n",
            print::grouped(self.points.into()),
            self.depth,
            self.step,
            self.origin[0],
            self.origin[1],
            self.origin[2],
            print::grouped(self.level_bytes),
            print::grouped(self.attribute_bytes),
            print::grouped(bytes),
            self.bits_per_point,
            12.0 * f64::from(self.points) / bytes as f64,
        )
    }
}

impl Splats {
    fn lines(&self, tier: &str, bytes: u64) -> String {
        let filtered = if self.antialiased { ", with the filter of Mip-Splatting" } else { "" };
        format!(
            "  shape    {} splats, colours of degree {}{filtered}\n{tier}  lattice  {} bits a coordinate, steps of {}, from {} {} {}\n  coded    {} bytes of centres, {} of sizes, turns and colours\n  file     {} bytes, {:.2} bytes per splat\n",
            print::grouped(self.splats.into()),
            self.degree,
            self.depth,
            self.step,
            self.origin[0],
            self.origin[1],
            self.origin[2],
            print::grouped(self.level_bytes),
            print::grouped(self.attribute_bytes),
            print::grouped(bytes),
            self.bytes_per_splat,
        )
    }
}

impl Report {
    pub fn page(&self) -> String {
        let tier = format!("  tier     {}: {}\n", self.tier, self.why);
        let lines = match &self.content {
            Content::Points(points) => points.lines(&tier, self.bytes),
            Content::Splats(splats) => splats.lines(&tier, self.bytes),
            Content::Surface { blocks, token_bytes, pack } => format!(
                "  shape    a surface through {} blocks\n{tier}  pack     {pack}\n  coded    {} bytes of tokens and their places\n  file     {} bytes, {:.2} bits per block\n",
                print::grouped((*blocks).into()),
                print::grouped(*token_bytes),
                print::grouped(self.bytes),
                8.0 * self.bytes as f64 / f64::from(*blocks),
            ),
            Content::Mesh { faces, mesh_bytes } => format!(
                "  shape    {} faces\n{tier}  coded    {} bytes of faces and vertices\n  file     {} bytes, {:.3} bits per face\n",
                print::grouped((*faces).into()),
                print::grouped(*mesh_bytes),
                print::grouped(self.bytes),
                8.0 * self.bytes as f64 / f64::from(*faces),
            ),
        };
        format!("{}\n{lines}\n{}", self.file, parts_table(&self.parts, self.bytes))
    }
}
