//! `tessera eval`: bits against quality, beside what a user would pick instead.

mod medium;
mod worker;

use std::{
    collections::BTreeSet,
    env,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tessera_eval::{
    Error, Form, Media, Solid,
    ours::DEPTHS,
    report::{self, MetricInfo, Missing, Run},
    run::{self, Input, Outcome, Plan},
};

use crate::{
    args::{ModelArgs, RuntimeArgs, WorkerArgs},
    cmd::encode::{MAX_INPUT_BYTES, PICTURES, SHAPES, SOUNDS, VIDEOS},
    engine::Shared,
    failure::{Exit, Failure, Result},
    files::{self, Kind},
    print,
};
use medium::{Medium, clip, listed, picture, solid, sound};
pub use worker::Worker;

/// Name of the default pack's codec in reports.
const DEFAULT_CODEC: &str = "tessera";

/// Measure bits against quality, beside other codecs
///
/// Encodes every picture, every sound, every video or every shape at a ladder of rates with our packs and with the anchors, decodes the written files,
/// measures them and writes a report: cells.csv, results/*.json, plots/*.svg, BD-rate tables, and index.html, which needs nothing else.
/// A run that was ended goes on where it was when it is started again with the same folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera eval photos/                                  everything at hand, into report/
  tessera eval photos/ --anchors jpeg,webp -o small/    against JPEG and WebP alone
  tessera eval photos/ --rates 0.02,0.05 --metrics ssim,lpips
  tessera eval photos/ --codec image-f16-1 --codec mine   two packs against each other
  tessera eval photos/ --refine 0,1,2,5 --anchors none    what the refiner makes of our pictures
  tessera eval speech/ --depths 6,9,12                  speech: PESQ, STOI, sounds to listen to
  tessera eval speech/ --anchor-rates 6,1300            beside Opus at 6 kbit/s and Codec2 1300 alone
  tessera eval clips/ --rates 0.005,0.01                videos beside x264, x265, SVT-AV1 whole and at half the sides
  tessera eval meshes/ --steps 400,1000                 meshes of so many bytes beside decimation and Draco
  tessera eval scans/ --steps 8,10,12                   point clouds of so many bits a coordinate beside Draco

Anchors for pictures: jpeg, webp; avif-aom, avif-svt and jxl in builds with FFmpeg's libraries (cargo feature ffmpeg).
Anchors for sounds: opus, codec2 in such builds, and pcm, the original itself. Sounds are measured as one channel at 16 kHz.
Anchors for videos, in such builds: x264, x265, svt-av1, half-svt-av1. Of a video the first 96 frames are coded, at most 640 x 360; anchors are
bare streams without a container, our files whole.
Anchors for meshes: decimate-draco; for point clouds: draco, both by the programs draco_encoder and draco_decoder; for splats: spz.
LPIPS and, for sounds, DNSMOS come as metric packs; models/training/README.md says how to make one.")]
pub struct Eval {
    /// Pictures, sounds, videos or shapes of one form, or folders of them
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    /// Folder of the report
    #[arg(short, long, value_name = "DIR", default_value = "report")]
    output: PathBuf,

    /// Model pack to evaluate, by id; may be repeated. Without it, the default pack
    #[arg(long, value_name = "ID")]
    codec: Vec<String>,

    /// Bits per pixel of our codecs' ladder, from few to many
    #[arg(long, value_name = "BPP,…", value_delimiter = ',', value_parser = parse_rate)]
    rates: Vec<f64>,

    /// Steps of the refiner that our codecs for pictures are tried with, each as a codec of its own; 0 is none
    #[arg(long, value_name = "STEPS,…", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(..=i64::from(tessera_image::MAX_STEPS)))]
    refine: Vec<u8>,

    /// Bits of a frame of our codecs' ladder for sounds, from few to many
    #[arg(long, value_name = "BITS,…", value_delimiter = ',', default_values_t = DEPTHS.to_vec(), value_parser = clap::value_parser!(u8).range(1..))]
    depths: Vec<u8>,

    /// Steps of our ladder for shapes, from few to many: bytes of meshes, bits of a coordinate of clouds, quality of splats
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = parse_step)]
    steps: Vec<f64>,

    /// Codecs to compare with, or none; without it, all that are at hand
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    anchors: Vec<String>,

    /// Steps of the anchors' ladders, by their numbers; without it, all
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    anchor_rates: Vec<f64>,

    /// Metrics; without it, all that are at hand
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    metrics: Vec<String>,

    /// Effort of our encoders
    #[arg(long, value_name = "0-9", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=9))]
    effort: u8,

    /// Inputs that the report shows or, of shapes, of which decoded files are kept, evenly spread over the inputs
    #[arg(long, value_name = "N", default_value_t = 6)]
    gallery: usize,

    /// Title of the report
    #[arg(long, value_name = "TEXT", default_value = "Bits against quality")]
    title: String,

    /// Write into a folder that holds something else than a report
    #[arg(short, long)]
    force: bool,

    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub fn run(arguments: &Eval) -> Result<std::result::Result<(), Exit>> {
    let inputs = inputs(&arguments.inputs, &arguments.output)?;
    check_folder(&arguments.output, arguments.force)?;
    match kinds(&inputs).into_iter().collect::<Vec<_>>()[..] {
        [Subject::Picture] => evaluate(arguments, inputs, &picture()),
        [Subject::Sound] => evaluate(arguments, inputs, &sound(arguments)),
        [Subject::Clip] => evaluate(arguments, inputs, &clip()),
        [Subject::Mesh] => evaluate(arguments, inputs, &solid(Form::Mesh, arguments)),
        [Subject::Cloud] => evaluate(arguments, inputs, &solid(Form::Cloud, arguments)),
        [Subject::Splats] => evaluate(arguments, inputs, &solid(Form::Splats, arguments)),
        _ => Err(Failure::usage(
            "there are several of pictures, sounds, videos, meshes, point clouds and splats in what was named",
            "evaluate each in a run of its own",
        )),
    }
}

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Picture,
    Sound,
    Clip,
    Mesh,
    Cloud,
    Splats,
}

