//! `make bench-video`: encodes and decodes minutes of video of 640 x 360 pixels on two cores and prints frames a second and peak memory of each step; fails above the limit. The
//! video is the sample clip, scaled, again and again.
//!
//!     cargo run --release -p tessera-tests --features ffmpeg --bin video -- [MINUTES]

use std::{
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use image::{RgbImage, imageops};
use nix::sys::resource::{UsageWho, getrusage};
use tessera_tests::samples;
use tessera_video::{
    Frame, StreamInfo,
    io::{Coding, ReadOptions, WriteOptions, create, open},
};

const MINUTES: f64 = 10.0;
const SIZE: (u32, u32) = (640, 360);
#[cfg(target_os = "linux")]
const CORES: usize = 2;
/// Peak resident memory that a step may reach.
const LIMIT_MB: u64 = 600;
/// What encodes: at a quality, and at a rate, which takes several codings.
const TARGETS: [[&str; 2]; 3] = [["-q", "50"], ["-q", "20"], ["--bpp", "0.005"]];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match arguments.first() {
        Some(first) if first == "--measure" => measure(&arguments[1..]),
        first => {
            let minutes = first.and_then(|minutes| minutes.to_str()).map_or(Ok(MINUTES), str::parse);
            minutes.map_err(|_| "usage: video [MINUTES]".into()).and_then(video)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("video: {error}");
            ExitCode::FAILURE
        }
    }
}

fn video(minutes: f64) -> Result<(), Box<dyn Error>> {
    let folder = Path::new("target/video");
    fs::create_dir_all(folder)?;
    let (clip, frames) = looped(folder, minutes)?;
    let cores = two_cores()?;
    println!("{frames} frames of {} x {} pixels, {minutes} minutes, on {cores} cores", SIZE.0, SIZE.1);
    let this = std::env::current_exe()?;
    let tessera = this.with_file_name(format!("tessera{}", std::env::consts::EXE_SUFFIX));
    let [tsr, mp4] = ["out.tsr", "out.mp4"].map(|name| folder.join(name));
    for target in TARGETS {
        let encode: Vec<&str> = ["encode"].into_iter().chain(target).chain(["--audio", "none"]).collect();
        for (step, from, to) in [(&encode[..], &clip, &tsr), (&["decode"], &tsr, &mp4)] {
            // A process of its own per step, whose only child is the step: its children's peak is the step's.
            let mut command = Command::new(&this);
            command.arg("--measure").arg(frames.to_string()).arg(&tessera).args(step);
            if !command.arg(from).arg("-o").arg(to).arg("--force").status()?.success() {
                return Err(format!("{} failed or took too much memory", step.join(" ")).into());
            }
            println!("        {} bytes written", fs::metadata(to)?.len());
        }
    }
    Ok(())
}

/// The sample clip, scaled, as often as it takes, and how many frames that is. Made once.
fn looped(folder: &Path, minutes: f64) -> Result<(PathBuf, u64), Box<dyn Error>> {
    let sample = samples().join("clip.mp4");
    let info = open(&sample, &ReadOptions::default())?.info().clone();
    let rate = info.frame_rate.ok_or("the sample has no frame rate")?;
    let frames = (minutes * 60.0 * f64::from(rate.num) / f64::from(rate.den)).ceil().max(1.0) as u64;
    let path = folder.join(format!("{frames}.mp4"));
    if path.exists() {
        return Ok((path, frames));
    }
    let time_base = tessera_video::Rational { num: rate.den, den: rate.num };
    let (width, height) = SIZE;
    let scaled = StreamInfo { width, height, time_base, frames: Some(frames), duration: None, ..info.clone() };
    let part = folder.join("part.mp4");
    let coding = Coding::new("libx264", &[("preset", "veryfast"), ("crf", "16")]);
    let mut sink = create(&part, &scaled, WriteOptions { coding: Some(coding), ..WriteOptions::default() })?;
    let mut time = 0;
    while (time as u64) < frames {
        let mut source = open(&sample, &ReadOptions::default())?;
        while let Some(frame) = source.next_frame()?
            && (time as u64) < frames
        {
            let rgb = RgbImage::from_raw(info.width, info.height, frame.rgb).ok_or("a frame of another size")?;
            let rgb = imageops::resize(&rgb, width, height, imageops::FilterType::CatmullRom).into_raw();
            sink.write_frame(&Frame { rgb, time })?;
            time += 1;
        }
    }
    sink.finish(time)?;
    drop(sink);
    fs::rename(&part, &path)?;
    Ok((path, frames))
}

/// Keeps to the first two of the cores at hand, and whoever is started from here does too.
#[cfg(target_os = "linux")]
fn two_cores() -> Result<usize, Box<dyn Error>> {
    use nix::{
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };
    let at_hand = sched_getaffinity(Pid::from_raw(0))?;
    let (mut taken, mut count) = (CpuSet::new(), 0);
    for core in 0..CpuSet::count() {
        if count < CORES && at_hand.is_set(core)? {
            taken.set(core)?;
            count += 1;
        }
    }
    sched_setaffinity(Pid::from_raw(0), &taken)?;
    Ok(count)
}

/// Elsewhere all cores are used.
#[cfg(not(target_os = "linux"))]
fn two_cores() -> Result<usize, Box<dyn Error>> {
    Ok(std::thread::available_parallelism()?.get())
}

fn measure(command: &[OsString]) -> Result<(), Box<dyn Error>> {
    let [frames, program, step @ ..] = command else { return Err("nothing to measure".into()) };
    let frames: f64 = frames.to_str().ok_or("no number of frames")?.parse()?;
    let start = Instant::now();
    let status = Command::new(program).args(step).status()?;
    let seconds = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = usage.max_rss().unsigned_abs() * unit / 1_000_000;
    let cpu = usage.user_time().tv_sec() as f64 + usage.user_time().tv_usec() as f64 / 1e6;
    let what: Vec<_> = step.iter().take_while(|word| !word.to_string_lossy().contains("target")).collect();
    let what = what.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    println!(
        "{what}  {seconds:.1} s, {:.2} frames/s; {:.0} ms of processor time a frame; peak memory {peak} MB (limit {LIMIT_MB} MB)",
        frames / seconds,
        1000.0 * cpu / frames
    );
    if !status.success() || peak > LIMIT_MB {
        return Err(format!("{what} did not pass").into());
    }
    Ok(())
}
