//! The commands that look at the program itself.

use std::fs;

use crate::run::{coded, folder, json, names, sample, succeeds, tessera};

fn text(output: Vec<u8>) -> String {
    String::from_utf8(output).unwrap()
}

#[test]
fn doctor_finds_everything_in_place() {
    let report = &json(&mut tessera(["doctor", "--json"]))[0];
    assert_eq!(report["healthy"], true, "{report}");
    let output = tessera(["doctor", "--ort-lib", "/nonexistent.so"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(output.stdout).contains("FAIL  ONNX Runtime"));
}

#[test]
fn models_are_listed_shown_and_verified() {
    let listed = json(&mut tessera(["models", "list", "--json"]));
    let built_in = listed.iter().find(|pack| pack["origin"] == "built in").expect("a built-in pack");
    let id = built_in["id"].as_str().unwrap();
    assert!(text(succeeds(&mut tessera(["models", "list"]))).contains(id));
    assert!(text(succeeds(&mut tessera(["models", "show", id]))).to_lowercase().contains("licen"));
    assert!(text(succeeds(&mut tessera(["models", "verify", id]))).contains(": ok"));
}

#[test]
fn stats_prints_every_method() {
    let out = folder();
    let page = text(succeeds(tessera(["stats"]).arg(sample("coral.png")).arg(coded(out.path()))));
    for method in ["log2 K", "zlib", "zstd", "order 0", "order 1", "prior, ideal", "prior, written"] {
        assert!(page.contains(method), "{page}");
    }
    let report = &json(tessera(["stats", "--json"]).arg(sample("sky.jpg")))[0];
    let bits = |name: &str| {
        report["methods"].as_array().unwrap().iter().find(|m| m["method"] == name).unwrap()["bits_per_token"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(bits("log2 K"), 12.0);
    assert!(bits("prior, written") < bits("order 0, adaptive"));
    assert!(bits("prior + search, written") < bits("prior, written"));
    // The range coder and its byte boundary cost next to nothing.
    assert!(bits("prior, written") < 1.001 * bits("prior, ideal") + 16.0 / 1536.0);
}

#[test]
fn manual_and_completions_cover_every_command() {
    let out = folder();
    succeeds(tessera(["man", "--dir"]).arg(out.path()));
    let commands = [
        "completions",
        "decode",
        "detokenize",
        "doctor",
        "encode",
        "eval",
        "info",
        "loss",
        "man",
        "models",
        "serve",
        "stats",
        "stream",
        "tokens",
    ];
    let mut pages: Vec<String> = commands.iter().map(|command| format!("tessera-{command}.1")).collect();
    pages.push("tessera.1".to_owned());
    assert_eq!(names(out.path()), pages);
    for shell in ["bash", "zsh", "fish"] {
        let script = text(succeeds(&mut tessera(["completions", shell])));
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    let help = text(succeeds(&mut tessera(["--help"])));
    assert!(commands.iter().all(|command| help.contains(command)) && help.contains("Exit codes"));
    assert!(!fs::read_to_string(out.path().join("tessera-encode.1")).unwrap().is_empty());
}
