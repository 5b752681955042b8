//! `tessera models`: the packs at hand, and those to be had.

mod importer;
mod pull;

use clap::{Args, Subcommand};
use serde::Serialize;
use tessera_models::{Found, Pack, Store};

use crate::{
    args::ModelArgs,
    batch, explain,
    failure::{Exit, Failure, Result},
    print,
};

/// List, show, verify and pull model packs
///
/// Packs are searched in the folder that --models names, in TESSERA_MODELS, in the user's data folder, and inside the program;
/// the first image pack found is the default for encoding pictures, the first audio pack for sounds. Decoding takes the pack that the file names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera models list
  tessera models show                   card of the default pack: data, licence, what it reaches
  tessera models verify --models DIR
  tessera models pull                   what there is to pull
  tessera models pull wavtokenizer-small-75 --trust")]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List packs: id, version, hash, what they are, licence, where from
    List {
        /// Report one JSON object per pack
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        models: ModelArgs,
    },
    /// Print a pack's model card
    Show {
        /// Id, or the first digits of the hash; the default pack if absent
        pack: Option<String>,
        #[command(flatten)]
        models: ModelArgs,
    },
    /// Check every part of packs against its SHA-256, and that the tables can be built
    Verify {
        /// Id, or the first digits of the hash; every pack if absent
        pack: Option<String>,
        #[command(flatten)]
        models: ModelArgs,
    },
    Pull(pull::Pull),
}

#[derive(Debug, Serialize)]
struct Report {
    id: String,
    version: String,
    hash: String,
    /// Medium (`video` for a frame decoder), `metric`, `refiner` or `masked`.
    kind: String,
    /// What a refiner, a masked-token model or a frame decoder adds to: the id of the pack, or its hash where that is not at hand.
    adds_to: Option<String>,
    licence: String,
    summary: String,
    bytes: u64,
    origin: &'static str,
    path: Option<String>,
}

pub fn run(arguments: &Models) -> Result<std::result::Result<(), Exit>> {
    match &arguments.action {
        Action::List { json, models } => list(&store(models)?, *json),
        Action::Show { pack, models } => show(&store(models)?, pack.as_deref()).map(Ok),
        Action::Verify { pack, models } => verify(&store(models)?, pack.as_deref()),
        Action::Pull(arguments) => pull::run(arguments).map(Ok),
    }
}

fn store(models: &ModelArgs) -> Result<Store> {
    if let Some(folder) = models.models.as_deref().filter(|path| !path.exists()) {
        return Err(
            Failure::new(Exit::Pack, "there is no such folder", "name a folder with model packs").at(folder.display())
        );
    }
    Ok(Store::standard(models.models.as_deref()))
}

fn list(store: &Store, json: bool) -> Result<std::result::Result<(), Exit>> {
    let found = store.list();
    let mut rows = vec![["id", "version", "hash", "kind", "bytes", "licence", "from"].map(str::to_owned).to_vec()];
    let mut failures = Vec::new();
    for entry in &found {
        let pack = match &entry.pack {
            Ok(pack) => pack,
            Err(error) => {
                failures.push(explain::models(error));
                continue;
            }
        };
        let report = Report::new(entry, pack, &found);
        if json {
            print::json(&report)?;
            continue;
        }
        let from = report.path.map_or(report.origin.to_owned(), |path| format!("{path} ({})", report.origin));
        let kind = match report.adds_to {
            Some(base) => format!("{} of {base}", report.kind),
            None => report.kind,
        };
        rows.push(vec![
            report.id,
            report.version,
            report.hash,
            kind,
            print::grouped(report.bytes),
            report.licence,
            from,
        ]);
    }
    if !json {
        print::text(&print::table(&rows))?;
    }
    Ok(batch::conclude(found.len(), &failures))
}

fn show(store: &Store, name: Option<&str>) -> Result<()> {
    let pack = match name {
        Some(name) => store.find(name),
        None => store.default_for(tessera_core::container::Modality::Image),
    };
    let card = pack.and_then(|pack| pack.card()).map_err(|error| explain::models(&error))?;
    print::text(&card)
}

fn verify(store: &Store, name: Option<&str>) -> Result<std::result::Result<(), Exit>> {
    let found: Vec<Found> = match name {
        None => store.list(),
        Some(name) => {
            let pack = store.find(name).map_err(|error| explain::models(&error))?;
            store
                .list()
                .into_iter()
                .filter(|entry| entry.pack.as_ref().is_ok_and(|other| other.hash8() == pack.hash8()))
                .collect()
        }
    };
    let mut failures = Vec::new();
    for entry in &found {
        let place = entry.path.as_ref().map_or("built in".to_owned(), |path| path.display().to_string());
        let checked = entry
            .pack
            .as_ref()
            .map_err(explain::models)
            .and_then(|pack| pack.verify().map(|()| pack).map_err(|error| explain::models(&error)));
        match checked {
            Ok(pack) => print::text(&format!(
                "{} {} (hash {}, {place}): ok\n",
                pack.id(),
                pack.manifest().version,
                pack.hash_text()
            ))?,
            Err(failure) => failures.push(failure),
        }
    }
    Ok(batch::conclude(found.len(), &failures))
}

impl Report {
    fn new(entry: &Found, pack: &Pack, all: &[Found]) -> Self {
        let manifest = pack.manifest();
        let base_id = |base: &str| {
            let mut packs = all.iter().filter_map(|found| found.pack.as_ref().ok());
            packs.find(|pack| pack.hash_text() == base).map_or_else(|| base.to_owned(), |pack| pack.id().to_owned())
        };
        Self {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            hash: pack.hash_text(),
            kind: manifest.kind().to_owned(),
            adds_to: manifest.base().map(base_id),
            licence: manifest.licence.clone(),
            summary: manifest.summary.clone(),
            bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
            origin: entry.origin.name(),
            path: entry.path.as_ref().map(|path| path.display().to_string()),
        }
    }
}
