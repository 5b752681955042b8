//! `tessera eval`: a report from real files, resumed where it was ended, honest about what failed.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::run::{fails, folder, sample, stderr, succeeds, tessera};

/// Cells in the journal of a report, one key each.
fn journal(report: &Path) -> Vec<String> {
    let text = fs::read_to_string(report.join("journal.jsonl")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.map(|line| line["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_report_is_made_of_written_files_and_a_corrupt_input_does_not_end_it() {
    let out = folder();
    let photos = out.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::copy(sample("text.png"), photos.join("text.png")).unwrap();
    fs::write(photos.join("hurt.png"), &fs::read(sample("coral.png")).unwrap()[..4000]).unwrap();
    let report = out.path().join("report");
    let mut command =
        tessera(["eval", "--anchors", "jpeg,avif-aom", "--rates", "0.03,0.1", "--metrics", "psnr,ssim", "-o"]);
    let output = command.arg(&report).arg(&photos).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("tessera: hurt.png: ") && said.lines().count() == 1, "{said}");

    let cells = fs::read_to_string(report.join("cells.csv")).unwrap();
    assert!(cells.lines().any(|line| line.contains("text.png") && line.contains("tessera")), "{cells}");
    assert!(!cells.contains("hurt.png"), "{cells}");
    let coded = fs::read_dir(report.join("coded")).unwrap().count();
    assert_eq!(coded, cells.lines().count() - 1, "every cell is a written file");
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    assert!(page.contains("hurt.png"), "the page lists what failed");
    // Builds without FFmpeg say so; builds with it have the codec.
    assert!(page.contains("avif-aom"));
    assert!(report.join("plots/psnr.svg").is_file() && report.join("bdrate.csv").is_file());
    assert!(!report.join("work").exists(), "nothing unfinished stays");
}

#[test]
fn anchors_are_measured_at_the_steps_that_were_asked_for() {
    let out = folder();
    let report = out.path().join("report");
    let run = |rates: &str| {
        let chosen =
            ["eval", "--anchors", "jpeg", "--rates", "0.05", "--metrics", "psnr", "--anchor-rates", rates, "-o"];
        tessera(chosen).arg(&report).arg(sample("text.png")).output().unwrap()
    };
    assert!(run("16,28").status.success());
    let cells = fs::read_to_string(report.join("cells.csv")).unwrap();
    let jpeg: Vec<&str> = cells.lines().filter(|line| line.contains("jpeg")).collect();
    assert!(jpeg.len() == 2 && jpeg[0].contains("q 16") && jpeg[1].contains("q 28"), "{cells}");
    let said = String::from_utf8(run("5").stdout).unwrap();
    assert!(said.contains("jpeg: no step of its ladder was chosen; they are q 1, "), "{said}");
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    let out = folder();
    let report = out.path().join("report");
    let arguments =
        ["eval", "--anchors", "jpeg,webp", "--rates", "0.02,0.05", "--metrics", "psnr", "--gallery", "1", "-o"];
    let run = || {
        let mut command = tessera(arguments);
        command.arg(&report).arg(sample("coral.png"));
        command
    };
    let mut child = run().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while journal(&report).len() < 2 && start.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = journal(&report);
    assert!(before.len() >= 2, "nothing was finished in two minutes");
    let said = String::from_utf8(succeeds(&mut run())).unwrap();
    let after = journal(&report);
    assert!(said.contains("14 cells"), "{said}");
    assert_eq!(after[..before.len()], before[..], "finished cells are kept");
    assert_eq!(after.iter().collect::<BTreeSet<_>>().len(), after.len(), "and not made again");
    assert_eq!(after.len(), 14);
    succeeds(&mut run());
    assert_eq!(journal(&report), after, "a third run has nothing to do");
}

#[test]
fn wrong_names_are_told_the_right_ones() {
    let out = folder();
    let report = out.path().join("report");
    for (option, name, known) in [("--anchors", "heic", "webp"), ("--metrics", "beauty", "ssimulacra2")] {
        let line = fails(tessera(["eval", option, name, "-o"]).arg(&report).arg(sample("text.png")), 2, known);
        assert!(line.contains(name), "{line}");
    }
    fs::create_dir(&report).unwrap();
    fs::write(report.join("thesis.tex"), "precious").unwrap();
    fails(tessera(["eval", "-o"]).arg(&report).arg(sample("text.png")), 1, "--force");
}

/// Lines of a report's table, without its head.
fn cells(report: &Path) -> Vec<Vec<String>> {
    let table = fs::read_to_string(report.join("cells.csv")).unwrap();
    table.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn meshes_clouds_and_splats_are_measured_each_in_their_own_way() {
    let out = folder();
    let hurt = out.path().join("hurt.ply");
    fs::write(&hurt, b"ply\nformat ascii 1.0\nelement vertex 9\nproperty float x\nend_header\n1\n").unwrap();
    for (name, steps, metric, anchor) in [
        ("mesh.obj", "400,1500", "f-score", "decimate-draco"),
        ("cloud.ply", "6,9", "d2", "draco"),
        ("splats.spz", "20,60", "view-psnr", "spz"),
    ] {
        let report = out.path().join(name);
        let mut command = tessera(["eval", "--steps", steps, "--metrics", metric, "-o"]);
        let output = command.arg(&report).arg(sample(name)).arg(&hurt).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("tessera: hurt.ply: ") && said.lines().count() == 1, "{said}");
        let ours: Vec<f64> = cells(&report)
            .into_iter()
            .filter(|cell| cell[1] == "tessera")
            .map(|cell| cell.last().unwrap().parse().unwrap())
            .collect();
        assert!(ours.len() == 2 && ours[0] < ours[1], "{name}: {ours:?}");
        // Where Draco is not installed, the page says so.
        let page = fs::read_to_string(report.join("index.html")).unwrap();
        assert!(page.contains(anchor), "{name}");
        // The original and two rates, as they are seen.
        assert!(page.matches("data:image/").count() >= 3, "{name}");
        let decoded = fs::read_dir(report.join("decoded")).unwrap().count();
        assert!(decoded >= 3, "{name}: {decoded} files");
    }
    let mixed = out.path().join("mixed");
    let mut command = tessera(["eval", "-o"]);
    fails(command.arg(&mixed).arg(sample("mesh.obj")).arg(sample("cloud.ply")), 2, "a run of its own");
    let mut command = tessera(["eval", "--codec", "image-f16-2", "-o"]);
    fails(command.arg(&mixed).arg(sample("cloud.ply")), 2, "without a pack");
}
