//! Meshes as tokens of a geometry pack beside fewer triangles, at equal bytes: written files, both decoded, distances between surfaces.
//!
//!     cargo run --release -p tessera-geometry --example surfaces -- PACK.tpack [--bytes 150,200,300,400,600,1000] SHAPE…
//!
//! Ratios are those of positions and faces in 32-bit numbers to the bytes of the file; the pack is not counted, and its size is printed.

use std::{error::Error, fs, path::Path, sync::Arc, time::Instant};

use tessera_core::container::GeometryTier;
use tessera_geometry::{
    DecodeOptions, EncodeOptions, Mesh, MeshTier, Shape, SurfaceCodec, Target, decode_with, encode_with, io,
    metrics::surfaces::{Distances, compare},
};
use tessera_models::Pack;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// A size, and what comes of it as triangles and as tokens; `None` where nothing fits.
type Pair = (u64, Option<Row>, Option<Row>);

/// A mesh at a size in one tier.
struct Row {
    bytes: usize,
    tier: GeometryTier,
    distances: Distances,
    /// Bytes of positions and faces as 32-bit numbers.
    binary: usize,
    seconds: [f64; 2],
}

fn main() -> Fallible<()> {
    let mut sizes = vec![150, 200, 300, 400, 600, 1000];
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bytes" => {
                let list = arguments.next().ok_or("--bytes needs numbers such as 150,400")?;
                sizes = list.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            }
            _ => names.push(argument),
        }
    }
    let (pack, files) = names.split_first().ok_or("name a geometry pack, then shapes")?;
    println!("{pack} takes {} bytes", fs::metadata(pack)?.len());
    let codec = SurfaceCodec::new(Arc::new(Pack::open(Path::new(pack))?), 2)?;
    println!(
        "{:<26} {:>6} {:>5} | {:>9} {:>5} {:>7} {:>8} {:>8} | {:>6} {:>6} {:>5} {:>7} {:>8} {:>8} {:>6} {:>6}",
        "mesh",
        "faces",
        "bytes",
        "triangles",
        "bytes",
        "F at 1%",
        "mean e-3",
        "normals",
        "tokens",
        "blocks",
        "bytes",
        "F at 1%",
        "mean e-3",
        "normals",
        "enc s",
        "dec s"
    );
    let mut all: Vec<Pair> = Vec::new();
    for file in files {
        let read = io::read(&fs::read(file)?, &Default::default(), &|_| None);
        let Ok(io::Input { shape: Shape::Mesh(mesh), .. }) = read else { continue };
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for &size in &sizes {
            let triangles = row(&mesh, size, MeshTier::Decimated, &codec)?;
            let tokens = row(&mesh, size, MeshTier::Surface, &codec)?;
            let columns = |row: &Row| {
                let Distances { f_score, mean, normals, .. } = row.distances;
                format!("{:>5} {f_score:>7.4} {:>8.3} {normals:>8.4}", row.bytes, 1e3 * mean)
            };
            let left = triangles.as_ref().map_or(format!("{:>31}", "does not fit"), columns);
            let right = tokens.as_ref().map_or("does not fit".to_owned(), |row| {
                let GeometryTier::Surface { blocks } = row.tier else { return String::new() };
                format!("{blocks:>6} {} {:>6.2} {:>6.3}", columns(row), row.seconds[0], row.seconds[1])
            });
            println!("{name:<26} {:>6} {size:>5} | {:>9} {left} | {:>6} {right}", mesh.faces.len(), "", "");
            all.push((size, triangles, tokens));
        }
    }
    for &size in &sizes {
        let at: Vec<_> = all.iter().filter(|(bytes, ..)| *bytes == size).collect();
        if at.is_empty() {
            continue;
        }
        // What does not fit has nothing near.
        let score = |row: &Option<Row>| row.as_ref().map_or(0.0, |row| row.distances.f_score);
        let count = at.len() as f64;
        let mean = |pick: &dyn Fn(&Pair) -> f64| at.iter().map(|row| pick(row)).sum::<f64>() / count;
        println!(
            "mean of {} at {size} bytes: F {:.4} as triangles, {:.4} as tokens, {:.4} with the better; tokens are better for {}",
            at.len(),
            mean(&|row| score(&row.1)),
            mean(&|row| score(&row.2)),
            mean(&|row| score(&row.1).max(score(&row.2))),
            at.iter().filter(|row| score(&row.2) > score(&row.1) + 5e-4).count()
        );
        let tokens: Vec<&Row> = at.iter().filter_map(|row| row.2.as_ref()).collect();
        let mean = |pick: &dyn Fn(&Row) -> f64| tokens.iter().map(|row| pick(row)).sum::<f64>() / tokens.len() as f64;
        println!(
            "  {} fit as tokens: {:.0} bytes, 1/{:.0} of the mesh in 32-bit numbers, F {:.4}, mean distance {:.2}e-3, normals {:.4}",
            tokens.len(),
            mean(&|row| row.bytes as f64),
            mean(&|row| row.binary as f64 / row.bytes as f64),
            mean(&|row| row.distances.f_score),
            mean(&|row| 1e3 * row.distances.mean),
            mean(&|row| row.distances.normals)
        );
    }
    Ok(())
}

/// `None` where nothing fits.
fn row(mesh: &Mesh, size: u64, tier: MeshTier, codec: &SurfaceCodec) -> Fallible<Option<Row>> {
    let options = EncodeOptions { target: Target::Size(size), tier, ..EncodeOptions::default() };
    let start = Instant::now();
    let Ok(encoded) = encode_with(&Shape::Mesh(mesh.clone()), &options, Some(codec)) else { return Ok(None) };
    let encode_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let decoded = decode_with(&encoded.bytes, &DecodeOptions::default(), Some(codec))?;
    let seconds = [encode_seconds, start.elapsed().as_secs_f64()];
    let Shape::Mesh(back) = decoded.shape else { return Err("a mesh came back as something else".into()) };
    let distances = compare(mesh, &back)?;
    let binary = 12 * (mesh.positions.len() + mesh.faces.len());
    Ok(Some(Row { bytes: encoded.bytes.len(), tier: encoded.tier, distances, binary, seconds }))
}
