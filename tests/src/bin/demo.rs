//! `make demo`: encodes and decodes the samples, pictures and videos at several rates, sounds at several depths and shapes at several precisions, with the `tessera` program
//! that lies beside this one, and prints what came of it. Outputs stay in demo-out/.
//!
//!     cargo run --release -p tessera-tests --bin demo -- [BPP…]

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::Value;
use tessera_eval::{
    Clip, Speech,
    metrics::{clip_by_name_in, speech_by_name},
};
use tessera_geometry::{Bounds, Shape, io, metrics};
use tessera_tests::{
    compare, preview, sample_clouds, sample_images, sample_meshes, sample_sounds, sample_splats, sample_videos, seen,
};

type Fallible<T> = Result<T, Box<dyn Error>>;

const RATES: [&str; 3] = ["0.02", "0.05", "0.12"];
const DEPTHS: [&str; 2] = ["8", "12"];
/// Bits per pixel of videos.
const VIDEO_RATES: [&str; 2] = ["0.01", "0.03"];
/// Bytes of meshes.
const MESH_SIZES: [&str; 3] = ["400", "1000", "4000"];
/// Qualities of splats.
const SPLAT_QUALITIES: [&str; 3] = ["20", "50", "80"];
/// Pixels of a side of what splats are compared in, and of their pictures.
const SPLAT_VIEW: usize = 192;
const SPLAT_PICTURE: usize = 512;
const PRECISIONS: [(&str, &[&str]); 3] =
    [("7bit", &["--bits", "7"]), ("11bit", &["--bits", "11"]), ("lossless", &["--lossless"])];

fn main() -> ExitCode {
    let mut rates: Vec<String> = std::env::args().skip(1).collect();
    if rates.is_empty() {
        rates = RATES.map(str::to_owned).to_vec();
    }
    match demo(&rates, Path::new("demo-out")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo(rates: &[String], out: &Path) -> Fallible<()> {
    let tessera = std::env::current_exe()?.with_file_name(format!("tessera{}", std::env::consts::EXE_SUFFIX));
    if !tessera.is_file() {
        return Err(format!("{} is missing; build it with 'make build'", tessera.display()).into());
    }
    println!(
        "{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "file", "bytes", "bpp", "PSNR dB", "SSIM", "encode s", "decode s"
    );
    for rate in rates {
        let folder = out.join(format!("{rate}bpp"));
        let encoded = reports(
            Command::new(&tessera)
                .args(["encode", "--json", "--force", "--bpp", rate, "-o"])
                .arg(&folder)
                .args(sample_images()),
        )?;
        let decoded =
            reports(Command::new(&tessera).args(["decode", "--json", "--force", "-o"]).arg(&folder).arg(&folder))?;
        for (tsr, report) in &encoded {
            row(report, decoded.get(tsr).ok_or("a file was not decoded")?)?;
        }
    }
    println!(
        "\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "sound", "bytes", "bit/s", "PESQ", "STOI", "encode s", "decode s"
    );
    for depth in DEPTHS {
        sounds(&tessera, depth, &out.join(format!("{depth}bit")))?;
    }
    videos(&tessera, out)?;
    println!(
        "\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "cloud", "points", "bytes", "bit/pt", "D1 dB", "encode s", "decode s"
    );
    for (name, options) in PRECISIONS {
        clouds(&tessera, options, &out.join(name))?;
    }
    println!(
        "\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "mesh", "faces", "bytes", "F 1 %", "normals", "encode s", "decode s"
    );
    for size in MESH_SIZES {
        meshes(&tessera, size, &out.join(format!("{size}bytes")))?;
    }
    println!(
        "\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "splats", "splats", "bytes", "B/splat", "PSNR dB", "encode s", "decode s"
    );
    for quality in SPLAT_QUALITIES {
        splats(&tessera, quality, &out.join(format!("q{quality}")))?;
    }
    println!(
        "\nTimes are for a loaded model. Look at the pictures and listen to the sounds in {}/; 'tessera info FILE.tsr' shows what a file holds. The \
         model is one for speech: music shows where it ends.",
        out.display()
    );
    Ok(())
}

/// The sound samples, with tokens of `depth` bits.
fn sounds(tessera: &Path, depth: &str, folder: &Path) -> Fallible<()> {
    let encoded = reports(
        Command::new(tessera)
            .args(["encode", "--json", "--force", "--stereo", "mono", "--depth", depth, "-o"])
            .arg(folder)
            .args(sample_sounds()),
    )?;
    let decoded = reports(Command::new(tessera).args(["decode", "--json", "--force", "-o"]).arg(folder).arg(folder))?;
    for (tsr, encoded) in &encoded {
        let decoded = decoded.get(tsr).ok_or("a file was not decoded")?;
        let (source, result) = (text(encoded, "input"), text(decoded, "output"));
        let (original, heard) = (Speech::read(Path::new(&source))?, Speech::read(Path::new(&result))?);
        let measure = |name| -> Fallible<f64> { Ok(speech_by_name(name)?.measure(&original, &heard)?) };
        let bytes = fs::metadata(text(encoded, "output"))?.len();
        let name = Path::new(&source).file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name:<18} {bytes:>7} {:>7.0} {:>7.2} {:>7.3} {:>9.3} {:>9.3}  {result}",
            8.0 * bytes as f64 / original.seconds(),
            measure("pesq")?,
            measure("stoi")?,
            number(encoded, "seconds"),
            number(decoded, "seconds"),
        );
    }
    Ok(())
}

