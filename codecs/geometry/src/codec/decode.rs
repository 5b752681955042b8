//! Decoding.

use tessera_core::Error as CoreError;
use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, Lattice, MediaShape};
use tessera_core::entropy::BitDecoder;

use super::options::DecodeOptions;
use super::parts::Attribute;
use super::{mesh, splats};
use crate::error::{Error, Result};
use crate::lattice;
use crate::octree::{self, Leaves, Tree};
use crate::shape::{Cloud, Shape};
use crate::surface::{self, SurfaceCodec};

/// A decoded shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The shape; points are in Morton order.
    pub shape: Shape,
    /// How it was coded.
    pub tier: GeometryTier,
    /// Bits of a coordinate that were decoded; 0 for a mesh.
    pub bits: u8,
    /// What of the file was lost or left out, each in one line.
    pub losses: Vec<String>,
}

/// Decodes a `.tsr` file that holds a shape.
///
/// # Errors
/// [`Error::Core`] for a file that is damaged, foreign or asks for more than the limits; with
/// [`salvage`](DecodeOptions::salvage) only if not even the coarsest levels survive.
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded> {
    decode_with(bytes, options, None)
}

/// As [`decode`], of surfaces too: those need the codec of the pack that they were made with.
///
/// # Errors
/// As [`decode`], and [`Error::Models`] if the networks do not run.
pub fn decode_with(bytes: &[u8], options: &DecodeOptions, surfaces: Option<&SurfaceCodec>) -> Result<Decoded> {
    let (header, chunks, losses) = if options.salvage {
        let salvaged = container::salvage(bytes, &options.limits)?;
        let losses = salvaged.losses.iter().map(|loss| format!("byte {}: {}", loss.offset, loss.error)).collect();
        (salvaged.header, salvaged.chunks, losses)
    } else {
        let file = container::read(bytes, &options.limits)?;
        (file.header, file.chunks, Vec::new())
    };
    let tier = tier_of(&header)?;
    let mut reading = Reading { chunks: &chunks, options, losses };
    let (points, depth, lattice, counts, exact, colors, normal_bits) = match tier {
        GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits } => {
            (points, depth, lattice, counts, exact, colors, normal_bits)
        }
        GeometryTier::Decimated { faces } => {
            let shape = Shape::Mesh(mesh::decode(&chunks, faces)?);
            return Ok(Decoded { shape, tier, bits: 0, losses: reading.losses });
        }
        GeometryTier::Surface { blocks } => {
            let codec = surfaces.filter(|codec| codec.pack().hash8() == header.pack.hash);
            let codec = codec.ok_or_else(|| CoreError::Mismatch {
                what: "the surface needs the model pack that it was made with".to_owned(),
            })?;
            let mesh = surface::decode(&chunks, blocks, header.rung, codec, &options.limits)?;
            return Ok(Decoded { shape: Shape::Mesh(mesh), tier, bits: 0, losses: reading.losses });
        }
        GeometryTier::Splats { .. } => return splats::decode(reading, tier),
        _ => return Err(CoreError::Unsupported { what: "this tier of geometry".to_owned() }.into()),
    };
    let codes = match reading.tree(depth, points, &lattice, counts)? {
        Ok(codes) => codes,
        Err((coarse, bits)) => {
            let left_out = [(counts, "repetitions"), (colors, "colours"), (normal_bits.is_some(), "normals")];
            reading.losses.extend(
                left_out
                    .iter()
                    .filter(|(there, _)| *there)
                    .map(|(_, what)| format!("{what} are those of finer levels")),
            );
            return Ok(Decoded { shape: Shape::Cloud(coarse), tier, bits, losses: reading.losses });
        }
    };
    // Attributes are those of repeated points: without the counts, whose they are is not known.
    let matched = codes.len() == points as usize;
    let places = codes.iter().map(|&code| octree::place_of(code));
    let place = |place: [u32; 3]| std::array::from_fn(|axis| lattice::coordinate(&lattice, axis, place[axis].into()));
    let mut cloud = Cloud::new(places.map(place).collect());
    if exact && matched {
        let exact = reading.decode(Attribute::Exact, |decoder| decode_remainders(decoder, &codes, &lattice))?;
        cloud.positions = exact.unwrap_or(cloud.positions);
    }
    if colors && matched {
        cloud.colors = reading.decode(Attribute::Colors, |decoder| octree::code_colors(decoder, &codes, None))?;
    }
    if let Some(bits) = normal_bits.filter(|_| matched) {
        let coded = reading.decode(Attribute::Normals, |decoder| octree::code_normals(decoder, &codes, bits, None))?;
        cloud.normals = coded.map(|coded| coded.into_iter().map(|halves| unit(halves, bits)).collect());
    }
    Ok(Decoded { shape: Shape::Cloud(cloud), tier, bits: depth, losses: reading.losses })
}

pub(super) fn tier_of(header: &Header) -> Result<GeometryTier> {
    match header.media {
        MediaShape::Geometry(tier) => Ok(tier),
        _ => Err(CoreError::Unsupported { what: "the file holds no shape".to_owned() }.into()),
    }
}

