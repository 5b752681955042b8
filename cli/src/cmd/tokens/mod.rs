//! `tessera tokens` and `tessera detokenize`: sounds and videos as bare tokens, for language models.

mod detokenize;
mod form;
mod npy;
mod shards;
mod tar;
mod video;
mod volume;

use std::{borrow::Borrow, path::PathBuf, time::Instant};

use clap::Args;
use serde::Serialize;
use tessera_audio::Tokens as Bare;
use tessera_core::Limits;

pub use self::detokenize::{Detokenize, run as run_back};
use self::{
    form::{Form, Tokenised},
    shards::Entry,
    video::{Clip, Grids, VideoArgs},
};
use crate::{
    args::{ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    batch,
    cmd::encode::{self, SOUNDS, VIDEOS, sound::SoundArgs, video::Input},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Output, Rule, Sink},
    print,
};

/// Write the tokens of sounds and videos, for language models
///
/// Of sounds, a token is a whole number below the vocabulary's size, 2^depth (4,096 at 12 bits, without --depth); --offset moves all of them up. One
/// token stands for a hop of samples (200 at 16 kHz, 80 tokens a second), and a few more follow for the end of the last window. With a
/// --depth beyond a token's bits, a frame of tokens stands for a hop, one of each level: they follow each other. A .tsr file gives the tokens that are in it. What is written is told by --format or the
/// ending of -o:
///
/// jsonl        one JSON object: pack, rate, hop, depth, samples, layout, offset, and tokens as a list per channel
/// npy          NumPy array [channel, token], u16, or u32 with an offset
/// safetensors  tensor "tokens" [channel, token] of the same types, everything else as metadata
/// txt          a line of numbers per channel
/// tar          WebDataset: <key>.json and <key>.npy of every sound; -o names one archive, or a folder of archives of --shard sounds
///
/// Of videos, a token stands for 16 x 16 pixels of a frame: the arrays are [frame, row, column, level], the tokens those that 'tessera encode' chooses, and txt has a line per
/// frame. With --reduce, a video becomes K vectors that are made for it (codebook, f32 [label, value]) and labels [frame, row, column] that say which of them stands
/// where and when, after VQToken (arXiv:2503.16980); npy and txt hold the labels alone, tar <key>.codebook.npy too. Every video is reduced to K tokens, or with
/// auto to as many as lie at the knee of its curve of explained variance over log2 K, K from 1 to 128. The report has the tokens that are kept, how many there were for each,
/// the error of the latents, the share of their variance that is explained, and that share per token: TokDense with what is measured without a task.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  tessera tokens speech.wav                          speech.jsonl
  tessera tokens speech.wav -o - --format txt        to standard output
  tessera tokens corpus/ -o tokens/ --format npy -j 2 --skip-existing
  tessera tokens corpus/ -o shards/ --format tar --skip-existing
  tessera tokens clip.mp4 -o clip.npy                [frame, row, column, level]
  tessera tokens clip.mp4 --reduce auto -o clip.safetensors
  tessera detokenize speech.jsonl -o back.wav"
)]
pub struct Tokens {
    /// Sounds, videos, .tsr files of either, or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Format to write; without it, what the ending of -o says, or jsonl
    #[arg(long, value_enum)]
    format: Option<Form>,

    /// Leave out inputs whose output exists, so that a run that was ended goes on
    #[arg(long)]
    skip_existing: bool,

    /// Sounds of an archive, in a folder of archives
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    shard: u32,

    /// Number added to every token, to place them in a larger vocabulary
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    offset: u32,

    #[command(flatten)]
    sound: SoundArgs,

    #[command(flatten)]
    video: VideoArgs,

    /// Model pack, by id or hash; see 'tessera models list'
    #[arg(long, value_name = "ID", help_heading = "Models")]
    pack: Option<String>,

    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// One file, as `--json` reports it.
#[derive(Debug, Serialize)]
struct Report {
    input: String,
    output: String,
    duration: f64,
    depth: u8,
    #[serde(flatten)]
    of: Of,
    /// Tokens in all.
    tokens: u64,
    seconds: f64,
    x_real_time: f64,
    /// What goes into the output archive, of a sound that shares it with others.
    #[serde(skip)]
    sample: Vec<u8>,
}

/// What tokens are of.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Of {
    Sound { channels: usize },
    Video(Grids),
}

