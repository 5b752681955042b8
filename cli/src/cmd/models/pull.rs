//! `tessera models pull`: published models by name.

use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tessera_models::{
    Error, Pack,
    fetch::{Downloads, Fetched, Published, Registry, Remote, Role, Source},
    runtime,
};

use super::importer::Python;
use crate::{
    explain,
    failure::{Exit, Failure, Result},
    files::Workshop,
    print,
};

/// Download a published model, make a pack of it, and put it among the user's packs
///
/// Files are taken from where they are published, into NAME.part first; a pull that was cut off goes on where it stopped. Length and SHA-256
/// are checked before anything is used. A file that lies in the cache of Hugging Face's programs (HF_HUB_CACHE, HF_HOME) is not downloaded
/// again. A checkpoint of another project is converted by an importer in Python, which needs PyTorch; without it the command says how to make
/// an environment.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera models pull                                     what there is
  tessera models pull vqgan-imagenet-f16-16384            shows the licence and asks
  tessera models pull wavtokenizer-small-75 --yes --trust
  tessera models pull sd-vae-ft-mse --yes -- --photos DIR
  tessera encode photo.jpg --pack vqgan-imagenet-f16-16384

A registry of one's own (--registry FILE):
  format = 1
  [[model]]
  name = \"my-pack\"                  # lower-case letters, digits, '.' and '-'
  modality = \"image\"
  summary = \"One sentence.\"
  licence = \"MIT\"                   # SPDX
  licence_url = \"https://example.org/licence\"
  # importer = \"vqgan\"              # for a file of role \"checkpoint\", and perhaps one of role \"config\"
  [[model.file]]
  role = \"pack\"
  name = \"my-pack.tpack\"
  url = \"https://example.org/my-pack.tpack\"
  bytes = 1234567                   # without these two, pull asks for --trust
  sha256 = \"64 hexadecimal digits\"")]
pub struct Pull {
    /// Name of the model; without it, a list of those there are
    name: Option<String>,

    /// Registry to look the name up in, instead of the built-in one
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,

    /// Accept the licence without being asked
    #[arg(short, long)]
    yes: bool,

    /// Take files whose length or SHA-256 the registry does not know
    #[arg(long)]
    trust: bool,

    /// Use no network: only what was downloaded before or lies in the hub's cache (HF_HUB_OFFLINE=1 does the same)
    #[arg(long)]
    offline: bool,

    /// Only download, and say where the files are
    #[arg(long)]
    download_only: bool,

    /// Python that the importer runs in, before TESSERA_PYTHON, the one in the user's data folder, and python3
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,

    /// Folder to put the pack into, instead of the user's own
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,

    /// Replace a pack of the same name
    #[arg(short, long)]
    force: bool,

    /// Report as JSON on standard output
    #[arg(long)]
    json: bool,

    /// Options of the importer, such as --photos DIR (models/import/README.md)
    #[arg(last = true, value_name = "OPTIONS")]
    importer: Vec<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    modality: &'a str,
    bytes: Option<u64>,
    proven: bool,
    licence: &'a str,
    licence_url: &'a str,
    summary: &'a str,
    note: Option<&'a str>,
    importer: Option<&'a str>,
    needs: &'a [String],
    urls: Vec<&'a str>,
}

#[derive(Serialize)]
struct Report {
    name: String,
    licence: String,
    files: Vec<FileReport>,
    pack: Option<PackReport>,
    /// Packs that came with it and add to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additions: Vec<PackReport>,
}

#[derive(Serialize)]
struct FileReport {
    path: String,
    bytes: u64,
    sha256: String,
    source: &'static str,
}

#[derive(Serialize)]
struct PackReport {
    id: String,
    hash: String,
    path: String,
}

