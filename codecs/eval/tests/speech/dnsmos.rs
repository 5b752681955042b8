//! DNSMOS through metric packs. No weights are part of the repository: the packs' path is tested with `loudness.onnx`, a graph with the
//! same ports whose opinions are the mean absolute sample and its double. `make eval-speech` makes the real packs and runs the ignored test.

use std::path::Path;

use tempfile::TempDir;
use tessera_eval::{
    Error, Speech,
    metrics::{self, Metric},
};
use tessera_models::{Pack, Store};

use super::metric_pack::metric_pack;
use super::{agrees_with, here, sample};

/// A folder that is a metric pack with windows of a quarter of a second.
fn pack(input: &str) -> TempDir {
    let metric = format!(
        r#"
        name = "dnsmos"
        higher_is_better = true
        describe = "a graph for tests"
        {input}
        "#
    );
    metric_pack("sound-test", &here("tests/speech/loudness.onnx"), &metric)
}

const SOUND: &str = "[metric.sound]\nfeatures = \"samples\"\nseconds = 0.25\noutput = 1\ncurve = [1.0, 3.0, 2.0]";

fn dnsmos(folder: &Path) -> Box<dyn Metric<Speech>> {
    metrics::speech_by_name_in("dnsmos", &Store::only(folder)).unwrap()
}

fn mean(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample.unsigned_abs()) / 32_768.0).sum::<f64>() / samples.len() as f64
}

#[test]
fn a_window_a_second_goes_through_graph_and_curve() {
    let folder = pack(SOUND);
    Pack::open(folder.path()).unwrap().verify().unwrap();
    let mut metric = dnsmos(folder.path());
    assert!(metric.higher_is_better() && metric.describe().contains("sound-test"));
    let original = sample();
    let silence = Speech::new(vec![0; original.samples().len()]).unwrap();
    let opinions: Vec<f64> = (0..9)
        .map(|second| {
            let raw = 2.0 * mean(&original.samples()[second * 16_000..][..4_000]);
            1.0 + 3.0 * raw + 2.0 * raw * raw
        })
        .collect();
    let expected = opinions.iter().sum::<f64>() / 9.0;
    let value = metric.measure(&silence, &original).unwrap();
    assert!((value - expected).abs() < 1e-6, "{value}, {expected}");
    assert_eq!(metric.measure(&original, &silence).unwrap(), 1.0);
    assert!(metric.measure(&silence, &Speech::new(vec![1; 9]).unwrap()).is_err());
    // What is shorter than a window is repeated.
    let short = Speech::new(original.samples()[20_000..21_500].to_vec()).unwrap();
    let twice = [short.samples(), short.samples(), &short.samples()[..1_000]].concat();
    let raw = 2.0 * mean(&twice);
    let value = metric.measure(&short, &short).unwrap();
    assert!((value - (1.0 + 3.0 * raw + 2.0 * raw * raw)).abs() < 1e-6, "{value}");
}

#[test]
fn packs_that_measure_no_sounds_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    let missing = metrics::speech_by_name_in("dnsmos", &Store::only(empty.path())).err().unwrap();
    assert!(matches!(missing, Error::Missing(_)) && missing.to_string().contains("metric_pack.py"), "{missing}");
    let pictures = pack("range = [-1.0, 1.0]\nleast_side = 31");
    assert!(metrics::speech_by_name_in("dnsmos", &Store::only(pictures.path())).is_err());
    for wrong in [
        SOUND.replace("0.25", "nan"),
        SOUND.replace("0.25", "1e9"),
        SOUND.replace("samples", "smell"),
        SOUND.replace("[1.0, 3.0, 2.0]", "[inf]"),
    ] {
        assert!(Pack::open(pack(&wrong).path()).is_err(), "{wrong}");
    }
    let beyond = pack(&SOUND.replace("output = 1", "output = 2"));
    assert!(dnsmos(beyond.path()).measure(&sample(), &sample()).unwrap_err().to_string().contains("no opinion"));
}

/// Single precision on two runtimes.
#[test]
#[ignore = "needs the metric packs that `make eval-speech` makes"]
fn opinions_are_those_of_speechmos() {
    for name in ["dnsmos", "dnsmos-p808"] {
        agrees_with(metrics::speech_by_name(name).unwrap(), name, 1e-3);
    }
}
