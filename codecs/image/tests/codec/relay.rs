//! Claims about refiners of latents, held by graphs so small that one can say what they do.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tessera_image::{CodecOptions, DecodeOptions, Error, ImageCodec, Picture, Target};
use tessera_models::{Addition, Pack};

use crate::fixture::*;

const GRAPHS: [&str; 4] = ["start", "control", "unet", "paint"];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A folder with a refiner of latents for the default pack.
fn refiner() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let base = hex(&pack().hash8());
    let mut manifest = format!(
        "format = 1\nid = \"test-relay\"\nversion = \"1\"\nmodality = \"refiner\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
         [refiner]\nbase = \"{base}\"\nstride = 16\ndim = 16\ndepth = 12\n\
         [refiner.relay]\nchannels = 4\ncell = 2\nalign_tokens = 4\nschedules = [[[299.0, 0.6], [0.0, 0.999]], [[9, 0.5]]]\n\
         start = \"start.onnx\"\ncontrol = \"control.onnx\"\nunet = \"unet.onnx\"\npaint = \"paint.onnx\"\n\
         [refiner.relay.whole]\nexact_tokens = 64\nwindow_tokens = 8\nmargin_tokens = 2\n"
    );
    let graphs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/additions");
    let parts =
        GRAPHS.map(|name| (format!("{name}.onnx"), std::fs::read(graphs.join(format!("{name}.onnx"))).unwrap()));
    for (name, data) in parts.into_iter().chain([("CARD.md".to_owned(), b"# for tests".to_vec())]) {
        let digest = hex(&Sha256::digest(&data));
        write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        std::fs::write(folder.path().join(name), data).unwrap();
    }
    std::fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    folder
}

fn codec_with(folder: &TempDir, threads: usize) -> ImageCodec {
    let mut codec = ImageCodec::new(pack(), CodecOptions { threads }).unwrap();
    codec.add(&Arc::new(Pack::open(folder.path()).unwrap())).unwrap();
    codec
}

fn refined(codec: &mut ImageCodec, file: &[u8], refine: u8) -> (Picture, bool) {
    let decoded = codec.decode(file, &DecodeOptions { refine, ..DecodeOptions::default() }).unwrap();
    (decoded.picture, decoded.windowed)
}

#[test]
fn steps_change_the_picture_the_same_way_every_time_and_for_any_threads() {
    let folder = refiner();
    let file = encode(&part(&sample("foliage.jpg"), 120, 100), Target::Quality(40.0)).bytes;
    let (mut one, mut two) = (codec_with(&folder, 1), codec_with(&folder, 2));
    assert!(one.has(Addition::Refiner));
    let mut before = refined(&mut one, &file, 0).0;
    for steps in [1, 2] {
        let (picture, windowed) = refined(&mut one, &file, steps);
        assert!(picture != before && !windowed, "{steps}");
        assert_eq!(picture, refined(&mut one, &file, steps).0);
        assert_eq!(picture, refined(&mut two, &file, steps).0);
        before = picture;
    }
    // Without diffusion the same codec decodes as one that has no refiner.
    assert_eq!(refined(&mut one, &file, 0).0, codec().decode(&file, &DecodeOptions::default()).unwrap().picture);
}

#[test]
fn a_number_of_steps_without_a_schedule_is_refused_in_words() {
    let mut codec = codec_with(&refiner(), 1);
    let file = encode(&part(&sample("sky.jpg"), 64, 64), Target::Quality(10.0)).bytes;
    let error = codec.decode(&file, &DecodeOptions { refine: 5, ..Default::default() }).unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }), "{error}");
    assert!(error.to_string().contains("the refiner test-relay takes 2 or 1 steps"), "{error}");
}

#[test]
fn every_size_goes_in_windows_where_it_is_large_and_gray_stays_gray() {
    let mut codec = codec_with(&refiner(), 2);
    for (width, height, windows) in
        [(1, 1, false), (17, 1, false), (128, 128, false), (129, 128, true), (300, 40, false), (201, 155, true)]
    {
        let picture = part(&sample("gray.png"), width, height);
        let file = encode(&picture, Target::Quality(30.0)).bytes;
        let (back, windowed) = refined(&mut codec, &file, 2);
        assert_eq!((back.width, back.height, back.gray, windowed), (width, height, true, windows));
        assert!(back.rgb.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
    }
}

#[test]
fn manifests_and_graphs_that_make_no_sense_are_refused_in_words() {
    let folder = refiner();
    let path = folder.path().join("pack.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        ("[299.0, 0.6], [0.0, 0.999]", "[0.0, 0.999], [299.0, 0.6]", "[refiner] is out of range"),
        ("[0.0, 0.999]", "[0.0, 1.0]", "[refiner] is out of range"),
        ("[[9, 0.5]]", "[]", "[refiner] is out of range"),
        ("align_tokens = 4", "align_tokens = 3", "[refiner] is out of range"),
        ("channels = 4", "channels = 0", "[refiner] is out of range"),
        ("exact_tokens = 64", "exact_tokens = 63", "[refiner] is out of range"),
        ("exact_tokens = 64", "exact_tokens = 99999999", "[refiner] is out of range"),
        ("schedules = ", "plans = ", "pack.toml"),
    ] {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = Pack::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
    let file = encode(&part(&sample("sky.jpg"), 64, 64), Target::Quality(10.0)).bytes;
    for (from, to, said) in [
        // One graph makes other corrections than the other takes; the latent has other components than the graphs say.
        ("control = \"control.onnx\"", "control = \"paint.onnx\"", "inputs and"),
        ("unet = \"unet.onnx\"", "unet = \"paint.onnx\"", "none are corrections"),
        ("channels = 4", "channels = 3", "control.onnx"),
        ("cell = 2", "cell = 3", "began with a latent and a hint of shape"),
    ] {
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let mut codec = codec_with(&folder, 1);
        let error = codec.decode(&file, &DecodeOptions { refine: 2, ..Default::default() }).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
}
