//! LPIPS through a metric pack. No weights are part of the repository: the pack's path is tested with `tiny.onnx`, a graph with the
//! same ports that gives the mean absolute difference. `TESSERA_LPIPS=lpips_alex.onnx` names the real graph; without it the last
//! test measures nothing and says so.

use std::{fs, path::Path};

use tempfile::TempDir;
use tessera_eval::{
    Error,
    metrics::{self, Metric},
};
use tessera_models::{Pack, Store};

use crate::fixture::{file, flat, pair, picture, reference};
use crate::metric_pack::metric_pack;

/// A folder that is a metric pack.
fn pack(graph: &Path, least_side: u32) -> TempDir {
    let metric = format!(
        r#"
        name = "lpips"
        range = [-1.0, 1.0]
        least_side = {least_side}
        higher_is_better = false
        describe = "a graph for tests, a distance"
        "#
    );
    metric_pack("metric-test", graph, &metric)
}

fn lpips(folder: &Path) -> Box<dyn Metric> {
    metrics::by_name_in("lpips", &Store::only(folder)).unwrap()
}

#[test]
fn a_metric_pack_on_disk_measures_both_pictures_in_its_range() {
    let folder = pack(&file("tiny.onnx"), 1);
    Pack::open(folder.path()).unwrap().verify().unwrap();
    let mut metric = lpips(folder.path());
    assert!(!metric.higher_is_better() && metric.describe().contains("metric-test"));
    for name in ["face blur", "foliage noise"] {
        let (one, other) = pair(name);
        let sum: u32 = one.data().iter().zip(other.data()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        let expected = f64::from(sum) / one.data().len() as f64 / 127.5;
        let value = metric.measure(&one, &other).unwrap();
        assert!((value - expected).abs() < 1e-6, "{value}, {expected}");
        assert_eq!(metric.measure(&one, &one).unwrap(), 0.0);
    }
    assert!((metric.measure(&flat(1, 1, 0), &flat(1, 1, 255)).unwrap() - 2.0).abs() < 1e-6);
}

#[test]
fn a_picture_below_the_packs_least_side_never_reaches_the_graph() {
    let folder = pack(&file("tiny.onnx"), 31);
    let mut metric = lpips(folder.path());
    for (width, height) in [(1, 1), (30, 200), (200, 30)] {
        let said = metric.measure(&flat(width, height, 1), &flat(width, height, 2)).unwrap_err().to_string();
        assert!(said.contains("at least 31"), "{said}");
    }
    metric.measure(&flat(31, 31, 1), &flat(31, 31, 2)).unwrap();
    let said = metric.measure(&flat(40, 50, 1), &flat(50, 40, 2)).unwrap_err().to_string();
    assert!(said.contains("40 x 50") && said.contains("50 x 40"), "{said}");
}

#[test]
fn a_missing_pack_is_an_error_that_says_how_to_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = metrics::by_name_in("lpips", &Store::only(folder.path())).err().unwrap();
    assert!(matches!(error, Error::Missing(_)));
    let said = error.to_string();
    assert!(said.contains("metric_pack.py") && said.contains("TESSERA_MODELS"), "{said}");
}

#[test]
fn a_damaged_graph_is_not_run() {
    let folder = pack(&file("tiny.onnx"), 1);
    let graph = folder.path().join("metric.onnx");
    let mut bytes = fs::read(&graph).unwrap();
    bytes[40] ^= 1;
    fs::write(graph, bytes).unwrap();
    let error = metrics::by_name_in("lpips", &Store::only(folder.path())).err().unwrap();
    assert!(matches!(error, Error::Failed(_)) && error.to_string().contains("SHA-256"), "{error}");
}

/// Measures only where `TESSERA_LPIPS` names the ONNX graph of LPIPS on AlexNet that `values.json` was made with.
#[test]
fn lpips_is_that_of_onnx_runtime_in_python() {
    let Some(graph) = std::env::var_os("TESSERA_LPIPS") else {
        println!("TESSERA_LPIPS is not set: the weights of LPIPS were not tested");
        return;
    };
    let folder = pack(Path::new(&graph), 31);
    let (mut metric, reference) = (lpips(folder.path()), reference("lpips"));
    assert!(reference.values.len() >= 9);
    let mut worst = 0.0_f64;
    for (at, expected) in &reference.values {
        let (one, other) = pair(at);
        let value = metric.measure(&one, &other).unwrap();
        worst = worst.max((value - expected).abs());
        assert!((value - expected).abs() <= 1e-4, "{at}: {value}, but {expected} by {}", reference.by);
    }
    println!("lpips: at most {worst:.2e} from {}", reference.by);
    let face = picture("face");
    assert!(metric.measure(&face, &face).unwrap().abs() < 1e-6);
    metric.measure(&flat(31, 31, 1), &flat(31, 31, 200)).unwrap();
}