/// Levels down to where `spare` are left, or as many as survive.
fn decode_levels(
    chunks: &[Chunk],
    depth: u8,
    points: u32,
    spare: u8,
    salvage: bool,
    losses: &mut Vec<String>,
) -> Result<Leaves> {
    let mut groups: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Levels).collect();
    groups.sort_by_key(|chunk| chunk.sequence);
    let mut tree = Tree::new(depth.into(), points.into());
    for (n, group) in (0u32..).zip(&groups) {
        if tree.missing() <= u32::from(spare) {
            break;
        }
        let decoded = match group.sequence == n {
            // A group that fails leaves the tree between two levels, so its outcome is not used.
            true => tree.decode_group(&group.payload),
            false => Err(CoreError::Corrupt { what: format!("levels {n} are missing") }),
        };
        match decoded {
            Ok(()) => {}
            Err(error) if salvage && group.sequence != n && n > 0 => {
                losses.push(error.to_string());
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    match tree.missing() {
        missing if missing > u32::from(spare) && !(salvage && missing < depth.into()) => {
            Err(Error::corrupt(format!("the {missing} finest levels of the octree are missing")))
        }
        _ => Ok(tree.into_leaves()),
    }
}

/// The middle of each node; points that are known whole are where they are.
fn coarse(leaves: &Leaves, lattice: &Lattice) -> Vec<[f32; 3]> {
    let middle = f64::from((1u32 << leaves.missing) - 1) / 2.0;
    let mut lone = leaves.lone.iter().peekable();
    let position = |&code: &u64| {
        let add = if lone.next_if_eq(&&code).is_some() { 0.0 } else { middle };
        let place = octree::place_of(code);
        std::array::from_fn(|axis| lattice::coordinate(lattice, axis, f64::from(place[axis]) + add))
    };
    leaves.codes.iter().map(position).collect()
}

/// The chunks of a file as they are taken.
pub(super) struct Reading<'a> {
    chunks: &'a [Chunk],
    options: &'a DecodeOptions,
    pub losses: Vec<String>,
}

impl Reading<'_> {
    /// The codes of all points in Morton order, each as often as it occurs; or, where levels are left out or lost, the coarser cloud, and its
    /// bits of a coordinate. Where repetitions are lost every leaf occurs once.
    pub fn tree(
        &mut self,
        depth: u8,
        points: u32,
        lattice: &Lattice,
        counts: bool,
    ) -> Result<std::result::Result<Vec<u64>, (Cloud, u8)>> {
        let wanted = self.options.bits.unwrap_or(depth).clamp(1, depth);
        let salvage = self.options.salvage;
        let leaves = decode_levels(self.chunks, depth, points, depth - wanted, salvage, &mut self.losses)?;
        if leaves.missing > 0 {
            return Ok(Err((Cloud::new(coarse(&leaves, lattice)), depth - leaves.missing as u8)));
        }
        let codes = leaves.codes;
        let repeated = match counts {
            true => {
                self.decode(Attribute::Counts, |decoder| octree::code_counts(decoder, None, codes.len(), points))?
            }
            false if codes.len() == points as usize => None,
            false => {
                return Err(Error::corrupt(format!("the octree has {} leaves for {points} points", codes.len())));
            }
        };
        let Some(counts) = repeated else { return Ok(Ok(codes)) };
        let many = |(&code, &count): (&u64, &u32)| std::iter::repeat_n(code, count as usize);
        Ok(Ok(codes.iter().zip(&counts).flat_map(many).collect()))
    }

    /// The payload of an attribute; `None` only for what is lost, where that is allowed.
    pub fn payload(&mut self, attribute: Attribute) -> Result<Option<&[u8]>> {
        let payload = attribute.find(self.chunks);
        if payload.is_none() {
            let what = format!("{} are missing", attribute.name());
            if !self.options.salvage {
                return Err(Error::corrupt(what));
            }
            self.losses.push(what);
        }
        Ok(payload)
    }

    /// `None` only for what is lost, where that is allowed.
    fn decode<T>(
        &mut self,
        attribute: Attribute,
        code: impl FnOnce(&mut BitDecoder<'_>) -> tessera_core::Result<T>,
    ) -> Result<Option<T>> {
        let Some(payload) = self.payload(attribute)? else { return Ok(None) };
        let mut decoder = BitDecoder::new(payload)?;
        let decoded = code(&mut decoder)?;
        decoder.finish()?;
        Ok(Some(decoded))
    }
}

fn decode_remainders(
    decoder: &mut BitDecoder<'_>,
    codes: &[u64],
    lattice: &Lattice,
) -> tessera_core::Result<Vec<[f32; 3]>> {
    let mut positions = Vec::new();
    for &code in codes {
        let mut position = [0.0; 3];
        for (axis, index) in octree::place_of(code).into_iter().enumerate() {
            let cell = lattice::cell(lattice, axis, index.into());
            if cell.is_empty() {
                return Err(CoreError::Corrupt { what: "a cell of the lattice holds no number".to_owned() });
            }
            let rank = octree::code_exact(decoder, 0, cell.end - cell.start)?;
            position[axis] = lattice::of_key(cell.start + rank);
        }
        positions.push(position);
    }
    Ok(positions)
}

fn unit(halves: [u16; 2], bits: u8) -> [f32; 3] {
    let vector = octree::unfold(halves, (1 << bits) - 1).map(f64::from);
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.map(|x| (x / length) as f32)
}
