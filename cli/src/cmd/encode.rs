//! `tessera encode`: pictures, sounds, videos and shapes to `.tsr` files.

#[cfg(feature = "ffmpeg")]
mod judge;
mod picture;
#[cfg(all(feature = "ffmpeg", unix))]
mod quiet;
mod shape;
pub mod sound;
pub mod video;

use std::{path::PathBuf, sync::Arc};

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;
use tessera_core::Rung;
use tessera_image::{EncodeOptions, Metadata, Target};
use tessera_models::Pack;

use self::{shape::ShapeArgs, sound::SoundArgs, video::VideoArgs};
use crate::{
    args::{ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    batch,
    engine::{Engine, PackHandle, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Kind, Output, Rule, Sink},
};

/// Pictures taken from folders, by the ending of their names.
pub const PICTURES: &[&str] = &["png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp", "gif"];

/// Sounds taken from folders, by the ending of their names.
pub const SOUNDS: &[&str] =
    &["wav", "flac", "mp3", "ogg", "oga", "m4a", "mp4", "aac", "aif", "aiff", "caf", "mka", "webm"];

/// Videos taken from folders, by the ending of their names.
pub const VIDEOS: &[&str] =
    &["y4m", "mkv", "avi", "mov", "m4v", "mpg", "mpeg", "ts", "m2ts", "mts", "ogv", "wmv", "flv", "3gp"];

/// Shapes taken from folders, by the ending of their names.
pub const SHAPES: &[&str] = &["ply", "obj", "stl", "glb", "gltf", "xyz", "spz"];

/// Longest input file that is read.
pub const MAX_INPUT_BYTES: u64 = 1 << 31;

/// Encode pictures, sounds, videos, meshes, point clouds and splats to .tsr files
///
/// Reads PNG, JPEG, WebP, TIFF, BMP and the first frame of GIF; WAV, FLAC, MP3, AAC, Ogg Vorbis, AIFF, CAF and the sound of MP4
/// and Matroska; videos as FFmpeg's libraries read them, YUV4MPEG2 and numbered PNG; PLY, OBJ, STL, glTF and XYZ; splats as PLY and SPZ. What a file holds is told by its content. A file becomes FILE.tsr beside it or what -o names; a
/// folder is walked and mirrored into the folder that -o names. In a folder of several media, options for one leave the others alone.
/// Shapes need neither a model pack nor ONNX Runtime. Of a mesh, as many triangles are kept as its size or quality allows, or, with ONNX Runtime
/// and a size below 2,000 bytes, it becomes tokens of a geometry pack where that is nearer; of Gaussian splats all that show, as finely as that.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("target").args(["quality", "bpp", "size", "rung"])))]
#[command(after_help = "Examples:
  tessera encode photo.jpg                        photo.tsr, quality 50
  tessera encode photo.jpg -q 80 -o better.tsr    more bytes, closer to the original
  tessera encode photo.jpg --size 1.5k            at most 1,500 bytes, whatever the picture
  tessera encode photos/ -o small/ --bpp 0.05     a folder, two at a time with -j 2
  tessera encode photo.jpg --resilient            packets may be lost on the way
  tessera encode speech.wav                       speech.tsr, about 120 bytes a second
  tessera encode speech.mp3 --depth 6             a third of the bits
  tessera encode clip.mp4 --bpp 0.005             clip.tsr, close to that many bits per pixel
  tessera encode door.mp4 --keep changes          only the frames that show something new
  tessera encode chair.obj --size 1200            the nearest surface that fits
  tessera encode chair.obj --ratio 300            a three-hundredth of its binary bytes
  tessera encode scan.ply                         scan.tsr, 11 bits a coordinate
  tessera encode scan.ply --lossless              to the last bit
  tessera encode scan.ply --precision 0.001       no coordinate off by more
  tessera encode garden.spz -q 60                 Gaussian splats, of PLY or SPZ
  curl … | tessera encode - > photo.tsr           from a pipe into a pipe
  tessera encode *.png --json                     one JSON object per file")]
pub struct Encode {
    /// Pictures, sounds, shapes or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Quality from 0 (smallest) to 100 (best); 50 if no target is given
    #[arg(short, long, value_name = "Q", value_parser = parse_quality, help_heading = "Pictures, videos, meshes and splats: target (one of)")]
    quality: Option<f32>,

    /// Bits per pixel of a picture or of a video's frames to come close to, without exceeding them if possible
    #[arg(long, value_name = "BPP", value_parser = parse_bpp, help_heading = "Pictures, videos, meshes and splats: target (one of)")]
    bpp: Option<f64>,

    /// Bytes never to exceed, the whole file counted; k and M are 1,000 and 1,000,000
    #[arg(long, value_name = "BYTES", value_parser = parse_size, help_heading = "Pictures, videos, meshes and splats: target (one of)")]
    size: Option<u64>,

    /// Exact rung of a picture's rate ladder, LEVELSxDEPTH: residual levels and bits per token of the last
    #[arg(long, value_name = "LxD", value_parser = parse_rung, help_heading = "Pictures, videos, meshes and splats: target (one of)")]
    rung: Option<Rung>,

    /// With --rung: squared latent error that one bit is worth (0: nearest tokens); the pack's own value if absent
    #[arg(long, value_name = "LAMBDA", requires = "rung", value_parser = parse_lambda, help_heading = "Pictures")]
    lambda: Option<f32>,

    /// How hard to search for cheaper tokens, 0 (fastest) to 9 (smallest)
    #[arg(long, value_name = "0-9", help_heading = "Pictures", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=9))]
    effort: u8,

    /// Keep or strip EXIF and the colour profile; stripping converts to sRGB and applies the orientation
    #[arg(long, value_enum, default_value_t = KeepOrStrip::Strip, help_heading = "Pictures")]
    metadata: KeepOrStrip,

    /// Deal tokens to packets of which each may be lost: 'tessera decode --salvage' conceals what is missing. Takes more bytes
    #[arg(long, help_heading = "Pictures")]
    resilient: bool,

    /// Bits a second of the file of a sound or a video: at most so many, and no less than 2 or 3 % below where it has that much to say
    #[arg(long, value_name = "N", help_heading = "Sounds and videos", conflicts_with = "depth", value_parser = clap::value_parser!(u32).range(1..))]
    bps: Option<u32>,

    #[command(flatten)]
    sound: SoundArgs,

    #[command(flatten)]
    video: VideoArgs,

    #[command(flatten)]
    shape: ShapeArgs,

    /// Model pack to encode with, by id or hash; see 'tessera models list'
    #[arg(long, value_name = "ID", help_heading = "Models")]
    pack: Option<String>,

    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// What happens to EXIF and ICC blocks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeepOrStrip {
    Keep,
    Strip,
}

/// One encoded file, as `--json` reports it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    Picture(picture::Report),
    Sound(sound::Report),
    Video(video::Report),
    Shape(shape::Report),
}

