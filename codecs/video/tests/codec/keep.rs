//! Frames that show nothing new are left out, and nobody misses time.

use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};
use tessera_models::Pack;
use tessera_video::{
    Changes, Classifier, DecodeOptions, EncodeOptions, Error, Frame, Interest, Result, Source, Stretches, inspect,
};

use crate::fixture::*;

/// Frames of one photo with a square that is where it is said to be, and of a colour.
fn door(squares: &[Option<(u32, [u8; 3])>]) -> Clip {
    let background = crop(&photo("foliage.jpg"), (30, 30), (96, 64));
    let pictures = squares.iter().map(|square| {
        let mut rgb = background.clone();
        if let Some((left, colour)) = square {
            for y in 4..28 {
                for x in *left..left + 24 {
                    rgb[((y * 96 + x) * 3) as usize..][..3].copy_from_slice(colour);
                }
            }
        }
        rgb
    });
    Clip::new((96, 64), pictures)
}

const RED: [u8; 3] = [230, 20, 20];
const BLUE: [u8; 3] = [20, 20, 230];

/// Twelve frames in which nothing is, six in which a square moves, and eighteen of nothing: stretches of six frames.
fn visit(colour: [u8; 3]) -> Clip {
    let squares = (0..36).map(|n| (12..18).contains(&n).then(|| (4 * (n - 10), colour)));
    door(&squares.collect::<Vec<_>>())
}

const STRETCH: f64 = 0.24;

fn kept(clip: &Clip, interest: Option<&mut dyn Interest>) -> (Vec<i64>, Option<i64>, Stretches) {
    let mut source = clip.rewound();
    let interest = interest.map(|interest| interest as &mut dyn Interest);
    let mut changes = Changes::new(&mut source, STRETCH, interest);
    let mut times = Vec::new();
    while let Some(Frame { time, .. }) = changes.next_frame().unwrap() {
        times.push(time);
    }
    (times, changes.end(), changes.stretches())
}

#[test]
fn of_stretches_without_a_change_nothing_is_kept_but_what_is_shown() {
    let (times, end, stretches) = kept(&visit(RED), None);
    // The first frame opens its stretch; the fourth stretch begins with the square gone.
    let expected: Vec<i64> = [0..6, 12..24].into_iter().flatten().map(|n| 4 * n).collect();
    assert_eq!(times, expected);
    assert_eq!(end, Some(144));
    assert_eq!(stretches, Stretches { whole: 3, thinned: 0, dropped: 3 });
}

#[test]
fn a_change_within_a_stretch_opens_it() {
    let squares: Vec<_> = (0..18).map(|n| (n >= 9).then_some((30, RED))).collect();
    let (times, end, stretches) = kept(&door(&squares), None);
    let expected: Vec<i64> = [0..6, 9..12].into_iter().flatten().map(|n| 4 * n).collect();
    assert_eq!((times, end), (expected, Some(72)));
    assert_eq!(stretches, Stretches { whole: 1, thinned: 1, dropped: 1 });
}

#[test]
fn what_is_left_out_is_held_and_the_video_is_as_long_as_it_was() {
    let clip = visit(RED);
    let options = EncodeOptions { effort: 1, gop_seconds: STRETCH, ..EncodeOptions::default() };
    let (all, whole) = encode(&clip, &options);
    let mut source = clip.rewound();
    let mut changes = Changes::new(&mut source, STRETCH, None);
    let mut bytes = Vec::new();
    let encoded = codec().encode(&mut changes, &mut bytes, &options).unwrap();
    assert_eq!((encoded.frames, whole.frames), (18, 36));
    assert_eq!(encoded.seconds, whole.seconds);
    assert!(bytes.len() < all.len());
    let (seen, _) = decode(&bytes, &DecodeOptions::default()).unwrap();
    assert_eq!(seen.end, Some(144));
    let times: Vec<i64> = seen.frames.iter().map(|frame| frame.time).collect();
    assert_eq!((times[5], times[6], times[17]), (20, 48, 92));
    let held = inspect(&bytes, &Default::default(), false).unwrap().held();
    assert_eq!(held.iter().filter(|seconds| **seconds > 0.0).count(), 2, "{held:?}");
    assert!((held.iter().sum::<f64>() - 18.0 * 0.04).abs() < 1e-9, "{held:?}");
    assert!(inspect(&all, &Default::default(), false).unwrap().held().iter().all(|seconds| *seconds == 0.0));
}

/// A pack of the graph that `tests/additions/interest.py` makes.
fn classifier(threshold: f32) -> Classifier {
    let folder = tempfile::tempdir().unwrap();
    let graph = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/additions/interest.onnx")).unwrap();
    let mut manifest = format!(
        "format = 1\nid = \"red\"\nversion = \"1\"\nmodality = \"interest\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
         [interest]\ngraph = \"interest.onnx\"\nsize = [32, 32]\nrange = [0.0, 1.0]\nthreshold = {threshold}\ndescribe = \"something red\"\n"
    );
    for (name, data) in [("interest.onnx", &graph[..]), ("CARD.md", b"# for tests")] {
        let digest = Sha256::digest(data).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        std::fs::write(folder.path().join(name), data).unwrap();
    }
    std::fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    let pack = Pack::open(folder.path()).unwrap();
    pack.verify().unwrap();
    Classifier::new(&pack).unwrap()
}

#[test]
fn a_classifier_says_which_changes_are_of_interest() {
    let (times, _, stretches) = kept(&visit(RED), Some(&mut classifier(0.15)));
    // The first stretch shows nothing red: its first frame alone. The square is; the background without it is one frame again.
    let expected: Vec<i64> = [0..1, 12..19].into_iter().flatten().map(|n| 4 * n).collect();
    assert_eq!(times, expected);
    assert_eq!(stretches, Stretches { whole: 1, thinned: 2, dropped: 3 });
    let (times, end, _) = kept(&visit(BLUE), Some(&mut classifier(0.15)));
    assert_eq!((times, end), (vec![0, 48, 72], Some(144)));
    assert!(classifier(0.15).score(&[255, 0, 0].repeat(64), (8, 8)).unwrap() > 0.9);
}

struct Broken;

impl Interest for Broken {
    fn is_of_interest(&mut self, _: &[u8], _: (u32, u32)) -> Result<bool> {
        Err(Error::Video { what: "no eyes".to_owned() })
    }
}

#[test]
fn a_classifier_that_fails_ends_the_encoding() {
    let mut source = visit(RED);
    let mut broken = Broken;
    let mut changes = Changes::new(&mut source, STRETCH, Some(&mut broken));
    let error = codec().encode(&mut changes, &mut Vec::new(), &EncodeOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "no eyes");
    let pack = pack();
    assert!(Classifier::new(&pack).unwrap_err().to_string().contains("[interest]"));
}
