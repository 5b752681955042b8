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
    bytes: u64,
    bits_per_point: f64,
    parts: Vec<PartReport>,
}

pub fn inspect_shape(file: String, bytes: &[u8]) -> Result<Report> {
    let held = inspect(bytes, &Limits::default()).map_err(|error| explain::shape(&error))?;
    let GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits } = held.tier else {
        return Err(Failure::new(Exit::Input, "it holds a shape of an unknown tier", "use a newer tessera"));
    };
    Ok(Report {
        file,
        modality: "geometry",
        tier: "octree",
        why: match exact {
            true => "points, kept to the last bit: what the lattice does not hold follows the tree",
            false => "points, on a lattice: no model pack is needed",
        },
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
        bytes: bytes.len() as u64,
        bits_per_point: 8.0 * bytes.len() as f64 / f64::from(points),
        parts: held.parts.into_iter().map(PartReport::from).collect(),
    })
}

impl Report {
    pub fn page(&self) -> String {
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
        let mut page = format!(
            "{}\n  shape    {} points{has}\n  tier     {}: {}\n  lattice  {} bits a coordinate, steps of {}, from {} {} {}\n  coded    {} bytes of levels, {} of attributes\n  file     {} bytes, {:.3} bits per point, 1 : {:.0} of 32-bit coordinates\n\n",
            self.file,
            print::grouped(self.points.into()),
            self.tier,
            self.why,
            self.depth,
            self.step,
            self.origin[0],
            self.origin[1],
            self.origin[2],
            print::grouped(self.level_bytes),
            print::grouped(self.attribute_bytes),
            print::grouped(self.bytes),
            self.bits_per_point,
            12.0 * f64::from(self.points) / self.bytes as f64,
        );
        page.push_str(&parts_table(&self.parts, self.bytes));
        page
    }
}
