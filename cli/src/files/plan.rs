//! From what the user named to a list of jobs: folders are walked and mirrored,
//! clashes are found before any work is done.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use crate::failure::{Exit, Failure, Result};

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Stdin,
    File(PathBuf),
    /// Part of a file, by a name of its own.
    Slice {
        path: PathBuf,
        name: String,
        at: u64,
        len: u64,
    },
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sink {
    Stdout,
    /// A file in a folder that must exist.
    File(PathBuf),
    /// A file in an output folder; its folders are created as needed.
    Mirrored(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
            Self::Slice { path, name, .. } => write!(f, "{}: {name}", path.display()),
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) | Self::Mirrored(path) => path.display().fmt(f),
        }
    }
}

impl Sink {
    /// The path of a file, `None` for standard output.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) | Self::Mirrored(path) => Some(path),
        }
    }
}

/// One input and its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub source: Source,
    pub sink: Sink,
    /// Whether the user named the output itself, so that its ending stays.
    pub named: bool,
}

impl Job {
    /// The output, with another ending unless the user named it.
    pub fn sink_with(&self, ending: &str) -> Sink {
        match &self.sink {
            Sink::File(path) if !self.named => Sink::File(path.with_extension(ending)),
            Sink::Mirrored(path) if !self.named => Sink::Mirrored(path.with_extension(ending)),
            sink => sink.clone(),
        }
    }
}

/// What a command takes from folders and how it names what it writes.
pub struct Rule<'a> {
    /// Extensions (lower case) of the files taken from a folder.
    pub takes: &'a [&'a str],
    /// Extension of an output that the user did not name.
    pub gives: &'a str,
}

/// The jobs, in a fixed order.
#[derive(Debug)]
pub struct Plan {
    pub jobs: Vec<Job>,
}

/// Turns inputs and `-o` into jobs.
///
/// # Errors
/// No job would be sensible: an input is missing, a folder has no `-o`, two inputs share an output, an output is its own input.
pub fn plan(inputs: &[PathBuf], out: Option<&Path>, rule: &Rule<'_>) -> Result<Plan> {
    let stdin = inputs.iter().any(|input| is_dash(input));
    if stdin && inputs.len() > 1 {
        return Err(Failure::usage("- (standard input) cannot be mixed with files", "encode it in a run of its own"));
    }
    let many = inputs.len() > 1 || inputs.iter().any(|input| input.is_dir());
    if many && out.is_some_and(is_dash) {
        return Err(Failure::usage("several outputs cannot share standard output", "name a folder with -o"));
    }
    if many && let Some(out) = out.filter(|out| out.is_file()) {
        return Err(
            Failure::usage("it is a file, but several inputs need a folder", "name a folder with -o").at(out.display())
        );
    }
    let mut plan = Plan { jobs: Vec::new() };
    for input in inputs {
        if is_dash(input) {
            plan.jobs.push(Job { source: Source::Stdin, sink: sink_of_stdin(out), named: true });
        } else if input.is_dir() {
            mirror(input, out, rule, &mut plan)?;
        } else {
            // A missing file is that file's own failure, reported when its turn comes; the others still run.
            let (sink, named) = sink_of_file(input, out, many, rule);
            plan.jobs.push(Job { source: Source::File(input.clone()), sink, named });
        }
    }
    refuse_clashes(&plan.jobs)?;
    Ok(plan)
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(std::path::MAIN_SEPARATOR_STR.as_bytes())
}

fn sink_of_stdin(out: Option<&Path>) -> Sink {
    out.filter(|out| !is_dash(out)).map_or(Sink::Stdout, |out| Sink::File(out.to_owned()))
}

/// Where the output of one file goes, and whether the user named it.
fn sink_of_file(input: &Path, out: Option<&Path>, many: bool, rule: &Rule<'_>) -> (Sink, bool) {
    match out {
        Some(out) if is_dash(out) => (Sink::Stdout, true),
        Some(out) if many || is_folder(out) => {
            let name = renamed(Path::new(input.file_name().unwrap_or(OsStr::new("out"))), rule);
            (Sink::Mirrored(out.join(name)), false)
        }
        Some(out) => (Sink::File(out.to_owned()), true),
        None => (Sink::File(renamed(input, rule)), false),
    }
}

fn renamed(path: &Path, rule: &Rule<'_>) -> PathBuf {
    path.with_extension(rule.gives)
}

fn mirror(folder: &Path, out: Option<&Path>, rule: &Rule<'_>, plan: &mut Plan) -> Result<()> {
    let Some(out) = out else {
        return Err(Failure::usage(
            "it is a folder",
            "say with -o OUT_FOLDER where the mirrored outputs go, or name its files",
        )
        .at(folder.display()));
    };
    for path in walk(folder, rule.takes, Some(out))? {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let sink = Sink::Mirrored(out.join(renamed(relative, rule)));
        plan.jobs.push(Job { source: Source::File(path), sink, named: false });
    }
    Ok(())
}

