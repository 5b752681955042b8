//! Metric packs made on the spot.

use std::{fmt::Write, fs, path::Path};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A folder that is a metric pack of a graph; `metric` is what its manifest says of the metric.
pub fn metric_pack(id: &str, graph: &Path, metric: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = format!(
        r#"
        format = 1
        id = "{id}"
        version = "1"
        modality = "metric"
        licence = "MIT"
        summary = "A metric pack for tests."
        card = "MODEL_CARD.md"

        [metric]
        graph = "metric.onnx"
        {metric}
        "#
    );
    let graph = fs::read(graph).unwrap();
    for (name, data) in [("metric.onnx", &graph[..]), ("MODEL_CARD.md", b"# a pack for tests")] {
        let digest = Sha256::digest(data).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        write!(manifest, "\n[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        fs::write(folder.path().join(name), data).unwrap();
    }
    fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    folder
}
