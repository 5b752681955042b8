//! SPZ, versions 2 to 4: splats as bytes, attribute by attribute, in one gzip stream or, from version 4 on, in a Zstandard frame each.
//!
//! SPZ has x to the right, y up and z to the back; 3DGS files have y down and z to the front. What is odd in y and z changes its sign.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ruzstd::decoding::StreamingDecoder;

use super::{IoLimits, check};
use crate::error::{Error, Result};
use crate::splats::{MAX_DEGREE, Splats, coefficients, unit};

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// "NGSP".
const MAGIC: [u8; 4] = *b"NGSP";
const HEAD: usize = 16;
/// Version that is written.
const VERSION: u32 = 3;
/// Bits behind the point of coordinates, where those before it are enough.
const FRACTION: u8 = 12;
const ANTIALIASED: u8 = 1;
const EXTENSIONS: u8 = 2;
/// What a coefficient of degree 0 weighs in a byte of colour.
const COLOR: f32 = 0.15;
/// Greatest size of a quaternion's smaller components, and steps of it.
const SMALLER: f64 = std::f64::consts::FRAC_1_SQRT_2;
const SMALLER_STEPS: f64 = 511.0;
/// Opacities of 0 and 255 are as far from 0 and 1 as this, in steps.
const OPEN: f64 = 0.25;
/// Signs of the coefficients of degree 1 to 3 (Y_1^-1, Y_1^0, …): each has that of its polynomial in y and z.
const SIGNS: [f32; 15] = [-1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0];

/// Whether bytes begin as SPZ does.
pub(super) fn is_spz(bytes: &[u8]) -> bool {
    let mut head = [0; 4];
    bytes.starts_with(&MAGIC)
        || bytes.starts_with(&GZIP) && GzDecoder::new(bytes).read_exact(&mut head).is_ok() && head == MAGIC
}

