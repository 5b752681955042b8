//! `make bench-memory`: hours of speech through the live encoder, its packets, a line that loses some, and the live decoder, with the
//! process's peak memory at intervals. Fails if it grows once the first minutes are over.
//!
//!     cargo run --release -p tessera-audio --example hours -- [HOURS]

use std::{error::Error, path::Path, process::ExitCode, sync::Arc, time::Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tessera_audio::io::{self, IoLimits};
use tessera_audio::{AudioCodec, CodecOptions, LiveOptions};
use tessera_core::Limits;
use tessera_models::Pack;

const HOURS: f64 = 10.0;
/// Minutes after which nothing new is to be allocated.
const WARM_UP: u64 = 10;
/// Megabytes by which the peak may rise after that: what the allocator may do.
const SLACK_MB: f64 = 4.0;
/// Packets of which one is lost.
const LOST: u64 = 13;

fn main() -> ExitCode {
    let hours = std::env::args().nth(1).map_or(Ok(HOURS), |hours| hours.parse());
    match hours.map_err(|_| "usage: hours [HOURS]".into()).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hours: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(hours: f64) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let pack = Arc::new(Pack::open(&root.join("models/packs/speech-16k.tpack"))?);
    let codec = AudioCodec::new(pack, CodecOptions { threads: 1 })?;
    let speech = io::read(&std::fs::read(root.join("samples/speech.flac"))?, &IoLimits::default())?;
    let speech = io::resample(io::mono(speech), codec.rate())?.channels.remove(0);

    let options = LiveOptions {
        packet_frames: 8,
        interleave: 2,
        repeat: 4,
        bits_per_second: Some(1200),
        ..LiveOptions::default()
    };
    let mut writer = codec.live_writer(options)?;
    let mut reader = codec.live_reader(Limits::default());
    let (minutes, minute) = ((hours * 60.0).ceil() as u64, 60 * codec.rate() as usize);
    let mut sound = speech.iter().copied().cycle();
    let (mut packets, mut bytes, mut heard, mut concealed, mut repaired) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let (start, mut warm) = (Instant::now(), None);
    for done in 1..=minutes {
        let mut left = minute;
        while left > 0 {
            let piece: Vec<f32> = sound.by_ref().take(left.min(1600)).collect();
            left -= piece.len();
            for packet in writer.push(&piece)?.packets {
                packets += 1;
                bytes += packet.len() as u64;
                if packets % LOST == 0 {
                    continue;
                }
                let received = reader.push(&packet)?;
                heard += received.samples.len() as u64;
                concealed += received.concealed;
                repaired += received.repaired;
            }
        }
        let peak = peak_mb()?;
        if done % WARM_UP == 0 || done == minutes {
            println!(
                "{:6.2} h  peak memory {peak:7.2} MB  {packets} packets, {bytes} bytes; {concealed} tokens concealed, {repaired} repaired; {:.4} of real time",
                done as f64 / 60.0,
                start.elapsed().as_secs_f64() / (60 * done) as f64
            );
        }
        if done == WARM_UP {
            warm = Some(peak);
        }
        if let Some(warm) = warm.filter(|warm| peak > warm + SLACK_MB) {
            return Err(
                format!("memory grows: {peak:.2} MB where there were {warm:.2} MB after {WARM_UP} minutes").into()
            );
        }
    }
    for packet in writer.finish()?.packets {
        bytes += packet.len() as u64;
        heard += reader.push(&packet)?.samples.len() as u64;
    }
    if !reader.has_ended() || heard != minutes * minute as u64 {
        return Err(format!("{heard} samples came out of {}", minutes * minute as u64).into());
    }
    println!("{:.1} bit/s, 1200 announced", bytes as f64 * 8.0 / (60 * minutes) as f64);
    Ok(())
}

/// The most memory that this process has had, resident.
fn peak_mb() -> Result<f64, Box<dyn Error>> {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok((getrusage(UsageWho::RUSAGE_SELF)?.max_rss().unsigned_abs() * unit) as f64 / 1e6)
}
