//! Metrics of speech against the values of other programs, and what they must hold of themselves.

#![allow(clippy::unwrap_used)]

mod dnsmos;
#[path = "../common/metric_pack.rs"]
mod metric_pack;

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;
use tessera_eval::{
    Error, Media, Speech,
    anchors::{self, SPEECH_NAMES},
    metrics::{Metric, SPEECH, speech_by_name},
};

/// What `reference.py` measured with one metric.
#[derive(Deserialize)]
struct Reference {
    by: String,
    values: BTreeMap<String, f64>,
}

fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn sample() -> Speech {
    Speech::read(&here("../../samples/speech.flac")).unwrap()
}

fn distorted(original: &Speech, how: &str) -> Speech {
    let x = original.samples();
    let at = |n: i64| usize::try_from(n).ok().and_then(|n| x.get(n)).map_or(0, |&sample| i64::from(sample));
    let mut state = 0x9E37_79B9_u32;
    let samples = (0..x.len() as i64).map(|n| match how {
        "noise" => {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (at(n) + i64::from((state >> 16) % 2001) - 1000).clamp(-32_768, 32_767)
        }
        "coarse" => at(n).div_euclid(1024) * 1024 + 512,
        "dull" => (n - 3..=n + 3).map(at).sum::<i64>().div_euclid(7),
        "gaps" => {
            if n / 320 % 5 == 2 {
                0
            } else {
                at(n)
            }
        }
        other => panic!("reference.py knows {other}, this file does not"),
    });
    Speech::new(samples.map(|sample| sample as i16).collect()).unwrap()
}

fn agrees(name: &str, tolerance: f64) {
    agrees_with(speech_by_name(name).unwrap(), name, tolerance);
}

fn agrees_with(mut metric: Box<dyn Metric<Speech>>, name: &str, tolerance: f64) {
    let file = fs::read(here("tests/speech/values.json")).unwrap();
    let reference: Reference =
        serde_json::from_slice::<BTreeMap<String, Reference>>(&file).unwrap().remove(name).unwrap();
    let original = sample();
    assert_eq!(reference.values.len(), 4);
    for (how, expected) in &reference.values {
        let value = metric.measure(&original, &distorted(&original, how)).unwrap();
        assert!((value - expected).abs() <= tolerance, "{name} of {how}: {value}, but {expected} by {}", reference.by);
    }
}

/// A port in other precision; its authors state 0.004.
#[test]
fn pesq_is_that_of_the_itu_program() {
    agrees("pesq", 0.004);
}

#[test]
fn stoi_is_that_of_pystoi() {
    agrees("stoi", 1e-9);
}

/// pystoi adds noise of the size of rounding.
#[test]
fn estoi_is_that_of_pystoi() {
    agrees("estoi", 1e-9);
}

#[test]
fn mel_is_that_of_numpy() {
    agrees("mel", 1e-9);
}

#[test]
fn a_sound_equals_itself_and_more_noise_is_worse() {
    let original = sample();
    for (name, perfect) in SPEECH.into_iter().zip([4.64, 1.0, 1.0, 0.0]) {
        let mut metric = speech_by_name(name).unwrap();
        let same = metric.measure(&original, &original).unwrap();
        assert!((same - perfect).abs() < 0.01, "{name}: {same}");
        let worse = metric.measure(&original, &distorted(&original, "noise")).unwrap();
        assert!(if metric.higher_is_better() { worse < same } else { worse > same }, "{name}: {worse}");
    }
}

#[test]
fn silence_is_known_as_such() {
    let faint = |peak: i16| Speech::new((0..16_000).map(|n| if n % 2 == 0 { peak } else { -peak }).collect()).unwrap();
    assert!(faint(0).unfit().is_some() && faint(30).unfit().is_some());
    assert!(faint(40).unfit().is_none() && sample().unfit().is_none());
}

#[test]
fn two_lengths_and_too_little_speech_are_refused() {
    let cut = |samples: usize| Speech::new(sample().samples()[..samples].to_vec()).unwrap();
    for name in SPEECH {
        let mut metric = speech_by_name(name).unwrap();
        assert!(metric.measure(&cut(20_000), &cut(19_999)).is_err(), "{name}");
    }
    for name in ["pesq", "stoi", "estoi"] {
        assert!(speech_by_name(name).unwrap().measure(&cut(1000), &cut(1000)).is_err(), "{name}");
    }
    assert!(speech_by_name("beauty").err().unwrap().to_string().contains("pesq"));
}

/// Needs FFmpeg's libraries; a build without them says so.
#[test]
fn anchors_keep_time_and_spend_what_they_say() {
    let original = sample();
    for name in SPEECH_NAMES {
        let mut codec = match anchors::speech_by_name(name) {
            Ok(codec) => codec,
            Err(Error::Missing(why)) if !cfg!(feature = "ffmpeg") => {
                assert!(why.contains("--features ffmpeg"), "{why}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let mut stoi = speech_by_name("stoi").unwrap();
        let (mut last, mut worst) = (0.0, 1.0_f64);
        for rate in codec.ladder() {
            let file = codec.encode(&original, &rate).unwrap();
            let spent = original.extent().cost(file.len() as u64);
            let asked = match *name {
                "codec2" => rate.value / 1000.0,
                "pcm" => 256.0,
                _ => rate.value,
            };
            assert!(spent > last && spent < 1.5 * asked + 0.3, "{name} {}: {spent} kbit/s", rate.name);
            last = spent;
            let decoded = codec.decode(&file).unwrap();
            assert_eq!(decoded.extent(), original.extent(), "{name}");
            let value = stoi.measure(&original, &decoded).unwrap();
            println!("{name} {}: {spent:.2} kbit/s, STOI {value:.3}", rate.name);
            worst = worst.min(value);
        }
        // A sound that is a few milliseconds late falls far below.
        assert!(worst > if *name == "opus" { 0.85 } else { 0.6 }, "{name}: {worst}");
        assert!(codec.decode(b"").is_err());
    }
}
