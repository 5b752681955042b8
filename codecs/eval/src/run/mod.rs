//! Every file through every codec at every rate, by workers in processes of their own.
//!
//! ```text
//! files × codecs × rates ──▶ jobs ──worker process──▶ coded file, decoded PNG, WAV or PLY ──metrics──▶ Cell ──▶ journal.jsonl
//! ```
//!
//! A worker process serves one codec, so that the memory it takes is that codec's, and that a codec which crashes costs one
//! cell. A cell that an earlier run finished with the same input, codec, settings, rate and metrics is not made again.

mod child;
mod journal;
mod protocol;
mod worker;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sha2::{Digest, Sha256};

use crate::{
    Cell, Error, Extent, Failure, Media, Result, Rgb8,
    metrics::Metric,
    report::{CodecInfo, Missing, original},
};
use child::Worker;
use journal::Journal;
use protocol::{Answer, Ask, Hello};
pub use worker::serve;

/// A file to evaluate on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in the report: a relative path without `..`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// What to run, on pictures unless it says otherwise.
pub struct Plan<'a, M = Rgb8> {
    /// Pictures, sounds, or shapes of one form.
    pub inputs: Vec<Input>,
    /// Codecs by name, and whether they are the suite's own.
    pub codecs: Vec<(String, bool)>,
    /// Makes the metrics of one thread.
    pub metrics: &'a (dyn Fn() -> Result<Vec<Box<dyn Metric<M>>>> + Sync),
    /// The command that serves a codec of the given name with [`serve`].
    pub worker: &'a (dyn Fn(&str) -> Command + Sync),
    /// Workers at a time.
    pub jobs: usize,
    /// Files whose decoded versions are kept for the report's gallery.
    pub gallery: usize,
}

/// What came of a [`Plan`].
#[derive(Debug, Default)]
pub struct Outcome {
    /// Codecs that were at hand.
    pub codecs: Vec<CodecInfo>,
    /// Cells, by file, codec and step.
    pub cells: Vec<Cell>,
    /// Cells that could not be made.
    pub failures: Vec<Failure>,
    /// Codecs that are not at hand.
    pub missing: Vec<Missing>,
    /// How many cells an earlier run had finished.
    pub reused: usize,
}

/// One cell to make.
struct Job {
    input: usize,
    codec: usize,
    step: u32,
    key: String,
}

/// A codec that said hello.
struct Served {
    info: CodecInfo,
    extension: String,
    ladder: Vec<(String, f64)>,
}