pub fn run(arguments: &Pull) -> Result<()> {
    let registry = match &arguments.registry {
        Some(path) => Registry::open(path),
        None => Registry::embedded(),
    };
    let registry = registry.map_err(|error| match error {
        Error::Io { path, source } => Failure::read(&path, &source),
        error => explain::models(&error),
    })?;
    let Some(name) = &arguments.name else { return list(&registry, arguments.json) };
    let model = registry.find(name).map_err(|error| explain::models(&error))?;
    let folder = match &arguments.models {
        Some(folder) => folder.clone(),
        None => runtime::user_data().map(|data| data.join("models")).ok_or_else(|| {
            Failure::usage("there is no user's data folder to put a pack into", "name a folder with --models")
        })?,
    };
    let conversion = model.importer.is_some() && !arguments.download_only;
    check(arguments, model, conversion)?;
    if !arguments.download_only && !arguments.force {
        refuse_to_replace(&folder, name)?;
    }
    // Before a gigabyte is downloaded: could it be used at all?
    let python = conversion.then(|| Python::find(arguments.python.as_deref())).transpose()?;

    let asked = env::var("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
    let offline = arguments.offline || ["1", "true", "yes", "on"].contains(&asked.as_str());
    let downloads = Downloads::standard().map_err(|error| explain::models(&error))?.offline(offline);
    let fetch = |remote| Ok((remote, fetch(&downloads, name, remote)?));
    let fetched: Vec<(&Remote, Fetched)> = model.files.iter().map(fetch).collect::<Result<_>>()?;
    let packs = match (arguments.download_only, &python) {
        (true, _) => Vec::new(),
        (false, Some(python)) => convert(python, model, &fetched, &arguments.importer, &folder, arguments.force)?,
        (false, None) => vec![install(model, &fetched, &folder, arguments.force)?],
    };
    report(model, fetched, packs, arguments.json)
}

/// What there is.
fn list(registry: &Registry, json: bool) -> Result<()> {
    let mut rows = vec![["name", "codes", "bytes", "SHA-256", "licence"].map(str::to_owned).to_vec()];
    for model in registry.models() {
        if json {
            print::json(&Listed {
                name: &model.name,
                modality: &model.modality,
                bytes: model.bytes(),
                proven: model.is_proven(),
                licence: &model.licence,
                licence_url: &model.licence_url,
                summary: &model.summary,
                note: model.note.as_deref(),
                importer: model.importer.as_deref(),
                needs: &model.needs,
                urls: model.files.iter().map(|file| file.url.as_str()).collect(),
            })?;
        }
        let bytes = model.bytes().map_or("unknown".to_owned(), print::grouped);
        let proven = if model.is_proven() { "known" } else { "unknown" };
        let row = [&model.name, &model.modality, &bytes, proven, &model.licence];
        rows.push(row.map(ToString::to_string).to_vec());
    }
    if json { Ok(()) } else { print::text(&print::table(&rows)) }
}

/// Shows what would come, and asks for what only the user can decide.
fn check(arguments: &Pull, model: &Published, conversion: bool) -> Result<()> {
    let Published { name, licence, licence_url, .. } = model;
    let given =
        |needed: &str| arguments.importer.iter().any(|word| word == needed || word.starts_with(&format!("{needed}=")));
    let lacking: Vec<&str> =
        model.needs.iter().map(String::as_str).filter(|needed| conversion && !given(needed)).collect();
    if !lacking.is_empty() {
        let fix = format!("add '-- {} …' at the end; models/import/README.md says what it is", lacking.join(" … "));
        return Err(Failure::usage(format!("its importer needs {}", lacking.join(" and ")), fix).at(name));
    }
    if !arguments.importer.is_empty() && !conversion {
        return Err(
            Failure::usage("nothing is imported, so the options after -- go nowhere", "leave them out").at(name)
        );
    }
    if !model.is_proven() && !arguments.trust {
        let what = "the registry knows no length and SHA-256 of it, so nothing proves what comes";
        return Err(Failure::usage(what, "pass --trust to take it as it comes").at(name));
    }
    let terms = format!("its licence is {licence} ({licence_url})");
    print::note(&describe(model));
    if arguments.yes {
        return Ok(());
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Failure::usage(terms, "pass --yes to accept it").at(name));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "Accept the licence and go on? [y/N] ").and_then(|()| io::stderr().flush());
    asked.and_then(|()| io::stdin().read_line(&mut answer)).map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot ask ({error})"), "pass --yes to accept the licence").at(name)
    })?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => {
            Err(Failure::new(Exit::Failed, format!("{terms}, which was not accepted"), "nothing was downloaded")
                .at(name))
        }
    }
}

/// What a person should know before it comes.
fn describe(model: &Published) -> String {
    let mut text = format!("{}: {}\n", model.name, model.summary);
    text += &format!("licence: {} ({})\n", model.licence, model.licence_url);
    if let Some(note) = &model.note {
        text += &format!("         {note}\n");
    }
    for file in &model.files {
        let bytes = file.bytes.map_or("length unknown".to_owned(), |bytes| format!("{} bytes", print::grouped(bytes)));
        let hash = file.sha256.as_ref().map_or("SHA-256 unknown".to_owned(), |hash| format!("SHA-256 {hash}"));
        text += &format!("file:    {}\n         {bytes}, {hash}\n", file.url);
    }
    text.trim_end().to_owned()
}

fn fetch(downloads: &Downloads, name: &str, remote: &Remote) -> Result<Fetched> {
    let bar = bar(&remote.name);
    let fetched = downloads.fetch(name, remote, &mut |bytes, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(bytes);
    });
    bar.finish_and_clear();
    fetched.map_err(|error| explain::models(&error))
}

