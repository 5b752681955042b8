//! Audio packs: what is in them, and graphs that go step by step.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path, path::PathBuf};

use tessera_core::container::Modality;
use tessera_models::{Error, Pack, StepSession, Store};

fn archive() -> PathBuf {
    std::env::var_os("TESSERA_TEST_AUDIO_PACK")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/speech-16k.tpack"), PathBuf::from)
}

fn pack() -> Pack {
    Pack::open(&archive()).expect("these tests need an audio pack: name it in TESSERA_TEST_AUDIO_PACK")
}

fn rows(frames: usize, width: usize) -> Vec<f32> {
    (0..frames * width).map(|n| ((n * 7919 % 1013) as f32 / 500.0 - 1.0) * 0.3).collect()
}

#[test]
fn an_audio_pack_verifies_and_is_found() {
    let pack = pack();
    pack.verify().unwrap();
    let audio = pack.audio().unwrap();
    assert_eq!((audio.sample_rate, audio.hop, audio.window), (16_000, 200, 640));
    assert_eq!((audio.codebook.dim(), audio.codebook.full_depth(), audio.min_bits), (16, 12, 6));
    assert!(matches!(pack.image(), Err(Error::PackDamaged { .. })));
    let found = Store::only(&archive()).default_for(Modality::Audio).unwrap();
    assert_eq!(found.hash8(), pack.hash8());
}

#[test]
fn a_row_does_not_depend_on_how_many_are_run_at_once() {
    let audio = pack().audio().unwrap();
    let (bins, dim) = (audio.window / 2 + 1, audio.codebook.dim());
    for (graph, inputs, outputs) in [(&audio.encoder, 3 * bins, dim), (&audio.decoder, dim, 2 * bins)] {
        let mut session = StepSession::load(graph, inputs, outputs).unwrap();
        let rows = rows(29, inputs);
        let mut state = vec![0.0; session.state_len()];
        let whole = session.run(&rows, &mut state).unwrap();
        assert_eq!(whole.len(), 29 * outputs);
        for sizes in [&[1][..], &[2], &[3, 1, 5], &[28], &[16]] {
            let (mut cut, mut cut_state) = (Vec::new(), vec![0.0; session.state_len()]);
            let (mut rest, mut turn) = (&rows[..], sizes.iter().cycle());
            while !rest.is_empty() {
                let (now, after) = rest.split_at((turn.next().unwrap() * inputs).min(rest.len()));
                cut.extend(session.run(now, &mut cut_state).unwrap());
                rest = after;
            }
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&cut), bits(&whole), "{} in {sizes:?}", graph.name);
            assert_eq!(bits(&cut_state), bits(&state));
        }
        assert!(session.run(&[], &mut state).unwrap().is_empty());
    }
}

#[test]
fn a_graph_of_other_ports_is_refused() {
    let audio = pack().audio().unwrap();
    let refused = |inputs, outputs| StepSession::load(&audio.encoder, inputs, outputs).unwrap_err().to_string();
    assert!(refused(16, 642).contains("rows"));
    assert!(refused(963, 17).contains("rows"));
    let image = Store::standard(None).default_for(Modality::Image).unwrap().image().unwrap();
    assert!(StepSession::load(&image.encoder, 3, 16).unwrap_err().to_string().contains("inputs"));
}

#[test]
fn a_manifest_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(fs::File::open(archive()).unwrap()).unwrap().extract(folder.path()).unwrap();
    let path = folder.path().join("pack.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, what) in [
        ("modality = \"audio\"", "modality = \"image\"", "[image]"),
        ("[audio]", "[sound]", "[audio]"),
        ("sample_rate = 16000", "sample_rate = 0", "out of range"),
        ("hop = 200", "hop = 0", "out of range"),
        ("hop = 200", "hop = 321", "out of range"),
        ("window = 640", "window = 641", "out of range"),
        ("window = 640", "window = 100000000", "out of range"),
        ("levels = 2", "levels = 16", "out of range"),
        ("lookahead = 2", "lookahead = 65", "out of range"),
        ("bits = 17", "bits = 25", "out of range"),
        ("bits = 17", "bits = 5", "out of range"),
        ("min_depth = 6", "min_depth = 13", "out of range"),
        ("search_lambda = ", "search_lambda = -1", "out of range"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let said = Pack::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains(what), "{from} -> {to}: {said}");
    }
}