/// Runs a plan; `folder` receives `journal.jsonl`, `coded/` and `decoded/`. `progress` is told how many cells of how many
/// are done.
///
/// # Errors
/// The folder cannot be written, a metric cannot be made. What fails for a file is in [`Outcome::failures`].
pub fn run<M: Media>(plan: &Plan<'_, M>, folder: &Path, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Outcome> {
    let work = folder.join("work");
    for path in [folder, &work, &folder.join("coded"), &folder.join("decoded")] {
        fs::create_dir_all(path).map_err(Error::at(path))?;
    }
    let mut outcome = Outcome::default();
    let about: Vec<String> =
        (plan.metrics)()?.iter().map(|metric| format!("{} {}", metric.name(), metric.describe())).collect();
    let served = hello(plan, &mut outcome)?;
    outcome.codecs = served.iter().map(|codec| codec.info.clone()).collect();

    let mut digests = Vec::new();
    for input in &plan.inputs {
        let what = match M::read(&input.path) {
            Ok(original) if original.unfit().is_some() => original.unfit().unwrap_or_default().to_owned(),
            Ok(original) => {
                let extent = original.extent().to_string();
                digests.push(Some(digest(&[&original.bytes(), extent.as_bytes()])));
                keep_original(plan, folder, digests.len() - 1, &original)?;
                continue;
            }
            Err(error) => error.to_string(),
        };
        digests.push(None);
        outcome.failures.push(Failure { file: input.name.clone(), codec: String::new(), rate: None, what });
    }

    let journal = Journal::open(&folder.join("journal.jsonl"))?;
    let mut jobs = Vec::new();
    for (codec, serving) in served.iter().enumerate() {
        for (input, content) in digests.iter().enumerate() {
            let Some(content) = content else { continue };
            for (step, rate) in serving.ladder.iter().enumerate() {
                let name = &plan.inputs[input].name;
                let parts = [content, name, &serving.info.name, &serving.info.settings, &rate.0, &about.join("\n")];
                let key = digest(&parts.map(|part| part.as_bytes()));
                let job = Job { input, codec, step: step as u32, key };
                match journal.find(&job.key).filter(|cell| kept(folder, cell, plan, input)) {
                    Some(cell) => outcome.cells.push(Cell { step: job.step, ..cell.clone() }),
                    None => jobs.push(job),
                }
            }
        }
    }
    outcome.reused = outcome.cells.len();
    let total = outcome.reused + jobs.len();
    progress(outcome.reused, total);

    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(outcome.reused);
    let results = Mutex::new((Vec::new(), Vec::new()));
    let ended = thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.jobs.clamp(1, jobs.len().max(1)))
            .map(|thread| {
                let mut desk = Desk { plan, folder, served: &served, worker: None, original: None, thread };
                let (next, done, jobs, journal, results) = (&next, &done, &jobs, &journal, &results);
                scope.spawn(move || -> Result<()> {
                    let mut metrics = (plan.metrics)()?;
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (cell, failures) = desk.cell(job, &mut metrics);
                        if let Some(cell) = cell.as_ref().filter(|_| failures.is_empty()) {
                            journal.add(&job.key, cell)?;
                        }
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.0.extend(cell);
                        results.1.extend(failures);
                        drop(results);
                        progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let _ = fs::remove_dir_all(&work);
    ended?;
    let (cells, failures) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.cells.extend(cells);
    outcome.failures.extend(failures);
    let order: BTreeMap<&str, usize> =
        served.iter().enumerate().map(|(i, codec)| (codec.info.name.as_str(), i)).collect();
    let place = |codec: &str| order.get(codec).copied().unwrap_or(usize::MAX);
    outcome.cells.sort_by(|a, b| (&a.file, place(&a.codec), a.step).cmp(&(&b.file, place(&b.codec), b.step)));
    outcome.failures.sort_by(|a, b| (&a.file, place(&a.codec), &a.rate).cmp(&(&b.file, place(&b.codec), &b.rate)));
    Ok(outcome)
}

/// Starts every codec once: the ones at hand, in order; the others are told in `outcome`.
fn hello<M>(plan: &Plan<'_, M>, outcome: &mut Outcome) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for (name, ours) in &plan.codecs {
        match Worker::start((plan.worker)(name))?.1 {
            Hello::Ready { settings, extension, ladder } => {
                let info = CodecInfo { name: name.clone(), settings, ours: *ours };
                served.push(Served { info, extension, ladder });
            }
            Hello::Missing(why) => outcome.missing.push(missing(name, &why)),
            Hello::Failed(why) if *ours => return Err(Error::Failed(why)),
            Hello::Failed(why) => outcome.missing.push(missing(name, &why)),
        }
    }
    Ok(served)
}

/// `why; what to do` in its two halves.
fn missing(what: &str, why: &str) -> Missing {
    let (why, remedy) = why.split_once("; ").unwrap_or((why, ""));
    Missing { what: what.to_owned(), why: why.to_owned(), remedy: remedy.to_owned() }
}

/// Whether the gallery shows the file of this index: a few, evenly spread.
fn in_gallery<M>(plan: &Plan<'_, M>, input: usize) -> bool {
    let (all, shown) = (plan.inputs.len(), plan.gallery.min(plan.inputs.len()));
    (0..shown).any(|place| place * all / shown == input)
}

fn keep_original<M: Media>(plan: &Plan<'_, M>, folder: &Path, input: usize, content: &M) -> Result<()> {
    if !in_gallery(plan, input) {
        return Ok(());
    }
    let path = folder.join("decoded").join(original(&plan.inputs[input].name, M::ENDING));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::at(parent))?;
    }
    fs::write(&path, content.to_file()?).map_err(Error::at(&path))
}

/// A text as part of a file name on every system.
fn safe(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
    text.chars().map(kept).take(80).collect::<String>().trim_matches('.').to_owned()
}

/// A file name that no other input has.
fn stem(input: &str) -> String {
    format!("{}-{}", safe(input), &digest(&[input.as_bytes()])[..8])
}