pub fn run(arguments: &Encode) -> Result<std::result::Result<(), Exit>> {
    #[cfg(all(feature = "ffmpeg", unix))]
    if !arguments.video.no_base {
        quiet::begin_again();
    }
    let takes = [PICTURES, SOUNDS, VIDEOS, SHAPES].concat();
    let rule = Rule { takes: &takes, gives: "tsr" };
    let plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
    if arguments.output.json && plan.jobs.iter().any(|job| job.sink == Sink::Stdout) {
        return Err(Failure::usage("--json and the file itself cannot share standard output", "name a file with -o"));
    }
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(plan.jobs.len()))?;
    let packs = Packs::new(&shared, arguments.pack.as_deref());
    let single = plan.jobs.len() == 1;
    let output = Output { force: arguments.output.force };
    let failures = batch::run(
        &plan.jobs,
        workers,
        || shared.engine(),
        |engine, job| encode(engine, &packs, job, arguments, single, output).map_err(|failure| failure.at(&job.source)),
        |job, result, bar| {
            batch::report(job, result, arguments.output.json, bar, Report::line);
            match result {
                Ok(Report::Shape(report)) => batch::notes(job, &report.notes, arguments.output.json, bar),
                Ok(Report::Video(report)) => batch::notes(job, &report.notes, arguments.output.json, bar),
                _ => {}
            }
        },
    );
    Ok(batch::conclude(plan.jobs.len(), &failures))
}