pub(super) fn read(bytes: &[u8], limits: &IoLimits, notes: &mut Vec<String>) -> Result<Splats> {
    let mut head = [0; HEAD];
    let mut source = match bytes.starts_with(&MAGIC) {
        true => {
            head = *bytes.first_chunk().ok_or_else(ends)?;
            Source::Frames(frames(bytes, head[15])?.into_iter())
        }
        false => {
            let mut gzip = Box::new(GzDecoder::new(bytes));
            gzip.read_exact(&mut head).map_err(|_| ends())?;
            Source::Gzip(gzip)
        }
    };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (version, count) = (number(4), number(8));
    let [degree, fraction, flags] = [head[12], head[13], head[14]];
    let framed = matches!(source, Source::Frames(_));
    if !(2..=4).contains(&version) || framed != (version == 4) {
        return Err(Error::shape(format!("it is SPZ of version {version}; save it as version 3 or 4 or as PLY")));
    }
    if degree > 4 || fraction > 23 {
        return Err(Error::shape("the SPZ header holds numbers out of range; fetch a good copy of the file"));
    }
    if flags & EXTENSIONS != 0 {
        return Err(Error::shape("it is SPZ with extensions, which are not read; save it without them or as PLY"));
    }
    // Each has as many numbers as four points.
    check("splats of the file", u64::from(count), limits.max_points / 4)?;
    let count = count as usize;
    // Of degree 4 there are nine more, which are read and dropped.
    let held = coefficients(degree);
    let degree = degree.min(MAX_DEGREE);
    let kept = coefficients(degree);
    if held > kept {
        notes.push("spherical harmonics beyond degree 3 are dropped".to_owned());
    }
    let mut take = |each: usize| source.take((count * each) as u64);
    let places = take(9)?;
    let (opacities, colors, scales) = (take(1)?, take(3)?, take(3)?);
    let rotations = take(if version == 2 { 3 } else { 4 })?;
    let harmonics = if held > 0 { take(3 * held)? } else { Vec::new() };
    source.finish()?;
    let unit_of = (-f32::from(fraction)).exp2();
    let place = |p: &[u8]| {
        // To the top and back, which repeats the sign.
        let axis = |n: usize| (i32::from_le_bytes([0, p[3 * n], p[3 * n + 1], p[3 * n + 2]]) >> 8) as f32 * unit_of;
        [axis(0), -axis(1), -axis(2)]
    };
    let color = |c: &[u8]| [c[0], c[1], c[2]].map(|value| (f32::from(value) / 255.0 - 0.5) / COLOR);
    let rotation = |r: &[u8]| match r {
        [a, b, c, d] => smallest_three(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => first_three([r[0], r[1], r[2]]),
    };
    let coefficient =
        |(n, rgb): (usize, &[u8])| [rgb[0], rgb[1], rgb[2]].map(|v| SIGNS[n] * (f32::from(v) - 128.0) / 128.0);
    Ok(Splats {
        positions: places.chunks_exact(9).map(place).collect(),
        scales: scales
            .chunks_exact(3)
            .map(|s| [s[0], s[1], s[2]].map(|value| f32::from(value) / 16.0 - 10.0))
            .collect(),
        rotations: rotations.chunks_exact(if version == 2 { 3 } else { 4 }).map(rotation).collect(),
        opacities: opacities.iter().map(|&value| log_odds(value)).collect(),
        colors: colors.chunks_exact(3).map(color).collect(),
        degree,
        harmonics: match held {
            0 => Vec::new(),
            _ => harmonics
                .chunks_exact(3 * held)
                .flat_map(|of| of.chunks_exact(3).take(kept).enumerate().map(coefficient))
                .collect(),
        },
        antialiased: flags & ANTIALIASED != 0,
    })
}

/// Where the bytes of the attributes come from.
enum Source<'a> {
    Gzip(Box<GzDecoder<&'a [u8]>>),
    Frames(std::vec::IntoIter<&'a [u8]>),
}

impl Source<'_> {
    /// The next attribute, of so many bytes. It grows as they come: what a short file claims is not allocated.
    fn take(&mut self, wanted: u64) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        match self {
            Self::Gzip(gzip) => gzip.by_ref().take(wanted).read_to_end(&mut all).map_err(|_| ends())?,
            Self::Frames(frames) => {
                let frame = StreamingDecoder::new(frames.next().ok_or_else(ends)?).map_err(|_| ends())?;
                frame.take(wanted).read_to_end(&mut all).map_err(|_| ends())?
            }
        };
        if all.len() as u64 == wanted { Ok(all) } else { Err(ends()) }
    }

    /// Checks that nothing is left; of gzip the checksum with it.
    fn finish(self) -> Result<()> {
        let left = match self {
            Self::Gzip(mut gzip) => gzip.read(&mut [0]).map_err(|_| ends())? > 0,
            Self::Frames(mut frames) => frames.any(|frame| !frame.is_empty()),
        };
        if left { Err(ends()) } else { Ok(()) }
    }
}

/// The frames of version 4, one for each attribute: a table at the offset that bytes 16 to 19 say has their lengths and those of what is in them, 64 bits
/// each; they follow it.
fn frames(bytes: &[u8], count: u8) -> Result<Vec<&[u8]>> {
    let table = bytes.get(16..20).and_then(|at| at.try_into().ok()).map(u32::from_le_bytes).ok_or_else(ends)?;
    let table = bytes.get(table as usize..).ok_or_else(ends)?;
    let (lengths, mut rest) = table.split_at_checked(16 * usize::from(count)).ok_or_else(ends)?;
    let mut frames = Vec::new();
    for length in lengths.chunks_exact(16) {
        let length =
            length.first_chunk().map(|length| u64::from_le_bytes(*length)).and_then(|n| usize::try_from(n).ok());
        let (frame, after) = length.and_then(|length| rest.split_at_checked(length)).ok_or_else(ends)?;
        frames.push(frame);
        rest = after;
    }
    Ok(frames)
}

fn ends() -> Error {
    Error::shape("the SPZ file is damaged or ends early; fetch a good copy of the file")
}

fn log_odds(byte: u8) -> f32 {
    let share = f64::from(byte).clamp(OPEN, 255.0 - OPEN) / 255.0;
    (share / (1.0 - share)).ln() as f32
}