/// A bar on standard error, only where there is a terminal.
fn bar(name: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(name.to_owned());
    let template = "{msg} {bar:32} {bytes} of {total_bytes}  {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Makes a pack of a checkpoint, and what adds to it. Nothing is put anywhere before all of it is whole.
fn convert(
    python: &Python,
    model: &Published,
    fetched: &[(&Remote, Fetched)],
    arguments: &[String],
    folder: &Path,
    force: bool,
) -> Result<Vec<(Arc<Pack>, PathBuf)>> {
    print::note("making a pack of it …");
    let workshop = Workshop::within(folder)?;
    let files: Vec<(Role, PathBuf)> = fetched.iter().map(|(remote, file)| (remote.role, file.path.clone())).collect();
    let made = python.import(model, &files, arguments, workshop.path())?;
    let made: Vec<(PathBuf, PathBuf)> = made
        .into_iter()
        .map(|made| verified(&made).map(|pack| (made, folder.join(pack.id()))))
        .collect::<Result<_>>()?;
    if let Some((_, target)) = made.iter().find(|(_, target)| !force && target.symlink_metadata().is_ok()) {
        return Err(Failure::exists(target));
    }
    made.into_iter().map(|(made, target)| place(&workshop, &made, target, force)).collect()
}

/// Takes a pack as it came. The download is not kept beside it.
fn install(
    model: &Published,
    fetched: &[(&Remote, Fetched)],
    folder: &Path,
    force: bool,
) -> Result<(Arc<Pack>, PathBuf)> {
    let Some((_, file)) = fetched.first() else {
        return Err(
            Failure::new(Exit::Input, "the registry names no file of it", "correct the registry").at(&model.name)
        );
    };
    verified(&file.path)?;
    let workshop = Workshop::within(folder)?;
    let copy = workshop.path().join("pack.tpack");
    fs::copy(&file.path, &copy).map_err(|error| Failure::write(&copy, &error))?;
    let installed = place(&workshop, &copy, folder.join(format!("{}.tpack", model.name)), force)?;
    if file.source != Source::Hub {
        // What is left of a download that is in its place is only waste; that it cannot be removed harms nothing.
        let _ = fs::remove_file(&file.path);
    }
    Ok(installed)
}

fn verified(path: &Path) -> Result<Pack> {
    let pack = Pack::open(path).map_err(|error| explain::models(&error))?;
    pack.verify().map_err(|error| explain::models(&error))?;
    Ok(pack)
}

/// Gives a pack its place. What is in its way goes only when the new one is whole.
fn place(workshop: &Workshop, made: &Path, target: PathBuf, force: bool) -> Result<(Arc<Pack>, PathBuf)> {
    let cannot = |error: io::Error| Failure::write(&target, &error);
    if target.symlink_metadata().is_ok() {
        if !force {
            return Err(Failure::exists(&target));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        fs::rename(&target, workshop.path().join(format!("replaced-{name}"))).map_err(cannot)?;
    }
    fs::rename(made, &target).map_err(cannot)?;
    let pack = Pack::open(&target).map_err(|error| explain::models(&error))?;
    Ok((Arc::new(pack), target))
}

fn refuse_to_replace(folder: &Path, name: &str) -> Result<()> {
    for path in [folder.join(name), folder.join(format!("{name}.tpack"))] {
        if path.symlink_metadata().is_ok() {
            let fix = "it is found by its id; pass --force to pull it anew";
            return Err(Failure::new(Exit::Failed, "it is there already", fix).at(path.display()));
        }
    }
    Ok(())
}

fn report(
    model: &Published,
    fetched: Vec<(&Remote, Fetched)>,
    packs: Vec<(Arc<Pack>, PathBuf)>,
    json: bool,
) -> Result<()> {
    let mut packs = packs.into_iter().map(|(pack, path)| PackReport {
        id: pack.id().to_owned(),
        hash: pack.hash_text(),
        path: path.display().to_string(),
    });
    let report = Report {
        name: model.name.clone(),
        licence: model.licence.clone(),
        files: fetched.into_iter().map(|(_, file)| FileReport::new(file)).collect(),
        pack: packs.next(),
        additions: packs.collect(),
    };
    if json {
        return print::json(&report);
    }
    let mut text = String::new();
    for file in report.files.iter().filter(|file| report.pack.is_none() || Path::new(&file.path).exists()) {
        text += &format!(
            "{}: {} bytes, SHA-256 {} ({})\n",
            file.path,
            print::grouped(file.bytes),
            file.sha256,
            file.source
        );
    }
    for pack in report.pack.iter().chain(&report.additions) {
        text += &format!("{}: pack {} (hash {}), licence {}\n", pack.path, pack.id, pack.hash, report.licence);
    }
    print::text(&text)
}

impl FileReport {
    fn new(file: Fetched) -> Self {
        Self {
            path: file.path.display().to_string(),
            bytes: file.bytes,
            sha256: file.sha256,
            source: match file.source {
                Source::Network => "downloaded",
                Source::Kept => "was here",
                Source::Hub => "in the hub's cache",
            },
        }
    }
}
