//! Files of meshes.

use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, MediaShape, PackRef, PriorKind};
use tessera_core::{Error as CoreError, Limits, Rung};

use super::encode::Encoded;
use super::options::Target;
use crate::decimated::{self, Coded, Goal};
use crate::error::{Error, Result};
use crate::shape::Mesh;

/// Bytes of a position and of a face as 32-bit numbers.
const ENTRY: u64 = 12;

pub(super) fn encode(mesh: &Mesh, target: Target) -> Result<Encoded> {
    let limit = Limits::default().max_points;
    let most = mesh.faces.len().max(mesh.positions.len()) as u64;
    if most > limit {
        return Err(Error::Limit { what: "vertices or faces", claimed: most, limit });
    }
    let coded = match target {
        Target::Size(size) => sized(mesh, size)?,
        Target::Ratio(ratio) if ratio >= 1.0 => {
            let bytes = ENTRY * (mesh.positions.len() + mesh.faces.len()) as u64;
            sized(mesh, (bytes as f64 / ratio) as u64)?
        }
        Target::Ratio(ratio) => return Err(Error::parameter(format!("a ratio of {ratio}; it is 1 or more"))),
        Target::Quality(quality) if (0.0..=100.0).contains(&quality) => {
            decimated::encode(mesh, Goal::Error(10f64.powf(-2.0 - quality / 50.0)))?
        }
        Target::Quality(quality) => {
            return Err(Error::parameter(format!("a quality of {quality}; it is from 0 to 100")));
        }
    };
    let mut notes = Vec::new();
    let kept = coded.payload.faces;
    if kept < mesh.faces.len() {
        notes.push(format!("{kept} faces stand for {}", mesh.faces.len()));
    }
    let attributes = [
        ("normals", mesh.normals.is_some()),
        ("texture coordinates", mesh.uvs.is_some()),
        ("colours", mesh.colors.is_some()),
    ];
    let dropped: Vec<&str> = attributes.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    if !dropped.is_empty() {
        notes.push(format!("its {} are dropped", dropped.join(", ")));
    }
    let place_bytes = coded.payload.bytes.len() as u64;
    let (bytes, tier) = file(coded.payload.bytes, kept)?;
    let why = "triangles are taken away, and the rest is moved and coded";
    let points = coded.vertices as u64;
    Ok(Encoded { bytes, tier, why, points, place_bytes, error: coded.error, notes })
}

pub(super) fn decode(chunks: &[Chunk], faces: u32) -> Result<Mesh> {
    let chunk = chunks.iter().find(|chunk| chunk.kind == ChunkKind::Mesh && chunk.sequence == 0);
    let chunk = chunk.ok_or_else(|| CoreError::Corrupt { what: "the mesh is missing".to_owned() })?;
    decimated::decode(&chunk.payload, faces as usize)
}

/// The best that fits a file of so many bytes.
fn sized(mesh: &Mesh, size: u64) -> Result<Coded> {
    // A chunk's payload stays below 4 GiB.
    let budget = usize::try_from(size).unwrap_or(usize::MAX).min(1 << 31);
    // What a file has around its payload: an empty one's bytes, and what the length of a full one takes more. Fewer faces take no more.
    let length_bits = usize::BITS - budget.leading_zeros();
    let frame =
        file(Vec::new(), mesh.faces.len().max(1))?.0.len() + (length_bits.div_ceil(7) as usize).saturating_sub(1);
    match budget.checked_sub(frame) {
        Some(bytes) => decimated::encode(mesh, Goal::Bytes(bytes)),
        None => Err(Error::parameter(format!("a file of {size} bytes; a mesh takes {frame} and what it holds"))),
    }
}

fn file(payload: Vec<u8>, faces: usize) -> Result<(Vec<u8>, GeometryTier)> {
    // Not more than the limits allow, which is below 2^32.
    let tier = GeometryTier::Decimated { faces: faces as u32 };
    let header = Header {
        pack: PackRef::NONE,
        rung: Rung { levels: 1, depth: 1 },
        prior: PriorKind::Uniform,
        media: MediaShape::Geometry(tier),
    };
    Ok((container::write(&header, &[Chunk::new(ChunkKind::Mesh, payload)])?, tier))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::codec::{DecodeOptions, decode};
    use crate::io::{self, Format};
    use crate::shape::Shape;

    /// Stairs of boxes: flat along the axes, which vertices on a lattice keep.
    fn stairs() -> Mesh {
        let mut mesh = Mesh::default();
        for step in 0..24 {
            let first = mesh.positions.len() as u32;
            let low = [step as f32 * 0.25, 0.0, (step % 3) as f32];
            for corner in 0..8 {
                let side = |axis: usize, length: f32| low[axis] + if corner >> axis & 1 == 1 { length } else { 0.0 };
                mesh.positions.push([side(0, 0.25), side(1, 0.2 + step as f32 * 0.125), side(2, 1.0)]);
            }
            for [a, b, c, d] in [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]] {
                mesh.faces.extend([[a, b, c], [a, c, d]].map(|face| face.map(|n| first + n)));
            }
        }
        mesh
    }

    fn golden(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/geometry").join(name)
    }

    /// Whether steps along the surface are as long as those away from it.
    fn on_lattice(bytes: &[u8]) -> bool {
        let payload = &container::read(bytes, &Limits::default()).unwrap().chunks[0].payload;
        payload[2] == payload[3]
    }

    #[test]
    fn vertices_on_a_lattice_decode_bit_for_bit() {
        let bytes = fs::read(golden("lattice.tsr")).unwrap();
        assert!(on_lattice(&bytes));
        let decoded = decode(&bytes, &DecodeOptions::default()).unwrap().shape;
        assert!(io::write(&decoded, Format::Ply).unwrap().bytes == fs::read(golden("lattice.ply")).unwrap());
    }

    /// The ordinary encoder takes this mode where it comes nearer; here it is asked for.
    #[test]
    #[ignore = "writes the golden file if it is missing"]
    fn write() {
        if !golden("lattice.tsr").exists() {
            let payload = decimated::encode_faces(&stairs().welded(), 0.03, decimated::LATTICE).unwrap();
            let (bytes, _) = file(payload.bytes, payload.faces).unwrap();
            let decoded = decode(&bytes, &DecodeOptions::default()).unwrap().shape;
            assert!(on_lattice(&bytes) && matches!(&decoded, Shape::Mesh(mesh) if mesh.faces.len() == payload.faces));
            fs::write(golden("lattice.ply"), io::write(&decoded, Format::Ply).unwrap().bytes).unwrap();
            fs::write(golden("lattice.tsr"), bytes).unwrap();
        }
    }
}
