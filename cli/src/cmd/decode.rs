//! `tessera decode`: `.tsr` files back to pictures, sounds and shapes.

mod format;
pub mod lossy;
mod shape;
pub mod sound;
mod video;

use std::{path::PathBuf, time::Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tessera_core::{Limits, container::Modality};
use tessera_image::{Concealment, DecodeOptions, MAX_STEPS, io::WriteOptions};
use tessera_models::Addition;
use tessera_video::io::pictures::Pattern;

use self::format::{FileFormat, of_another_medium};
use crate::{
    args::{FrameNetworks, ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    batch,
    cmd::stream::lossy::parse_percent,
    engine::{Engine, Need, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Kind, Output, Rule, Sink},
    print,
};

/// Longest `.tsr` file that is read; the largest that the encoder writes is far below.
pub const MAX_INPUT_BYTES: u64 = 1 << 28;

/// Decode .tsr files to pictures, sounds, videos, meshes, point clouds and splats
///
/// Writes pictures as PNG, JPEG or WebP, sounds as WAV or FLAC, videos as MP4, MKV, WebM, YUV4MPEG2 or numbered PNG, shapes as PLY, OBJ, STL, GLB or XYZ, and splats as PLY or SPZ, by --format or by the ending of -o. A
/// file becomes FILE.png, FILE.wav or FILE.ply beside it or what -o names; a folder is walked and mirrored into the folder that -o names.
/// Sounds come back at the rate and with the samples that they had, points in another order.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera decode photo.tsr                     photo.png
  tessera decode photo.tsr -o photo.jpg        as JPEG
  tessera decode small/ -o back/ --format webp a folder
  tessera decode - < photo.tsr > photo.png     from a pipe into a pipe
  tessera decode photo.tsr --refine 2          with two steps of the refiner
  tessera decode photo.tsr --simulate-loss 20  with a fifth of its packets lost
  tessera decode speech.tsr                    speech.wav
  tessera decode speech.tsr -o speech.flac     as FLAC
  tessera decode call.tsr --time 3600..3630    half a minute of a long one
  tessera decode clip.tsr                      clip.mp4, with its sound
  tessera decode clip.tsr -o clip_%04d.png     frame by frame
  tessera decode clip.tsr --decoder image      each frame painted by itself, at a fifth of the speed
  tessera decode scan.tsr                      scan.ply
  tessera decode scan.tsr --bits 7 -o rough.xyz  the coarse levels alone
  tessera decode garden.tsr -o garden.spz      Gaussian splats, as PLY or SPZ
  tessera decode --salvage hurt.tsr            what survives of a damaged file")]
pub struct Decode {
    /// .tsr files or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Format to write; without it, what the ending of -o says, or PNG, WAV, MP4 (Y4M in builds without FFmpeg) and PLY
    #[arg(long, value_enum)]
    format: Option<FileFormat>,

    /// Decode what survives of a damaged file instead of refusing it
    #[arg(long)]
    salvage: bool,

    /// Refuse pictures that claim more; raise it for files you trust
    #[arg(long, value_name = "MP", default_value_t = 268)]
    max_megapixels: u32,

    /// Refuse sounds that claim more, at 16 kHz; raise it for files you trust
    #[arg(long, value_name = "MINUTES", default_value_t = 279, value_parser = clap::value_parser!(u32).range(1..))]
    max_minutes: u32,

    /// Only this part of sounds and videos, in seconds or as [hours:]minutes:seconds: 90..120, 1:30.. or ..30
    #[arg(long, value_name = "A..B", value_parser = sound::parse_time)]
    time: Option<sound::Time>,

    /// Refuse shapes that claim more points, in millions, a splat counting as four; raise it for files you trust
    #[arg(long, value_name = "MILLIONS", default_value_t = 33, value_parser = clap::value_parser!(u32).range(1..))]
    max_points: u32,

    /// Bits of a coordinate of a point cloud to decode; finer levels, colours and normals are left out, of splats all but the centres
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..=21))]
    bits: Option<u8>,

    /// Leave sounds at the model's sample rate
    #[arg(long)]
    model_rate: bool,

    /// With a pack that looks at all of a sound: decode in windows, which is an approximation, even what could be decoded whole.
    /// Longer sounds than the pack allows (a minute, of WavTokenizer) always are
    #[arg(long, help_heading = "Sounds")]
    windowed: bool,

    /// Steps of the residual refiner, 0 for none: more detail, no more bits. Those of our own are trained for 1, 2 and 5; an imported RDEIC
    /// takes 2 or 5
    #[arg(long, value_name = "STEPS", default_value_t = 0, help_heading = "Pictures", value_parser = clap::value_parser!(u8).range(..=i64::from(MAX_STEPS)))]
    refine: u8,

    /// Let the masked-token model say what coarse tokens, those of the lowest rates, leave open
    #[arg(long, help_heading = "Pictures")]
    heal: bool,

    /// What stands in for lost tokens; without it, the masked-token model if it is at hand, else the mean
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Pictures")]
    conceal: Option<Conceal>,

    /// Lose packets of a file that was encoded with --resilient, so many of a hundred, and decode what is left
    #[arg(long, value_name = "PERCENT", help_heading = "Pictures", value_parser = parse_percent)]
    simulate_loss: Option<f64>,

    /// Start of the chance by which packets are lost
    #[arg(long, value_name = "N", default_value_t = 1, requires = "simulate_loss", help_heading = "Pictures")]
    seed: u64,

    /// Whose network paints a video's frames; without it, the frame pack's where one is at hand
    #[arg(long, value_enum, value_name = "WHOSE", help_heading = "Videos")]
    decoder: Option<FrameNetworks>,

    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// What stands in for lost tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Conceal {
    /// What the masked-token model expects
    Model,
    /// A mixture of the nearest tokens in four directions
    Mean,
    /// The nearest token
    Repeat,
}

