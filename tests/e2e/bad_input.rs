//! Whatever comes in: one clear line, the right exit code, no panic, and nothing half-written.

use std::fs;

use tessera_core::{Limits, container};

use crate::run::{coded, fails, folder, names, sample, succeeds, tessera};

#[test]
fn files_that_are_no_tsr_files_are_named_for_what_they_are() {
    let out = folder();
    let write = |name: &str, bytes: &[u8]| {
        let path = out.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let picture = fs::read(sample("text.png")).unwrap();
    let before = 5;
    for (path, exit, says) in [
        (write("empty.tsr", b""), 3, "it is empty"),
        (write("picture.tsr", &picture), 3, "it is a PNG file"),
        (write("text.tsr", b"hello, this is only text"), 3, "not a .tsr file"),
        (write("zeros.tsr", &[0; 4096]), 3, "not a .tsr file"),
        (out.path().join("absent.tsr"), 1, "no such file"),
        (write("folder.tsr", b""), 3, "it is empty"),
    ] {
        for command in ["decode", "info"] {
            let mut run = tessera([command]);
            fails(run.arg(&path), exit, says);
        }
    }
    assert_eq!(names(out.path()).len(), before, "{:?}", names(out.path()));
    fails(tessera(["info"]).arg(out.path()), 1, "folder");
}

#[test]
fn pictures_that_cannot_be_read_are_refused() {
    let out = folder();
    let file = coded(out.path());
    let whole = fs::read(sample("coral.png")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = out.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    // A PNG whose header claims 4 million pixels on each side, with a matching CRC, and one of zero width.
    let claiming = |width: u32, height: u32| {
        let mut png = whole[..33].to_vec();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = png_crc(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        png.extend_from_slice(&whole[33..]);
        png
    };
    for (path, exit) in [
        (write("empty.png", b""), 3),
        (write("cut.png", &whole[..whole.len() / 2]), 3),
        (write("huge.png", &claiming(4_000_000, 4_000_000)), 3),
        (write("flat.png", &claiming(0, 10)), 3),
        (write("text.png", b"not a picture"), 3),
        (write("renamed.png", &fs::read(&file).unwrap()), 3),
        (out.path().join("absent.png"), 1),
    ] {
        fails(tessera(["encode"]).arg(&path), exit, &path.file_name().unwrap().to_string_lossy());
        assert!(!path.with_extension("tsr").exists());
    }
    fails(tessera(["encode"]).arg(out.path().join("renamed.png")), 3, "tessera decode");
}

fn png_crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    })
}

#[test]
fn truncated_and_flipped_files_are_refused_and_leave_nothing() {
    let out = folder();
    let whole = fs::read(coded(out.path())).unwrap();
    let hurt = out.path().join("hurt.tsr");
    let lengths = (0..whole.len()).step_by(whole.len() / 12);
    for length in lengths {
        fs::write(&hurt, &whole[..length]).unwrap();
        fails(tessera(["decode"]).arg(&hurt), 3, "hurt.tsr");
    }
    for at in (0..whole.len()).step_by(whole.len() / 12) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&hurt, &bytes).unwrap();
        let output = tessera(["decode"]).arg(&hurt).output().unwrap();
        assert!(matches!(output.status.code(), Some(3 | 4)), "byte {at}: {output:?}");
        assert!(!out.path().join("hurt.png").exists());
    }
    assert_eq!(names(out.path()), ["coded.tsr", "hurt.tsr"]);
}

#[test]
fn a_file_of_another_pack_says_which_pack_it_needs() {
    let out = folder();
    let bytes = fs::read(coded(out.path())).unwrap();
    let mut file = container::read(&bytes, &Limits::default()).unwrap();
    file.header.pack.hash = [0xab; 8];
    let path = out.path().join("other.tsr");
    fs::write(&path, container::write(&file.header, &file.chunks).unwrap()).unwrap();
    fails(tessera(["decode"]).arg(&path), 4, "abababababababab");
    file.header.pack.id = Some("image-of-tomorrow".to_owned());
    fs::write(&path, container::write(&file.header, &file.chunks).unwrap()).unwrap();
    fails(tessera(["decode"]).arg(&path), 4, "image-of-tomorrow");
    let info = String::from_utf8(succeeds(tessera(["info"]).arg(&path))).unwrap();
    assert!(info.contains("image-of-tomorrow") && info.contains("not installed"), "{info}");
}

#[test]
fn a_claim_beyond_the_limits_is_refused_before_any_work() {
    let out = folder();
    let bytes = fs::read(coded(out.path())).unwrap();
    let mut file = container::read(&bytes, &Limits::default()).unwrap();
    let container::MediaShape::Image { width, height, .. } = &mut file.header.media else { panic!("an image") };
    (*width, *height) = (60_000, 60_000);
    let path = out.path().join("huge.tsr");
    fs::write(&path, container::write(&file.header, &file.chunks).unwrap()).unwrap();
    fails(tessera(["decode"]).arg(&path), 3, "limit");
}

#[test]
fn a_missing_runtime_or_pack_folder_is_said_plainly() {
    let out = folder();
    let line = fails(
        tessera(["encode", "--ort-lib", "/nonexistent/libonnxruntime.so", "-o"])
            .arg(out.path().join("a.tsr"))
            .arg(sample("text.png")),
        5,
        "setup.sh",
    );
    assert!(line.contains("/nonexistent/libonnxruntime.so"), "{line}");
    let fake = out.path().join("fake.so");
    fs::write(&fake, "no library").unwrap();
    fails(
        tessera(["encode", "-o"]).arg(out.path().join("a.tsr")).arg(sample("text.png")).env("TESSERA_ORT_LIB", &fake),
        5,
        "fake.so",
    );
    fails(
        tessera(["encode", "--models", "/nonexistent", "-o"]).arg(out.path().join("a.tsr")).arg(sample("text.png")),
        4,
        "no such folder",
    );
    fails(
        tessera(["encode", "--pack", "image-none", "-o"]).arg(out.path().join("a.tsr")).arg(sample("text.png")),
        4,
        "image-none",
    );
    assert_eq!(names(out.path()), ["fake.so"]);
}

#[test]
fn one_bad_file_does_not_stop_a_folder() {
    let (input, out) = (folder(), folder());
    fs::copy(sample("text.png"), input.path().join("good.png")).unwrap();
    fs::write(input.path().join("bad.png"), "not a picture").unwrap();
    let output = tessera(["encode", "-o"]).arg(out.path()).arg(input.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = crate::run::stderr(&output);
    assert!(said.contains("bad.png") && said.contains("1 of 2 files failed"), "{said}");
    assert_eq!(names(out.path()), ["good.tsr"]);
}

#[test]
fn salvage_returns_a_picture_of_the_right_size_or_says_why_not() {
    let out = folder();
    let file = out.path().join("a.tsr");
    succeeds(tessera(["encode", "-o"]).arg(&file).arg(sample("graphic_alpha.png")));
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    fails(tessera(["decode"]).arg(&file), 3, "a.tsr");
    let output = tessera(["decode", "--salvage", "--json"]).arg(&file).output().unwrap();
    if output.status.success() {
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(!report["losses"].as_array().unwrap().is_empty());
        assert_eq!((report["width"].as_u64(), report["height"].as_u64()), (Some(344), Some(512)));
    } else {
        assert!(crate::run::stderr(&output).starts_with("tessera: "));
    }
}