/// The files below a folder that have one of the endings (lower case), by name. An output folder `out` inside it is left
/// out, so that a run does not feed on itself.
///
/// # Errors
/// The folder cannot be walked, or holds no such file.
pub fn walk(folder: &Path, takes: &[&str], out: Option<&Path>) -> Result<Vec<PathBuf>> {
    let out = out.and_then(|out| out.canonicalize().ok());
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    let entries =
        entries.filter_entry(|entry| entry.depth() == 0 || out.is_none() || entry.path().canonicalize().ok() != out);
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot walk it ({error})"), "check its permissions and links")
                .at(folder.display())
        })?;
        let ending = entry.path().extension().map(|e| e.to_string_lossy().to_lowercase());
        if entry.file_type().is_file() && ending.is_some_and(|e| takes.contains(&e.as_str())) {
            files.push(entry.into_path());
        }
    }
    if files.is_empty() {
        let kinds = takes.join(", ");
        return Err(Failure::new(
            Exit::Failed,
            format!("the folder holds no file with one of these endings: {kinds}"),
            "check the path",
        )
        .at(folder.display()));
    }
    Ok(files)
}

/// Refuses jobs of which one would write over its own input or over the output of another.
pub fn refuse_clashes(jobs: &[Job]) -> Result<()> {
    let mut seen: HashMap<&Path, &Source> = HashMap::new();
    for job in jobs {
        let Some(path) = job.sink.path() else { continue };
        if let Source::File(input) = &job.source
            && (input == path || same_file(input, path))
        {
            return Err(Failure::usage("it would be overwritten by its own output", "name another output with -o")
                .at(input.display()));
        }
        if let Some(other) = seen.insert(path, &job.source) {
            return Err(Failure::usage(
                format!("both {other} and {} would be written to it", job.source),
                "rename one of them or run them into different folders",
            )
            .at(path.display()));
        }
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RULE: Rule<'_> = Rule { takes: &["png", "jpg"], gives: "tsr" };

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        root
    }

    fn sinks(plan: &Plan, root: &Path) -> Vec<String> {
        plan.jobs
            .iter()
            .map(|job| job.sink.path().unwrap().strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"))
            .collect()
    }

    #[test]
    fn a_folder_is_mirrored_in_name_order_and_other_kinds_are_passed_over() {
        let root = tree(&["in/b.PNG", "in/a/c.jpg", "in/notes.txt"]);
        let plan = plan(&[root.path().join("in")], Some(&root.path().join("out")), &RULE).unwrap();
        assert_eq!(sinks(&plan, root.path()), ["out/a/c.tsr", "out/b.tsr"]);
    }

    #[test]
    fn an_output_folder_inside_the_input_is_not_walked() {
        let root = tree(&["in/a.png", "in/out/old.png"]);
        let plan = plan(&[root.path().join("in")], Some(&root.path().join("in/out")), &RULE).unwrap();
        assert_eq!(sinks(&plan, root.path()), ["in/out/a.tsr"]);
    }

    #[test]
    fn a_file_goes_beside_itself_into_a_folder_or_to_the_named_file() {
        let root = tree(&["a.png", "dir/x"]);
        let input = [root.path().join("a.png")];
        let at = |out: Option<PathBuf>| sinks(&plan(&input, out.as_deref(), &RULE).unwrap(), root.path()).remove(0);
        assert_eq!(at(None), "a.tsr");
        assert_eq!(at(Some(root.path().join("dir"))), "dir/a.tsr");
        assert_eq!(at(Some(root.path().join("b.tsr"))), "b.tsr");
    }

    #[test]
    fn standard_input_goes_to_standard_output() {
        let plan = plan(&[PathBuf::from("-")], None, &RULE).unwrap();
        assert_eq!(plan.jobs, [Job { source: Source::Stdin, sink: Sink::Stdout, named: true }]);
    }

    #[test]
    fn clashes_are_refused_before_any_work() {
        let root = tree(&["a.png", "a.jpg", "d/a.png"]);
        let path = |name: &str| root.path().join(name);
        for (inputs, out, said) in [
            (vec![path("a.png"), path("a.jpg")], None, "both"),
            (vec![path("a.png"), path("d/a.png")], Some(path("out")), "both"),
            (vec![path("a.png")], Some(path("a.png")), "own output"),
            (vec![path("a.png"), path("d/a.png")], Some(path("a.jpg")), "need a folder"),
            (vec![path("a.png"), path("d/a.png")], Some(PathBuf::from("-")), "standard output"),
            (vec![path("a.png"), PathBuf::from("-")], None, "mixed"),
            (vec![path("d")], None, "is a folder"),
        ] {
            let failure = plan(&inputs, out.as_deref(), &RULE).unwrap_err();
            assert!(failure.to_string().contains(said), "{failure}");
        }
    }
}
