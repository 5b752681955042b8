//! The media shape of points and meshes.

use super::positive;
use crate::container::bytes::{Bytes, put_varint};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};

const TIER_OCTREE: u8 = 0;
const TIER_DECIMATED: u8 = 1;
const TIER_SURFACE: u8 = 2;
const TIER_SPLATS: u8 = 3;
const OCTREE_COUNTS: u8 = 1 << 0;
const OCTREE_LATTICE: u8 = 1 << 1;
const OCTREE_COLORS: u8 = 1 << 2;
const OCTREE_NORMALS: u8 = 1 << 3;
const OCTREE_EXACT: u8 = 1 << 4;
const OCTREE_UNKNOWN: u8 = 7 << 5;
const SPLATS_COUNTS: u8 = 1 << 0;
const SPLATS_ANTIALIASED: u8 = 1 << 1;
const SPLATS_UNKNOWN: u8 = 63 << 2;
/// Most bits of a coordinate and of half a normal.
const MAX_OCTREE_DEPTH: u8 = 21;
const MAX_NORMAL_BITS: u8 = 14;
/// A splat counts as so many points where points are limited: it has as many times their numbers.
pub const POINTS_OF_A_SPLAT: u64 = 4;
/// A block of a surface counts as so many points where points are limited: about what it decodes to.
pub const POINTS_OF_A_BLOCK: u64 = 512;
/// Greatest degree of a splat's spherical harmonics.
const MAX_SPLAT_DEGREE: u8 = 3;

/// Where the points of an octree lie: index i of an axis stands for the coordinate `(offset + i) / divisor`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice {
    /// Offset of each axis, in steps; finite.
    pub offset: [f64; 3],
    /// Steps per unit, above 0 and finite.
    pub divisor: f64,
}

// A lattice of numbers that are not finite is never made.
impl Eq for Lattice {}

impl Lattice {
    /// Indices as they are.
    pub const UNIT: Self = Self { offset: [0.0; 3], divisor: 1.0 };

    fn put(&self, out: &mut Vec<u8>) {
        for number in self.offset.into_iter().chain([self.divisor]) {
            out.extend(number.to_le_bytes());
        }
    }

    fn parse(bytes: &mut Bytes<'_>) -> Result<Self> {
        let mut numbers = [0.0; 4];
        for number in &mut numbers {
            *number = f64::from_le_bytes(bytes.array("lattice")?);
        }
        let [x, y, z, divisor] = numbers;
        let lattice = Self { offset: [x, y, z], divisor };
        if !lattice.is_valid() {
            return Err(Error::corrupt("the octree's lattice is none"));
        }
        Ok(lattice)
    }

    fn is_valid(&self) -> bool {
        self.offset.iter().all(|offset| offset.is_finite()) && self.divisor.is_finite() && self.divisor > 0.0
    }
}

/// How a shape is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeometryTier {
    /// Points as the leaves of an octree. Needs no model pack.
    Octree {
        /// Points, at least 1, each as often as it occurs.
        points: u32,
        /// Levels of the tree: bits of an index, 1 to 21.
        depth: u8,
        /// Where the leaves lie.
        lattice: Lattice,
        /// Whether points occur more than once.
        counts: bool,
        /// Whether coordinates are finer than the lattice: what is left of them is there, to the last bit.
        exact: bool,
        /// Whether points have colours of 8 bits.
        colors: bool,
        /// Bits of each half of a normal, 2 to 14; `None` without normals.
        normal_bits: Option<u8>,
    },
    /// Triangles, fewer than there were. Needs no model pack.
    Decimated {
        /// Triangles, at least 1.
        faces: u32,
    },
    /// A surface as tokens of the blocks that it goes through. Needs a model pack.
    Surface {
        /// Blocks, at least 1.
        blocks: u32,
    },
    /// Gaussian splats: their centres as the leaves of an octree. Needs no model pack.
    Splats {
        /// Splats, at least 1.
        points: u32,
        /// Levels of the tree: bits of an index, 1 to 21.
        depth: u8,
        /// Where the leaves lie.
        lattice: Lattice,
        /// Whether centres occur more than once.
        counts: bool,
        /// Degree of the spherical harmonics of their colour, 0 to 3.
        degree: u8,
        /// Whether they were trained with the filter of Mip-Splatting, which a renderer has to know.
        antialiased: bool,
    },
}

/// Appends the media shape of a shape.
pub(super) fn put_geometry(out: &mut Vec<u8>, tier: GeometryTier) -> Result<()> {
    let (points, depth, lattice, counts, exact, colors, normal_bits) = match tier {
        GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits } => {
            (points, depth, lattice, counts, exact, colors, normal_bits)
        }
        GeometryTier::Decimated { faces } => return put_count(out, TIER_DECIMATED, faces),
        GeometryTier::Surface { blocks } => return put_count(out, TIER_SURFACE, blocks),
        GeometryTier::Splats { .. } => return put_splats(out, tier),
    };
    let bad_normals = normal_bits.is_some_and(|bits| !(2..=MAX_NORMAL_BITS).contains(&bits));
    if points == 0 || !(1..=MAX_OCTREE_DEPTH).contains(&depth) || !lattice.is_valid() || bad_normals {
        return Err(Error::parameter(format!("{tier:?}")));
    }
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    out.push(TIER_OCTREE);
    out.push(
        flag(counts, OCTREE_COUNTS)
            | flag(lattice != Lattice::UNIT, OCTREE_LATTICE)
            | flag(colors, OCTREE_COLORS)
            | flag(normal_bits.is_some(), OCTREE_NORMALS)
            | flag(exact, OCTREE_EXACT),
    );
    put_varint(out, points);
    out.push(depth);
    if lattice != Lattice::UNIT {
        lattice.put(out);
    }
    out.extend(normal_bits);
    Ok(())
}

