//! Claims about refiners and masked-token models, held by graphs so small that one can say what they do.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tessera_image::{CodecOptions, Concealment, DecodeOptions, Error, ImageCodec, Picture, Target};
use tessera_models::{Addition, Pack, Store};

use crate::fixture::*;

/// A pack of one of the graphs of `tests/additions`, and the folder that holds it.
pub fn addition(kind: &str, base: [u8; 8], more: &str) -> (TempDir, Arc<Pack>) {
    let folder = tempfile::tempdir().unwrap();
    let base = base.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let mut manifest = format!(
        "format = 1\nid = \"test-{kind}\"\nversion = \"1\"\nmodality = \"{kind}\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
         [{kind}]\nbase = \"{base}\"\ndim = 16\ndepth = 12\ngraph = \"{kind}.onnx\"\n{more}\n"
    );
    let graph =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/additions/{kind}.onnx"))).unwrap();
    for (name, data) in [(format!("{kind}.onnx"), &graph[..]), ("CARD.md".to_owned(), b"# for tests")] {
        let digest = Sha256::digest(data).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        std::fs::write(folder.path().join(name), data).unwrap();
    }
    std::fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    let pack = Arc::new(Pack::open(folder.path()).unwrap());
    (folder, pack)
}

const REFINER: &str = "stride = 16\nnoise = 0.2\nnoise_halves = 24.0";

/// A codec with both additions.
pub fn codec_with_additions(threads: usize) -> ImageCodec {
    let mut codec = ImageCodec::new(pack(), CodecOptions { threads }).unwrap();
    let base = pack().hash8();
    for (kind, more) in [("refiner", REFINER), ("masked", "")] {
        let (_folder, found) = addition(kind, base, more);
        codec.add(&found).unwrap();
    }
    codec
}

fn refined(codec: &mut ImageCodec, file: &[u8], steps: u8) -> Picture {
    codec.decode(file, &DecodeOptions { refine: steps, ..DecodeOptions::default() }).unwrap().picture
}

#[test]
fn steps_change_the_picture_the_same_way_every_time_and_for_any_threads() {
    let file = encode(&part(&sample("foliage.jpg"), 300, 200), Target::Quality(40.0)).bytes;
    let (mut one, mut two) = (codec_with_additions(1), codec_with_additions(2));
    let plain = refined(&mut one, &file, 0);
    let mut before = plain.clone();
    for steps in [1, 2, 5] {
        let picture = refined(&mut one, &file, steps);
        assert!(picture != plain && picture != before, "{steps}");
        assert_eq!(picture, refined(&mut one, &file, steps));
        assert_eq!(picture, refined(&mut two, &file, steps));
        before = picture;
    }
}

#[test]
fn noise_follows_from_the_tokens_alone() {
    let photo = part(&sample("coral.png"), 160, 160);
    let (first, second) = (encode(&photo, Target::Quality(30.0)).bytes, encode(&photo, Target::Quality(45.0)).bytes);
    let mut codec = codec_with_additions(2);
    let difference = |codec: &mut ImageCodec, file: &[u8]| {
        let (plain, picture) = (refined(codec, file, 0), refined(codec, file, 1));
        plain.rgb.iter().zip(&picture.rgb).map(|(a, b)| i32::from(*b) - i32::from(*a)).collect::<Vec<_>>()
    };
    assert_ne!(difference(&mut codec, &first), difference(&mut codec, &second));
    // The same tokens in another file: metadata does not count.
    let mut options = options(Target::Quality(30.0));
    options.metadata = tessera_image::Metadata::Keep;
    let mut kept = photo.clone();
    kept.exif = Some(vec![1, 2, 3]);
    let with_exif = codec.encode(&kept, &options).unwrap().bytes;
    assert_eq!(difference(&mut codec, &first), difference(&mut codec, &with_exif));
}

