//! Files of a report, read back by other programs' parsers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tessera_eval::Error;
use tessera_eval::report::{Run, write};

use crate::fixture;

const NAME: &str = "a \"quoted\", name\r\nof <two> lines.png";

/// A report of two pictures, one with a difficult name.
fn report(folder: &Path) -> (Run, Vec<PathBuf>) {
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([(x * 4) as u8, (y * 5) as u8, ((x * y) % 200) as u8]));
    let pictures =
        [(NAME.to_owned(), picture.clone()), ("plain.png".to_owned(), image::imageops::flip_horizontal(&picture))];
    let mut run = fixture::run(&pictures, &[20, 50, 80], folder);
    run.metrics[0].about = "<&\"' of \u{1} all".into();
    run.codecs[1].settings = "-->]]><script>".into();
    let files = write(&run, folder, &folder.join("out")).expect("a report").files;
    (run, files)
}

#[test]
fn cells_come_back_from_the_csv() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, _) = report(folder.path());
    let bytes = std::fs::read(folder.path().join("out/cells.csv")).expect("cells.csv");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains(&format!("\r\n\"{}\",half-jpeg,", NAME.replace('"', "\"\""))), "{text}");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let head = reader.headers().expect("a head").clone();
    assert_eq!(head.iter().skip(10).collect::<Vec<_>>(), ["psnr", "rmse", "contrast"]);
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().expect("records");
    assert_eq!(records.len(), run.cells.len());
    for (record, cell) in records.iter().zip(&run.cells) {
        assert_eq!((&record[0], &record[6]), (cell.file.as_str(), cell.bytes.to_string().as_str()));
        assert_eq!(record[11].parse(), Ok(cell.metrics["rmse"]));
    }
}

#[test]
fn results_have_the_schema_of_the_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, _) = report(folder.path());
    for codec in &run.codecs {
        let text =
            std::fs::read_to_string(folder.path().join(format!("out/results/{}.json", codec.name))).expect("a file");
        let json: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["name"], codec.name.as_str());
        assert!(json["description"].as_str().is_some_and(|text| text.contains("2 of 2 files")));
        let steps = run
            .cells
            .iter()
            .filter(|cell| cell.codec == codec.name)
            .map(|cell| cell.step)
            .collect::<BTreeSet<_>>()
            .len();
        for key in ["bpp", "psnr", "rmse", "encoding_time", "decoding_time"] {
            assert_eq!(json["results"][key].as_array().map(Vec::len), Some(steps), "{key}");
        }
        let first: Vec<_> = run.cells.iter().filter(|cell| cell.codec == codec.name && cell.step == 0).collect();
        let bpp = first.iter().map(|cell| cell.cost()).sum::<f64>() / first.len() as f64;
        assert!(json["results"]["bpp"][0].as_f64().is_some_and(|value| (value - bpp).abs() < 1e-12));
    }
}

#[test]
fn means_leave_out_files_without_all_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut run, _) = report(folder.path());
    run.cells.retain(|cell| cell.file == NAME || cell.codec != "jpeg" || cell.step != 2);
    let out = folder.path().join("again");
    write(&run, folder.path(), &out).expect("a report");
    let json: Value =
        serde_json::from_slice(&std::fs::read(out.join("results/jpeg.json")).expect("a file")).expect("JSON");
    assert_eq!(json["files"], 1);
    let only = run.cells.iter().find(|cell| cell.file == NAME && cell.codec == "jpeg").expect("a cell");
    assert_eq!(json["results"]["bpp"][0], only.cost());
}

#[test]
fn plots_are_well_formed_and_stand_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, files) = report(folder.path());
    let plots: Vec<_> = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "svg")).collect();
    assert_eq!(plots.len(), run.metrics.len());
    for plot in plots {
        let text = std::fs::read_to_string(plot).expect("a plot");
        let document = roxmltree::Document::parse(&text).expect("XML");
        let marks = document.descendants().filter(|node| node.attribute("data-rate").is_some()).count();
        assert!(marks >= 9, "{marks} points");
        let names: Vec<_> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(names.contains(&"half-jpeg") && names.contains(&"jpeg"), "a legend");
        let addresses = text.matches("http").count();
        assert_eq!(addresses, 1, "the name space, and nothing that is fetched");
    }
}

#[test]
fn texts_are_escaped_in_the_page() {
    let folder = tempfile::tempdir().expect("a folder");
    report(folder.path());
    let html = std::fs::read_to_string(folder.path().join("out/index.html")).expect("a page");
    assert_eq!((html.matches("<script").count(), html.matches("</script").count()), (2, 2));
    assert!(!html.contains("<two>") && html.contains("&lt;two&gt;"));
    assert!(!html.contains("{{") && !html.contains("<!--"), "all marks are replaced");
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn a_report_leaves_no_half_written_file_and_names_those_that_it_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = report(folder.path());
    let found = |sub: &str| {
        std::fs::read_dir(folder.path().join("out").join(sub)).expect("a folder").flatten().map(|entry| entry.path())
    };
    let on_disk: BTreeSet<_> =
        ["", "results", "plots"].into_iter().flat_map(found).filter(|path| path.is_file()).collect();
    assert_eq!(files.into_iter().collect::<BTreeSet<_>>(), on_disk);
}

#[test]
fn an_empty_run_is_a_page_without_sections() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&Run { name: "Nothing".into(), ..Run::default() }, folder.path(), folder.path()).expect("a report");
    let html = std::fs::read_to_string(folder.path().join("index.html")).expect("a page");
    assert!(html.contains("<h1>Nothing</h1>") && !html.contains("id=\"pictures\"") && !html.contains("<audio"));
}

#[test]
fn runs_that_contradict_themselves_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, _) = report(folder.path());
    let refuse = |change: fn(&mut Run)| {
        let mut run = run.clone();
        change(&mut run);
        assert!(matches!(write(&run, folder.path(), &folder.path().join("no")), Err(Error::Parameter(_))));
    };
    refuse(|run| run.cells.push(run.cells[0].clone()));
    refuse(|run| run.cells[0].codec = "unknown".into());
    refuse(|run| run.cells[0].bytes = 0);
    refuse(|run| run.cells[0].kept = Some("../outside.png".into()));
    refuse(|run| run.metrics[0].name = "bpp".into());
}