impl Report {
    fn new(job: &Job, sink: &Sink, duration: f64, bare: &Bare, start: Instant) -> Self {
        let report = Self {
            input: job.source.to_string(),
            output: sink.to_string(),
            duration,
            depth: bare.bits,
            of: Of::Sound { channels: bare.channels.len() },
            tokens: bare.channels.iter().map(|channel| channel.len() as u64).sum(),
            seconds: 0.0,
            x_real_time: 0.0,
            sample: Vec::new(),
        };
        report.timed(start)
    }

    /// With the time since `start`.
    fn timed(self, start: Instant) -> Self {
        let seconds = start.elapsed().as_secs_f64();
        Self { seconds, x_real_time: self.duration / seconds.max(1e-9), ..self }
    }

    fn line(&self) -> String {
        let of = match &self.of {
            Of::Sound { .. } => format!("{} tokens, {} bits a frame", print::grouped(self.tokens), self.depth),
            Of::Video(grids) => grids.line(self.depth),
        };
        format!("{} -> {}  {:.1} s  {of}  {:.1} x real time", self.input, self.output, self.duration, self.x_real_time)
    }
}

pub fn run(arguments: &Tokens) -> Result<std::result::Result<(), Exit>> {
    let form = form_of(arguments)?;
    let takes = [SOUNDS, VIDEOS, &["tsr"]].concat();
    let mut entries = match form {
        Form::Tar => shards::plan(arguments, &takes)?,
        _ => {
            let rule = Rule { takes: &takes, gives: form.extension() };
            let plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
            plan.jobs.into_iter().map(|job| Entry { job, key: String::new() }).collect()
        }
    };
    if arguments.skip_existing {
        entries.retain(|entry| entry.job.sink.path().is_none_or(|path| !path.exists()));
    }
    refuse_json_on_stdout(&arguments.output, &entries)?;
    let output = Output { force: arguments.output.force };
    let mut writer = shards::Writer::new(&entries, output);
    if form == Form::Tar {
        writer.check()?;
    }
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(entries.len()))?;
    let single = entries.len() == 1;
    let work = |(): &mut (), entry: &Entry| {
        tokenise(&shared, entry, arguments, form, (output, single)).map_err(|f| f.at(&entry.job.source))
    };
    let done =
        |entry: &Entry, result: &Result<Report>| if form == Form::Tar { writer.add(entry, result) } else { Ok(()) };
    Ok(each(&entries, workers, arguments.output.json, work, done))
}

/// Runs the jobs and says at the end how fast they were.
fn each<J: Borrow<Job> + Sync>(
    jobs: &[J],
    workers: usize,
    json: bool,
    work: impl Fn(&mut (), &J) -> Result<Report> + Sync,
    mut done: impl FnMut(&J, &Result<Report>) -> Result<()>,
) -> std::result::Result<(), Exit> {
    let start = Instant::now();
    let mut duration = 0.0;
    let mut unwritten = Vec::new();
    let mut failures = batch::run(
        jobs,
        workers,
        || (),
        work,
        |job, result, bar| {
            duration += result.as_ref().map_or(0.0, |report| report.duration);
            unwritten.extend(done(job, result).err());
            batch::report(job.borrow(), result, json, bar, Report::line);
        },
    );
    failures.extend(unwritten);
    if jobs.len() > 1 {
        let seconds = start.elapsed().as_secs_f64();
        print::note(&format!(
            "{:.1} minutes in {seconds:.1} s, {:.0} x real time",
            duration / 60.0,
            duration / seconds.max(1e-9)
        ));
    }
    batch::conclude(jobs.len(), &failures)
}

fn refuse_json_on_stdout<J: Borrow<Job>>(output: &OutputArgs, jobs: &[J]) -> Result<()> {
    if output.json && jobs.iter().any(|job| job.borrow().sink == Sink::Stdout) {
        return Err(Failure::usage("--json and the file itself cannot share standard output", "name a file with -o"));
    }
    Ok(())
}