/// What the inputs are of. What a shape is made of is only known when it is read: one that cannot be says nothing, and fails like any other input of the
/// run.
fn kinds(inputs: &[Input]) -> BTreeSet<Subject> {
    let subject = |input: &Input| match kind(input) {
        Kind::Picture => Some(Subject::Picture),
        Kind::Sound => Some(Subject::Sound),
        Kind::Video => Some(Subject::Clip),
        Kind::Shape => Solid::read(&input.path).ok().map(|solid| match solid.form() {
            Form::Mesh => Subject::Mesh,
            Form::Cloud => Subject::Cloud,
            Form::Splats => Subject::Splats,
        }),
    };
    let kinds: BTreeSet<Subject> = inputs.iter().filter_map(subject).collect();
    if kinds.is_empty() { [Subject::Mesh].into() } else { kinds }
}

/// The medium of a file, told by its first bytes.
fn kind(input: &Input) -> Kind {
    match Kind::of_file(&input.path, MAX_INPUT_BYTES) {
        // Containers hold either.
        None | Some(Kind::Sound) if tessera_video::io::is_video(&input.path) => Kind::Video,
        kind => kind.unwrap_or(Kind::Picture),
    }
}

fn evaluate<M: Media>(
    arguments: &Eval,
    inputs: Vec<Input>,
    medium: &Medium<M>,
) -> Result<std::result::Result<(), Exit>> {
    let (chosen, missing_metrics) = choose_metrics(arguments, medium)?;
    let codecs = codecs(arguments, medium)?;
    let program = env::current_exe().map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot find this program ({error})"), "run it by its path")
    })?;
    let jobs = usize::from(arguments.workers.jobs);
    let threads = (thread::available_parallelism().map_or(1, usize::from) / jobs).max(1);
    let plan = Plan {
        inputs,
        codecs,
        metrics: &|| chosen.iter().map(|name| (medium.metric)(name, arguments)).collect(),
        worker: &|codec| worker_command(&program, codec, threads, medium, arguments),
        jobs,
        gallery: if medium.keeps { arguments.gallery } else { 0 },
    };
    let bar = progress_bar();
    let outcome = run::run(&plan, &arguments.output, &|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let outcome = outcome.map_err(explain)?;
    let run = report_of(arguments, &plan, outcome, missing_metrics, medium)?;
    let written = report::write(&run, &arguments.output.join("decoded"), &arguments.output).map_err(explain)?;
    print::text(&summary(&run, &written.files))?;
    Ok(conclude(&run))
}

