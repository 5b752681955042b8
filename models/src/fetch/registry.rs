//! Published models: what there is, where its files lie, and what proves that they arrived whole.

use std::{fs, path::Path};

use serde::Deserialize;

use super::hub::HubFile;
use crate::{Error, Result, pack::is_plain_name};

/// Version of the form that this program reads.
const FORMAT: u32 = 1;
/// Longest registry that is read, bytes.
const MAX_REGISTRY: u64 = 1 << 20;
/// The registry that comes with the program.
const EMBEDDED: &str = include_str!("../../registry.toml");

/// A list of published models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    format: u32,
    #[serde(rename = "model", default)]
    models: Vec<Published>,
    #[serde(skip)]
    place: String,
}

/// A published model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Name to pull it by, and the id of the pack that an importer makes of it: lower-case letters, digits, `.` and `-`.
    pub name: String,
    /// What it codes: `image`, `audio`, `geometry`.
    pub modality: String,
    /// One sentence.
    pub summary: String,
    /// SPDX expression of the weights' licence, or `unknown` where the publisher does not say.
    pub licence: String,
    /// Where the licence is said.
    pub licence_url: String,
    /// What else whoever uses the model should know of its licence or its data.
    #[serde(default)]
    pub note: Option<String>,
    /// The importer in `models/import` that makes a pack of the checkpoint; none where the file is a pack.
    #[serde(default)]
    pub importer: Option<String>,
    /// What the importer is told besides files, id and licence.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Options of the importer that only whoever pulls can give, such as `--photos`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<Remote>,
}

/// One file of a published model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// What it is for.
    pub role: Role,
    /// Plain name that it is kept under.
    pub name: String,
    /// Where it is published.
    pub url: String,
    /// Its length, where it is known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal, where it is known.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What a file of a published model is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A model pack (`.tpack`), ready to use.
    Pack,
    /// Weights in another project's form.
    Checkpoint,
    /// That project's description of them.
    Config,
}

impl Registry {
    /// The registry that comes with the program.
    ///
    /// # Errors
    /// [`Error::Registry`] if the program was built with one that makes no sense.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED, "the built-in registry")
    }

    /// A registry of one's own.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Registry`] where it makes no sense.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = |error| Error::io(path, error);
        if fs::metadata(path).map_err(cannot)?.len() > MAX_REGISTRY {
            return Err(wrong(path.display(), format!("it is longer than {MAX_REGISTRY} bytes, so it is no registry")));
        }
        let text = fs::read(path).map_err(cannot)?;
        let text =
            String::from_utf8(text).map_err(|_| wrong(path.display(), "it is not UTF-8, so it is no registry"))?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, place: &str) -> Result<Self> {
        let mut registry: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            wrong(place, format!("line {line}: {}; 'tessera models pull --help' shows the form", error.message()))
        })?;
        registry.place = place.to_owned();
        if registry.format != FORMAT {
            return Err(wrong(place, format!("it has format {}, this program reads {FORMAT}", registry.format)));
        }
        for (n, model) in registry.models.iter().enumerate() {
            model.check().map_err(|what| wrong(place, format!("model {:?}: {what}", model.name)))?;
            if registry.models[..n].iter().any(|other| other.name == model.name) {
                return Err(wrong(place, format!("model {:?} is there twice", model.name)));
            }
        }
        Ok(registry)
    }

    /// Every model, in the order of the file.
    pub fn models(&self) -> &[Published] {
        &self.models
    }

    /// The model of that name.
    ///
    /// # Errors
    /// [`Error::Registry`] names those that there are.
    pub fn find(&self, name: &str) -> Result<&Published> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
            wrong(&self.place, format!("there is no model {name:?}; there are {}", names.join(", ")))
        })
    }
}

impl Published {
    /// The file of a role.
    pub fn file(&self, role: Role) -> Option<&Remote> {
        self.files.iter().find(|file| file.role == role)
    }

    /// Bytes of all files, where all are known.
    pub fn bytes(&self) -> Option<u64> {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether length and SHA-256 of every file are known, so that none has to be trusted.
    pub fn is_proven(&self) -> bool {
        self.files.iter().all(|file| file.bytes.is_some() && file.sha256.is_some())
    }

    fn check(&self) -> std::result::Result<(), String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if self.name.len() > 64 || !self.name.chars().all(plain) || !is_plain_name(&self.name) {
            return Err("a name is 1 to 64 lower-case letters, digits, '.' and '-', and begins with no '.'".to_owned());
        }
        let count = |role| self.files.iter().filter(|file| file.role == role).count();
        let fits = match self.importer.as_deref() {
            None => count(Role::Pack) == 1 && self.files.len() == 1 && self.arguments.is_empty(),
            Some(_) => count(Role::Pack) == 0 && count(Role::Checkpoint) == 1 && count(Role::Config) <= 1,
        };
        if !fits {
            return Err("it needs either one file of role \"pack\", or an importer, one file of role \"checkpoint\" and at most one of role \"config\"".to_owned());
        }
        if self.importer.as_deref().is_some_and(|importer| !is_plain_name(importer) || importer.contains('.')) {
            return Err("its importer is the name of a file in models/import, without .py".to_owned());
        }
        for (n, file) in self.files.iter().enumerate() {
            file.check()?;
            if self.files[..n].iter().any(|other| other.name == file.name) {
                return Err(format!("file {:?} is there twice", file.name));
            }
        }
        Ok(())
    }
}

