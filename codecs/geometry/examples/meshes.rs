//! Meshes beside decimation and Draco: written files, both decoded, distances between surfaces. At equal bytes first; then the fewest bytes with which
//! the opponent reaches the same F-score.
//!
//!     cargo run --release -p tessera-geometry --example meshes -- [--bytes 400,1000,2000,4000] [--pack PACK.tpack] SHAPE…
//!
//! With a geometry pack small files may hold tokens, as those of `tessera encode --size` do. The opponent takes triangles away with meshoptimizer,
//! vertices moved to where they fit best, and codes the rest with `draco_encoder` (Debian package draco) at its best level and with positions of 5 to
//! 10 bits: at equal bytes with those that have the best F-score, else with those that need the fewest bytes. An F-score from 0.999 on is as good as
//! can be told: where ours is, fewer bytes would do, and there is no ratio.

use std::{collections::BTreeMap, error::Error, fs, path::Path, process::Command, sync::Arc, time::Instant};

use tessera_core::container::GeometryTier;
use tessera_geometry::{
    DecodeOptions, EncodeOptions, Mesh, Shape, SurfaceCodec, Target, decimated, decode_with, encode_with,
    io::{self, Format},
    metrics::surfaces::{Distances, compare},
};
use tessera_models::Pack;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Bits of Draco's positions.
const BITS: [u32; 6] = [7, 8, 6, 9, 10, 5];
/// Each number of triangles that is tried is so much more than the one before.
const MORE: f64 = 1.04;
/// Numbers of triangles that are tried below the least that a bisection finds: F-scores do not quite grow with them.
const BELOW: usize = 3;
/// An F-score that is as good as can be told.
const ALL_NEAR: f64 = 0.999;
/// F-scores that differ by less are equal.
const EQUAL: f64 = 5e-4;

/// A mesh in a file.
#[derive(Clone, Copy)]
struct Row {
    bytes: u64,
    faces: usize,
    distances: Distances,
}

/// Ours and Draco's at equal bytes, and Draco's at an equal F-score; `None` where nothing fits or reaches it, or ours is as good as can be told.
struct Pair {
    name: String,
    size: u64,
    ours: Row,
    tokens: bool,
    equal_bytes: Option<Row>,
    equal_score: Option<Row>,
}

fn main() -> Fallible<()> {
    let mut sizes = vec![400, 1000, 2000, 4000];
    let (mut files, mut pack) = (Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bytes" => {
                let list = arguments.next().ok_or("--bytes needs numbers such as 400,1000")?;
                sizes = list.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
            }
            "--pack" => pack = Some(arguments.next().ok_or("--pack needs a geometry pack")?),
            _ => files.push(argument),
        }
    }
    let codec = pack.map(|path| SurfaceCodec::new(Arc::new(Pack::open(Path::new(&path))?), 2)).transpose()?;
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
    let mut pairs = Vec::new();
    for file in &files {
        // What an OBJ lies beside is not read.
        let Ok(io::Input { shape: Shape::Mesh(mesh), .. }) = io::read(&fs::read(file)?, &Default::default(), &|_| None)
        else {
            println!("{file} is no mesh");
            continue;
        };
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut draco = Draco::new(&mesh);
        for &size in &sizes {
            let start = Instant::now();
            let options = EncodeOptions { target: Target::Size(size), ..EncodeOptions::default() };
            let encoded = match encode_with(&Shape::Mesh(mesh.clone()), &options, codec.as_ref()) {
                Ok(encoded) => encoded,
                Err(error) => {
                    println!("{name:<26} {:>6} {size:>6} | {error}", mesh.faces.len());
                    continue;
                }
            };
            let encode_seconds = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let decoded = decode_with(&encoded.bytes, &DecodeOptions::default(), codec.as_ref())?;
            let Shape::Mesh(back) = decoded.shape else { return Err("a mesh came back as something else".into()) };
            let decode_seconds = start.elapsed().as_secs_f64();
            let distances = compare(&mesh, &back)?;
            let ours = Row { bytes: encoded.bytes.len() as u64, faces: back.faces.len(), distances };
            let equal_bytes = draco.within(size)?;
            println!(
                "{name:<26} {:>6} {size:>6} | {} {encode_seconds:>7.2} {decode_seconds:>7.3} | {}",
                mesh.faces.len(),
                columns(&ours),
                equal_bytes.as_ref().map_or("-".to_owned(), columns)
            );
            let equal_score = match distances.f_score >= ALL_NEAR {
                true => None,
                false => draco.reaching(distances.f_score)?,
            };
            let tokens = matches!(encoded.tier, GeometryTier::Surface { .. });
            pairs.push(Pair { name: name.clone(), size, ours, tokens, equal_bytes, equal_score });
        }
    }
    for &size in &sizes {
        at_equal_bytes(size, &pairs);
    }
    println!(
        "\n{:<26} {:>6} | {:>9} {:>6} {:>8} {:>8} | {:>6} {:>6} {:>8} {:>8} | ratio",
        "mesh", "bytes", "ours", "bytes", "F at 1%", "normals", "Draco", "faces", "F at 1%", "normals"
    );
    for pair in &pairs {
        let Pair { name, size, ours, tokens, equal_score, .. } = pair;
        let tier = if *tokens { "tokens" } else { "triangles" };
        let Distances { f_score, normals, .. } = ours.distances;
        let left = format!("{name:<26} {size:>6} | {tier:>9} {:>6} {f_score:>8.4} {normals:>8.4}", ours.bytes);
        let right = match (equal_score, pair.ratio()) {
            (Some(row), Some(ratio)) => {
                let Distances { f_score, normals, .. } = row.distances;
                format!("{:>6} {:>6} {f_score:>8.4} {normals:>8.4} | {ratio:.3}", row.bytes, row.faces)
            }
            _ if pair.is_near() => "all near".to_owned(),
            _ => "not reached".to_owned(),
        };
        println!("{left} | {right}");
    }
    for &size in &sizes {
        at_equal_score(size, &pairs);
    }
    Ok(())
}