/// The quaternion of three components, its greatest being left out.
fn smallest_three(mut packed: u32) -> [f32; 4] {
    let greatest = (packed >> 30) as usize;
    // x, y, z, w.
    let mut parts = [0.0f64; 4];
    let mut squares = 0.0;
    for n in (0..4).rev().filter(|&n| n != greatest) {
        let size = SMALLER * f64::from(packed & 511) / SMALLER_STEPS;
        parts[n] = if packed >> 9 & 1 == 1 { -size } else { size };
        squares += size * size;
        packed >>= 10;
    }
    parts[greatest] = (1.0 - squares).max(0.0).sqrt();
    turned(parts)
}

fn first_three(bytes: [u8; 3]) -> [f32; 4] {
    let [x, y, z] = bytes.map(|value| f64::from(value) / 127.5 - 1.0);
    turned([x, y, z, (1.0 - x * x - y * y - z * z).max(0.0).sqrt()])
}

/// From x, y, z, w with y up to w, x, y, z with y down; and as well the other way.
fn turned([x, y, z, w]: [f64; 4]) -> [f32; 4] {
    unit([w, x, -y, -z].map(|part| part as f32))
}

pub(super) fn write(splats: &Splats, notes: &mut Vec<String>) -> Result<Vec<u8>> {
    let count = u32::try_from(splats.len()).map_err(|_| Error::shape("SPZ holds fewer than 2^32 splats; use PLY"))?;
    let farthest = splats.positions.as_flattened().iter().fold(0.0f32, |most, x| most.max(x.abs()));
    // 24 bits with the sign.
    let Some(fraction) = (0..=FRACTION).rev().find(|&bits| farthest * f32::from(bits).exp2() < 8_388_607.0) else {
        return Err(Error::shape("the splats reach farther than SPZ can say; use PLY"));
    };
    if fraction < FRACTION {
        notes.push(format!("SPZ keeps coordinates as far out as these in steps of 2^-{fraction}"));
    }
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(|error| Error::shape(error.to_string()));
    put(&MAGIC)?;
    put(&VERSION.to_le_bytes())?;
    put(&count.to_le_bytes())?;
    put(&[splats.degree, fraction, if splats.antialiased { ANTIALIASED } else { 0 }, 0])?;
    for &[x, y, z] in &splats.positions {
        for value in [x, -y, -z] {
            put(&((value * f32::from(fraction).exp2()).round() as i32).to_le_bytes()[..3])?;
        }
    }
    let byte = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    for n in 0..splats.len() {
        put(&[byte(splats.opacity(n) * 255.0)])?;
    }
    for color in &splats.colors {
        put(&color.map(|value| byte(f64::from(value * COLOR + 0.5) * 255.0)))?;
    }
    for scale in &splats.scales {
        put(&scale.map(|value| byte((f64::from(value) + 10.0) * 16.0)))?;
    }
    for &rotation in &splats.rotations {
        put(&packed(rotation).to_le_bytes())?;
    }
    for n in 0..splats.len() {
        for (k, rgb) in splats.harmonics_of(n).iter().enumerate() {
            // As many bits as the format's own writer keeps: 5 of degree 1, 4 of the others.
            put(&rgb.map(|value| coarse(SIGNS[k] * value, if k < 3 { 8 } else { 16 })))?;
        }
    }
    out.finish().map_err(|error| Error::shape(error.to_string()))
}

fn coarse(value: f32, step: i32) -> u8 {
    let whole = (value * 128.0).round().clamp(-32768.0, 32767.0) as i32 + 128;
    ((whole + step / 2).div_euclid(step) * step).clamp(0, 255) as u8
}

fn packed(rotation: [f32; 4]) -> u32 {
    let [w, x, y, z] = unit(rotation).map(f64::from);
    let parts = [x, -y, -z, w];
    let greatest = (0..4).fold(0, |most, n| if parts[n].abs() > parts[most].abs() { n } else { most });
    let over = parts[greatest] < 0.0;
    (0..4).filter(|&n| n != greatest).fold(greatest as u32, |packed, n| {
        let size = ((parts[n].abs() / SMALLER * SMALLER_STEPS).round() as u32).min(511);
        packed << 10 | u32::from((parts[n] < 0.0) != over) << 9 | size
    })
}
