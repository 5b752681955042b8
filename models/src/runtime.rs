//! Finds and loads the ONNX Runtime library, once per process.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Mutex,
};

use ort::environment::Environment;

use crate::{Error, Result};

#[cfg(target_os = "windows")]
const LIBRARY: &str = "onnxruntime.dll";
#[cfg(target_os = "macos")]
const LIBRARY: &str = "libonnxruntime.dylib";
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const LIBRARY: &str = "libonnxruntime.so";

/// A loaded library.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// The library's path (or bare name, where the system's loader found it).
    pub library: PathBuf,
    environment: Environment,
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Loads the library, or returns the one that is loaded already.
///
/// Searched in order: `given`; `TESSERA_ORT_LIB`; `ORT_DYLIB_PATH`; beside the executable and in `../lib` of it; the user's data
/// folder (`…/tessera/lib`, where `setup.sh` puts it); the system's loader. A path that was given by hand is final.
///
/// # Errors
/// [`Error::RuntimeMissing`] with every place that was tried, [`Error::RuntimeBroken`] where a library does not load.
pub fn load(given: Option<&Path>) -> Result<Runtime> {
    let mut loaded = LOADED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(runtime) = &*loaded {
        return Ok(runtime.clone());
    }
    let library = locate(given)?;
    let broken = |reason: String| Error::RuntimeBroken { path: library.clone(), reason };
    let builder = ort::init_from(&library).map_err(|error| broken(error.to_string()))?;
    let environment =
        builder.with_name("tessera").with_telemetry(false).build().map_err(|error| broken(error.to_string()))?;
    let runtime = Runtime { library, environment };
    *loaded = Some(runtime.clone());
    Ok(runtime)
}

impl Runtime {
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Version and build flags, as the library reports them.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }
}

/// The user's data folder for tessera: packs in `models`, the runtime in `lib`.
pub fn user_data() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(target_os = "windows") {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("tessera"))
}

/// The user's home folder.
#[cfg(feature = "fetch")]
pub(crate) fn home() -> Option<PathBuf> {
    let name = if cfg!(target_os = "windows") { "USERPROFILE" } else { "HOME" };
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The user's cache folder for tessera: downloads lie in `downloads`.
#[cfg(feature = "fetch")]
pub(crate) fn user_cache() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(target_os = "windows") {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("tessera"))
}

/// The library to load.
fn locate(given: Option<&Path>) -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = given.map(Path::to_owned).or_else(|| set("TESSERA_ORT_LIB")).or_else(|| set("ORT_DYLIB_PATH")) {
        // A folder is taken to hold the library under its usual name.
        let path = if path.is_dir() { path.join(LIBRARY) } else { path };
        return if path.is_file() { Ok(path) } else { Err(Error::RuntimeMissing { looked: vec![path] }) };
    }
    let mut looked = Vec::new();
    if let Some(folder) = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)) {
        looked.push(folder.join(LIBRARY));
        looked.push(folder.join("../lib").join(LIBRARY));
    }
    looked.extend(user_data().map(|data| data.join("lib").join(LIBRARY)));
    for system in [
        "/usr/local/lib",
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/opt/homebrew/lib",
    ] {
        looked.push(Path::new(system).join(LIBRARY));
    }
    match looked.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(Error::RuntimeMissing { looked }),
    }
}