fn columns(row: &Row) -> String {
    let d = row.distances;
    let Row { bytes, faces, .. } = row;
    format!(
        "{bytes:>6} {faces:>6} {:>8.4} {:>8.3} {:>8.1} {:>8.4}",
        d.f_score,
        1e3 * d.mean,
        1e3 * d.hausdorff,
        d.normals
    )
}

fn mean<T>(rows: &[T], value: impl Fn(&T) -> f64) -> f64 {
    rows.iter().map(value).sum::<f64>() / rows.len() as f64
}

fn at_equal_bytes(size: u64, pairs: &[Pair]) {
    let rows: Vec<(Distances, Distances)> = pairs
        .iter()
        .filter(|pair| pair.size == size)
        .filter_map(|pair| Some((pair.ours.distances, pair.equal_bytes?.distances)))
        .collect();
    if rows.is_empty() {
        return;
    }
    let both = |value: &dyn Fn(&Distances) -> f64| (mean(&rows, |row| value(&row.0)), mean(&rows, |row| value(&row.1)));
    let (score, distance) = (both(&|d| d.f_score), both(&|d| 1e3 * d.mean));
    let (greatest, normals) = (both(&|d| 1e3 * d.hausdorff), both(&|d| d.normals));
    println!(
        "mean of {} at {size} bytes: F {:.4} beside {:.4}, mean distance {:.3}e-3 beside {:.3}e-3, greatest {:.1}e-3 beside {:.1}e-3, normals {:.4} beside {:.4}; F is lower for {}",
        rows.len(),
        score.0,
        score.1,
        distance.0,
        distance.1,
        greatest.0,
        greatest.1,
        normals.0,
        normals.1,
        rows.iter().filter(|(ours, theirs)| ours.f_score < theirs.f_score - EQUAL).count()
    );
}

impl Pair {
    /// Whether ours is as near as can be told.
    fn is_near(&self) -> bool {
        self.ours.distances.f_score >= ALL_NEAR
    }

    /// Our bytes as a part of Draco's at an equal F-score.
    fn ratio(&self) -> Option<f64> {
        Some(self.ours.bytes as f64 / self.equal_score?.bytes as f64)
    }
}

fn at_equal_score(size: u64, pairs: &[Pair]) {
    let at = || pairs.iter().filter(|pair| pair.size == size);
    let rows: Vec<(f64, &Pair)> = at().filter_map(|pair| Some((pair.ratio()?, pair))).collect();
    let near = at().filter(|pair| pair.is_near()).count();
    let theirs = at().filter(|pair| pair.equal_bytes.is_some_and(|row| row.distances.f_score >= ALL_NEAR)).count();
    let mut ratios: Vec<f64> = rows.iter().map(|row| row.0).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let count = ratios.len();
    let median = |ratios: &[f64]| (ratios[(count - 1) / 2] + ratios[count / 2]) / 2.0;
    println!("{size} bytes: {near} of {} are all near, {theirs} of Draco's with as many bytes", at().count());
    if count > 0 {
        println!(
            "  {count} at equal F-scores: ratio {:.3} in the mean, {:.3} in the median, {:.3} to {:.3}; normals {:.4} beside {:.4}",
            mean(&ratios, |&ratio| ratio),
            median(&ratios),
            ratios[0],
            ratios[count - 1],
            mean(&rows, |(_, pair)| pair.ours.distances.normals),
            mean(&rows, |(_, pair)| pair.equal_score.map_or(f64::NAN, |row| row.distances.normals)),
        );
    }
}

/// The opponent's files of a mesh, by bits and triangles that are asked for.
struct Draco<'a> {
    mesh: &'a Mesh,
    whole: Mesh,
    reduced: BTreeMap<usize, Mesh>,
    /// Bytes, and what is decoded.
    files: BTreeMap<(u32, usize), (u64, Mesh)>,
    found: BTreeMap<(u32, usize), Option<Row>>,
}