/// Whether what a finished cell left on disk is there.
fn kept<M>(folder: &Path, cell: &Cell, plan: &Plan<'_, M>, input: usize) -> bool {
    match &cell.kept {
        Some(name) => folder.join("decoded").join(name).is_file(),
        None => !in_gallery(plan, input),
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What one thread of the run keeps between jobs.
struct Desk<'a, M> {
    plan: &'a Plan<'a, M>,
    folder: &'a Path,
    served: &'a [Served],
    worker: Option<(usize, Worker)>,
    original: Option<(usize, M)>,
    thread: usize,
}

impl<M: Media> Desk<'_, M> {
    /// The cell of a job, without the metrics that failed.
    fn cell(&mut self, job: &Job, metrics: &mut [Box<dyn Metric<M>>]) -> (Option<Cell>, Vec<Failure>) {
        let codec = &self.served[job.codec];
        let (name, rate) = (self.plan.inputs[job.input].name.clone(), codec.ladder[job.step as usize].clone());
        let failure = |what: String| Failure {
            file: name.clone(),
            codec: codec.info.name.clone(),
            rate: Some(rate.0.clone()),
            what,
        };
        let file = [stem(&name), safe(&codec.info.name), safe(&rate.0)].join("-");
        let ask = Ask {
            path: self.plan.inputs[job.input].path.clone(),
            rate: rate.clone(),
            coded: self.folder.join("coded").join(format!("{file}.{}", codec.extension)),
            decoded: self.folder.join("work").join(format!("{}.{}", self.thread, M::ENDING)),
        };
        let answer = match self.ask(job.codec, &ask) {
            Ok(Answer::Done { bytes, encode_seconds, decode_seconds, peak_bytes }) => {
                (bytes, encode_seconds, decode_seconds, peak_bytes)
            }
            Ok(Answer::Failed(what)) => return (None, vec![failure(what)]),
            Err(error) => return (None, vec![failure(error.to_string())]),
        };
        let measured = self.measure(job.input, &ask.decoded, metrics);
        let (extent, values) = match measured {
            Ok(measured) => measured,
            Err(error) => return (None, vec![failure(error.to_string())]),
        };
        let mut failures = Vec::new();
        let (mut numbers, mut frames) = (BTreeMap::new(), BTreeMap::new());
        for (metric, value) in values {
            match value {
                Ok((value, each)) if value.is_finite() => {
                    if !each.is_empty() {
                        frames.insert(metric.clone(), each);
                    }
                    numbers.insert(metric, value);
                }
                Ok((value, _)) => failures.push(failure(format!("{metric} is {value}"))),
                Err(error) => failures.push(failure(format!("{metric}: {error}"))),
            }
        }
        let mut left = None;
        if in_gallery(self.plan, job.input) {
            let kept = format!("{file}.{}", M::ENDING);
            let path = self.folder.join("decoded").join(&kept);
            match fs::rename(&ask.decoded, &path) {
                Ok(()) => left = Some(kept),
                Err(error) => failures.push(failure(Error::at(&path)(error).to_string())),
            }
        }
        let cell = Cell {
            file: name.clone(),
            codec: codec.info.name.clone(),
            rate: rate.0.clone(),
            step: job.step,
            extent,
            bytes: answer.0,
            encode_seconds: answer.1,
            decode_seconds: answer.2,
            peak_bytes: answer.3,
            metrics: numbers,
            by_frame: frames,
            kept: left,
        };
        (Some(cell), failures)
    }

    fn ask(&mut self, codec: usize, ask: &Ask) -> Result<Answer> {
        let (_, mut worker) = match self.worker.take().filter(|(serves, _)| *serves == codec) {
            Some(worker) => worker,
            None => match Worker::start((self.plan.worker)(&self.served[codec].info.name))? {
                (worker, Hello::Ready { .. }) => (codec, worker),
                (_, Hello::Missing(why) | Hello::Failed(why)) => return Err(Error::Failed(why)),
            },
        };
        let answer = worker.ask(ask)?;
        self.worker = Some((codec, worker));
        Ok(answer)
    }

    #[allow(clippy::type_complexity)]
    fn measure(
        &mut self,
        input: usize,
        decoded: &Path,
        metrics: &mut [Box<dyn Metric<M>>],
    ) -> Result<(Extent, Vec<(String, Result<(f64, Vec<f64>)>)>)> {
        let original = match self.original.take().filter(|(of, _)| *of == input) {
            Some(original) => original,
            None => (input, M::read(&self.plan.inputs[input].path)?),
        };
        let decoded = M::read(decoded)?;
        let values = metrics
            .iter_mut()
            .map(|metric| (metric.name().to_owned(), metric.measure_frames(&original.1, &decoded)))
            .collect();
        let extent = original.1.extent();
        self.original = Some(original);
        Ok((extent, values))
    }
}