/// Packs for the media that need one, or why there is none.
struct Packs {
    picture: Result<PackHandle>,
    sound: Result<Arc<Pack>>,
    /// Shapes do without one.
    surface: Result<Option<Arc<Pack>>>,
}

impl Packs {
    fn new(shared: &Shared, name: Option<&str>) -> Self {
        Self {
            picture: shared.pack_to_encode_with(name),
            sound: shared.sound_pack(name),
            surface: shared.surface_pack(name),
        }
    }
}

fn encode(
    engine: &mut Engine<'_>,
    packs: &Packs,
    job: &Job,
    arguments: &Encode,
    single: bool,
    output: Output,
) -> Result<Report> {
    output.check(&job.sink)?;
    let start = match video::Input::of(&job.source)? {
        Ok(input) => {
            if single {
                arguments.refuse_options_of_others(Kind::Video)?;
            }
            let pack = packs.picture.clone()?;
            let wanted = arguments.of_video();
            return video::encode(engine.shared(), &pack, job, input, &wanted, output).map(Report::Video);
        }
        Err(start) => start,
    };
    let bytes = files::read_on(&job.source, start, MAX_INPUT_BYTES)?;
    let kind = Kind::of(&bytes).ok_or_else(|| explain::neither(&bytes))?;
    // What is left of a video may look like a sound.
    if single && explain::cut_off(&bytes).is_none() {
        arguments.refuse_options_of_others(kind)?;
    }
    match kind {
        Kind::Sound => {
            let pack = packs.sound.clone()?;
            sound::encode(engine.shared(), &pack, job, bytes, (&arguments.sound, arguments.bps), output)
                .map(Report::Sound)
        }
        Kind::Shape => {
            let wanted = (&arguments.shape, arguments.size, arguments.quality);
            let pack = packs.surface.clone()?;
            shape::encode(engine.shared(), pack.as_ref(), job, bytes, wanted, output).map(Report::Shape)
        }
        Kind::Video => Err(explain::neither(&bytes)),
        Kind::Picture => {
            let pack = packs.picture.clone()?;
            let how = (arguments.options(), arguments.metadata());
            picture::encode(engine, &pack, job, bytes, &how, output).map(Report::Picture)
        }
    }
}

impl Encode {
    fn options(&self) -> EncodeOptions {
        let target = match (self.bpp, self.size, self.rung) {
            (Some(bpp), _, _) => Target::Bpp(bpp),
            (_, Some(size), _) => Target::Size(size),
            (_, _, Some(rung)) => Target::Rung { rung, lambda: self.lambda },
            _ => Target::Quality(self.quality.unwrap_or(50.0)),
        };
        EncodeOptions { target, effort: self.effort, metadata: self.metadata(), resilient: self.resilient }
    }

    fn of_video(&self) -> video::Wanted {
        use tessera_video::Target;
        let target = match (self.bpp, self.size, self.bps, self.rung) {
            (Some(bpp), ..) => Target::Bpp(bpp),
            (_, Some(size), ..) => Target::Size(size),
            (_, _, Some(bits), _) => Target::BitsPerSecond(bits),
            (_, _, _, Some(rung)) => Target::Rung { rung, lambda: self.lambda },
            _ => Target::Quality(self.quality.unwrap_or(50.0)),
        };
        video::Wanted { target, effort: self.effort, video: self.video.clone() }
    }