/// Files to evaluate, named by what the user named and the path inside it.
fn inputs(named: &[PathBuf], out: &Path) -> Result<Vec<Input>> {
    let mut inputs: Vec<(usize, Input)> = Vec::new();
    for (place, path) in (1..).zip(named) {
        if path.is_dir() {
            for file in files::walk(path, &[PICTURES, SOUNDS, VIDEOS, SHAPES].concat(), Some(out))? {
                let name = file.strip_prefix(path).unwrap_or(&file).display().to_string();
                inputs.push((place, Input { name, path: file }));
            }
        } else if path.exists() {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            inputs.push((place, Input { name, path: path.clone() }));
        } else {
            return Err(Failure::read(path, &io::ErrorKind::NotFound.into()));
        }
    }
    if inputs.is_empty() {
        return Err(Failure::usage(
            "there is nothing in what was named",
            "name pictures, sounds, videos or shapes, or folders that hold some",
        ));
    }
    // Two folders may hold files of one name: then each input is told by its place on the command line, too.
    let mut names = BTreeSet::new();
    if inputs.iter().any(|(_, input)| !names.insert(input.name.clone())) {
        for (place, input) in &mut inputs {
            input.name = format!("{place}/{}", input.name);
        }
    }
    let inputs: Vec<Input> = inputs.into_iter().map(|(_, input)| input).collect();
    Ok(inputs)
}

/// A new or empty folder, or one that holds a report.
fn check_folder(folder: &Path, force: bool) -> Result<()> {
    let ours = folder.join("journal.jsonl").exists();
    let full = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if full && !ours && !force {
        return Err(Failure::new(
            Exit::Failed,
            "the folder holds something that is no report",
            "choose another with -o, or pass --force to write beside it",
        )
        .at(folder.display()));
    }
    Ok(())
}

/// Names of the metrics to measure, and those that are not at hand.
fn choose_metrics<M>(arguments: &Eval, medium: &Medium<M>) -> Result<(Vec<String>, Vec<Missing>)> {
    let asked: Vec<String> = match arguments.metrics.is_empty() {
        true => medium.metrics.iter().map(|name| (*name).to_owned()).collect(),
        false => arguments.metrics.clone(),
    };
    let (mut chosen, mut missing) = (Vec::new(), Vec::new());
    for name in asked {
        match (medium.metric)(&name, arguments) {
            Ok(_) => chosen.push(name),
            Err(Error::Missing(why)) if arguments.metrics.is_empty() => {
                let (why, remedy) = why.split_once("; ").unwrap_or((&why, ""));
                missing.push(Missing { what: name, why: why.to_owned(), remedy: remedy.to_owned() });
            }
            Err(error) => return Err(explain(error)),
        }
    }
    Ok((chosen, missing))
}

/// Names of all codecs; ours first.
fn codecs<M>(arguments: &Eval, medium: &Medium<M>) -> Result<Vec<(String, bool)>> {
    let shared = Shared::for_packs(&arguments.models)?;
    let mut codecs = Vec::new();
    for pack in &arguments.codec {
        codecs.push(((medium.pack)(&shared, Some(pack))?, true));
    }
    if codecs.is_empty() {
        (medium.pack)(&shared, None)?;
        codecs.push((DEFAULT_CODEC.to_owned(), true));
    }
    if !arguments.refine.is_empty() {
        if !medium.refines {
            return Err(Failure::usage("--refine does not apply: the refiner is for pictures", "leave it out"));
        }
        let steps = |(name, _): &(String, bool)| {
            let name = name.clone();
            arguments.refine.iter().map(move |&steps| (worker::refined(&name, steps), true)).collect::<Vec<_>>()
        };
        codecs = codecs.iter().flat_map(steps).collect();
    }
    let asked = match arguments.anchors.is_empty() {
        true => medium.anchors.iter().map(|name| (*name).to_owned()).collect(),
        false => arguments.anchors.clone(),
    };
    for name in asked.iter().filter(|name| *name != "none") {
        if !medium.anchors.contains(&name.as_str()) {
            let known = medium.anchors.join(", ");
            return Err(Failure::usage(format!("there is no anchor {name}"), format!("the anchors are {known}")));
        }
        codecs.push((name.clone(), false));
    }
    Ok(codecs)
}