/// The video samples with their sound, at several rates, decoded to MP4.
fn videos(tessera: &Path, out: &Path) -> Fallible<()> {
    println!(
        "\n{:<18} {:>7} {:>7} {:>7} {:>7} {:>9} {:>9}  output",
        "video", "bytes", "bpp", "PSNR dB", "flicker", "encode s", "decode s"
    );
    for source in sample_videos() {
        let original = match Clip::read(&source) {
            Ok(original) => original,
            Err(error) => {
                println!("left out: {error}");
                continue;
            }
        };
        for rate in VIDEO_RATES {
            let folder = out.join(format!("video-{rate}bpp"));
            // One input goes into a folder that is there; else it would take its name.
            fs::create_dir_all(&folder)?;
            let encoded = reports(
                Command::new(tessera)
                    .args(["encode", "--json", "--force", "--bpp", rate, "-o"])
                    .arg(&folder)
                    .arg(&source),
            )?;
            let decoded =
                reports(Command::new(tessera).args(["decode", "--json", "--force", "-o"]).arg(&folder).arg(&folder))?;
            for (tsr, encoded) in &encoded {
                let decoded = decoded.get(tsr).ok_or("a file was not decoded")?;
                let result = text(decoded, "output");
                let seen = Clip::read(Path::new(&result))?;
                let measure = |name| -> Fallible<f64> {
                    let store = tessera_models::Store::standard(None);
                    Ok(clip_by_name_in(name, &store)?.measure(&original, &seen)?)
                };
                let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
                // With the sound, which the rate is without.
                let bytes = fs::metadata(text(encoded, "output"))?.len();
                println!(
                    "{name:<18} {bytes:>7} {:>7.4} {:>7.2} {:>7.3} {:>9.3} {:>9.3}  {result}",
                    number(encoded, "bpp"),
                    measure("psnr")?,
                    measure("flicker")?,
                    number(encoded, "seconds"),
                    number(decoded, "seconds"),
                );
            }
        }
    }
    Ok(())
}

/// The cloud samples; before and after as pictures.
fn clouds(tessera: &Path, options: &[&str], folder: &Path) -> Fallible<()> {
    // One input goes into a folder that is there; else it would take its name.
    fs::create_dir_all(folder)?;
    let encoded = reports(
        Command::new(tessera)
            .args(["encode", "--json", "--force"])
            .args(options)
            .arg("-o")
            .arg(folder)
            .args(sample_clouds()),
    )?;
    let decoded = reports(Command::new(tessera).args(["decode", "--json", "--force", "-o"]).arg(folder).arg(folder))?;
    for (tsr, encoded) in &encoded {
        let decoded = decoded.get(tsr).ok_or("a file was not decoded")?;
        let bytes = fs::metadata(text(encoded, "output"))?.len();
        let points = number(encoded, "points");
        let (source, result) = (text(encoded, "input"), text(decoded, "output"));
        let (original, back) = (shape(&source)?, shape(&result)?);
        let distances =
            metrics::points::compare(original.positions(), back.positions()).ok_or("no points came back")?;
        let bounds = Bounds::of(original.positions()).ok_or("a sample has no points")?;
        let stem = Path::new(&source).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        preview(&original, &bounds, 512).save(folder.join(format!("{stem}-before.png")))?;
        preview(&back, &bounds, 512).save(folder.join(format!("{stem}-after.png")))?;
        let name = Path::new(&source).file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name:<18} {points:>7} {bytes:>7} {:>7.2} {:>7.2} {:>9.3} {:>9.3}  {result}",
            8.0 * bytes as f64 / points,
            distances.d1_psnr,
            number(encoded, "seconds"),
            number(decoded, "seconds"),
        );
    }
    Ok(())
}

