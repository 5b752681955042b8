//! Finds packs: by id, by the hash inside a coded file, or the default of a modality.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tessera_core::container::Modality;

use crate::{Addition, Error, Pack, Result, embedded, pack::hex, runtime};

/// Where packs are looked for, in order.
#[derive(Clone, Debug)]
pub struct Store {
    folders: Vec<(Origin, PathBuf)>,
    embedded: bool,
}

/// Where a pack came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The folder that the caller named.
    Given,
    /// A folder in `TESSERA_MODELS`.
    Environment,
    /// The user's data folder.
    User,
    /// Built into the program.
    BuiltIn,
}

impl Origin {
    /// One or two words for a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "--models",
            Self::Environment => "TESSERA_MODELS",
            Self::User => "user",
            Self::BuiltIn => "built in",
        }
    }
}

/// A pack in the store, or what is wrong with it.
#[derive(Debug)]
pub struct Found {
    /// Which of the store's places.
    pub origin: Origin,
    /// File or folder; `None` for built-in packs.
    pub path: Option<PathBuf>,
    /// The pack.
    pub pack: Result<Arc<Pack>>,
}

impl Store {
    /// The places that every command searches: `given`, the folders in `TESSERA_MODELS`, the user's data folder
    /// (`…/tessera/models`), the packs built into the program.
    ///
    /// A folder may be a pack itself or hold packs (folders and `.tpack` files).
    pub fn standard(given: Option<&Path>) -> Self {
        let mut folders: Vec<_> = given.map(|path| (Origin::Given, path.to_owned())).into_iter().collect();
        if let Some(paths) = env::var_os("TESSERA_MODELS") {
            folders.extend(
                env::split_paths(&paths).filter(|p| !p.as_os_str().is_empty()).map(|p| (Origin::Environment, p)),
            );
        }
        folders.extend(runtime::user_data().map(|data| (Origin::User, data.join("models"))));
        Self { folders, embedded: true }
    }

    /// Only one folder: neither the user's packs nor the built-in ones.
    pub fn only(folder: &Path) -> Self {
        Self { folders: vec![(Origin::Given, folder.to_owned())], embedded: false }
    }

    /// Every pack, in the order of the search. Damaged packs are listed with what is wrong.
    pub fn list(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for (origin, folder) in &self.folders {
            for path in candidates(folder) {
                let pack = Pack::open(&path).map(Arc::new);
                found.push(Found { origin: *origin, path: Some(path), pack });
            }
        }
        if self.embedded {
            let built_in = embedded::PACKS.iter().map(|bytes| Pack::from_bytes(bytes).map(Arc::new));
            found.extend(built_in.map(|pack| Found { origin: Origin::BuiltIn, path: None, pack }));
        }
        found
    }

    /// The first pack whose id is `name`, or whose hash starts with it (at least four hexadecimal digits).
    ///
    /// # Errors
    /// [`Error::PackMissing`], or what is wrong with a folder that the caller named.
    pub fn find(&self, name: &str) -> Result<Arc<Pack>> {
        let short = name.len() >= 4;
        self.first(name, |pack| pack.id() == name || short && pack.hash_text().starts_with(&name.to_ascii_lowercase()))
    }

    /// The pack with the hash that a coded file names.
    ///
    /// # Errors
    /// [`Error::PackMissing`] names the id too where the file gives one.
    pub fn find_hash(&self, hash: [u8; 8], id: Option<&str>) -> Result<Arc<Pack>> {
        let text = hex(&hash);
        let wanted = id.map_or_else(|| text.clone(), |id| format!("{id} ({text})"));
        self.first(&wanted, |pack| pack.hash8() == hash)
    }

    /// The pack that a modality is coded with when none is named: the first in the order of the search.
    ///
    /// # Errors
    /// [`Error::PackMissing`].
    pub fn default_for(&self, modality: Modality) -> Result<Arc<Pack>> {
        self.first(&format!("for {modality:?}").to_lowercase(), |pack| pack.manifest().modality() == Some(modality))
    }

    /// The first pack that measures the metric `name`, such as `lpips`.
    ///
    /// # Errors
    /// [`Error::PackMissing`].
    pub fn metric(&self, name: &str) -> Result<Arc<Pack>> {
        let measures = |pack: &Pack| pack.manifest().metric.as_ref().is_some_and(|metric| metric.name == name);
        self.first(&format!("for the metric {name}"), measures)
    }

    /// The first pack that adds this to an image pack, whose hash and id are given.
    ///
    /// # Errors
    /// [`Error::PackMissing`].
    pub fn addition(&self, addition: Addition, base: [u8; 8], id: &str) -> Result<Arc<Pack>> {
        let wanted = format!("that is a {} for {id} ({})", addition.name(), hex(&base));
        self.first(&wanted, |pack| pack.adds_to(base) == Some(addition))
    }

    fn first(&self, wanted: &str, accept: impl Fn(&Pack) -> bool) -> Result<Arc<Pack>> {
        let mut broken = None;
        for found in self.list() {
            match found.pack {
                Ok(pack) if accept(&pack) => return Ok(pack),
                // What a user named by hand must not be passed over in silence when nothing else answers.
                Err(error) if found.origin == Origin::Given => broken = broken.or(Some(error)),
                _ => {}
            }
        }
        Err(broken.unwrap_or_else(|| Error::PackMissing { wanted: wanted.to_owned() }))
    }
}

/// The packs of a folder, by name; the folder itself where it is a pack, or a file that was named in its place.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() || folder.join(crate::pack::MANIFEST).is_file() {
        return vec![folder.to_owned()];
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_pack =
        |path: &PathBuf| path.join(crate::pack::MANIFEST).is_file() || path.extension().is_some_and(|e| e == "tpack");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_pack).collect();
    paths.sort();
    paths
}
