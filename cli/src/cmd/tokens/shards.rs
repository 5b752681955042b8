//! Many sounds' tokens in few archives.

use std::{borrow::Borrow, collections::HashMap, path::Path};

use super::{Report, Tokens, form::Form, tar};
use crate::{
    failure::{Exit, Failure, Result},
    files::{self, Job, Output, Rule, Sink, Source},
};

/// A sound and the name of its sample; `job.sink` is the archive that it shares with others.
#[derive(Debug)]
pub struct Entry {
    pub job: Job,
    pub key: String,
}

impl Borrow<Job> for Entry {
    fn borrow(&self) -> &Job {
        &self.job
    }
}

/// The sounds, in a fixed order, and their archives: the one that -o names, or as many as it takes in the folder that -o names.
pub fn plan(arguments: &Tokens, takes: &[&str]) -> Result<Vec<Entry>> {
    let ending = Form::Tar.extension();
    let Some(out) = arguments.output.output.as_deref() else {
        return Err(Failure::usage("an archive has no name of its own", "name it, or a folder of archives, with -o"));
    };
    let one = match out.as_os_str() == "-" {
        true => Some(Sink::Stdout),
        false => (!out.is_dir() && out.extension().is_some_and(|end| end.eq_ignore_ascii_case(ending)))
            .then(|| Sink::File(out.to_owned())),
    };
    let per_archive = arguments.shard as usize;
    // Where each sound would go in a folder says its key.
    let root = Path::new("./");
    let plan = files::plan(&arguments.inputs, Some(root), &Rule { takes, gives: "npy" })?;
    let mut keys: HashMap<String, Source> = HashMap::new();
    let mut entries = Vec::new();
    for (n, job) in plan.jobs.into_iter().enumerate() {
        let key = match &job.source {
            Source::Stdin => "stdin".to_owned(),
            _ => key(job.sink.path().and_then(|path| path.strip_prefix(root).ok()).unwrap_or(root)),
        };
        if let Some(other) = keys.insert(key.clone(), job.source.clone()) {
            let what = format!("{other} would be the sample {key}, too: what follows a dot in a name is no part of it");
            return Err(Failure::usage(what, "rename one of them").at(&job.source));
        }
        let shard = || Sink::Mirrored(out.join(format!("{:06}.{ending}", n / per_archive)));
        let sink = one.clone().unwrap_or_else(shard);
        entries.push(Entry { job: Job { sink, named: true, ..job }, key });
    }
    Ok(entries)
}

/// The name of a sample: the path without its ending. WebDataset cuts the last part at its first dot, so there is none left.
fn key(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('.', "_");
    path.with_file_name(stem).to_string_lossy().replace('\\', "/")
}

/// Writes each archive when the last of its sounds is there. A sound that failed is left out.
pub struct Writer {
    output: Output,
    /// Sounds that each archive still waits for.
    waiting: HashMap<Sink, usize>,
    /// The archive that is being filled, and its members so far.
    filling: Option<Sink>,
    members: Vec<u8>,
}

impl Writer {
    pub fn new(entries: &[Entry], output: Output) -> Self {
        let mut waiting = HashMap::new();
        for entry in entries {
            *waiting.entry(entry.job.sink.clone()).or_default() += 1;
        }
        Self { output, waiting, filling: None, members: Vec::new() }
    }

    /// Fails early where an archive could not be written.
    pub fn check(&self) -> Result<()> {
        self.waiting.keys().try_for_each(|sink| self.output.check(sink))
    }

    /// Takes the result of a sound, in the order of the plan.
    pub fn add(&mut self, entry: &Entry, result: &Result<Report>) -> Result<()> {
        // An archive that lacks sounds when the next begins is one that the run stopped in.
        if self.filling.as_ref() != Some(&entry.job.sink) {
            self.filling = Some(entry.job.sink.clone());
            self.members.clear();
        }
        match result {
            Ok(report) => self.members.extend(&report.sample),
            // Nothing more is started: the archive stays unwritten, for another run.
            Err(failure) if failure.exit == Exit::Runtime => return Ok(()),
            Err(_) => {}
        }
        let Some(waiting) = self.waiting.get_mut(&entry.job.sink) else { return Ok(()) };
        *waiting -= 1;
        if *waiting > 0 {
            return Ok(());
        }
        let mut archive = std::mem::take(&mut self.members);
        if archive.is_empty() {
            return Ok(());
        }
        archive.extend(tar::END);
        self.output.write(&entry.job.sink, &archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut_where_readers_cut_them() {
        for (path, expected) in [("a.npy", "a"), ("deep/v1.2/b.c.npy", "deep/v1.2/b_c"), (".hidden.npy", "_hidden")] {
            assert_eq!(key(Path::new(path)), expected);
        }
    }
}