/// The mesh samples in files of at most `size` bytes; before and after as pictures.
fn meshes(tessera: &Path, size: &str, folder: &Path) -> Fallible<()> {
    // One input goes into a folder that is there; else it would take its name.
    fs::create_dir_all(folder)?;
    let encoded = reports(
        Command::new(tessera)
            .args(["encode", "--json", "--force", "--size", size, "-o"])
            .arg(folder)
            .args(sample_meshes()),
    )?;
    let decoded = reports(Command::new(tessera).args(["decode", "--json", "--force", "-o"]).arg(folder).arg(folder))?;
    for (tsr, encoded) in &encoded {
        let decoded = decoded.get(tsr).ok_or("a file was not decoded")?;
        let bytes = fs::metadata(text(encoded, "output"))?.len();
        let (source, result) = (text(encoded, "input"), text(decoded, "output"));
        let (Shape::Mesh(original), Shape::Mesh(back)) = (shape(&source)?, shape(&result)?) else {
            return Err("a mesh came back as points".into());
        };
        let distances = metrics::surfaces::compare(&original, &back)?;
        let bounds = Bounds::of(&original.positions).ok_or("a sample has no points")?;
        let faces = back.faces.len();
        let stem = Path::new(&source).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        preview(&Shape::Mesh(original), &bounds, 512).save(folder.join(format!("{stem}-before.png")))?;
        preview(&Shape::Mesh(back), &bounds, 512).save(folder.join(format!("{stem}-after.png")))?;
        let name = Path::new(&source).file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name:<18} {faces:>7} {bytes:>7} {:>7.3} {:>7.3} {:>9.3} {:>9.3}  {result}",
            distances.f_score,
            distances.normals,
            number(encoded, "seconds"),
            number(decoded, "seconds"),
        );
    }
    Ok(())
}

/// The sample splats at a quality, in what is seen of them; before and after as pictures.
fn splats(tessera: &Path, quality: &str, folder: &Path) -> Fallible<()> {
    // One input goes into a folder that is there; else it would take its name.
    fs::create_dir_all(folder)?;
    let encoded = reports(
        Command::new(tessera)
            .args(["encode", "--json", "--force", "-q", quality, "-o"])
            .arg(folder)
            .args(sample_splats()),
    )?;
    let decoded = reports(Command::new(tessera).args(["decode", "--json", "--force", "-o"]).arg(folder).arg(folder))?;
    for (tsr, encoded) in &encoded {
        let decoded = decoded.get(tsr).ok_or("a file was not decoded")?;
        let bytes = fs::metadata(text(encoded, "output"))?.len();
        let (source, result) = (text(encoded, "input"), text(decoded, "output"));
        let (Shape::Splats(original), Shape::Splats(back)) = (shape(&source)?, shape(&result)?) else {
            return Err("splats came back as points".into());
        };
        let stem = Path::new(&source).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let cameras = metrics::views::Camera::ring(&original, SPLAT_PICTURE);
        let camera = cameras.last().ok_or("there is no view of splats")?;
        seen(&original, camera).save(folder.join(format!("{stem}-before.png")))?;
        seen(&back, camera).save(folder.join(format!("{stem}-after.png")))?;
        let name = Path::new(&source).file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name:<18} {:>7} {bytes:>7} {:>7.2} {:>7.2} {:>9.3} {:>9.3}  {result}",
            original.len(),
            bytes as f64 / original.len() as f64,
            metrics::views::psnr(&original, &back, SPLAT_VIEW),
            number(encoded, "seconds"),
            number(decoded, "seconds"),
        );
    }
    Ok(())
}

fn shape(path: &str) -> Fallible<Shape> {
    Ok(io::read(&fs::read(path)?, &Default::default(), &|_| None)?.shape)
}

fn text(report: &Value, key: &str) -> String {
    report[key].as_str().unwrap_or_default().to_owned()
}

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or(f64::NAN)
}

/// Runs a command and reads its JSON lines, keyed by the path of the .tsr file.
fn reports(command: &mut Command) -> Fallible<BTreeMap<PathBuf, Value>> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed").into());
    }
    let mut reports = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let report: Value = serde_json::from_str(line)?;
        let path = |key: &str| report[key].as_str().map(PathBuf::from).unwrap_or_default();
        let tsr = [path("output"), path("input")].into_iter().find(|p| p.extension().is_some_and(|e| e == "tsr"));
        reports.insert(tsr.ok_or("a report names no .tsr file")?, report);
    }
    Ok(reports)
}

fn row(encoded: &Value, decoded: &Value) -> Fallible<()> {
    let (source, result) = (text(encoded, "input"), text(decoded, "output"));
    let (psnr, ssim) = compare(&image::open(&source)?, &image::open(&result)?)?;
    // Real file bytes, not what a report says.
    let bytes = fs::metadata(text(encoded, "output"))?.len();
    let bpp = 8.0 * bytes as f64 / (number(encoded, "width") * number(encoded, "height"));
    let name = Path::new(&source).file_name().unwrap_or_default().to_string_lossy().into_owned();
    println!(
        "{name:<18} {bytes:>7} {bpp:>7.4} {psnr:>7.2} {ssim:>7.4} {:>9.3} {:>9.3}  {result}",
        number(encoded, "seconds"),
        number(decoded, "seconds"),
    );
    Ok(())
}
