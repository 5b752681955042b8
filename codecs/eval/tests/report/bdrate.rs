//! BD-rates against those of another implementation, and what is said where there is none.

use std::collections::BTreeMap;

use serde::Deserialize;
use tessera_eval::report::{CodecInfo, MetricInfo, Run, bd_rate_table, bd_rates, matched};
use tessera_eval::{Cell, Extent};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    higher_is_better: bool,
    anchor: Vec<(u64, f64)>,
    test: Vec<(u64, f64)>,
    percent: f64,
}

/// File, codec, and its points.
type Points<'a> = (&'a str, &'a str, &'a [(u64, f64)]);

/// A run of curves; the codec `ours` is the suite's own.
fn run(higher_is_better: bool, curves: &[Points<'_>]) -> Run {
    let codec = |name: &str| CodecInfo { name: name.into(), settings: String::new(), ours: name == "ours" };
    let cells = curves.iter().flat_map(|(file, codec, points)| {
        (0..).zip(*points).map(|(step, &(bytes, value))| Cell {
            file: (*file).into(),
            codec: (*codec).into(),
            rate: format!("q {step}"),
            step,
            extent: Extent::Picture { width: 100, height: 80 },
            bytes,
            encode_seconds: 0.1,
            decode_seconds: 0.01,
            peak_bytes: None,
            metrics: [("m".to_owned(), value)].into(),
            by_frame: BTreeMap::new(),
            kept: None,
        })
    });
    Run {
        codecs: vec![codec("anchor"), codec("ours")],
        metrics: vec![MetricInfo { name: "m".into(), about: String::new(), higher_is_better }],
        cells: cells.collect(),
        ..Run::default()
    }
}

#[test]
fn bd_rates_are_those_of_the_bjontegaard_package() {
    let vectors: Vectors = serde_json::from_str(include_str!("bdrate_vectors.json")).expect("vectors");
    assert!(vectors.cases.iter().any(|case| !case.higher_is_better));
    for (i, case) in vectors.cases.iter().enumerate() {
        let run = run(case.higher_is_better, &[("f", "anchor", &case.anchor), ("f", "ours", &case.test)]);
        let row = bd_rates(&run).into_iter().find(|row| row.anchor == "anchor").expect("a pair");
        let percent = row.delta.expect("an overlap").percent;
        assert!(
            (percent - case.percent).abs() < 1e-6 * (1.0 + case.percent.abs()),
            "case {i}: {percent}, not {}",
            case.percent
        );
    }
}

#[test]
fn half_the_bytes_at_every_quality_are_minus_fifty_percent_whichever_way_the_metric_points() {
    let up = [(1000, 20.0), (2000, 25.0), (4000, 31.0)];
    let half = [(500, 20.0), (1000, 25.0), (2000, 31.0)];
    let down = up.map(|(bytes, value)| (bytes, -value));
    let half_down = half.map(|(bytes, value)| (bytes, -value));
    for run in [
        run(true, &[("f", "anchor", &up), ("f", "ours", &half)]),
        run(false, &[("f", "anchor", &down), ("f", "ours", &half_down)]),
    ] {
        let rows = bd_rates(&run);
        let percent = |anchor: &str| {
            rows.iter().find(|row| row.anchor == anchor).and_then(|row| row.delta).expect("overlap").percent
        };
        assert!((percent("anchor") + 50.0).abs() < 1e-9);
        assert!((percent("ours") - 100.0).abs() < 1e-9);
    }
}

#[test]
fn files_without_overlap_are_counted_and_not_invented() {
    let (low, high): (&[_], &[_]) = (&[(1000, 1.0), (2000, 2.0)], &[(1000, 3.0), (2000, 4.0)]);
    let apart = run(true, &[("f", "anchor", low), ("f", "ours", high)]);
    let rows = bd_rates(&apart);
    assert_eq!((rows[0].files, rows[0].overlapping, rows[0].delta), (1, 0, None));
    assert!(bd_rate_table(&apart, &rows, "anchor").contains("no overlap"));

    let both = run(true, &[("f", "anchor", low), ("f", "ours", high), ("g", "anchor", low), ("g", "ours", low)]);
    let rows = bd_rates(&both);
    assert_eq!((rows[0].files, rows[0].overlapping), (2, 1));
    let delta = rows[0].delta.expect("one file overlaps");
    assert!(delta.percent.abs() < 1e-9 && delta.interval.is_none());
}

#[test]
fn interval_is_the_same_every_time_and_holds_the_mean() {
    let curves: Vec<(String, [(u64, f64); 2])> =
        (0..12).map(|i| (format!("f{i}"), [(900 + 30 * i, 20.0), (1900 + 55 * i, 25.0)])).collect();
    let anchor = [(1000, 20.0), (2000, 25.0)];
    let mut all: Vec<Points<'_>> = Vec::new();
    for (file, curve) in &curves {
        all.extend([(file.as_str(), "anchor", anchor.as_slice()), (file.as_str(), "ours", curve.as_slice())]);
    }
    let run = run(true, &all);
    let delta = bd_rates(&run)[0].delta.expect("overlap");
    let (low, high) = delta.interval.expect("twelve files");
    assert!(low < delta.percent && delta.percent < high && delta.overlap == 1.0);
    assert_eq!(bd_rates(&run)[0].delta, Some(delta));
}

#[test]
fn matched_bytes_are_interpolated_and_held_values_counted() {
    let ours: &[_] = &[(100, 30.0), (1000, 35.0)];
    let anchor: &[_] = &[(1000, 20.0), (4000, 40.0)];
    let rows = matched(&run(true, &[("f", "anchor", anchor), ("f", "ours", ours)]));
    let (small, large) = (&rows[0], &rows[1]);
    assert_eq!((small.at[0].value, small.at[0].held_low), (20.0, 1), "the anchor has no file of 100 bytes");
    assert_eq!((large.at[0].value, large.at[0].held_low), (20.0, 0));
    assert_eq!((large.at[2].value, large.at[2].held_high), (40.0, 1), "nor one of 6000");
    let third = 20.0 + 20.0 * 3f64.ln() / 4f64.ln();
    assert!((large.at[1].value - third).abs() < 1e-9);
    let factor = large.equal.factor.expect("35 lies between 20 and 40");
    assert!((factor - 4f64.powf(0.75)).abs() < 1e-9);
    assert_eq!((large.equal.always_better, large.equal.never_reached), (0, 0));
}

#[test]
fn quality_that_an_anchor_never_reaches_has_no_factor() {
    let rows =
        matched(&run(false, &[("f", "anchor", &[(100, 0.9), (200, 0.8)]), ("f", "ours", &[(100, 0.1), (200, 0.95)])]));
    assert_eq!((rows[0].equal.factor, rows[0].equal.never_reached), (None, 1));
    assert_eq!((rows[1].equal.factor, rows[1].equal.always_better), (None, 1));
}
