//! Networks that run on whole sounds, on the smallest that there can be (`make.py`): a tail that looks back without bound and a decoder that
//! sees all of a sound. `make test-import` tests those of WavTokenizer.

#![allow(clippy::unwrap_used)]

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use sha2::{Digest, Sha256};
use tessera_audio::{AudioCodec, CodecOptions, DecodeOptions, EncodeOptions, LiveOptions, Sound, Tokens};
use tessera_core::{Limits, container::Channels};
use tessera_models::{ArraySession, Pack};

const HOP: usize = 16;
/// Tokens that are decoded at once, and those of a window of more.
const EXACT: usize = 100;
const WINDOW: usize = 50;
const DEPTH: u8 = 6;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole");
    let graph = |name: &str| fs::read(here.join(name)).unwrap();
    let mut manifest = format!(
        r#"
        format = 1
        id = "whole-test"
        version = "1"
        modality = "audio"
        licence = "MIT"
        summary = "A pack for tests."
        card = "MODEL_CARD.md"

        [audio]
        sample_rate = 8000
        hop = {HOP}
        window = 64
        dim = 4
        levels = 1
        depth = {DEPTH}
        min_depth = {DEPTH}
        search_lambda = 0.0
        encoder = "encoder.onnx"
        decoder = "decoder.onnx"
        codebook = "codebook.safetensors"

        [audio.whole]
        tail = "tail.onnx"
        local_tokens = 4
        exact_tokens = {EXACT}
        window_tokens = {WINDOW}
        reach_tokens = 4
        "#
    );
    let parts = [
        ("encoder.onnx", graph("encoder.onnx")),
        ("tail.onnx", graph("tail.onnx")),
        ("decoder.onnx", graph("decoder.onnx")),
        ("codebook.safetensors", codebook()),
        ("MODEL_CARD.md", b"# a pack for tests".to_vec()),
    ];
    for (name, data) in parts {
        let digest = Sha256::digest(&data).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        write!(manifest, "\n[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        fs::write(folder.path().join(name), data).unwrap();
    }
    fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    folder
});

static CODEC: LazyLock<AudioCodec> = LazyLock::new(|| {
    let pack = Pack::open(FOLDER.path()).unwrap();
    pack.verify().unwrap();
    AudioCodec::new(Arc::new(pack), CodecOptions { threads: 1 }).unwrap()
});

/// Codewords spread over the latents' range, and the nodes above them.
fn codebook() -> Vec<u8> {
    let words = 2usize << DEPTH;
    let values: Vec<u8> = (0..words * 4).flat_map(|n| (noise(n) * 6.0).to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![words, 4], &values).unwrap();
    safetensors::serialize([("level0", view)], None).unwrap()
}

/// −1 to 1.
fn noise(n: usize) -> f32 {
    let mixed = (n as u32).wrapping_add(1).wrapping_mul(0x9E37_79B9);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA6B);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

fn sound(samples: usize) -> Sound {
    Sound::mono(8000, (0..samples).map(|n| 0.5 * noise(n) * (0.01 * n as f32).sin()).collect())
}

/// One graph, run on all of its input.
fn run(graph: &str, shape: [usize; 2], values: &[f32]) -> Vec<f32> {
    let pack = Pack::open(FOLDER.path()).unwrap().audio().unwrap();
    let graph = match graph {
        "encoder" => pack.encoder.clone(),
        "tail" => pack.whole.as_ref().unwrap().tail.clone(),
        _ => pack.decoder.clone(),
    };
    ArraySession::load(&graph, 1).unwrap().run(&shape, values).unwrap().1
}

fn decode(bytes: &[u8], windowed: bool) -> (Vec<f32>, bool) {
    let options = DecodeOptions { windowed, ..DecodeOptions::default() };
    let mut decoded = CODEC.decode(bytes, &options).unwrap();
    (decoded.sound.channels.remove(0), decoded.windowed)
}

#[test]
fn tokens_do_not_depend_on_pieces() {
    // Four pieces, and an end that the hop does not divide.
    for samples in [4 * HOP, 30 * HOP + 3, 163 * HOP - 5] {
        let sound = sound(samples);
        let features = run("encoder", [1, samples], &sound.channels[0]);
        let frames = samples.div_ceil(HOP);
        let latents = run("tail", [frames, 4], &features);
        let pack = Pack::open(FOLDER.path()).unwrap().audio().unwrap();
        let expected: Vec<u16> =
            latents.chunks_exact(4).map(|latent| pack.codebook.levels()[0].nearest(DEPTH, latent).0).collect();
        let tokens = CODEC.tokens(&sound, DEPTH).unwrap();
        assert_eq!(tokens.channels, [expected]);
        assert_eq!(CODEC.frame_count(samples as u64), frames as u64);
        let file = CODEC.encode(&sound, &EncodeOptions::default()).unwrap().bytes;
        assert_eq!(CODEC.tokens_of(&file, &Limits::default()).unwrap(), tokens);
    }
}

