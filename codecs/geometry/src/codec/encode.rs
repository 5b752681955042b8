//! Encoding.

use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, MediaShape, PackRef, PriorKind};
use tessera_core::entropy::BitEncoder;
use tessera_core::{Limits, Rung};

use super::options::EncodeOptions;
use super::parts::Attribute;
use super::{mesh, splats};
use crate::error::{Error, Result};
use crate::lattice::{self, Fit, Precision};
use crate::octree;
use crate::shape::{Cloud, Shape};
use crate::surface::SurfaceCodec;

/// An encoded shape and where its bytes went.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The `.tsr` file.
    pub bytes: Vec<u8>,
    /// How it is coded.
    pub tier: GeometryTier,
    /// Why that tier, in a few words.
    pub why: &'static str,
    /// Points, vertices or splats coded.
    pub points: u64,
    /// Bytes of the places of points, or of the mesh.
    pub place_bytes: u64,
    /// Of points and centres: greatest error of a coordinate that the lattice allows; 0 where coordinates come back as they were. Of a mesh: mean
    /// distance between the surfaces, there and back. In units of the shape.
    pub error: f64,
    /// What of the input is not in the file, each in one line.
    pub notes: Vec<String>,
}

/// Encodes a shape. The same cloud and options give the same bytes on every machine; meshes and splats are worked on in floating point, so that on another
/// machine they may become another file. Every file decodes to the same shape everywhere; of splats, the last bits of a number may differ.
///
/// # Errors
/// [`Error::Shape`] for a shape without points, with numbers that are not finite, or a mesh unless its vertices are asked for;
/// [`Error::Parameter`] for options out of range; [`Error::Core`] if there are more points than a decoder with default limits takes.
pub fn encode(shape: &Shape, options: &EncodeOptions) -> Result<Encoded> {
    encode_with(shape, options, None)
}

/// As [`encode`]; with the codec of a model pack, meshes that are coded for a size or a ratio become tokens where those are measured to be nearer to the
/// original than fewer triangles.
///
/// # Errors
/// As [`encode`], and [`Error::Models`] if the networks do not run.
pub fn encode_with(shape: &Shape, options: &EncodeOptions, surfaces: Option<&SurfaceCodec>) -> Result<Encoded> {
    shape.check()?;
    match shape {
        Shape::Cloud(cloud) => {
            let why = match options.precision {
                Precision::Lossless => "points are kept to the last bit",
                _ => "points are coded as the leaves of an octree",
            };
            encode_cloud(cloud, options, why, Vec::new())
        }
        Shape::Mesh(mesh) if mesh.faces.is_empty() => {
            encode_cloud(&mesh.clone().into_cloud(), options, "a mesh without faces is a cloud", Vec::new())
        }
        Shape::Mesh(mesh) if options.vertices => {
            let mut notes = vec![format!("its {} faces are dropped", mesh.faces.len())];
            if mesh.uvs.is_some() {
                notes.push("its texture coordinates are dropped".to_owned());
            }
            encode_cloud(&mesh.clone().into_cloud(), options, "the vertices of a mesh were asked for", notes)
        }
        Shape::Mesh(_) if options.precision == Precision::Lossless => Err(Error::shape(
            "it is a mesh, and meshes are not coded without loss; leave --lossless out, or code its vertices alone with --points",
        )),
        Shape::Mesh(mesh) => mesh::encode(mesh, options, surfaces),
        Shape::Splats(all) if options.vertices => {
            let notes = vec!["splats are dropped but for their centres and colours".to_owned()];
            encode_cloud(&all.to_cloud(), options, "the centres of splats were asked for", notes)
        }
        Shape::Splats(_) if options.precision == Precision::Lossless => Err(Error::shape(
            "it holds splats, and splats are not coded without loss; leave --lossless out, or code their centres alone with --points",
        )),
        Shape::Splats(all) => splats::encode(all, options.target),
    }
}

