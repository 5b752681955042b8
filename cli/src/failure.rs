//! What a user is told when something fails: one line that names the file, says
//! what happened and what to do, and an exit code that a script can act on.

use std::{fmt, io, path::Path};

/// Exit codes of the program, documented in `tessera --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// A file could not be read or written, would be overwritten, or several files failed for different reasons.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// An input is damaged, foreign, beyond the limits or of a kind that is not supported.
    Input = 3,
    /// A model pack is missing, damaged, or not the one that the file was made with.
    Pack = 4,
    /// ONNX Runtime is missing or does not work.
    Runtime = 5,
}

/// One failure, ready to be shown.
#[derive(Clone, Debug)]
pub struct Failure {
    pub exit: Exit,
    /// The file (or `stdin`, `stdout`, an option) it is about.
    pub file: Option<String>,
    pub what: String,
    pub fix: String,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { exit, file: None, what: what.into(), fix: fix.into() }
    }

    pub fn usage(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, fix)
    }

    /// Names the file, unless an inner layer already did.
    pub fn at(mut self, file: impl fmt::Display) -> Self {
        self.file.get_or_insert_with(|| file.to_string());
        self
    }

    pub fn read(path: &Path, error: &io::Error) -> Self {
        let (what, fix) = match error.kind() {
            io::ErrorKind::NotFound => ("there is no such file", "check the path"),
            io::ErrorKind::PermissionDenied => {
                ("permission to read it was denied", "change its permissions or run as its owner")
            }
            io::ErrorKind::IsADirectory => ("it is a folder, not a file", "name a file"),
            _ => {
                return Self::new(Exit::Failed, format!("cannot read it ({error})"), "check the file and its disk")
                    .at(path.display());
            }
        };
        Self::new(Exit::Failed, what, fix).at(path.display())
    }

    pub fn write(path: &Path, error: &io::Error) -> Self {
        let (what, fix) = match error.kind() {
            io::ErrorKind::NotFound => {
                ("the folder to write it in does not exist", "create the folder or choose another with -o")
            }
            io::ErrorKind::PermissionDenied => ("permission to write it was denied", "choose another place with -o"),
            io::ErrorKind::StorageFull => ("the disk is full", "free some space or choose another place with -o"),
            io::ErrorKind::AlreadyExists => return Self::exists(path),
            _ => {
                return Self::new(Exit::Failed, format!("cannot write it ({error})"), "choose another place with -o")
                    .at(path.display());
            }
        };
        Self::new(Exit::Failed, what, fix).at(path.display())
    }

    pub fn exists(path: &Path) -> Self {
        Self::new(Exit::Failed, "it already exists", "pass --force to overwrite it or choose another name with -o")
            .at(path.display())
    }
}

impl fmt::Display for Failure {
    /// `<file>: <what happened>; <what to do>`, always on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        if let Some(file) = &self.file {
            line.push_str(file);
            line.push_str(": ");
        }
        line.push_str(self.what.trim_end_matches(['.', ' ', '\r', '\n']));
        if !self.fix.is_empty() {
            line.push_str("; ");
            line.push_str(&self.fix);
        }
        for (i, part) in line.split(['\n', '\r']).map(str::trim).filter(|p| !p.is_empty()).enumerate() {
            write!(f, "{}{part}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

pub type Result<T> = std::result::Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_whatever_its_parts_hold() {
        let failure = Failure::new(Exit::Input, "two\n  lines\r\n.", "try again").at("a.png").at("b.png");
        assert_eq!(failure.to_string(), "a.png: two lines; try again");
    }
}
