//! `tessera loss`: what lost packets do to speech and pictures.

mod picture;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tessera_audio::{AudioCodec, LiveOptions, io};
use tessera_core::{Limits, Rung};
use tessera_eval::{
    Media, Speech,
    metrics::{SPEECH, speech_by_name},
};

use crate::{
    args::{ModelArgs, RuntimeArgs},
    batch,
    cmd::{
        encode::{self, PICTURES, SOUNDS},
        stream::{
            lossy::{Chance, parse_percent},
            packet_frames,
        },
    },
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Kind, Source},
    print,
};

/// Measure what lost packets do to speech and pictures
///
/// Sends sounds as live streams, loses packets by chance, conceals them, and prints PESQ, STOI, ESTOI and the mel distance to the
/// original, means over the sounds, for packets plain, interleaved and with repeated bits at the same total rate. The first packet, which
/// brings the header, and the last, which says the length, get through. The delay is what sound waits for its packets; a repetition comes
/// a packet later.
///
/// Pictures are encoded at one rung, plain and with --resilient; packets of the resilient files are lost by chance and concealed by the masked-token model
/// (where one is at hand), by the mean of neighbours and by repetition of the nearest. The table has bits per pixel, LPIPS (with a metric pack) and PSNR.
/// At one level of less than full depth a row more says what healing (decode --heal) makes of the files that nothing is lost of.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera loss speech/
  tessera loss speech/*.wav --percent 0,3,10 --packet-ms 25 --bps 0
  tessera loss speech/ --interleave 1,2,4 --repeat 0,4 --packet-ms 100 --bps 1100
  tessera stream decode call.tsr --lose 20 -o hurt.wav      to hear it
  tessera loss photos/ --percent 0,10,20,30                 pictures
  tessera loss photos/ --rung 1x5 --percent 0               what healing makes of coarse tokens
  tessera decode photo.tsr --simulate-loss 20               to see it")]
pub struct Loss {
    /// Sounds, or pictures, or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Packets lost of a hundred
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', default_values_t = [0.0, 5.0, 10.0, 20.0, 30.0], value_parser = parse_percent)]
    percent: Vec<f64>,

    /// Sound in one packet
    #[arg(long, value_name = "MS", default_value_t = 50, help_heading = "Sounds", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    packet_ms: u32,

    /// Bits a second that every way of packing takes; 0 for what it takes with whole tokens
    #[arg(long, value_name = "N", default_value_t = 1450, help_heading = "Sounds")]
    bps: u32,

    /// Packets that frames are dealt to in turn; every number is tried with every number of repeated bits
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 2], help_heading = "Sounds", value_parser = clap::value_parser!(u32).range(1..=64))]
    interleave: Vec<u32>,

    /// Leading bits of each token that the next packet repeats
    #[arg(long, value_name = "BITS,…", value_delimiter = ',', default_values_t = [0, 2], help_heading = "Sounds", value_parser = clap::value_parser!(u8).range(0..=16))]
    repeat: Vec<u8>,

    /// Bits of a frame; what the pack says if absent
    #[arg(long, value_name = "BITS", help_heading = "Sounds", value_parser = clap::value_parser!(u8).range(1..))]
    depth: Option<u8>,

    /// Rung of a picture's rate ladder, LEVELSxDEPTH; one full level if absent
    #[arg(long, value_name = "LxD", help_heading = "Pictures", value_parser = encode::parse_rung)]
    rung: Option<Rung>,

    /// Start of the chance by which packets are lost
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Model pack, by id or hash
    #[arg(long, value_name = "ID", help_heading = "Models")]
    pack: Option<String>,

    /// Report one JSON object per share of lost packets
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Means over sounds at one share of lost packets and one way of packing.
#[derive(Debug, Default, Serialize)]
struct Row {
    interleave: u32,
    repeat: u8,
    /// What a sound waits for its packets at most.
    delay_ms: f64,
    percent: f64,
    sounds: u32,
    packets: u64,
    lost: u64,
    kbit_per_second: f64,
    metrics: Vec<(&'static str, f64)>,
}

pub fn run(arguments: &Loss) -> Result<std::result::Result<(), Exit>> {
    let mut paths = Vec::new();
    for path in &arguments.files {
        match path.is_dir() {
            true => paths.extend(files::walk(path, &[SOUNDS, PICTURES].concat(), None)?),
            false => paths.push(path.clone()),
        }
    }
    let is_picture = |path: &PathBuf| Kind::of_file(path, encode::MAX_INPUT_BYTES) == Some(Kind::Picture);
    match paths.iter().filter(|path| is_picture(path)).count() {
        0 => sounds(arguments, &paths),
        pictures if pictures == paths.len() => picture::run(arguments, &paths),
        _ => Err(Failure::usage("there are pictures and sounds in what was named", "measure each in a run of its own")),
    }
}

fn sounds(arguments: &Loss, paths: &[PathBuf]) -> Result<std::result::Result<(), Exit>> {
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let codec = shared.sound_codec(&shared.sound_pack(arguments.pack.as_deref())?)?;
    let mut rows: Vec<Row> = Vec::new();
    for &interleave in &arguments.interleave {
        for &repeat in &arguments.repeat {
            let metrics = || SPEECH.map(|name| (name, 0.0)).to_vec();
            let row = |&percent| Row { interleave, repeat, percent, metrics: metrics(), ..Row::default() };
            rows.extend(arguments.percent.iter().map(row));
        }
    }
    let mut failures = Vec::new();
    for (place, path) in (0u64..).zip(paths) {
        if let Err(failure) = measure(&codec, path, place, arguments, &mut rows) {
            failures.push(failure.at(path.display()));
        }
    }
    for row in &mut rows {
        let sounds = f64::from(row.sounds.max(1));
        row.kbit_per_second /= sounds;
        row.metrics.iter_mut().for_each(|(_, value)| *value /= sounds);
    }
    if rows.iter().any(|row| row.sounds > 0) {
        match arguments.json {
            true => rows.iter().try_for_each(print::json)?,
            false => print::text(&table(&rows))?,
        }
    }
    Ok(batch::conclude(paths.len(), &failures))
}

/// Adds one sound to every row; to none if it fails.
fn measure(codec: &AudioCodec, path: &std::path::Path, place: u64, arguments: &Loss, rows: &mut [Row]) -> Result<()> {
    let refused = |error: tessera_audio::Error| explain::sound(&error);
    let unmeasured = |error: tessera_eval::Error| {
        Failure::new(Exit::Input, error.to_string(), "use speech of at least half a second")
    };
    let bytes = files::read(&Source::File(path.to_owned()), encode::MAX_INPUT_BYTES)?;
    let sound = io::read(&bytes, &Default::default()).map_err(refused)?;
    let sound = io::resample(io::mono(sound), codec.rate()).map_err(refused)?;
    let original = Speech::from_sound(sound.clone()).map_err(unmeasured)?;
    if let Some(why) = original.unfit() {
        return Err(Failure::new(Exit::Input, why, ""));
    }
    let mut measured = Vec::new();
    for rows in rows.chunk_by(|a, b| (a.interleave, a.repeat) == (b.interleave, b.repeat)) {
        let options = LiveOptions {
            bits: arguments.depth,
            packet_frames: packet_frames(codec, arguments.packet_ms),
            interleave: rows[0].interleave,
            repeat: rows[0].repeat,
            bits_per_second: Some(arguments.bps).filter(|&bits| bits > 0),
            ..LiveOptions::default()
        };
        let mut writer = codec.live_writer(options).map_err(refused)?;
        let mut packets = writer.push(&sound.channels[0]).map_err(refused)?.packets;
        packets.extend(writer.finish().map_err(refused)?.packets);
        for row in rows {
            // The same packets are lost however they are packed.
            let mut chance = Chance::new(row.percent, arguments.seed.wrapping_mul(1_000_003).wrapping_add(place));
            let mut reader = codec.live_reader(Limits::default());
            let (mut samples, mut lost) = (Vec::new(), 0);
            for (n, packet) in packets.iter().enumerate() {
                if n > 0 && n + 1 < packets.len() && chance.strikes() {
                    lost += 1;
                    continue;
                }
                samples.extend(reader.push(packet).map_err(refused)?.samples);
            }
            samples.extend(reader.finish().map_err(refused)?.samples);
            let heard = tessera_audio::Sound::mono(codec.rate(), samples);
            let heard = Speech::from_sound(heard).map_err(unmeasured)?;
            let values =
                SPEECH.map(|name| speech_by_name(name).and_then(|mut metric| metric.measure(&original, &heard)));
            let values = values.into_iter().collect::<tessera_eval::Result<Vec<f64>>>().map_err(unmeasured)?;
            let delay_ms = 1000.0 * writer.delay_samples() as f64 / f64::from(codec.rate());
            let bits = writer.measured_bits_per_second().unwrap_or_default();
            measured.push((packets.len() as u64, lost, bits / 1000.0, delay_ms, values));
        }
    }
    for (row, (packets, lost, kbit_per_second, delay_ms, values)) in rows.iter_mut().zip(measured) {
        row.sounds += 1;
        row.packets += packets;
        row.lost += lost;
        row.kbit_per_second += kbit_per_second;
        row.delay_ms = delay_ms;
        row.metrics.iter_mut().zip(values).for_each(|((_, sum), value)| *sum += value);
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let head = ["interleave", "repeat", "delay", "lost, asked", "lost", "kbit/s"]
        .into_iter()
        .chain(SPEECH)
        .map(str::to_owned)
        .collect();
    let line = |row: &Row| {
        let share = 100.0 * row.lost as f64 / row.packets.max(1) as f64;
        let cells = [
            row.interleave.to_string(),
            row.repeat.to_string(),
            format!("{:.0} ms", row.delay_ms),
            format!("{} %", row.percent),
            format!("{share:.1} %"),
            format!("{:.3}", row.kbit_per_second),
        ];
        let values = row.metrics.iter().map(|(_, value)| format!("{value:.3}"));
        cells.into_iter().chain(values).collect()
    };
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    let sounds = rows.first().map_or(0, |row| row.sounds);
    format!(
        "{}means over {sounds} sounds; pesq, stoi, estoi: higher is better; mel, dB: lower is better\n",
        print::table(&lines)
    )
}