impl<'a> Draco<'a> {
    fn new(mesh: &'a Mesh) -> Self {
        let whole = mesh.welded();
        Self { mesh, whole, reduced: BTreeMap::new(), files: BTreeMap::new(), found: BTreeMap::new() }
    }

    /// Numbers of triangles that are tried.
    fn counts(&self) -> Vec<usize> {
        let all = self.whole.faces.len();
        let counts = (0..).map(|n| (4.0 * MORE.powi(n)) as usize).take_while(|&count| count < all);
        let mut counts: Vec<usize> = counts.chain([all]).collect();
        counts.dedup();
        counts
    }

    fn bytes(&mut self, bits: u32, count: usize) -> Fallible<u64> {
        if let Some((bytes, _)) = self.files.get(&(bits, count)) {
            return Ok(*bytes);
        }
        let reduced = self.reduced.entry(count).or_insert_with(|| decimated(&self.whole, count));
        let coded = draco_coded(reduced, bits)?;
        let bytes = coded.0;
        self.files.insert((bits, count), coded);
        Ok(bytes)
    }

    /// `None` where nothing is left.
    fn row(&mut self, bits: u32, count: usize) -> Fallible<Option<Row>> {
        if let Some(row) = self.found.get(&(bits, count)) {
            return Ok(*row);
        }
        let bytes = self.bytes(bits, count)?;
        let back = &self.files[&(bits, count)].1;
        let row = compare(self.mesh, back).ok().map(|distances| Row { bytes, faces: back.faces.len(), distances });
        self.found.insert((bits, count), row);
        Ok(row)
    }

    /// The best F-score, and of equal ones the nearest surface, in so many bytes.
    fn within(&mut self, size: u64) -> Fallible<Option<Row>> {
        let counts = self.counts();
        let mut best: Option<Row> = None;
        for bits in BITS {
            let fits = bisect(counts.len(), |n| Ok(self.bytes(bits, counts[n])? > size))?;
            let Some(last) = fits.checked_sub(1) else { continue };
            let Some(row) = self.row(bits, counts[last])? else { continue };
            let better = best.is_none_or(|best| {
                let more = row.distances.f_score - best.distances.f_score;
                more > EQUAL || (more > -EQUAL && row.distances.mean < best.distances.mean)
            });
            if better {
                best = Some(row);
            }
        }
        Ok(best)
    }

    /// The fewest bytes with such an F-score.
    fn reaching(&mut self, score: f64) -> Fallible<Option<Row>> {
        let counts = self.counts();
        let mut best: Option<Row> = None;
        for bits in BITS {
            let most = best.map_or(u64::MAX, |best| best.bytes);
            let enough = |row: Option<Row>| row.is_some_and(|row| row.distances.f_score >= score);
            let end = bisect(counts.len(), |n| {
                Ok(self.bytes(bits, counts[n])? >= most || enough(self.row(bits, counts[n])?))
            })?;
            for n in (end.saturating_sub(BELOW)..counts.len().min(end + 1)).rev() {
                let row = self.row(bits, counts[n])?.filter(|row| best.is_none_or(|best| row.bytes < best.bytes));
                if enough(row) {
                    best = row;
                }
            }
        }
        Ok(best)
    }
}

/// The first of so many numbers for which something holds that holds for all after it, too; their count for none.
fn bisect(count: usize, mut holds: impl FnMut(usize) -> Fallible<bool>) -> Fallible<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle)? {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    Ok(low)
}

/// Bytes of Draco's file, and the mesh that comes back.
fn draco_coded(mesh: &Mesh, bits: u32) -> Fallible<(u64, Mesh)> {
    if mesh.faces.is_empty() {
        return Ok((0, Mesh::default()));
    }
    let folder = std::env::temp_dir().join(format!("meshes-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("mesh.ply"), io::write(&Shape::Mesh(mesh.clone()), Format::Ply)?.bytes)?;
    let run = |program: &str, arguments: &[&str]| -> Fallible<()> {
        let output = Command::new(program).current_dir(&folder).args(arguments).output();
        let output = output.map_err(|error| format!("{program} (Debian package draco): {error}"))?;
        if output.status.success() { Ok(()) } else { Err(format!("{program} failed").into()) }
    };
    run("draco_encoder", &["-i", "mesh.ply", "-o", "mesh.drc", "-cl", "10", "-qp", &bits.to_string()])?;
    run("draco_decoder", &["-i", "mesh.drc", "-o", "back.ply"])?;
    let bytes = fs::metadata(folder.join("mesh.drc"))?.len();
    let back = io::read(&fs::read(folder.join("back.ply"))?, &Default::default(), &|_| None)?.shape;
    fs::remove_dir_all(&folder)?;
    match back {
        Shape::Mesh(back) => Ok((bytes, back)),
        // All triangles have become points.
        _ => Ok((bytes, Mesh::default())),
    }
}
