//! The cache that Hugging Face's programs share: what lies in it need not come again.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::runtime;

/// A file in Hugging Face's hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HubFile {
    /// `owner/name`, or the name of an old repository without an owner.
    repository: String,
    /// Branch, tag or commit.
    revision: String,
    /// Path inside the repository.
    path: String,
}

impl HubFile {
    /// Reads `https://huggingface.co/REPOSITORY/resolve/REVISION/PATH`.
    pub fn of_url(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://huggingface.co/")?;
        let (repository, rest) = rest.split_once("/resolve/")?;
        let (revision, path) = rest.split_once('/')?;
        let path = path.split('?').next().unwrap_or(path);
        let tame = |text: &str| {
            !text.is_empty()
                && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
                && !text.contains(['\\', ':'])
        };
        let fits = tame(repository) && repository.split('/').count() <= 2 && tame(revision) && tame(path);
        fits.then(|| Self { repository: repository.to_owned(), revision: revision.to_owned(), path: path.to_owned() })
    }

    /// Where the cache may hold it, most certain first: by content where the SHA-256 is known, then by revision.
    ///
    /// The layout is the hub's own: `models--OWNER--NAME/{blobs/HASH, refs/REVISION, snapshots/COMMIT/PATH}`.
    pub fn candidates(&self, cache: &Path, sha256: Option<&str>) -> Vec<PathBuf> {
        let folder = cache.join(format!("models--{}", self.repository.replace('/', "--")));
        let mut found: Vec<PathBuf> = sha256.map(|hash| folder.join("blobs").join(hash)).into_iter().collect();
        let commit = fs::read_to_string(folder.join("refs").join(&self.revision)).ok();
        let commit =
            commit.map(|text| text.trim().to_owned()).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        for snapshot in
            commit.iter().map(String::as_str).chain([self.revision.as_str()]).filter(|name| !name.is_empty())
        {
            found.push(folder.join("snapshots").join(snapshot).join(&self.path));
        }
        found
    }
}

/// The cache's folder: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `huggingface/hub` in the user's cache.
pub(super) fn cache() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HF_HUB_CACHE").or_else(|| set("HF_HOME").map(|home| home.join("hub"))).or_else(|| {
        // On every system where the hub's own programs look, not where that system keeps caches.
        let base = set("XDG_CACHE_HOME").or_else(|| runtime::home().map(|home| home.join(".cache")));
        base.map(|base| base.join("huggingface/hub"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_the_hub_are_taken_apart_and_others_are_not() {
        let file = HubFile::of_url("https://huggingface.co/a/b/resolve/main/sub/c.ckpt?download=true").unwrap();
        assert_eq!(
            (file.repository.as_str(), file.revision.as_str(), file.path.as_str()),
            ("a/b", "main", "sub/c.ckpt")
        );
        for url in [
            "https://example.org/a/b/resolve/main/c",
            "https://huggingface.co/a/b/blob/main/c",
            "https://huggingface.co/a/b/resolve/main",
            "https://huggingface.co/a/b/resolve/main/../../c",
            "https://huggingface.co/../b/resolve/main/c",
            "https://huggingface.co/a/b/c/resolve/main/c",
        ] {
            assert_eq!(HubFile::of_url(url), None, "{url}");
        }
    }

    #[test]
    fn the_cache_is_asked_by_content_then_by_revision() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("models--a--b");
        fs::create_dir_all(folder.join("refs")).unwrap();
        fs::write(folder.join("refs/main"), "0123abcd\n").unwrap();
        let file = HubFile::of_url("https://huggingface.co/a/b/resolve/main/sub/c").unwrap();
        assert_eq!(
            file.candidates(cache.path(), Some("ff")),
            [folder.join("blobs/ff"), folder.join("snapshots/0123abcd/sub/c"), folder.join("snapshots/main/sub/c")]
        );
        // A reference that leads elsewhere is none.
        fs::write(folder.join("refs/main"), "../../..").unwrap();
        assert_eq!(file.candidates(cache.path(), None), [folder.join("snapshots/main/sub/c")]);
    }
}