fn put_splats(out: &mut Vec<u8>, tier: GeometryTier) -> Result<()> {
    let GeometryTier::Splats { points, depth, lattice, counts, degree, antialiased } = tier else {
        return Err(Error::parameter(format!("{tier:?}")));
    };
    let deep = (1..=MAX_OCTREE_DEPTH).contains(&depth);
    if points == 0 || !deep || !lattice.is_valid() || degree > MAX_SPLAT_DEGREE {
        return Err(Error::parameter(format!("{tier:?}")));
    }
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    out.push(TIER_SPLATS);
    out.push(flag(counts, SPLATS_COUNTS) | flag(antialiased, SPLATS_ANTIALIASED));
    put_varint(out, points);
    out.extend([depth, degree]);
    lattice.put(out);
    Ok(())
}

/// A tier of which only the number of its parts is told.
fn put_count(out: &mut Vec<u8>, tier: u8, count: u32) -> Result<()> {
    if count == 0 {
        return Err(Error::parameter("a mesh without faces"));
    }
    out.push(tier);
    put_varint(out, count);
    Ok(())
}

pub(super) fn parse_geometry(bytes: &mut Bytes<'_>, limits: &Limits) -> Result<GeometryTier> {
    match bytes.byte("geometry tier")? {
        TIER_OCTREE => {}
        TIER_SPLATS => return parse_splats(bytes, limits),
        TIER_DECIMATED => {
            let faces = positive(bytes, "number of faces")?;
            limits::check("number of faces", faces.into(), limits.max_points)?;
            return Ok(GeometryTier::Decimated { faces });
        }
        TIER_SURFACE => {
            let blocks = positive(bytes, "number of blocks")?;
            limits::check("number of blocks", blocks.into(), limits.max_points / POINTS_OF_A_BLOCK)?;
            return Ok(GeometryTier::Surface { blocks });
        }
        other => return Err(Error::unsupported(format!("geometry of tier {other}"))),
    }
    let flags = bytes.byte("octree flags")?;
    if flags & OCTREE_UNKNOWN != 0 {
        return Err(Error::unsupported("unknown octree flags"));
    }
    let (points, depth) = parse_tree(bytes, limits)?;
    let lattice = match flags & OCTREE_LATTICE {
        0 => Lattice::UNIT,
        _ => {
            let lattice = Lattice::parse(bytes)?;
            if lattice == Lattice::UNIT {
                return Err(Error::corrupt("the octree's lattice is none"));
            }
            lattice
        }
    };
    let normal_bits = match flags & OCTREE_NORMALS {
        0 => None,
        _ => match bytes.byte("bits of a normal")? {
            bits if (2..=MAX_NORMAL_BITS).contains(&bits) => Some(bits),
            bits => return Err(Error::corrupt(format!("normals of {bits} bits"))),
        },
    };
    Ok(GeometryTier::Octree {
        points,
        depth,
        lattice,
        counts: flags & OCTREE_COUNTS != 0,
        exact: flags & OCTREE_EXACT != 0,
        colors: flags & OCTREE_COLORS != 0,
        normal_bits,
    })
}

/// Points and depth of an octree.
fn parse_tree(bytes: &mut Bytes<'_>, limits: &Limits) -> Result<(u32, u8)> {
    let points = positive(bytes, "number of points")?;
    limits::check("number of points", points.into(), limits.max_points)?;
    match bytes.byte("octree depth")? {
        depth if (1..=MAX_OCTREE_DEPTH).contains(&depth) => Ok((points, depth)),
        depth => Err(Error::corrupt(format!("octree of depth {depth}"))),
    }
}

fn parse_splats(bytes: &mut Bytes<'_>, limits: &Limits) -> Result<GeometryTier> {
    let flags = bytes.byte("flags of splats")?;
    if flags & SPLATS_UNKNOWN != 0 {
        return Err(Error::unsupported("unknown flags of splats"));
    }
    let (points, depth) = parse_tree(bytes, limits)?;
    limits::check("number of splats", points.into(), limits.max_points / POINTS_OF_A_SPLAT)?;
    let degree = bytes.byte("degree of spherical harmonics")?;
    if degree > MAX_SPLAT_DEGREE {
        return Err(Error::corrupt(format!("spherical harmonics of degree {degree}")));
    }
    let lattice = Lattice::parse(bytes)?;
    let antialiased = flags & SPLATS_ANTIALIASED != 0;
    Ok(GeometryTier::Splats { points, depth, lattice, counts: flags & SPLATS_COUNTS != 0, degree, antialiased })
}