fn worker_command<M>(program: &Path, codec: &str, threads: usize, medium: &Medium<M>, arguments: &Eval) -> Command {
    let mut command = Command::new(program);
    command.args(["eval-worker", codec, "--threads", &threads.to_string(), "--effort", &arguments.effort.to_string()]);
    let rates = if arguments.rates.is_empty() { medium.rates } else { &arguments.rates };
    command.args(["--rates", &listed(rates)]);
    if !arguments.anchor_rates.is_empty() {
        command.args(["--anchor-rates", &listed(&arguments.anchor_rates)]);
    }
    command.args(&medium.worker);
    if let Some(folder) = &arguments.models.models {
        command.arg("--models").arg(folder);
    }
    if let Some(library) = &arguments.runtime.ort_lib {
        command.arg("--ort-lib").arg(library);
    }
    command
}

fn report_of<M>(
    arguments: &Eval,
    plan: &Plan<'_, M>,
    outcome: Outcome,
    mut missing: Vec<Missing>,
    medium: &Medium<M>,
) -> Result<Run> {
    missing.extend(outcome.missing);
    let metrics = (plan.metrics)().map_err(explain)?;
    let metrics = metrics.iter().map(|metric| MetricInfo {
        name: metric.name().to_owned(),
        about: metric.describe(),
        higher_is_better: metric.higher_is_better(),
    });
    let read: BTreeSet<&str> = outcome.cells.iter().map(|cell| cell.file.as_str()).collect();
    let description = format!(
        "{} of {} {}. Bits are those of the written files; {}.",
        read.len(),
        plan.inputs.len(),
        medium.what,
        medium.how
    );
    Ok(Run {
        name: arguments.title.clone(),
        description,
        codecs: outcome.codecs,
        anchor: Some(medium.strongest.to_owned()),
        metrics: metrics.collect(),
        cells: outcome.cells,
        failures: outcome.failures,
        missing,
    })
}

fn summary(run: &Run, written: &[PathBuf]) -> String {
    let mut text = String::new();
    let codecs: Vec<&str> = run.codecs.iter().map(|codec| codec.name.as_str()).collect();
    text.push_str(&format!("{} cells of {}\n", run.cells.len(), codecs.join(", ")));
    for missing in &run.missing {
        text.push_str(&format!("not at hand: {}: {}; {}\n", missing.what, missing.why, missing.remedy));
    }
    if let Some(page) = written.iter().find(|path| path.extension().is_some_and(|extension| extension == "html")) {
        text.push_str(&format!("report: {}\n", page.display()));
    }
    text
}

fn conclude(run: &Run) -> std::result::Result<(), Exit> {
    let mut stderr = io::stderr().lock();
    for failure in &run.failures {
        let place = [failure.file.as_str(), failure.codec.as_str(), failure.rate.as_deref().unwrap_or("")];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        let _ = writeln!(stderr, "tessera: {}: {}", place.join(", "), failure.what);
    }
    if run.failures.is_empty() { Ok(()) } else { Err(Exit::Failed) }
}

fn explain(error: Error) -> Failure {
    let exit = match error {
        Error::Parameter(_) => Exit::Usage,
        Error::Missing(_) => Exit::Pack,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.to_string(), "")
}

fn parse_rate(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 && rate <= 24.0 => Ok(rate),
        _ => Err("bits per pixel are above 0 and at most 24".to_owned()),
    }
}

fn parse_step(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(step) if step.is_finite() && step >= 0.0 => Ok(step),
        _ => Err("steps are numbers from 0".to_owned()),
    }
}

fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} cells  {elapsed} elapsed, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