    /// For a single file, an option that does nothing is a mistake.
    fn refuse_options_of_others(&self, kind: Kind) -> Result<()> {
        use Kind::{Picture, Shape, Sound, Video};
        let options: [(&str, bool, &[Kind]); 19] = [
            ("--quality", self.quality.is_some(), &[Picture, Video, Shape]),
            ("--bpp", self.bpp.is_some(), &[Picture, Video]),
            ("--size", self.size.is_some(), &[Picture, Video, Shape]),
            ("--rung", self.rung.is_some(), &[Picture, Video]),
            ("--resilient", self.resilient, &[Picture]),
            ("--depth", self.sound.depth.is_some(), &[Sound]),
            ("--bps", self.bps.is_some(), &[Sound, Video]),
            ("--max-minutes", self.sound.max_minutes.is_some(), &[Sound]),
            ("--audio", self.video.audio != video::Audio::Keep, &[Video]),
            ("--no-base", self.video.no_base, &[Video]),
            ("--eighths", self.video.eighths.is_some(), &[Video]),
            ("--encoder", self.video.encoder.is_some(), &[Video]),
            ("--keep", self.video.keep != video::Keep::All, &[Video]),
            ("--interest", self.video.interest.is_some(), &[Video]),
            ("--lossless", self.shape.lossless, &[Shape]),
            ("--bits", self.shape.bits.is_some(), &[Shape]),
            ("--precision", self.shape.precision.is_some(), &[Shape]),
            ("--ratio", self.shape.ratio.is_some(), &[Shape]),
            ("--points", self.shape.points, &[Shape]),
        ];
        let fix = match kind {
            Sound => "it is a sound: choose its rate with --bps or --depth",
            Picture => "it is a picture: choose its rate with -q, --bpp, --size or --rung",
            Video => "it is a video: choose its rate with -q, --bpp, --bps, --size or --rung",
            Shape => {
                "it is a shape: choose how finely it is kept with --bits, --precision, --lossless, -q, --size or --ratio"
            }
        };
        match options.into_iter().find(|(_, given, kinds)| *given && !kinds.contains(&kind)) {
            Some((option, ..)) => Err(Failure::usage(format!("{option} does not apply"), fix)),
            None => Ok(()),
        }
    }

    fn metadata(&self) -> Metadata {
        match self.metadata {
            KeepOrStrip::Keep => Metadata::Keep,
            KeepOrStrip::Strip => Metadata::Strip,
        }
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

fn parse_quality(text: &str) -> std::result::Result<f32, String> {
    text.parse()
        .ok()
        .filter(|q| (0.0..=100.0).contains(q))
        .ok_or_else(|| "quality is a number from 0 to 100".to_owned())
}

fn parse_bpp(text: &str) -> std::result::Result<f64, String> {
    text.parse()
        .ok()
        .filter(|bpp| *bpp > 0.0 && *bpp <= 24.0)
        .ok_or_else(|| "bits per pixel are a number above 0, such as 0.05".to_owned())
}

pub fn parse_lambda(text: &str) -> std::result::Result<f32, String> {
    text.parse()
        .ok()
        .filter(|l: &f32| *l >= 0.0 && l.is_finite())
        .ok_or_else(|| "lambda is a number from 0 up".to_owned())
}

/// `1500`, `1.5k` or `2M`, in bytes.
fn parse_size(text: &str) -> std::result::Result<u64, String> {
    let (number, unit) = match text.trim_end_matches(['B', 'b']) {
        t if t.ends_with(['k', 'K']) => (&t[..t.len() - 1], 1e3),
        t if t.ends_with(['m', 'M']) => (&t[..t.len() - 1], 1e6),
        t => (t, 1.0),
    };
    let size = number.trim().parse::<f64>().ok().map(|n| n * unit).filter(|n| (1.0..=1e12).contains(n));
    size.map(|n| n as u64).ok_or_else(|| "size is a number of bytes, such as 1500 or 1.5k".to_owned())
}

/// `LEVELSxDEPTH`, such as `1x12`.
pub fn parse_rung(text: &str) -> std::result::Result<Rung, String> {
    let parsed = text.split_once('x').and_then(|(l, d)| Some(Rung { levels: l.parse().ok()?, depth: d.parse().ok()? }));
    parsed
        .filter(|rung| rung.levels >= 1 && (1..=16).contains(&rung.depth))
        .ok_or_else(|| "a rung is LEVELSxDEPTH, such as 1x12".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(["1500", "1.5k", "2M", "2kB", "700 B"].map(parse_size), [1500, 1500, 2_000_000, 2000, 700].map(Ok));
        for bad in ["", "k", "-1", "0", "1e99", "ten"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rungs_are_levels_by_depth() {
        assert_eq!(parse_rung("2x7"), Ok(Rung { levels: 2, depth: 7 }));
        for bad in ["", "2", "x", "0x5", "1x0", "1x17", "256x1"] {
            assert!(parse_rung(bad).is_err(), "{bad}");
        }
    }
}
