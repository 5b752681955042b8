//! Running the program under test and looking at what it said.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The program with its arguments; environment variables that would change what it finds are removed.
pub fn tessera<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera-under-test"));
    command.args(arguments).env_remove("TESSERA_MODELS").stdin(Stdio::null());
    command
}

/// Runs it; it must succeed. Returns standard output.
pub fn succeeds(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} failed: {}", stderr(&output));
    output.stdout
}

/// Runs it; it must fail with this exit code, saying so on one line that holds `says`. Returns the line.
pub fn fails(command: &mut Command, exit: i32, says: &str) -> String {
    let output = command.output().unwrap();
    let line = stderr(&output);
    assert_eq!(output.status.code(), Some(exit), "{command:?}: {line}");
    assert!(
        line.starts_with("tessera: ") && line.trim_end().lines().count() == 1,
        "{command:?} said not one line: {line}"
    );
    assert!(line.contains(says), "{command:?} does not say {says:?}: {line}");
    assert!(!line.contains("panicked"), "{line}");
    assert!(output.stdout.is_empty(), "{command:?} wrote to standard output");
    line
}

/// The JSON lines that it prints.
pub fn json(command: &mut Command) -> Vec<Value> {
    let text = String::from_utf8(succeeds(command)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An empty folder.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Names in a folder, sorted, hidden ones too.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A sample image by name.
pub fn sample(name: &str) -> PathBuf {
    tessera_tests::samples().join(name)
}

/// A small coded picture, in a folder of its own.
pub fn coded(folder: &Path) -> PathBuf {
    let path = folder.join("coded.tsr");
    succeeds(tessera(["encode", "--bpp", "0.1", "-o"]).arg(&path).arg(sample("text.png")));
    path
}
