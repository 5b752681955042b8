//! Meshes beside decimation and Draco at equal bytes: written files, both decoded, distances between surfaces.
//!
//!     cargo run --release -p tessera-geometry --example meshes -- [--bytes 400,1000,2000,4000] SHAPE…
//!
//! The opponent takes triangles away with meshoptimizer, vertices moved to where they fit best, and codes the rest with `draco_encoder`
//! (Debian package draco) at its best level; of the steps of 6 to 10 bits the one with the nearest surface that fits the bytes counts.

use std::{error::Error, fs, path::Path, process::Command, time::Instant};

use tessera_geometry::{
    DecodeOptions, EncodeOptions, Mesh, Shape, Target, decimated, decode, encode,
    io::{self, Format},
    metrics::surfaces::{Distances, compare},
};

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let mut sizes = vec![400, 1000, 2000, 4000];
    let mut files = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bytes" => {
                let list = arguments.next().ok_or("--bytes needs numbers such as 400,1000")?;
                sizes = list.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            }
            _ => files.push(argument),
        }
    }
    println!(
        "{:<26} {:>6} {:>6} | {:>6} {:>6} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} | {:>6} {:>6} {:>8} {:>8} {:>8} {:>8}",
        "mesh",
        "faces",
        "bytes",
        "ours",
        "faces",
        "F at 1%",
        "mean e-3",
        "max e-3",
        "normals",
        "enc s",
        "dec s",
        "Draco",
        "faces",
        "F at 1%",
        "mean e-3",
        "max e-3",
        "normals"
    );
    let mut pairs: Vec<(u64, Distances, Distances)> = Vec::new();
    for file in &files {
        let Shape::Mesh(mesh) = io::read(&fs::read(file)?, &Default::default(), &|_| None)?.shape else { continue };
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for &size in &sizes {
            let start = Instant::now();
            let options = EncodeOptions { target: Target::Size(size), ..EncodeOptions::default() };
            let encoded = match encode(&Shape::Mesh(mesh.clone()), &options) {
                Ok(encoded) => encoded,
                Err(error) => {
                    println!("{name:<26} {:>6} {size:>6} | {error}", mesh.faces.len());
                    continue;
                }
            };
            let encode_seconds = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let Shape::Mesh(ours) = decode(&encoded.bytes, &DecodeOptions::default())?.shape else { continue };
            let decode_seconds = start.elapsed().as_secs_f64();
            let own = compare(&mesh, &ours)?;
            let draco = draco(&mesh, size)?;
            let theirs = draco.map_or("-".to_owned(), |(bytes, faces, theirs)| {
                pairs.push((size, own, theirs));
                format!("{bytes:>6} {faces:>6} {}", columns(&theirs))
            });
            println!(
                "{name:<26} {:>6} {size:>6} | {:>6} {:>6} {} {encode_seconds:>7.2} {decode_seconds:>7.3} | {theirs}",
                mesh.faces.len(),
                encoded.bytes.len(),
                ours.faces.len(),
                columns(&own)
            );
        }
    }
    for &size in &sizes {
        let at: Vec<_> = pairs.iter().filter(|(bytes, ..)| *bytes == size).collect();
        if at.is_empty() {
            continue;
        }
        let mean = |value: &dyn Fn(&(u64, Distances, Distances)) -> f64| {
            at.iter().map(|p| value(p)).sum::<f64>() / at.len() as f64
        };
        println!(
            "mean of {} at {size} bytes: F {:.4} beside {:.4}, mean distance {:.3}e-3 beside {:.3}e-3, greatest {:.1}e-3 beside {:.1}e-3, normals {:.4} beside {:.4}; F is lower for {}",
            at.len(),
            mean(&|p| p.1.f_score),
            mean(&|p| p.2.f_score),
            mean(&|p| 1e3 * p.1.mean),
            mean(&|p| 1e3 * p.2.mean),
            mean(&|p| 1e3 * p.1.hausdorff),
            mean(&|p| 1e3 * p.2.hausdorff),
            mean(&|p| p.1.normals),
            mean(&|p| p.2.normals),
            at.iter().filter(|p| p.1.f_score < p.2.f_score - 5e-4).count()
        );
    }
    Ok(())
}

fn columns(d: &Distances) -> String {
    format!("{:>8.4} {:>8.3} {:>8.1} {:>8.4}", d.f_score, 1e3 * d.mean, 1e3 * d.hausdorff, d.normals)
}

/// The best of Draco's steps: bytes, faces and distances; `None` without Draco or where nothing fits.
fn draco(mesh: &Mesh, size: u64) -> Fallible<Option<(u64, usize, Distances)>> {
    let whole = mesh.welded();
    let mut best: Option<(u64, usize, Distances)> = None;
    for bits in 6..=10 {
        let mut target = size as usize;
        let mut fits: Option<(u64, Mesh)> = None;
        for _ in 0..6 {
            let reduced = decimated(&whole, target.clamp(4, whole.faces.len()));
            if reduced.faces.is_empty() {
                break;
            }
            let Some((bytes, back)) = draco_coded(&reduced, bits)? else { return Ok(None) };
            if bytes <= size && fits.as_ref().is_none_or(|(_, best)| back.faces.len() > best.faces.len()) {
                fits = Some((bytes, back));
                if bytes * 100 > size * 97 || reduced.faces.len() == whole.faces.len() {
                    break;
                }
            }
            target = (reduced.faces.len() as f64 * size as f64 / bytes as f64 * 0.985) as usize;
        }
        if let Some((bytes, back)) = fits
            && !back.faces.is_empty()
            && let Ok(found) = compare(mesh, &back)
            && best.as_ref().is_none_or(|(.., least)| found.mean < least.mean)
        {
            best = Some((bytes, back.faces.len(), found));
        }
    }
    Ok(best)
}

fn draco_coded(mesh: &Mesh, bits: u32) -> Fallible<Option<(u64, Mesh)>> {
    let folder = std::env::temp_dir().join(format!("meshes-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("mesh.ply"), io::write(&Shape::Mesh(mesh.clone()), Format::Ply)?.bytes)?;
    let encoder = Command::new("draco_encoder")
        .current_dir(&folder)
        .args(["-i", "mesh.ply", "-o", "mesh.drc", "-cl", "10", "-qp", &bits.to_string()])
        .output();
    let Ok(encoder) = encoder else { return Ok(None) };
    let decoder =
        Command::new("draco_decoder").current_dir(&folder).args(["-i", "mesh.drc", "-o", "back.ply"]).output()?;
    if !encoder.status.success() || !decoder.status.success() {
        return Err("draco failed".into());
    }
    let bytes = fs::metadata(folder.join("mesh.drc"))?.len();
    let back = io::read(&fs::read(folder.join("back.ply"))?, &Default::default(), &|_| None)?.shape;
    fs::remove_dir_all(&folder)?;
    let Shape::Mesh(back) = back else { return Err("Draco's mesh has no faces".into()) };
    Ok(Some((bytes, back)))
}