fn encode_cloud(cloud: &Cloud, options: &EncodeOptions, why: &'static str, mut notes: Vec<String>) -> Result<Encoded> {
    if !(2..=14).contains(&options.normal_bits) {
        return Err(Error::parameter(format!("{} bits of a normal; they are from 2 to 14", options.normal_bits)));
    }
    let points = count(cloud.len())?;
    let fit = lattice::fit(&cloud.positions, options.precision)?;
    if fit.outliers > 0 {
        notes.push(format!("{} points lie far from all others; steps are sized for the others", fit.outliers));
    }
    let exact = options.precision == Precision::Lossless && !fit.exact;
    let sorted = Sorted::new(&cloud.positions, &fit);
    let mut chunks = Vec::new();
    for (sequence, payload) in (0u32..).zip(octree::encode_groups(&sorted.leaves, fit.depth.into(), points.into())?) {
        chunks.push(Chunk { sequence, ..Chunk::new(ChunkKind::Levels, payload) });
    }
    let counts = sorted.counts.iter().any(|&count| count > 1);
    if counts {
        chunks.push(Attribute::Counts.chunk(written(|coder| {
            octree::code_counts(coder, Some(&sorted.counts), sorted.leaves.len(), points).map(drop)
        })?));
    }
    if exact {
        chunks.push(Attribute::Exact.chunk(written(|coder| code_remainders(coder, cloud, &fit, &sorted))?));
    }
    let place_bytes = chunks.iter().map(|chunk| chunk.payload.len() as u64).sum();
    if let Some(colors) = &cloud.colors {
        let colors: Vec<[u8; 3]> = sorted.order.iter().map(|&n| colors[n as usize]).collect();
        let payload = written(|coder| octree::code_colors(coder, &sorted.codes, Some(&colors)).map(drop))?;
        chunks.push(Attribute::Colors.chunk(payload));
    }
    let bits = options.normal_bits;
    if let Some(normals) = &cloud.normals {
        let normals: Vec<[u16; 2]> = sorted.order.iter().map(|&n| octahedral(normals[n as usize], bits)).collect();
        let payload = written(|coder| octree::code_normals(coder, &sorted.codes, bits, Some(&normals)).map(drop))?;
        chunks.push(Attribute::Normals.chunk(payload));
        notes.push(format!("normals are kept to {bits} bits a half"));
    }
    let tier = GeometryTier::Octree {
        points,
        depth: fit.depth,
        lattice: fit.lattice,
        counts,
        exact,
        colors: cloud.colors.is_some(),
        normal_bits: cloud.normals.is_some().then_some(bits),
    };
    let header = Header {
        pack: PackRef::NONE,
        rung: Rung { levels: 1, depth: 1 },
        prior: PriorKind::Uniform,
        media: MediaShape::Geometry(tier),
    };
    let error = if fit.exact || exact { 0.0 } else { 0.5 / fit.lattice.divisor };
    let bytes = container::write(&header, &chunks)?;
    Ok(Encoded { bytes, tier, why, points: points.into(), place_bytes, error, notes })
}

/// Points in Morton order.
pub(super) struct Sorted {
    /// Which point comes where.
    pub order: Vec<u32>,
    /// Its code.
    pub codes: Vec<u64>,
    /// The codes without repetition, and how often each occurs.
    pub leaves: Vec<u64>,
    pub counts: Vec<u32>,
}

impl Sorted {
    pub fn new(positions: &[[f32; 3]], fit: &Fit) -> Self {
        let code = |position: &[f32; 3]| {
            // From 0 to 2^21 - 1: the lattice was fitted to the points.
            let place = std::array::from_fn(|axis| lattice::index(&fit.lattice, axis, position[axis]) as u32);
            octree::code_of(place)
        };
        let mut both: Vec<(u64, u32)> = (0u32..).zip(positions).map(|(n, p)| (code(p), n)).collect();
        both.sort_unstable();
        let (codes, order): (Vec<u64>, Vec<u32>) = both.into_iter().unzip();
        let (mut leaves, mut counts): (Vec<u64>, Vec<u32>) = (Vec::new(), Vec::new());
        for &code in &codes {
            match (leaves.last(), counts.last_mut()) {
                (Some(&last), Some(count)) if last == code => *count += 1,
                _ => {
                    leaves.push(code);
                    counts.push(1);
                }
            }
        }
        Self { order, codes, leaves, counts }
    }
}

fn code_remainders(
    coder: &mut BitEncoder,
    cloud: &Cloud,
    fit: &Fit,
    sorted: &Sorted,
) -> std::result::Result<(), tessera_core::Error> {
    for &n in &sorted.order {
        for (axis, &x) in cloud.positions[n as usize].iter().enumerate() {
            let cell = lattice::cell(&fit.lattice, axis, lattice::index(&fit.lattice, axis, x));
            octree::code_exact(coder, lattice::key(x) - cell.start, cell.end - cell.start)?;
        }
    }
    Ok(())
}

fn written(code: impl FnOnce(&mut BitEncoder) -> tessera_core::Result<()>) -> Result<Vec<u8>> {
    let mut encoder = BitEncoder::new();
    code(&mut encoder)?;
    Ok(encoder.finish())
}

fn octahedral(normal: [f32; 3], bits: u8) -> [u16; 2] {
    // Any length serves; to whole numbers first, so that all that follows is exact.
    let longest = normal.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    if longest == 0.0 {
        return octree::fold([0, 0, 1], (1 << bits) - 1).map(|half| half as u16);
    }
    let whole = normal.map(|x| (f64::from(x) / f64::from(longest) * f64::from(1 << 20)).round() as i32);
    octree::fold(whole, (1 << bits) - 1).map(|half| half as u16)
}

fn count(points: usize) -> Result<u32> {
    let limit = Limits::default().max_points;
    match u32::try_from(points) {
        Ok(points) if u64::from(points) <= limit => Ok(points),
        _ => Err(Error::Limit { what: "points", claimed: points as u64, limit }),
    }
}
