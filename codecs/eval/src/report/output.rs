//! Files that appear whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes below one folder and remembers what.
pub(super) struct Output<'a> {
    folder: &'a Path,
    files: Vec<PathBuf>,
}

impl<'a> Output<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, files: Vec::new() }
    }

    /// Writes `name`, a path below the folder with `/` between its parts, under another name first.
    pub(super) fn write(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        let parent = path.parent().unwrap_or(self.folder);
        fs::create_dir_all(parent).map_err(|source| io(parent, source))?;
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = parent.join(format!(".{stem}.{}.partial", std::process::id()));
        let done = fs::write(&partial, content).and_then(|()| fs::rename(&partial, &path));
        if let Err(source) = done {
            // The cause is reported; that a file which may not exist cannot be removed adds nothing.
            let _ = fs::remove_file(&partial);
            return Err(io(&path, source));
        }
        self.files.push(path);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<PathBuf> {
        self.files
    }
}

pub(super) fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

/// File stems for names that may hold anything: letters, digits, `.`, `-` and `_` stay, and no two are alike, whatever
/// the case of their letters.
pub(super) fn stems<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let mut stem = |name: &str| {
        let safe: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let safe = match safe.trim_start_matches('.') {
            "" => "unnamed".to_owned(),
            visible => visible.chars().take(80).collect(),
        };
        let mut unique = safe.clone();
        let mut n = 2;
        while !taken.insert(unique.to_ascii_lowercase()) {
            unique = format!("{safe}-{n}");
            n += 1;
        }
        unique
    };
    names.into_iter().map(&mut stem).collect()
}
