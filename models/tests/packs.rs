//! Packs are found where the documentation says and refused when anything about them is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, io::Write, path::Path};

use tessera_core::container::Modality;
use tessera_models::{Error, Pack, Session, Store};

/// Copies the built-in pack's files into a folder.
fn unpack(into: &Path) {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/image-f16.tpack");
    zip::ZipArchive::new(fs::File::open(archive).unwrap()).unwrap().extract(into).unwrap();
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn message<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn the_built_in_pack_verifies_and_runs() {
    let pack = Store::standard(None).default_for(Modality::Image).unwrap();
    pack.verify().unwrap();
    assert!(pack.is_default());
    assert!(pack.card().unwrap().len() > 500, "a card says what the pack was trained on and what it reaches");
    let image = pack.image().unwrap();
    let (mut encoder, mut decoder) =
        (Session::load(&image.encoder, 1).unwrap(), Session::load(&image.decoder, 1).unwrap());
    for (height, width) in [(16, 16), (48, 80)] {
        let latent = encoder.run(ndarray::Array4::zeros((1, 3, height, width)).view()).unwrap();
        assert_eq!(latent.shape(), [1, image.codebook.dim(), height / 16, width / 16]);
        let picture = decoder.run(latent.view()).unwrap();
        assert_eq!(picture.shape(), [1, 3, height, width]);
        assert!(picture.iter().all(|v| v.is_finite()));
    }
    let refused = message(decoder.run(ndarray::Array4::zeros((1, 3, 4, 4)).view()));
    assert!(refused.contains("decoder.onnx"), "{refused}");
}

#[test]
fn the_same_graph_and_threads_give_the_same_bits() {
    let image = Store::standard(None).default_for(Modality::Image).unwrap().image().unwrap();
    let latent = ndarray::Array4::from_shape_fn((1, image.codebook.dim(), 5, 7), |(_, c, y, x)| {
        ((c * 7 + y * 3 + x) % 11) as f32 / 5.0 - 1.0
    });
    let run = || Session::load(&image.decoder, 2).unwrap().run(latent.view()).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn a_pack_is_found_by_id_hash_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    unpack(&folder.path().join("one"));
    for place in [folder.path().to_owned(), folder.path().join("one")] {
        let store = Store::only(&place);
        let pack = store.default_for(Modality::Image).unwrap();
        assert_eq!(store.find(pack.id()).unwrap().hash8(), pack.hash8());
        assert_eq!(store.find(&pack.hash_text()[..6]).unwrap().hash8(), pack.hash8());
        assert_eq!(store.find_hash(pack.hash8(), None).unwrap().id(), pack.id());
    }
    let store = Store::only(folder.path());
    assert!(message(store.find("image-none")).contains("image-none was not found"));
    assert!(message(store.find_hash([7; 8], Some("image-x"))).contains("image-x (0707070707070707)"));
    assert!(matches!(store.default_for(Modality::Audio), Err(Error::PackMissing { .. })));
    assert!(matches!(Store::only(&folder.path().join("absent")).find("x"), Err(Error::PackMissing { .. })));
}

#[test]
fn a_flipped_bit_in_any_part_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path());
    let parts: Vec<String> =
        Pack::open(folder.path()).unwrap().manifest().parts.iter().map(|part| part.file.clone()).collect();
    for part in parts {
        let path = folder.path().join(&part);
        let whole = fs::read(&path).unwrap();
        damage(&path);
        let said = message(Pack::open(folder.path()).unwrap().verify());
        assert!(said.contains(&part) && said.contains("SHA-256"), "{said}");
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(message(Pack::open(folder.path()).unwrap().verify()).contains("bytes where"));
        fs::remove_file(&path).unwrap();
        assert!(message(Pack::open(folder.path()).unwrap().verify()).contains("is missing"));
        fs::write(&path, whole).unwrap();
    }
    Pack::open(folder.path()).unwrap().verify().unwrap();
}

#[test]
fn a_manifest_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path());
    let path = folder.path().join("pack.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, what) in [
        ("format = 1", "format = 2", "format 2"),
        ("modality = \"image\"", "modality = \"smell\"", "unknown modality"),
        ("modality = \"image\"", "modality = \"audio\"", "[image]"),
        ("stride = 16", "stride = 0", "out of range"),
        ("depth = 12", "depth = 60", "out of range"),
        ("levels = 4", "levels = 0", "out of range"),
        ("file = \"encoder.onnx\"", "file = \"../encoder.onnx\"", "plain file name"),
        ("file = \"encoder.onnx\"", "file = \"/etc/passwd\"", "plain file name"),
        ("id = \"image", "id = \"im age", "the id must be"),
        ("[image]", "[image", "pack.toml"),
        ("stride = 16", "stride = 8", "out of range"),
        (
            "[[part]]",
            "[image.whole]\nexact_tokens = 100\nwindow_tokens = 11\nmargin_tokens = 2\n\n[[part]]",
            "[image.whole]",
        ),
        (
            "[[part]]",
            "[image.whole]\nexact_tokens = 100\nwindow_tokens = 10\nmargin_tokens = 5\n\n[[part]]",
            "[image.whole]",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let said = message(Pack::open(folder.path()));
        assert!(said.contains(what), "{from} -> {to}: {said}");
    }
    fs::write(&path, text.replacen("depth = 12", "depth = 11", 1)).unwrap();
    assert!(message(Pack::open(folder.path()).unwrap().image()).contains("has shape"));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(message(Pack::open(folder.path())).contains("UTF-8"));
    fs::remove_file(&path).unwrap();
    assert!(message(Pack::open(folder.path())).contains("no pack.toml"));
}

#[test]
fn an_archive_that_unpacks_to_more_than_it_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.tpack");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("pack.toml", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&vec![b' '; 4 << 20]).unwrap();
    zip.finish().unwrap();
    assert!(message(Pack::open(&path)).contains("longer than"));
    fs::write(&path, b"not a zip").unwrap();
    assert!(message(Pack::open(&path)).contains("neither a folder nor a ZIP archive"));
    assert!(message(Store::only(folder.path()).find("image-f16-1")).contains("neither a folder"));
}
