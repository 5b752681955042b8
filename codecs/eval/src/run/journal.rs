//! Finished cells on disk, so that a run that was ended goes on where it was.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    sync::Mutex,
};

use serde::{Deserialize, Serialize};

use crate::{Cell, Error, Result};

/// One line.
#[derive(Deserialize, Serialize)]
struct Line {
    key: String,
    cell: Cell,
}

/// A file to which every finished cell is appended at once.
pub(super) struct Journal {
    known: HashMap<String, Cell>,
    file: Mutex<File>,
}

impl Journal {
    /// Reads what an earlier run wrote. A line that is cut short is left out, as is everything that is no cell.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::at(path)(error)),
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let known = lines.map(|line| (line.key, line.cell)).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::at(path))?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(Error::at(path))?;
        }
        Ok(Self { known, file: Mutex::new(file) })
    }

    /// The cell of a key, if an earlier run finished it.
    pub(super) fn find(&self, key: &str) -> Option<&Cell> {
        self.known.get(key)
    }

    /// Appends a finished cell.
    pub(super) fn add(&self, key: &str, cell: &Cell) -> Result<()> {
        let line = Line { key: key.to_owned(), cell: cell.clone() };
        let mut text = serde_json::to_string(&line).map_err(|error| Error::Failed(error.to_string()))?;
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(text.as_bytes()).map_err(|error| Error::Failed(format!("the journal: {error}")))
    }
}