/// What --format or the ending of -o say.
fn form_of(arguments: &Tokens) -> Result<Form> {
    let ending = arguments.output.output.as_deref().filter(|path| !path.is_dir()).and_then(|path| path.extension());
    let ending = ending.map(|ending| ending.to_string_lossy().to_lowercase());
    // Of many sounds, an archive is the only single file.
    let ending = ending.filter(|ending| arguments.inputs.len() == 1 || ending == Form::Tar.extension());
    match (arguments.format, ending) {
        (Some(form), _) => Ok(form),
        (None, None) => Ok(Form::Jsonl),
        (None, Some(ending)) => Form::of_ending(&ending).ok_or_else(|| {
            let known = Form::ENDINGS.join(", ");
            Failure::usage(format!("no format of tokens has the ending .{ending}"), format!("use one of {known}"))
        }),
    }
}

fn tokenise(
    shared: &Shared,
    entry: &Entry,
    arguments: &Tokens,
    form: Form,
    (output, single): (Output, bool),
) -> Result<Report> {
    let job = &entry.job;
    // Text is no danger to a terminal.
    if job.sink != Sink::Stdout || form.is_binary() {
        output.check(&job.sink)?;
    }
    let start = match Input::of(&job.source)? {
        Ok(input) => {
            arguments.refuse_options_of_others(single, true)?;
            return video::tokenise(shared, entry, arguments, form, output, Clip::File(input));
        }
        Err(start) => start,
    };
    let bytes = files::read_on(&job.source, start, encode::MAX_INPUT_BYTES)?;
    if let Some(header) = video::header(&bytes) {
        arguments.refuse_options_of_others(single, true)?;
        return video::tokenise(shared, entry, arguments, form, output, Clip::Coded(&bytes, &header));
    }
    arguments.refuse_options_of_others(single && explain::cut_off(&bytes).is_none(), false)?;
    sound(shared, entry, arguments, form, output, &bytes)
}

fn sound(
    shared: &Shared,
    entry: &Entry,
    arguments: &Tokens,
    form: Form,
    output: Output,
    bytes: &[u8],
) -> Result<Report> {
    let job = &entry.job;
    let limits = Limits::default();
    let start = Instant::now();
    let (codec, tokens) = if let Ok(header) = explain::header(bytes, &limits, false) {
        let codec = shared.sound_tables(&shared.find_pack(&header)?)?;
        let tokens = codec.tokens_of(bytes, &limits).map_err(|error| explain::sound(&error))?;
        (codec, tokens)
    } else {
        let codec = shared.sound_codec(&shared.sound_pack(arguments.pack.as_deref())?)?;
        let (sound, _) = encode::sound::prepare(bytes, &arguments.sound.limits(), &codec)?;
        let sound = arguments.sound.mixed(sound);
        let depth = arguments.sound.depth.unwrap_or(codec.depth());
        let tokens = codec.tokens(&sound, depth).map_err(|error| explain::sound(&error))?;
        (codec, tokens)
    };
    let duration = tokens.samples as f64 / f64::from(codec.rate());
    let mut report = Report::new(job, &job.sink, duration, &tokens, start);
    let depths = codec.depths(tokens.bits).map_err(|error| explain::sound(&error))?;
    let bytes = form.bytes(&Tokenised::new(&codec, tokens, &depths, arguments.offset), &entry.key)?;
    match form {
        Form::Tar => report.sample = bytes,
        _ => output.write(&job.sink, &bytes)?,
    }
    Ok(report)
}

impl Tokens {
    /// For a single file, an option that does nothing is a mistake.
    fn refuse_options_of_others(&self, single: bool, video: bool) -> Result<()> {
        let options: [(&str, bool, bool); 6] = [
            ("--depth", self.sound.depth.is_some(), false),
            ("--max-minutes", self.sound.max_minutes.is_some(), false),
            ("--reduce", self.video.reduce.is_some(), true),
            ("--rung", self.video.rung.is_some(), true),
            ("--eighths", self.video.eighths.is_some(), true),
            ("--encoder", self.video.encoder.is_some(), true),
        ];
        match options.into_iter().find(|&(_, given, of_video)| single && given && of_video != video) {
            Some((option, ..)) if video => {
                Err(Failure::usage(format!("{option} does not apply"), "it is a video: choose its tokens with --rung"))
            }
            Some((option, ..)) => {
                Err(Failure::usage(format!("{option} does not apply"), "it is a sound: choose its tokens with --depth"))
            }
            None => Ok(()),
        }
    }
}