#[test]
fn every_size_and_gray_can_be_refined() {
    let mut codec = codec_with_additions(2);
    for (width, height) in [(1, 1), (17, 1), (5, 40), (129, 95)] {
        let picture = part(&sample("gray.png"), width, height);
        let file = encode(&picture, Target::Quality(30.0)).bytes;
        let back = refined(&mut codec, &file, 2);
        assert_eq!((back.width, back.height, back.gray), (width, height, true));
        assert!(back.rgb.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
    }
}

#[test]
fn additions_of_another_pack_and_missing_ones_are_refused() {
    let mut codec = new_codec(1);
    let file = encode(&part(&sample("sky.jpg"), 64, 64), Target::Quality(10.0)).bytes;
    for options in
        [DecodeOptions { refine: 1, ..Default::default() }, DecodeOptions { heal: true, ..Default::default() }]
    {
        let error = codec.decode(&file, &options).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }) && error.to_string().contains("needs a"), "{error}");
    }
    let too_many = DecodeOptions { refine: 33, ..Default::default() };
    assert!(matches!(codec_with_additions(1).decode(&file, &too_many), Err(Error::Parameter { .. })));
    let (_folder, foreign) = addition("masked", [7; 8], "");
    let error = codec.add(&foreign).unwrap_err();
    assert!(matches!(error, Error::PackMismatch { .. }) && error.to_string().contains("0707070707070707"), "{error}");
    let error = codec.add(&pack()).unwrap_err();
    assert!(matches!(error, Error::PackMismatch { .. }), "{error}");
    assert!(!codec.has(Addition::Masked) && !codec.has(Addition::Refiner));
    let (folder, _) = addition("refiner", pack().hash8(), REFINER);
    let text = std::fs::read_to_string(folder.path().join("pack.toml")).unwrap();
    std::fs::write(folder.path().join("pack.toml"), text.replace("dim = 16", "dim = 8")).unwrap();
    assert!(matches!(codec.add(&Pack::open(folder.path()).unwrap()), Err(Error::Pack { .. })));
}

#[test]
fn additions_are_found_by_the_hash_of_their_base() {
    let base = pack();
    let (folder, masked) = addition("masked", base.hash8(), "");
    let store = Store::only(folder.path());
    assert_eq!(store.addition(Addition::Masked, base.hash8(), base.id()).unwrap().hash8(), masked.hash8());
    let error = store.addition(Addition::Refiner, base.hash8(), base.id()).unwrap_err().to_string();
    assert!(error.contains("a refiner for") && error.contains(base.id()), "{error}");
    assert!(store.addition(Addition::Masked, [1; 8], "other").is_err());
    masked.verify().unwrap();
}

#[test]
fn healing_changes_coarse_tokens_and_leaves_whole_ones_alone() {
    let mut codec = codec_with_additions(2);
    let photo = part(&sample("face.jpg"), 160, 128);
    let mut with =
        |file: &[u8], heal| codec.decode(file, &DecodeOptions { heal, ..DecodeOptions::default() }).unwrap().picture;
    let rung = |levels, depth| Target::Rung { rung: tessera_core::Rung { levels, depth }, lambda: None };
    let coarse = encode(&photo, rung(1, 5)).bytes;
    assert_ne!(with(&coarse, true), with(&coarse, false));
    for whole in [rung(1, 12), rung(2, 4)] {
        let file = encode(&photo, whole).bytes;
        assert_eq!(with(&file, true), with(&file, false));
    }
}

#[test]
fn the_three_ways_of_concealing_differ_and_keep_what_is_known() {
    let mut codec = codec_with_additions(2);
    let photo = part(&sample("foliage.jpg"), 512, 384);
    let file = crate::packets::resilient(&photo, 12);
    let hurt = crate::packets::without(&file, &[3, 9]);
    let mut with = |bytes: &[u8], conceal| {
        let options = DecodeOptions { salvage: true, conceal, ..DecodeOptions::default() };
        codec.decode(bytes, &options).unwrap()
    };
    let whole = with(&file, Concealment::Likely);
    assert_eq!((whole.lost_tokens, whole.tokens), (0, 32 * 24));
    let ways = [Concealment::Likely, Concealment::Mean, Concealment::Repeat].map(|way| with(&hurt, way));
    for (n, way) in ways.iter().enumerate() {
        assert_eq!((way.lost_tokens, way.losses.len()), (96, 1));
        assert!(psnr(&photo, &way.picture) > 12.0);
        assert!(ways[..n].iter().all(|other| other.picture != way.picture));
        assert!(way.picture != whole.picture);
    }
}
