//! `tessera doctor`: is everything in place, and does it work?

use std::{env, thread, time::Instant};

use clap::Args;
use serde::Serialize;
use tessera_audio::Sound;
use tessera_core::container::Modality;
use tessera_image::{EncodeOptions, Picture, Target};
use tessera_models::{Store, runtime};

use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    explain,
    failure::{Exit, Result},
    print,
};

/// Check that everything is in place
///
/// Loads ONNX Runtime, verifies the default model packs, encodes and decodes a small picture and a short sound, and says what is missing and
/// what to do about it. Exit code 0 when everything works.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera doctor
  tessera doctor --ort-lib ~/onnxruntime/lib    would this library do?
  tessera doctor --json | jq .healthy")]
pub struct Doctor {
    /// Report one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    subject: &'static str,
    works: bool,
    says: String,
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    healthy: bool,
    findings: Vec<Finding>,
}

/// Says what is there, or how the program exits and why.
type Check<'a> = dyn Fn() -> std::result::Result<String, (Exit, String)> + 'a;

pub fn run(arguments: &Doctor) -> Result<std::result::Result<(), Exit>> {
    let store = Store::standard(arguments.models.models.as_deref());
    let checks: [(&'static str, Box<Check<'_>>); 6] = [
        ("machine", Box::new(|| Ok(machine()))),
        ("ONNX Runtime", Box::new(|| onnx_runtime(arguments))),
        ("image pack", Box::new(|| model_pack(&store, Modality::Image))),
        ("picture", Box::new(|| picture(arguments))),
        ("speech pack", Box::new(|| model_pack(&store, Modality::Audio))),
        ("sound", Box::new(|| sound(arguments))),
    ];
    let mut exit = None;
    let mut findings = Vec::new();
    for (subject, check) in checks {
        let (works, says) = match check() {
            Ok(says) => (true, says),
            Err((code, says)) => {
                exit = exit.or(Some(code));
                (false, says)
            }
        };
        findings.push(Finding { subject, works, says });
    }
    let report = Report { version: env!("CARGO_PKG_VERSION"), healthy: exit.is_none(), findings };
    if arguments.json {
        print::json(&report)?
    } else {
        print::text(&report.page())?
    }
    Ok(exit.map_or(Ok(()), Err))
}

fn machine() -> String {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    format!("{} {}, {threads} threads", env::consts::OS, env::consts::ARCH)
}

fn onnx_runtime(arguments: &Doctor) -> std::result::Result<String, (Exit, String)> {
    let loaded =
        runtime::load(arguments.runtime.ort_lib.as_deref()).map_err(|error| (Exit::Runtime, error.to_string()))?;
    Ok(format!("{} ({})", loaded.library.display(), loaded.build_info().trim_start_matches("ORT Build Info: ")))
}

fn model_pack(store: &Store, modality: Modality) -> std::result::Result<String, (Exit, String)> {
    let start = Instant::now();
    let pack = store.default_for(modality).and_then(|pack| pack.verify().map(|()| pack));
    let pack = pack.map_err(|error| (Exit::Pack, error.to_string()))?;
    Ok(format!(
        "{} {} (hash {}), verified in {:.2} s",
        pack.id(),
        pack.manifest().version,
        pack.hash_text(),
        start.elapsed().as_secs_f64()
    ))
}

fn picture(arguments: &Doctor) -> std::result::Result<String, (Exit, String)> {
    let (width, height) = (192u32, 128u32);
    let ramp = |v: u32, n: u32| (255 * v / n) as u8;
    let rgb = (0..width * height).flat_map(|i| [ramp(i % width, width), ramp(i / width, height), 128]).collect();
    let work = || -> Result<String> {
        let picture = Picture::from_rgb(width, height, rgb).map_err(|error| explain::image(&error))?;
        let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
        let pack = shared.pack_to_encode_with(None)?;
        let mut engine = shared.engine();
        let codec = engine.codec(&pack)?;
        let start = Instant::now();
        let options = EncodeOptions { target: Target::Quality(50.0), ..EncodeOptions::default() };
        let encoded = codec.encode(&picture, &options).map_err(|error| explain::image(&error))?;
        let decoded =
            codec.decode(&encoded.bytes, &Default::default()).map_err(|error| explain::image(&error))?.picture;
        let squares =
            picture.rgb.iter().zip(&decoded.rgb).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>();
        let psnr = 10.0 * (255.0 * 255.0 * picture.rgb.len() as f64 / squares.max(1e-9)).log10();
        Ok(format!(
            "{width} x {height} pixels through {} bytes in {:.2} s, {psnr:.1} dB",
            encoded.bytes.len(),
            start.elapsed().as_secs_f64()
        ))
    };
    work().map_err(|failure| (failure.exit, failure.to_string()))
}

fn sound(arguments: &Doctor) -> std::result::Result<String, (Exit, String)> {
    let work = || -> Result<String> {
        let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
        let codec = shared.sound_codec(&shared.sound_pack(None)?)?;
        let second = codec.rate() as usize;
        // A vowel of sorts: harmonics of 120 Hz that fade upwards.
        let turn = |n: usize| std::f64::consts::TAU * 120.0 * n as f64 / second as f64;
        let sample = |n: usize| (1..20).map(|k| 0.1 / f64::from(k) * (f64::from(k) * turn(n)).sin()).sum::<f64>();
        let sound = Sound::mono(codec.rate(), (0..second).map(|n| sample(n) as f32).collect());
        let start = Instant::now();
        let encoded = codec.encode(&sound, &Default::default()).map_err(|error| explain::sound(&error))?;
        let decoded = codec.decode(&encoded.bytes, &Default::default()).map_err(|error| explain::sound(&error))?;
        Ok(format!(
            "{} samples through {} bytes in {:.2} s",
            decoded.sound.len(),
            encoded.bytes.len(),
            start.elapsed().as_secs_f64()
        ))
    };
    work().map_err(|failure| (failure.exit, failure.to_string()))
}

impl Report {
    fn page(&self) -> String {
        let mut page = format!("tessera {}\n", self.version);
        for finding in &self.findings {
            let mark = if finding.works { "ok  " } else { "FAIL" };
            page.push_str(&format!("  {mark}  {:<13} {}\n", finding.subject, finding.says));
        }
        page.push_str(if self.healthy {
            "Everything works.\n"
        } else {
            "Something is missing; the lines marked FAIL say what to do.\n"
        });
        page
    }
}
