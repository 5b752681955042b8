//! `tessera tokens` and `tessera detokenize`: sounds as bare tokens, for language models.

mod form;
mod npy;

use std::{path::PathBuf, time::Instant};

use clap::Args;
use serde::Serialize;
use tessera_audio::Tokens as Bare;
use tessera_core::{Limits, container::Channels};

use self::form::{Form, Tokenised};
use crate::{
    args::{ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    batch,
    cmd::{
        decode::{MAX_INPUT_BYTES, sound::Form as SoundForm},
        encode::{self, SOUNDS, sound::SoundArgs},
    },
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Output, Rule, Sink},
    print,
};

/// Write the tokens of sounds, for language models
///
/// A token is a whole number below the vocabulary's size, 2^depth (4,096 at 12 bits); --offset moves all of them up. One token
/// stands for a hop of samples (200 at 16 kHz, 80 tokens a second), the first for the sound's first hop, and a few more
/// follow for the end of the last window. A .tsr file gives the tokens that are in it. What is written is told by --format or the
/// ending of -o:
///
/// jsonl        one JSON object: pack, rate, hop, depth, samples, layout, offset, and tokens as a list per channel
/// npy          NumPy array [channel, token], u16, or u32 with an offset
/// safetensors  tensor "tokens" [channel, token] of the same types, everything else as metadata
/// txt          a line of numbers per channel
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  tessera tokens speech.wav                          speech.jsonl
  tessera tokens speech.wav -o - --format txt        to standard output
  tessera tokens corpus/ -o tokens/ --format npy -j 2 --skip-existing
  tessera detokenize speech.jsonl -o back.wav"
)]
pub struct Tokens {
    /// Sounds, .tsr files of sounds, or folders; - is standard input
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

    /// Number added to every token, to place them in a larger vocabulary
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    offset: u32,

    #[command(flatten)]
    sound: SoundArgs,

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

/// Turn tokens back into sounds
///
/// Takes what 'tessera tokens' writes, told by its content. Bare numbers (npy, txt) do not say what they are of: then depth and offset
/// are as given, and the sound is as long as the tokens allow.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera detokenize speech.jsonl                    speech.wav
  tessera detokenize generated.npy --depth 12 -o generated.flac
  echo 17 4000 256 3 | tessera detokenize - > noise.wav")]
pub struct Detokenize {
    /// Files of tokens or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Bits of a token, where the file does not say; the pack's most if absent
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..=16))]
    depth: Option<u8>,

    /// Samples of the sound, where the file does not say
    #[arg(long, value_name = "N")]
    samples: Option<u64>,

    /// Number that was added to every token, where the file does not say
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u32,

    /// Model pack, by id or hash, where the file does not say
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
    channels: usize,
    /// Tokens of all channels.
    tokens: u64,
    seconds: f64,
    x_real_time: f64,
}

impl Report {
    fn new(job: &Job, sink: &Sink, duration: f64, bare: &Bare, start: Instant) -> Self {
        let seconds = start.elapsed().as_secs_f64();
        Self {
            input: job.source.to_string(),
            output: sink.to_string(),
            duration,
            depth: bare.depth,
            channels: bare.channels.len(),
            tokens: bare.channels.iter().map(|channel| channel.len() as u64).sum(),
            seconds,
            x_real_time: duration / seconds.max(1e-9),
        }
    }

    fn line(&self) -> String {
        format!(
            "{} -> {}  {:.1} s  {} tokens of {} bits  {:.0} x real time",
            self.input,
            self.output,
            self.duration,
            print::grouped(self.tokens),
            self.depth,
            self.x_real_time
        )
    }
}

pub fn run(arguments: &Tokens) -> Result<std::result::Result<(), Exit>> {
    let form = form_of(arguments)?;
    let takes = [SOUNDS, &["tsr"]].concat();
    let rule = Rule { takes: &takes, gives: form.extension() };
    let mut plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
    if arguments.skip_existing {
        plan.jobs.retain(|job| job.sink.path().is_none_or(|path| !path.exists()));
    }
    refuse_json_on_stdout(&arguments.output, &plan.jobs)?;
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(plan.jobs.len()))?;
    let output = Output { force: arguments.output.force };
    let work = |(): &mut (), job: &Job| tokenise(&shared, job, arguments, form, output).map_err(|f| f.at(&job.source));
    Ok(each(&plan.jobs, workers, arguments.output.json, work))
}

pub fn run_back(arguments: &Detokenize) -> Result<std::result::Result<(), Exit>> {
    let ending = arguments.output.output.as_deref().and_then(|path| path.extension());
    let form = match ending.map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
        Some("flac") => SoundForm::Flac,
        _ => SoundForm::Wav,
    };
    let rule = Rule { takes: Form::ENDINGS, gives: form.extension() };
    let plan = files::plan(&arguments.inputs, arguments.output.output.as_deref(), &rule)?;
    refuse_json_on_stdout(&arguments.output, &plan.jobs)?;
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(plan.jobs.len()))?;
    let output = Output { force: arguments.output.force };
    let work = |(): &mut (), job: &Job| sound(&shared, job, arguments, form, output).map_err(|f| f.at(&job.source));
    Ok(each(&plan.jobs, workers, arguments.output.json, work))
}