impl Conceal {
    pub fn concealment(self) -> Concealment {
        match self {
            Self::Model => Concealment::Likely,
            Self::Mean => Concealment::Mean,
            Self::Repeat => Concealment::Repeat,
        }
    }
}

/// One decoded file, as `--json` reports it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    Picture(PictureReport),
    Sound(sound::Report),
    Video(video::Report),
    Shape(shape::Report),
}

#[derive(Debug, Serialize)]
struct PictureReport {
    input: String,
    output: String,
    width: u32,
    height: u32,
    bytes: u64,
    /// Whether the networks saw windows of a picture that they should see whole.
    windowed: bool,
    /// With --salvage: what of the file was lost.
    losses: Vec<String>,
    /// Decoding alone: the model is loaded, the picture not yet written.
    seconds: f64,
}

pub fn run(arguments: &Decode) -> Result<std::result::Result<(), Exit>> {
    let format = arguments.file_format()?;
    let rule = Rule { takes: &["tsr"], gives: format.unwrap_or(FileFormat::Png).extension() };
    let plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
    if arguments.output.json && plan.jobs.iter().any(|job| job.sink == Sink::Stdout) {
        return Err(Failure::usage(
            "--json and the decoded file itself cannot share standard output",
            "name a file with -o",
        ));
    }
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(plan.jobs.len()))?;
    let single = plan.jobs.len() == 1;
    let output = Output { force: arguments.output.force };
    let failures = batch::run(
        &plan.jobs,
        workers,
        || shared.engine(),
        |engine, job| decode(engine, job, arguments, format, single, output).map_err(|failure| failure.at(&job.source)),
        |job, result, bar| {
            batch::report(job, result, arguments.output.json, bar, Report::line);
            match result {
                Ok(Report::Shape(report)) => batch::notes(job, &report.notes, arguments.output.json, bar),
                Ok(Report::Video(report)) => batch::notes(job, &report.losses, arguments.output.json, bar),
                Ok(Report::Picture(report)) => batch::notes(job, &report.losses, arguments.output.json, bar),
                _ => {}
            }
        },
    );
    Ok(batch::conclude(plan.jobs.len(), &failures))
}