#[test]
fn every_length_comes_back() {
    for samples in [1, 15, 16, 17, 3 * HOP, 40 * HOP + 1, 230 * HOP] {
        let file = CODEC.encode(&sound(samples), &EncodeOptions::default()).unwrap().bytes;
        let (back, _) = decode(&file, false);
        assert_eq!(back.len(), samples);
        assert!(back.iter().all(|sample| sample.is_finite()));
    }
    let stereo = Sound { channels: vec![sound(999).channels.remove(0), vec![0.1; 999]], ..sound(1) };
    let tokens = CODEC.tokens(&stereo, DEPTH).unwrap();
    assert_eq!((tokens.layout, CODEC.sound_of(&tokens).unwrap().len()), (Channels::LeftRight, 999));
}

#[test]
fn windows_are_told_and_only_where_they_are_asked_for_or_needed() {
    let file = |tokens: usize| CODEC.encode(&sound(tokens * HOP), &EncodeOptions::default()).unwrap().bytes;
    let (short, long) = (file(EXACT), file(EXACT + 1));
    let ((whole, exact), (cut, approximate)) = (decode(&short, false), decode(&short, true));
    assert!(!exact && approximate && whole != cut, "the decoder sees all, so windows differ");
    assert!(decode(&long, false).1 && CODEC.is_windowed(((EXACT + 1) * HOP) as u64));
    assert!(!CODEC.is_windowed((EXACT * HOP) as u64));
    let few = file(WINDOW);
    assert_eq!(decode(&few, true), decode(&few, false), "one window is the whole");
}

#[test]
fn lost_segments_are_silent_and_the_rest_is_there() {
    let samples = 5000 * HOP;
    let file = CODEC.encode(&sound(samples), &EncodeOptions::default()).unwrap().bytes;
    let mut damaged = file.clone();
    let near_the_end = file.len() - 50;
    damaged[near_the_end] ^= 0x10;
    assert!(CODEC.decode(&damaged, &DecodeOptions::default()).is_err());
    let options = DecodeOptions { salvage: true, ..DecodeOptions::default() };
    let salvaged = CODEC.decode(&damaged, &options).unwrap();
    let back = &salvaged.sound.channels[0];
    assert!(!salvaged.losses.is_empty() && back.len() == samples);
    assert!(back[2500 * HOP..].iter().all(|&sample| sample == 0.0));
    assert!(back[..2400 * HOP].iter().any(|&sample| sample.abs() > 0.01));
}

#[test]
fn streams_are_refused() {
    assert!(!CODEC.is_live());
    let said = CODEC.stream_encoder(DEPTH).unwrap_err().to_string();
    assert!(said.contains("whole-test") && said.contains("whole sounds only"), "{said}");
    assert!(CODEC.stream_decoder(DEPTH).is_err());
    assert!(CODEC.live_writer(LiveOptions::default()).is_err());
}

#[test]
fn tokens_that_do_not_fit_are_refused() {
    let tokens = |channels| Tokens { bits: DEPTH, samples: 40, layout: Channels::Mono, channels };
    assert!(CODEC.sound_of(&tokens(vec![vec![1, 2]])).is_err());
    assert!(CODEC.sound_of(&tokens(vec![vec![1, 2, 64]])).is_err());
    assert_eq!(CODEC.sound_of(&tokens(vec![vec![1, 2, 63]])).unwrap().len(), 40);
    assert!(CODEC.tokens(&sound(100), DEPTH + 1).is_err());
}

#[test]
fn packs_whose_graphs_do_something_else_are_errors() {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(FOLDER.path()).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    // Encoder and decoder in each other's places.
    let manifest = fs::read_to_string(copy.path().join("pack.toml")).unwrap();
    let swapped = manifest
        .replace("encoder = \"encoder.onnx\"", "encoder = \"?\"")
        .replace("decoder = \"decoder.onnx\"", "decoder = \"encoder.onnx\"")
        .replace('?', "decoder.onnx");
    fs::write(copy.path().join("pack.toml"), swapped).unwrap();
    let codec = AudioCodec::new(Arc::new(Pack::open(copy.path()).unwrap()), CodecOptions { threads: 1 }).unwrap();
    assert!(codec.tokens(&sound(400), DEPTH).is_err());
    let tokens = Tokens { bits: DEPTH, samples: 64, layout: Channels::Mono, channels: vec![vec![1; 4]] };
    assert!(codec.sound_of(&tokens).is_err());
    for (from, to) in [("exact_tokens = 100", "exact_tokens = 10"), ("reach_tokens = 4", "reach_tokens = 0")] {
        fs::write(copy.path().join("pack.toml"), manifest.replace(from, to)).unwrap();
        assert!(Pack::open(copy.path()).is_err(), "{to}");
    }
}
