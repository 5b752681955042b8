//! `tessera decode`: `.tsr` files back to pictures.

use std::{path::PathBuf, time::Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tessera_core::Limits;
use tessera_image::{DecodeOptions, Format, io::WriteOptions};

use crate::{
    args::{ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    batch,
    engine::{Engine, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Output, Rule, Sink},
    print,
};

/// Longest `.tsr` file that is read; the largest that the encoder writes is far below.
pub const MAX_INPUT_BYTES: u64 = 1 << 28;

/// Decode .tsr files to pictures
///
/// Writes PNG, JPEG or WebP, by --format or by the ending of -o. A file becomes FILE.png beside it or what -o
/// names; a folder is walked and mirrored into the folder that -o names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera decode photo.tsr                     photo.png
  tessera decode photo.tsr -o photo.jpg        as JPEG
  tessera decode small/ -o back/ --format webp a folder
  tessera decode - < photo.tsr > photo.png     from a pipe into a pipe
  tessera decode --salvage hurt.tsr            what survives of a damaged file")]
pub struct Decode {
    /// .tsr files or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Format to write; without it, what the ending of -o says, or PNG
    #[arg(long, value_enum)]
    format: Option<PictureFormat>,

    /// Decode what survives of a damaged file instead of refusing it
    #[arg(long)]
    salvage: bool,

    /// Refuse pictures that claim more; raise it for files you trust
    #[arg(long, value_name = "MP", default_value_t = 268)]
    max_megapixels: u32,

    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Formats that pictures are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PictureFormat {
    Png,
    #[value(alias = "jpg")]
    Jpeg,
    Webp,
}

/// One decoded file, as `--json` reports it.
#[derive(Debug, Serialize)]
struct Report {
    input: String,
    output: String,
    width: u32,
    height: u32,
    bytes: u64,
    /// With --salvage: what of the file was lost.
    losses: Vec<String>,
    /// Decoding alone: the model is loaded, the picture not yet written.
    seconds: f64,
}

pub fn run(arguments: &Decode) -> Result<std::result::Result<(), Exit>> {
    let format = arguments.picture_format()?;
    let rule = Rule { takes: &["tsr"], gives: format.extension() };
    let plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
    if arguments.output.json && plan.jobs.iter().any(|job| job.sink == Sink::Stdout) {
        return Err(Failure::usage(
            "--json and the picture itself cannot share standard output",
            "name a file with -o",
        ));
    }
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(plan.jobs.len()))?;
    let options = arguments.options();
    let output = Output { force: arguments.output.force };
    let failures = batch::run(
        &plan.jobs,
        workers,
        || shared.engine(),
        |engine, job| decode(engine, job, &options, format, output).map_err(|failure| failure.at(&job.source)),
        |job, result, bar| batch::report(job, result, arguments.output.json, bar, Report::line),
    );
    Ok(batch::conclude(plan.jobs.len(), &failures))
}

fn decode(
    engine: &mut Engine<'_>,
    job: &Job,
    options: &DecodeOptions,
    format: PictureFormat,
    output: Output,
) -> Result<Report> {
    output.check(&job.sink)?;
    let bytes = files::read(&job.source, MAX_INPUT_BYTES)?;
    let header = explain::header(&bytes, &options.limits, options.salvage)?;
    let (width, height) = explain::size(&header);
    let _held = engine.hold(u64::from(width) * u64::from(height));
    let pack = engine.pack_of(&header)?;
    let codec = engine.codec(&pack)?;
    let start = Instant::now();
    let decoded = codec.decode(&bytes, options).map_err(|error| explain::image(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    let written = tessera_image::io::write(&decoded.picture, format.into(), &WriteOptions::default())
        .map_err(|error| explain::image(&error))?;
    drop(decoded.picture);
    output.write(&job.sink, &written)?;
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        width,
        height,
        bytes: written.len() as u64,
        losses: decoded.losses,
        seconds,
    })
}

impl Decode {
    fn options(&self) -> DecodeOptions {
        let limits = Limits { max_pixels: u64::from(self.max_megapixels) * 1_000_000, ..Limits::default() };
        DecodeOptions { limits, salvage: self.salvage }
    }

    fn picture_format(&self) -> Result<PictureFormat> {
        let named = self
            .output
            .output
            .as_deref()
            .filter(|path| !path.is_dir() && self.inputs.len() == 1 && !self.inputs[0].is_dir());
        let Some((path, ending)) =
            named.and_then(|path| Some((path, path.extension()?.to_string_lossy().to_lowercase())))
        else {
            return Ok(self.format.unwrap_or(PictureFormat::Png));
        };
        let of_ending = match ending.as_str() {
            "png" => Some(PictureFormat::Png),
            "jpg" | "jpeg" => Some(PictureFormat::Jpeg),
            "webp" => Some(PictureFormat::Webp),
            _ => None,
        };
        match (self.format, of_ending) {
            (Some(format), None) => Ok(format),
            (Some(format), Some(other)) if format != other => Err(Failure::usage(
                format!("the ending .{ending} does not fit --format {}", format.extension()),
                "change one of them",
            )
            .at(path.display())),
            (_, Some(format)) => Ok(format),
            (None, None) => Err(Failure::usage(
                format!("no picture format has the ending .{ending}"),
                "use .png, .jpg or .webp, or pass --format",
            )
            .at(path.display())),
        }
    }
}

impl PictureFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }
}

impl From<PictureFormat> for Format {
    fn from(format: PictureFormat) -> Self {
        match format {
            PictureFormat::Png => Self::Png,
            PictureFormat::Jpeg => Self::Jpeg,
            PictureFormat::Webp => Self::WebP,
        }
    }
}

impl Report {
    fn line(&self) -> String {
        format!(
            "{} -> {}  {} x {}  {:.2} s",
            self.input,
            self.output,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            self.seconds
        )
    }
}
