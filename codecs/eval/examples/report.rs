//! Writes a report of the sample pictures at a ladder of JPEG qualities:
//! `cargo run --release -p tessera-eval --example report -- FOLDER`

// The helper is shared with tests, where a failure is a panic.
#[allow(clippy::expect_used)]
#[path = "../tests/report/fixture.rs"]
mod fixture;

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder for the report")?);
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(samples)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind != "md") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            pictures.push((name, image::open(&path)?.to_rgb8()));
        }
    }
    pictures.sort_by(|a, b| a.0.cmp(&b.0));
    let kept = out.join("decoded");
    let run = fixture::run(&pictures, &[5, 10, 20, 35, 55, 75, 90], &kept);
    for file in tessera_eval::report::write(&run, &kept, &out)?.files {
        println!("{}", file.display());
    }
    Ok(())
}