/// Runs the jobs and says at the end how fast they were.
fn each(
    jobs: &[Job],
    workers: usize,
    json: bool,
    work: impl Fn(&mut (), &Job) -> Result<Report> + Sync,
) -> std::result::Result<(), Exit> {
    let start = Instant::now();
    let mut duration = 0.0;
    let failures = batch::run(
        jobs,
        workers,
        || (),
        work,
        |job, result, bar| {
            duration += result.as_ref().map_or(0.0, |report| report.duration);
            batch::report(job, result, json, bar, Report::line);
        },
    );
    if jobs.len() > 1 {
        let seconds = start.elapsed().as_secs_f64();
        print::note(&format!(
            "{:.1} minutes of sound in {seconds:.1} s, {:.0} x real time",
            duration / 60.0,
            duration / seconds.max(1e-9)
        ));
    }
    batch::conclude(jobs.len(), &failures)
}

fn refuse_json_on_stdout(output: &OutputArgs, jobs: &[Job]) -> Result<()> {
    if output.json && jobs.iter().any(|job| job.sink == Sink::Stdout) {
        return Err(Failure::usage("--json and the file itself cannot share standard output", "name a file with -o"));
    }
    Ok(())
}

/// What --format or the ending of -o say.
fn form_of(arguments: &Tokens) -> Result<Form> {
    let named = arguments.output.output.as_deref().filter(|path| !path.is_dir() && arguments.inputs.len() == 1);
    let ending = named.and_then(|path| path.extension()).map(|ending| ending.to_string_lossy().to_lowercase());
    match (arguments.format, ending) {
        (Some(form), _) => Ok(form),
        (None, None) => Ok(Form::Jsonl),
        (None, Some(ending)) => Form::of_ending(&ending).ok_or_else(|| {
            let known = Form::ENDINGS.join(", ");
            Failure::usage(format!("no format of tokens has the ending .{ending}"), format!("use one of {known}"))
        }),
    }
}

fn tokenise(shared: &Shared, job: &Job, arguments: &Tokens, form: Form, output: Output) -> Result<Report> {
    // Text is no danger to a terminal.
    if job.sink != Sink::Stdout || form.is_binary() {
        output.check(&job.sink)?;
    }
    let bytes = files::read(&job.source, encode::MAX_INPUT_BYTES)?;
    let limits = Limits::default();
    let start = Instant::now();
    let (codec, tokens) = if let Ok(header) = explain::header(&bytes, &limits, false) {
        let codec = shared.sound_tables(&shared.find_pack(&header)?)?;
        let tokens = codec.tokens_of(&bytes, &limits).map_err(|error| explain::sound(&error))?;
        (codec, tokens)
    } else {
        let codec = shared.sound_codec(&shared.sound_pack(arguments.pack.as_deref())?)?;
        let (sound, _) = encode::sound::prepare(&bytes, &arguments.sound.limits(), &codec)?;
        let sound = arguments.sound.mixed(sound);
        let depth = arguments.sound.depth.unwrap_or(*codec.depths().end());
        let tokens = codec.tokens(&sound, depth).map_err(|error| explain::sound(&error))?;
        (codec, tokens)
    };
    let duration = tokens.samples as f64 / f64::from(codec.rate());
    let report = Report::new(job, &job.sink, duration, &tokens, start);
    let tokenised = Tokenised::new(&codec, tokens, arguments.offset);
    output.write(&job.sink, &form.bytes(&tokenised)?)?;
    Ok(report)
}

fn sound(shared: &Shared, job: &Job, arguments: &Detokenize, form: SoundForm, output: Output) -> Result<Report> {
    output.check(&job.sink)?;
    let bytes = files::read(&job.source, MAX_INPUT_BYTES)?;
    let found = form::read(&bytes)?;
    let pack = shared.sound_pack(found.pack.as_deref().or(arguments.pack.as_deref()))?;
    let codec = shared.sound_codec(&pack)?;
    let depth = found.depth.or(arguments.depth).unwrap_or(*codec.depths().end());
    let offset = found.offset.unwrap_or(arguments.offset);
    let channels =
        found.channels.into_iter().map(|tokens| lowered(tokens, offset, depth)).collect::<Result<Vec<_>>>()?;
    let (count, hop) = (channels.first().map_or(0, Vec::len) as u64, codec.hop() as u64);
    let whole = (count * hop).saturating_sub((codec.delay_samples() as u64).saturating_sub(hop));
    let samples = found.samples.or(arguments.samples).unwrap_or(whole);
    if samples == 0 || samples > Limits::default().max_samples {
        let what = format!("{count} tokens are those of {samples} samples");
        return Err(Failure::new(Exit::Input, what, "check that it holds tokens of a sound of some length"));
    }
    let layout = found.layout.unwrap_or(if channels.len() == 2 { Channels::LeftRight } else { Channels::Mono });
    let tokens = Bare { depth, samples, layout, channels };
    let start = Instant::now();
    let sound = codec.sound_of(&tokens).map_err(|error| Failure { exit: Exit::Input, ..explain::sound(&error) })?;
    let report = Report::new(job, &job.sink, sound.seconds(), &tokens, start);
    output.write(&job.sink, &form.bytes(&sound)?)?;
    Ok(report)
}

/// Tokens of the vocabulary that starts at 0.
fn lowered(tokens: Vec<u32>, offset: u32, depth: u8) -> Result<Vec<u16>> {
    let lower = |token: u32| {
        let lowered = token.checked_sub(offset).filter(|lowered| lowered >> depth == 0);
        lowered.and_then(|lowered| u16::try_from(lowered).ok()).ok_or_else(|| {
            let most = u64::from(offset) + (1 << depth) - 1;
            Failure::new(
                Exit::Input,
                format!("token {token} is not among {offset} to {most}"),
                "check --depth and --offset",
            )
        })
    };
    tokens.into_iter().map(lower).collect()
}