impl Remote {
    /// The file's place in Hugging Face's hub, where that is where it is published.
    pub(super) fn hub(&self) -> Option<HubFile> {
        HubFile::of_url(&self.url)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let Self { name, url, sha256, .. } = self;
        if !is_plain_name(name) || name.ends_with(".part") || name.ends_with(".etag") {
            return Err(format!("{name:?} is not a plain file name"));
        }
        if sha256.as_ref().is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(is_lower_hex)) {
            return Err(format!("the SHA-256 of {name} is not 64 lower-case hexadecimal digits"));
        }
        let after = |scheme: &str| url.strip_prefix(scheme).filter(|rest| !rest.is_empty());
        let loopback = |rest: &str| ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| is_host(rest, host));
        if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(format!("the URL of {name} holds blanks or control characters"));
        }
        match (after("https://"), after("http://")) {
            (Some(_), _) => Ok(()),
            (_, Some(rest)) if sha256.is_some() || loopback(rest) => Ok(()),
            (_, Some(_)) => Err(format!("{name} comes over http:// and has no SHA-256, so nothing proves it")),
            _ => Err(format!("the URL of {name} begins with neither https:// nor http://")),
        }
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether a URL without its scheme is of this host.
fn is_host(rest: &str, host: &str) -> bool {
    rest.strip_prefix(host).is_some_and(|after| after.is_empty() || after.starts_with([':', '/', '?']))
}

fn wrong(place: impl ToString, what: impl Into<String>) -> Error {
    Error::Registry { place: place.to_string(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "format = 1\n[[model]]\nname = \"m\"\nmodality = \"image\"\nsummary = \"S.\"\nlicence = \"MIT\"\nlicence_url = \"https://example.org\"\n";
    const FILE: &str = "[[model.file]]\nrole = \"pack\"\nname = \"m.tpack\"\nurl = \"https://example.org/m\"\n";

    fn said(text: &str) -> String {
        Registry::parse(text, "r.toml").expect_err("an error").to_string()
    }

    #[test]
    fn the_built_in_registry_makes_sense_and_names_importers_that_exist() {
        let registry = Registry::embedded().unwrap();
        assert!(!registry.models().is_empty());
        for model in registry.models() {
            let importer = model.importer.as_ref().unwrap();
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("import").join(format!("{importer}.py"));
            assert!(script.is_file(), "{}: {}", model.name, script.display());
            assert!(model.files.iter().all(|file| file.url.starts_with("https://")), "{}", model.name);
        }
        assert!(said_of(registry.find("nothing")).contains("there are "));
    }

    fn said_of<T>(result: Result<T>) -> String {
        result.err().expect("an error").to_string()
    }

    #[test]
    fn a_registry_that_makes_no_sense_is_refused_in_words() {
        assert!(Registry::parse(&format!("{MODEL}{FILE}"), "r.toml").is_ok());
        for (text, what) in [
            ("format = 2".to_owned(), "format 2"),
            ("nonsense".to_owned(), "line 1"),
            (format!("{MODEL}surprise = 1\n{FILE}"), "surprise"),
            (MODEL.to_owned(), "file"),
            (format!("{MODEL}{FILE}{FILE}"), "it needs either"),
            (format!("{MODEL}importer = \"vqgan\"\n{FILE}"), "it needs either"),
            (format!("{MODEL}{FILE}").replace("\"pack\"", "\"config\""), "it needs either"),
            (format!("{MODEL}{FILE}").replace("m.tpack", "../m.tpack"), "plain file name"),
            (format!("{MODEL}{FILE}").replace("\"m\"", "\"M m\""), "a name is"),
            (format!("{MODEL}{FILE}sha256 = \"AB\"\n"), "hexadecimal"),
            (format!("{MODEL}{FILE}").replace("https://example.org/m", "ftp://example.org/m"), "neither"),
            (format!("{MODEL}{FILE}").replace("https://example.org/m", "http://example.org/m"), "nothing proves"),
            (format!("{MODEL}{FILE}").replace("https://example.org/m", "http://localhost.example.org/m"), "nothing"),
            (format!("{MODEL}{FILE}{}{FILE}", MODEL.trim_start_matches("format = 1\n")), "twice"),
        ] {
            let said = said(&text);
            assert!(said.starts_with("r.toml: ") && said.contains(what), "{what}: {said}");
        }
    }
}
