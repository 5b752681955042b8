//! Checkpoints of other projects to packs: the importers of `models/import`, run by a Python that has PyTorch.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tessera_models::{
    fetch::{Published, Role},
    runtime,
};

use crate::failure::{Exit, Failure, Result};

/// The importers and what they import, by their paths below `models`: the program needs no checkout of its source.
const SCRIPTS: &[(&str, &str)] = &[
    ("import/autoencoder.py", include_str!("../../../../models/import/autoencoder.py")),
    ("import/checkpoint.py", include_str!("../../../../models/import/checkpoint.py")),
    ("import/diffusers_vae.py", include_str!("../../../../models/import/diffusers_vae.py")),
    ("import/image_pack.py", include_str!("../../../../models/import/image_pack.py")),
    ("import/rdeic.py", include_str!("../../../../models/import/rdeic.py")),
    ("import/rdeic_network.py", include_str!("../../../../models/import/rdeic_network.py")),
    ("import/stable_diffusion.py", include_str!("../../../../models/import/stable_diffusion.py")),
    ("import/vqgan.py", include_str!("../../../../models/import/vqgan.py")),
    ("import/wavtokenizer.py", include_str!("../../../../models/import/wavtokenizer.py")),
    ("import/wavtokenizer_network.py", include_str!("../../../../models/import/wavtokenizer_network.py")),
    ("training/pack.py", include_str!("../../../../models/training/pack.py")),
    ("training/vq.py", include_str!("../../../../models/training/vq.py")),
];

/// What the importers need, beside Python 3.11.
const PACKAGES: &[&str] = &["torch", "numpy", "onnx", "onnxscript", "pyyaml", "safetensors", "pillow"];
/// Of these the names to import.
const MODULES: &str = "torch, numpy, onnx, onnxscript, yaml, safetensors, PIL";
/// Lines of what an importer says that one line of an error repeats.
const LINES: usize = 6;

/// A Python that can import.
pub struct Python(PathBuf);

impl Python {
    /// The one that was named; else that of `TESSERA_PYTHON`, of the user's data folder, or `python3`.
    ///
    /// Fails with the commands that make an environment if it lacks something.
    pub fn find(given: Option<&Path>) -> Result<Self> {
        let own = runtime::user_data().map(|data| data.join("python"));
        let own =
            own.map(|folder| (folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" }), folder));
        let named = given.map(Path::to_owned).or_else(|| env::var_os("TESSERA_PYTHON").map(PathBuf::from));
        let kept = own.as_ref().map(|(python, _)| python.clone()).filter(|python| python.is_file());
        let python = named.or(kept).unwrap_or_else(|| "python3".into());
        let checked = Command::new(&python).args(["-c", &format!("import {MODULES}")]).stdin(Stdio::null()).output();
        let what = match checked {
            Ok(output) if output.status.success() => return Ok(Self(python)),
            Ok(output) => last_line(&output.stderr),
            Err(error) => error.to_string(),
        };
        let folder = own.map_or_else(|| "FOLDER".to_owned(), |(_, folder)| quoted(&folder));
        let fix = format!(
            "make an environment, which is found there: python3 -m venv {folder} && {folder}/bin/pip install {}; or name another Python with --python",
            PACKAGES.join(" ")
        );
        let what = format!("the importer needs Python with PyTorch, and {} is none ({what})", python.display());
        Err(Failure::new(Exit::Failed, what, fix))
    }

    /// Makes a pack of a checkpoint: a folder `pack` in `workshop`, and beside it what the importer made to add to it.
    pub fn import(
        &self,
        model: &Published,
        files: &[(Role, PathBuf)],
        arguments: &[String],
        workshop: &Path,
    ) -> Result<Vec<PathBuf>> {
        let importer = model.importer.as_deref().unwrap_or_default();
        let script = format!("import/{importer}.py");
        if !SCRIPTS.iter().any(|(name, _)| *name == script) {
            let what = format!("this program has no importer {importer:?}");
            return Err(Failure::new(Exit::Pack, what, "use a newer tessera, or correct the registry").at(&model.name));
        }
        for (name, text) in SCRIPTS {
            let path = workshop.join(name);
            let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
            written.map_err(|error| Failure::write(&path, &error))?;
        }
        let pack = workshop.join("pack");
        let mut command = Command::new(&self.0);
        command
            .arg(workshop.join(&script))
            .args(["--id", &model.name, "--licence", &model.licence, "--out"])
            .arg(&pack);
        for (role, path) in files {
            match role {
                Role::Config => command.arg("--config").arg(path),
                Role::Checkpoint | Role::Pack => command.arg(path),
            };
        }
        command.args(&model.arguments).args(arguments);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONWARNINGS", "ignore").stdin(Stdio::null());
        let output = command.output().map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot run it ({error})"), "name another with --python")
                .at(self.0.display())
        })?;
        if output.status.success() {
            let refiner = workshop.join("pack-refiner");
            let made = [Some(pack), refiner.is_dir().then_some(refiner)];
            return Ok(made.into_iter().flatten().collect());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(
            Exit::Input,
            format!("its import failed: {}", gist(&said, importer)),
            format!("for more, run models/import/{importer}.py by hand"),
        )
        .at(&model.name))
    }
}

/// What an importer says on its first lines; of a Python traceback its last line.
fn gist(said: &str, importer: &str) -> String {
    if said.contains("Traceback (most recent call last)") {
        return last_line(said.as_bytes());
    }
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // argparse prints how it is used before what is wrong.
    let error = format!("{importer}.py: error: ");
    if let Some(wrong) = lines.iter().find_map(|line| line.strip_prefix(error.as_str())) {
        return wrong.to_owned();
    }
    let mut text = lines[..lines.len().min(LINES)].join("; ");
    if lines.len() > LINES {
        text += &format!("; and {} lines more", lines.len() - LINES);
    }
    text.strip_prefix(&format!("{importer}.py: ")).unwrap_or(&text).replace(":;", ":")
}

fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing").to_owned()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~'));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_importer_says_becomes_one_line() {
        assert_eq!(
            gist("vqgan.py: 2 tensors do not fit:\n  missing: a\n  missing: b\n", "vqgan"),
            "2 tensors do not fit: missing: a; missing: b"
        );
        assert!(gist(&"x\n".repeat(20), "vqgan").ends_with("x; and 14 lines more"));
        assert_eq!(gist("Traceback (most recent call last):\n  File\nMemoryError\n", "vqgan"), "MemoryError");
        assert_eq!(
            gist("usage: vqgan.py [-h]\nvqgan.py: error: the following arguments are required: --photos\n", "vqgan"),
            "the following arguments are required: --photos"
        );
        assert_eq!(last_line(b"\n \n"), "it says nothing");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/a/b-c")), "/a/b-c");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
