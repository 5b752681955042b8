//! Decoding.

use tessera_core::Error as CoreError;
use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, Lattice, MediaShape};
use tessera_core::entropy::BitDecoder;

use super::mesh;
use super::options::DecodeOptions;
use super::parts::Attribute;
use crate::error::{Error, Result};
use crate::lattice;
use crate::octree::{self, Leaves, Tree};
use crate::shape::{Cloud, Shape};

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
    let (header, chunks, mut losses) = if options.salvage {
        let salvaged = container::salvage(bytes, &options.limits)?;
        let losses = salvaged.losses.iter().map(|loss| format!("byte {}: {}", loss.offset, loss.error)).collect();
        (salvaged.header, salvaged.chunks, losses)
    } else {
        let file = container::read(bytes, &options.limits)?;
        (file.header, file.chunks, Vec::new())
    };
    let tier = tier_of(&header)?;
    let (points, depth, lattice, counts, exact, colors, normal_bits) = match tier {
        GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits } => {
            (points, depth, lattice, counts, exact, colors, normal_bits)
        }
        GeometryTier::Decimated { faces } => {
            let shape = Shape::Mesh(mesh::decode(&chunks, faces)?);
            return Ok(Decoded { shape, tier, bits: 0, losses });
        }
        _ => return Err(CoreError::Unsupported { what: "this tier of geometry".to_owned() }.into()),
    };
    let wanted = options.bits.unwrap_or(depth).clamp(1, depth);
    let leaves = decode_levels(&chunks, depth, points, depth - wanted, options.salvage, &mut losses)?;
    if leaves.missing > 0 {
        let left_out = [(counts, "repetitions"), (colors, "colours"), (normal_bits.is_some(), "normals")];
        losses.extend(
            left_out.iter().filter(|(there, _)| *there).map(|(_, what)| format!("{what} are those of finer levels")),
        );
        return Ok(Decoded {
            shape: Shape::Cloud(Cloud::new(coarse(&leaves, &lattice))),
            tier,
            bits: depth - leaves.missing as u8,
            losses,
        });
    }
    let mut read = Attributes { chunks: &chunks, salvage: options.salvage, losses: &mut losses };
    let mut codes = leaves.codes;
    let repeated = match counts {
        true => read.decode(Attribute::Counts, |decoder| octree::code_counts(decoder, None, codes.len(), points))?,
        false if codes.len() == points as usize => None,
        false => return Err(Error::corrupt(format!("the octree has {} leaves for {points} points", codes.len()))),
    };
    // Attributes are those of repeated points: without the counts, whose they are is not known.
    let matched = repeated.is_some() || !counts;
    if let Some(counts) = repeated {
        let many = |(&code, &count): (&u64, &u32)| std::iter::repeat_n(code, count as usize);
        codes = codes.iter().zip(&counts).flat_map(many).collect();
    }
    let places = codes.iter().map(|&code| octree::place_of(code));
    let place = |place: [u32; 3]| std::array::from_fn(|axis| lattice::coordinate(&lattice, axis, place[axis].into()));
    let mut cloud = Cloud::new(places.map(place).collect());
    if exact && matched {
        let exact = read.decode(Attribute::Exact, |decoder| decode_remainders(decoder, &codes, &lattice))?;
        cloud.positions = exact.unwrap_or(cloud.positions);
    }
    if colors && matched {
        cloud.colors = read.decode(Attribute::Colors, |decoder| octree::code_colors(decoder, &codes, None))?;
    }
    if let Some(bits) = normal_bits.filter(|_| matched) {
        let coded = read.decode(Attribute::Normals, |decoder| octree::code_normals(decoder, &codes, bits, None))?;
        cloud.normals = coded.map(|coded| coded.into_iter().map(|halves| unit(halves, bits)).collect());
    }
    Ok(Decoded { shape: Shape::Cloud(cloud), tier, bits: depth, losses })
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

struct Attributes<'a> {
    chunks: &'a [Chunk],
    salvage: bool,
    losses: &'a mut Vec<String>,
}

impl Attributes<'_> {
    /// `None` only for what is lost, where that is allowed.
    fn decode<T>(
        &mut self,
        attribute: Attribute,
        code: impl FnOnce(&mut BitDecoder<'_>) -> tessera_core::Result<T>,
    ) -> Result<Option<T>> {
        let Some(payload) = attribute.find(self.chunks) else {
            let what = format!("{} are missing", attribute.name());
            if !self.salvage {
                return Err(Error::corrupt(what));
            }
            self.losses.push(what);
            return Ok(None);
        };
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