fn decode(
    engine: &mut Engine<'_>,
    job: &Job,
    arguments: &Decode,
    format: Option<FileFormat>,
    single: bool,
    output: Output,
) -> Result<Report> {
    if job.named {
        output.check(&job.sink)?;
    }
    let bytes = files::read(&job.source, MAX_INPUT_BYTES)?;
    let limits = arguments.limits();
    let header = explain::header(&bytes, &limits, arguments.salvage)?;
    let kind = match header.modality() {
        Modality::Audio => Kind::Sound,
        Modality::Geometry => Kind::Shape,
        Modality::Video => Kind::Video,
        _ => Kind::Picture,
    };
    // In a folder of several media, options for one leave the others alone.
    if single {
        arguments.refuse_options_of_others(kind)?;
    }
    if kind == Kind::Video && job.sink.path().is_some_and(|path| Pattern::of_path(path).is_some()) {
        let options = arguments.video_options(limits);
        return video::decode(engine.shared(), (&job.source, &header), &bytes, &job.sink, &options, output)
            .map(Report::Video);
    }
    let format = match format.filter(|format| format.kind() == kind) {
        Some(format) => format,
        None if format.is_some() && (single || job.named) => return Err(of_another_medium(kind)),
        None => FileFormat::usual(kind),
    };
    let sink = job.sink_with(format.extension());
    output.check(&sink)?;
    if let Some(form) = format.sound_form() {
        let coded = sound::Coded { source: &job.source, bytes: &bytes, header: &header };
        let options = tessera_audio::DecodeOptions {
            limits,
            salvage: arguments.salvage,
            span: None,
            windowed: arguments.windowed,
        };
        let how = (&options, form, arguments.model_rate, arguments.time);
        return sound::decode(engine.shared(), &coded, &sink, how, output).map(Report::Sound);
    }
    if let Some(format) = format.shape_format() {
        let options = tessera_geometry::DecodeOptions { limits, salvage: arguments.salvage, bits: arguments.bits };
        return shape::decode(engine.shared(), (&job.source, &header), &bytes, &sink, (&options, format), output)
            .map(Report::Shape);
    }
    if kind == Kind::Video {
        let options = arguments.video_options(limits);
        return video::decode(engine.shared(), (&job.source, &header), &bytes, &sink, &options, output)
            .map(Report::Video);
    }
    let Some(format) = format.picture_format() else { return Err(of_another_medium(kind)) };
    let bytes = match arguments.simulate_loss {
        Some(percent) => lossy::lose(&bytes, &limits, percent, arguments.seed)?,
        None => bytes,
    };
    let options = arguments.picture_options(limits);
    let (width, height) = explain::size(&header);
    let _held = engine.hold(u64::from(width) * u64::from(height));
    let pack = engine.pack_of(&header)?;
    let codec = engine.codec_with(&pack, &arguments.additions(&options))?;
    let start = Instant::now();
    let decoded = codec.decode(&bytes, &options).map_err(|error| explain::image(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    let written = tessera_image::io::write(&decoded.picture, format, &WriteOptions::default())
        .map_err(|error| explain::image(&error))?;
    drop(decoded.picture);
    output.write(&sink, &written)?;
    Ok(Report::Picture(PictureReport {
        input: job.source.to_string(),
        output: sink.to_string(),
        width,
        height,
        bytes: written.len() as u64,
        windowed: decoded.windowed,
        losses: decoded.losses,
        seconds,
    }))
}

impl Decode {
    /// For a single file, an option that does nothing is a mistake.
    fn refuse_options_of_others(&self, kind: Kind) -> Result<()> {
        let options = [
            ("--windowed", self.windowed, Kind::Sound, "windows are of sounds"),
            ("--model-rate", self.model_rate, Kind::Sound, "rates are of sounds"),
            ("--bits", self.bits.is_some(), Kind::Shape, "bits of a coordinate are of points"),
            ("--decoder", self.decoder.is_some(), Kind::Video, "it is for videos"),
            ("--refine", self.refine > 0, Kind::Picture, "the refiner is for pictures"),
            ("--heal", self.heal, Kind::Picture, "the masked-token model is for pictures"),
            ("--conceal", self.conceal.is_some(), Kind::Picture, "it is for pictures"),
            (
                "--simulate-loss",
                self.simulate_loss.is_some(),
                Kind::Picture,
                "of sounds, 'tessera stream decode --lose' loses packets",
            ),
        ];
        if self.time.is_some() && !matches!(kind, Kind::Sound | Kind::Video) {
            return Err(Failure::usage("--time does not apply: a part is of sounds and videos", "leave it out"));
        }
        match options.into_iter().find(|(_, given, of, _)| *given && *of != kind) {
            Some((option, .., why)) => Err(Failure::usage(format!("{option} does not apply: {why}"), "leave it out")),
            None => Ok(()),
        }
    }

    fn video_options(&self, limits: Limits) -> tessera_video::DecodeOptions {
        tessera_video::DecodeOptions {
            limits,
            salvage: self.salvage,
            span: self.time.map(sound::Time::seconds),
            decoder: FrameNetworks::wanted(self.decoder),
            whole_frames: false,
        }
    }

    fn picture_options(&self, limits: Limits) -> DecodeOptions {
        DecodeOptions {
            limits,
            salvage: self.salvage || self.simulate_loss.is_some(),
            conceal: self.conceal.map(Conceal::concealment).unwrap_or_default(),
            heal: self.heal,
            refine: self.refine,
        }
    }

    /// Packs that add to a picture's own.
    fn additions(&self, options: &DecodeOptions) -> [(Addition, Need); 2] {
        let masked = match self.conceal {
            _ if self.heal => Need::Yes,
            Some(Conceal::Model) if options.salvage => Need::Yes,
            None if options.salvage => Need::IfAtHand,
            _ => Need::No,
        };
        let refiner = if self.refine > 0 { Need::Yes } else { Need::No };
        [(Addition::Masked, masked), (Addition::Refiner, refiner)]
    }

    fn limits(&self) -> Limits {
        Limits {
            max_pixels: u64::from(self.max_megapixels) * 1_000_000,
            max_points: u64::from(self.max_points) << 20,
            max_samples: u64::from(self.max_minutes) * 60 * 16_000,
            ..Limits::default()
        }
    }

    /// What --format or the ending of -o say, where they say anything.
    fn file_format(&self) -> Result<Option<FileFormat>> {
        let named = self
            .output
            .output
            .as_deref()
            .filter(|path| !path.is_dir() && self.inputs.len() == 1 && !self.inputs[0].is_dir());
        named.map_or(Ok(self.format), |path| FileFormat::of_path(path, self.format))
    }
}

impl Report {
    fn line(&self) -> String {
        match self {
            Self::Picture(report) => report.line(),
            Self::Sound(report) => report.line(),
            Self::Video(report) => report.line(),
            Self::Shape(report) => report.line(),
        }
    }
}

impl PictureReport {
    fn line(&self) -> String {
        format!(
            "{} -> {}  {} x {}{}  {:.2} s",
            self.input,
            self.output,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            if self.windowed { ", in windows: an approximation" } else { "" },
            self.seconds
        )
    }
}
