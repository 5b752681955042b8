//! Dense clouds without loss beside Draco: bytes of written files, both decoded and compared as multisets.
//!
//!     cargo run --release -p tessera-geometry --example clouds -- [--bits 8,9,10] SHAPE…
//!
//! Every shape is voxelised twice: its points as they were scanned, and, where it has faces, its surface at half a step. Draco is the
//! program `draco_encoder` (Debian package draco) at its best level for clouds; without it the table has our columns alone.

use std::{collections::HashMap, error::Error, fs, path::Path, process::Command, time::Instant};

use tessera_geometry::{
    Bounds, Cloud, DecodeOptions, EncodeOptions, Precision, Shape, decode, encode,
    io::{self, Format},
};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let mut bits = vec![8, 9, 10];
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bits" => {
                let list = arguments.next().ok_or("--bits needs numbers such as 8,9,10")?;
                bits = list.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
            }
            _ => files.push(argument),
        }
    }
    println!(
        "{:<30} {:<8} {:>4} {:>9} {:>9} {:>7} {:>9} {:>7} {:>6} {:>8} {:>8}",
        "shape", "voxels", "bits", "points", "bytes", "bit/pt", "Draco", "bit/pt", "ratio", "encode s", "decode s"
    );
    let mut ratios: HashMap<&str, Vec<f64>> = HashMap::new();
    for file in &files {
        let shape = io::read(&fs::read(file)?, &Default::default(), &|_| None)?.shape;
        for (kind, surface) in [("scanned", false), ("surface", true)] {
            for &bits in &bits {
                let Some(voxels) = voxelise(&shape, bits, surface) else { continue };
                let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if let Some(ratio) = row(&name, kind, bits, voxels)? {
                    ratios.entry(kind).or_default().push(ratio);
                }
            }
        }
    }
    for (kind, ratios) in ratios {
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("{kind}: {mean:.3} x Draco's bytes, geometric mean of {}", ratios.len());
    }
    Ok(())
}

fn row(name: &str, kind: &str, bits: u32, voxels: Vec<[u32; 3]>) -> Fallible<Option<f64>> {
    let points = voxels.len() as f64;
    let positions = voxels.iter().map(|voxel| voxel.map(|index| index as f32)).collect();
    let cloud = Shape::Cloud(Cloud::new(positions));
    let options = EncodeOptions { precision: Precision::Lossless, ..EncodeOptions::default() };
    let start = Instant::now();
    let encoded = encode(&cloud, &options)?;
    let encode_seconds = start.elapsed().as_secs_f64();
    let folder = std::env::temp_dir().join(format!("clouds-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = |ending: &str| folder.join(format!("cloud.{ending}"));
    fs::write(path("tsr"), &encoded.bytes)?;
    let ours = fs::metadata(path("tsr"))?.len() as f64;
    let start = Instant::now();
    let decoded = decode(&fs::read(path("tsr"))?, &DecodeOptions::default())?;
    let decode_seconds = start.elapsed().as_secs_f64();
    if sorted(decoded.shape.positions()) != voxels {
        return Err(format!("{name} at {bits} bits did not come back").into());
    }
    fs::write(path("ply"), io::write(&cloud, Format::Ply)?.bytes)?;
    let draco = draco(&folder, bits, &voxels)?;
    let columns = draco.map_or(format!("{:>9} {:>7} {:>6}", "-", "-", "-"), |draco| {
        format!("{draco:>9} {:>7.3} {:>6.3}", 8.0 * draco as f64 / points, ours / draco as f64)
    });
    println!(
        "{name:<30} {kind:<8} {bits:>4} {points:>9} {ours:>9} {:>7.3} {columns} {encode_seconds:>8.2} {decode_seconds:>8.2}",
        8.0 * ours / points
    );
    fs::remove_dir_all(&folder)?;
    Ok(draco.map(|draco| ours / draco as f64))
}

/// Bytes of Draco's file, after checking that its decoder gives the same voxels.
fn draco(folder: &Path, bits: u32, voxels: &[[u32; 3]]) -> Fallible<Option<u64>> {
    let encoder = Command::new("draco_encoder")
        .current_dir(folder)
        .args(["-point_cloud", "-i", "cloud.ply", "-o", "cloud.drc", "-cl", "10", "-qp", &bits.to_string()])
        .output();
    let Ok(encoder) = encoder else { return Ok(None) };
    let decoder =
        Command::new("draco_decoder").current_dir(folder).args(["-i", "cloud.drc", "-o", "back.ply"]).output()?;
    if !encoder.status.success() || !decoder.status.success() {
        return Err("draco failed".into());
    }
    let back = io::read(&fs::read(folder.join("back.ply"))?, &Default::default(), &|_| None)?;
    if sorted(back.shape.positions()) != voxels {
        println!("(Draco's voxels differ)");
    }
    Ok(Some(fs::metadata(folder.join("cloud.drc"))?.len()))
}

fn sorted(positions: &[[f32; 3]]) -> Vec<[u32; 3]> {
    let mut voxels: Vec<[u32; 3]> = positions.iter().map(|p| p.map(|x| x.round() as u32)).collect();
    voxels.sort_unstable();
    voxels
}

/// The voxels of a shape whose longest side has 2^bits of them: of its points, or of its faces sampled at half a step.
fn voxelise(shape: &Shape, bits: u32, surface: bool) -> Option<Vec<[u32; 3]>> {
    let bounds = Bounds::of(shape.positions())?;
    let most = f64::from((1u32 << bits) - 1);
    let scale = most / bounds.side();
    let scaled = |p: &[f32; 3]| std::array::from_fn::<f64, 3, _>(|axis| f64::from(p[axis] - bounds.min[axis]) * scale);
    let voxel = |p: [f64; 3]| p.map(|x| x.round().clamp(0.0, most) as u32);
    let mut voxels = Vec::new();
    match (shape, surface) {
        (Shape::Mesh(mesh), true) => {
            for face in &mesh.faces {
                let [a, b, c] = face.map(|index| scaled(&mesh.positions[index as usize]));
                let length = |p: [f64; 3], q: [f64; 3]| (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt();
                let steps = ((2.0 * length(a, b).max(length(b, c)).max(length(c, a))).ceil() as usize).max(1);
                for i in 0..=steps {
                    for j in 0..=steps - i {
                        let (u, v) = (i as f64 / steps as f64, j as f64 / steps as f64);
                        voxels.push(voxel(std::array::from_fn(|k| a[k] * (1.0 - u - v) + b[k] * u + c[k] * v)));
                    }
                }
            }
        }
        (_, true) => return None,
        _ => voxels.extend(shape.positions().iter().map(|p| voxel(scaled(p)))),
    }
    voxels.sort_unstable();
    voxels.dedup();
    Some(voxels)
}
