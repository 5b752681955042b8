//! Seconds to encode and decode a mesh of 70,000 faces and a cloud of a million points, both made here: the best of three of each, with nothing else running.
//!
//!     cargo run --release -p tessera-geometry --example speed [-- PACK.tpack]
//!
//! With a geometry pack the mesh is also coded as tokens, and as what is nearer.

use std::{error::Error, f64::consts::TAU, path::Path, sync::Arc, time::Instant};

use tessera_geometry::{
    Bounds, Cloud, DecodeOptions, EncodeOptions, Mesh, MeshTier, Precision, Shape, SurfaceCodec, Target, decode_with,
    encode_with,
    io::{self, Format},
};
use tessera_models::Pack;

type Fallible<T> = Result<T, Box<dyn Error>>;

const RINGS: u32 = 187;
const AROUND: u32 = 188;
const POINTS: u32 = 1_000_000;
const ROUNDS: usize = 3;

fn main() -> Fallible<()> {
    let pack = std::env::args().nth(1);
    let codec = pack.map(|path| SurfaceCodec::new(Arc::new(Pack::open(Path::new(&path))?), 2)).transpose()?;
    let mesh = Shape::Mesh(mesh());
    let Shape::Mesh(Mesh { faces, positions, .. }) = &mesh else { return Err("a mesh".into()) };
    let file = io::write(&mesh, Format::Ply)?.bytes;
    let start = Instant::now();
    io::read(&file, &Default::default(), &|_| None)?;
    println!(
        "mesh of {} faces, {} vertices: PLY read in {:.2} s",
        faces.len(),
        positions.len(),
        start.elapsed().as_secs_f64()
    );
    for size in [400, 1000, 4000] {
        for tier in [MeshTier::Decimated, MeshTier::Surface, MeshTier::Best] {
            if tier != MeshTier::Decimated && codec.is_none() {
                continue;
            }
            let options = EncodeOptions { target: Target::Size(size), tier, ..EncodeOptions::default() };
            timed(&format!("{size} bytes, {tier:?}"), &mesh, &options, codec.as_ref())?;
        }
    }
    timed("quality 50", &mesh, &EncodeOptions::default(), None)?;
    let cloud = Shape::Cloud(cloud());
    println!("cloud of {POINTS} points");
    for (what, precision) in [("11 bits", Precision::Bits(11)), ("lossless", Precision::Lossless)] {
        timed(what, &cloud, &EncodeOptions { precision, ..EncodeOptions::default() }, None)?;
    }
    Ok(())
}

fn timed(what: &str, shape: &Shape, options: &EncodeOptions, codec: Option<&SurfaceCodec>) -> Fallible<()> {
    let (mut encode, mut decode, mut bytes) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let encoded = match encode_with(shape, options, codec) {
            Ok(encoded) => encoded,
            Err(error) => {
                println!("  {what:<24} {error}");
                return Ok(());
            }
        };
        encode = encode.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        decode_with(&encoded.bytes, &DecodeOptions::default(), codec)?;
        decode = decode.min(start.elapsed().as_secs_f64());
        bytes = encoded.bytes.len();
    }
    println!("  {what:<24} {bytes:>9} bytes  encode {encode:>6.2} s  decode {decode:>6.2} s");
    Ok(())
}

/// A ball with waves on it.
fn place(turn: f64, rise: f64) -> [f32; 3] {
    let radius = 1.0 + 0.12 * (5.0 * turn).sin() * (4.0 * rise).cos() + 0.03 * (23.0 * turn + 17.0 * rise).sin();
    [rise.cos() * turn.cos(), rise.cos() * turn.sin(), rise.sin()].map(|x| (radius * x) as f32)
}

fn mesh() -> Mesh {
    let mut mesh = Mesh::default();
    for ring in 0..=RINGS {
        for step in 0..AROUND {
            let rise = (f64::from(ring) / f64::from(RINGS) - 0.5) * 3.1;
            mesh.positions.push(place(f64::from(step) / f64::from(AROUND) * TAU, rise));
            if ring < RINGS {
                let at = |ring: u32, step: u32| ring * AROUND + step % AROUND;
                let [a, b, c, d] = [at(ring, step), at(ring, step + 1), at(ring + 1, step + 1), at(ring + 1, step)];
                mesh.faces.extend([[a, b, c], [a, c, d]]);
            }
        }
    }
    mesh
}

/// Points that lie evenly over the ball (Fibonacci's spiral), in units of a thousandth of its size, as scanners tell them.
fn cloud() -> Cloud {
    let positions = (0..POINTS).map(|n| {
        let rise = (1.0 - 2.0 * (f64::from(n) + 0.5) / f64::from(POINTS)).asin();
        place(f64::from(n) * 2.399_963_229_728_653, rise)
    });
    let positions: Vec<[f32; 3]> = positions.collect();
    let side = Bounds::of(&positions).map_or(1.0, |bounds| bounds.side()) as f32;
    Cloud::new(positions.iter().map(|place| place.map(|x| (x / side * 4096.0).round() / 4.0)).collect())
}
