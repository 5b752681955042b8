//! `make bench-large`: encodes and decodes a picture of 100 megapixels and prints seconds and peak
//! memory of each step; fails above the limit. The picture is a sample photo, mirrored and repeated.
//!
//!     cargo run --release -p tessera-tests --bin large -- [SIDE]

use std::{
    error::Error,
    ffi::OsString,
    fs::{self, File},
    io::BufWriter,
    path::Path,
    process::{Command, ExitCode},
    time::Instant,
};

use image::codecs::jpeg::JpegEncoder;
use nix::sys::resource::{UsageWho, getrusage};
use tessera_tests::{samples, tiled};

const SIDE: u32 = 10_000;
/// Peak resident memory that either step may reach.
const LIMIT_MB: u64 = 1500;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match arguments.first() {
        Some(first) if first == "--measure" => measure(&arguments[1..]),
        first => {
            let side = first.and_then(|side| side.to_str()).map_or(Ok(SIDE), str::parse);
            side.map_err(|_| "usage: large [SIDE in pixels]".into()).and_then(large)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("large: {error}");
            ExitCode::FAILURE
        }
    }
}

fn large(side: u32) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("target/large");
    fs::create_dir_all(folder)?;
    let [jpeg, tsr, png] = ["in.jpg", "out.tsr", "out.png"].map(|name| folder.join(name));
    let photo = image::open(samples().join("foliage.jpg"))?.to_rgb8();
    JpegEncoder::new_with_quality(BufWriter::new(File::create(&jpeg)?), 90).encode_image(&tiled(&photo, side, side))?;
    println!("{side} x {side} pixels, {} MP", u64::from(side) * u64::from(side) / 1_000_000);
    let this = std::env::current_exe()?;
    let tessera = this.with_file_name(format!("tessera{}", std::env::consts::EXE_SUFFIX));
    for (step, from, to) in [("encode", &jpeg, &tsr), ("decode", &tsr, &png)] {
        // A process of its own per step, whose only child is the step: its children's peak is the step's.
        let status = Command::new(&this)
            .arg("--measure")
            .arg(&tessera)
            .arg(step)
            .arg(from)
            .arg("-o")
            .arg(to)
            .arg("--force")
            .status()?;
        if !status.success() {
            return Err(format!("{step} failed or took too much memory").into());
        }
        println!("        {} bytes written", fs::metadata(to)?.len());
    }
    Ok(())
}

fn measure(command: &[OsString]) -> Result<(), Box<dyn Error>> {
    let [program, step, rest @ ..] = command else { return Err("nothing to measure".into()) };
    let start = Instant::now();
    let status = Command::new(program).arg(step).args(rest).status()?;
    let seconds = start.elapsed().as_secs_f64();
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss().unsigned_abs() * unit / 1_000_000;
    println!("{}  {seconds:.1} s, peak memory {peak} MB (limit {LIMIT_MB} MB)", step.display());
    if !status.success() || peak > LIMIT_MB {
        return Err(format!("{} did not pass", step.display()).into());
    }
    Ok(())
}
