//! `tessera detokenize`.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use tessera_audio::Tokens as Bare;
use tessera_core::{Limits, container::Channels};

use super::{
    Report, each,
    form::{self, Form},
    refuse_json_on_stdout, tar,
};
use crate::{
    args::{ModelArgs, OutputArgs, RuntimeArgs, WorkerArgs},
    cmd::decode::{MAX_INPUT_BYTES, sound::Form as SoundForm},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Output, Rule, Sink, Source},
};

/// Turn tokens back into sounds
///
/// Takes what 'tessera tokens' writes, told by its content; of a .tar archive, every sample. Bare numbers (npy, txt) do not say what they are of: then depth and offset
/// are as given, and the sound is as long as the tokens allow.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera detokenize speech.jsonl                    speech.wav
  tessera detokenize generated.npy --depth 12 -o generated.flac
  tessera detokenize shards/ -o sounds/              every sample of every .tar, by its key
  echo 17 4000 256 3 | tessera detokenize - > noise.wav")]
pub struct Detokenize {
    /// Files of tokens or folders; - is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Bits of a frame, where the file does not say; one whole token if absent
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..))]
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

pub fn run(arguments: &Detokenize) -> Result<std::result::Result<(), Exit>> {
    let out = arguments.output.output.as_deref();
    let form = match out.and_then(Path::extension).map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
        Some("flac") => SoundForm::Flac,
        _ => SoundForm::Wav,
    };
    let rule = Rule { takes: Form::ENDINGS, gives: form.extension() };
    let mut jobs = Vec::new();
    for job in files::plan(&arguments.inputs, out, &rule)?.jobs {
        jobs.extend(samples(job, out, form)?);
    }
    files::refuse_clashes(&jobs)?;
    refuse_json_on_stdout(&arguments.output, &jobs)?;
    let workers = usize::from(arguments.workers.jobs);
    let shared = Shared::new(&arguments.models, &arguments.runtime, workers.min(jobs.len()))?;
    let output = Output { force: arguments.output.force };
    let work = |(): &mut (), job: &Job| sound(&shared, job, arguments, form, output).map_err(|f| f.at(&job.source));
    Ok(each(&jobs, workers, arguments.output.json, work, |_, _| Ok(())))
}

/// The jobs of an archive, one a sample, each named by its key in the output folder; any other file is one job.
fn samples(job: Job, out: Option<&Path>, form: SoundForm) -> Result<Vec<Job>> {
    let Source::File(path) = &job.source else { return Ok(vec![job]) };
    // What cannot be read is that job's failure, when its turn comes.
    let Some(places) = tar::places(path).ok().flatten() else { return Ok(vec![job]) };
    if job.named && places.len() < 2 {
        return Ok(vec![job]);
    }
    let Some(out) = out.filter(|_| job.sink != Sink::Stdout) else {
        let what = format!("the archive holds {} sounds", places.len());
        return Err(Failure::usage(what, "name a folder for them with -o").at(path.display()));
    };
    let sample = |place: tar::Place| Job {
        sink: Sink::Mirrored(out.join(format!("{}.{}", place.key, form.extension()))),
        source: Source::Slice { path: path.clone(), name: place.key, at: place.at, len: place.len },
        named: false,
    };
    Ok(places.into_iter().map(sample).collect())
}

fn sound(shared: &Shared, job: &Job, arguments: &Detokenize, form: SoundForm, output: Output) -> Result<Report> {
    output.check(&job.sink)?;
    let bytes = files::read(&job.source, MAX_INPUT_BYTES)?;
    let found = form::read(&bytes)?;
    let pack = shared.sound_pack(found.pack.as_deref().or(arguments.pack.as_deref()))?;
    let codec = shared.sound_codec(&pack)?;
    let depth = found.depth.or(arguments.depth).unwrap_or(codec.default_bits());
    let depths = codec.depths(depth).map_err(|error| explain::sound(&error))?;
    let offset = found.offset.unwrap_or(arguments.offset);
    let channels =
        found.channels.into_iter().map(|tokens| lowered(tokens, offset, &depths)).collect::<Result<Vec<_>>>()?;
    let count = (channels.first().map_or(0, Vec::len) / depths.len()) as u64;
    let samples = found.samples.or(arguments.samples).unwrap_or(codec.samples_of(count));
    if samples == 0 || samples > Limits::default().max_samples {
        let what = format!("{count} frames of tokens are those of {samples} samples");
        return Err(Failure::new(Exit::Input, what, "check that it holds tokens of a sound of some length"));
    }
    let layout = found.layout.unwrap_or(if channels.len() == 2 { Channels::LeftRight } else { Channels::Mono });
    let tokens = Bare { bits: depth, samples, layout, channels };
    let start = Instant::now();
    let sound = codec.sound_of(&tokens).map_err(|error| Failure { exit: Exit::Input, ..explain::sound(&error) })?;
    let report = Report::new(job, &job.sink, sound.seconds(), &tokens, start);
    output.write(&job.sink, &form.bytes(&sound)?)?;
    Ok(report)
}

/// Tokens of the vocabulary that starts at 0.
fn lowered(tokens: Vec<u32>, offset: u32, depths: &[u8]) -> Result<Vec<u16>> {
    let lower = |(token, &depth): (u32, &u8)| {
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
    tokens.into_iter().zip(depths.iter().cycle()).map(lower).collect()
}
