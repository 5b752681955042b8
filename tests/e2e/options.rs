//! Targets are kept and files are never overwritten unasked.

use std::fs;

use crate::run::{fails, folder, json, names, sample, succeeds, tessera};

#[test]
fn a_size_is_never_exceeded_and_nearly_used() {
    let out = folder();
    for size in [400u64, 700, 1500, 4000] {
        let file = out.path().join(format!("{size}.tsr"));
        succeeds(tessera(["encode", "--size", &size.to_string(), "-o"]).arg(&file).arg(sample("sky.jpg")));
        let bytes = fs::metadata(&file).unwrap().len();
        assert!(bytes <= size && bytes * 10 >= size * 8, "{bytes} bytes for --size {size}");
    }
    let line = fails(
        tessera(["encode", "--size", "20", "-o"]).arg(out.path().join("no.tsr")).arg(sample("sky.jpg")),
        1,
        "too few",
    );
    assert!(line.contains("least possible"), "{line}");
    assert!(!out.path().join("no.tsr").exists());
}

#[test]
fn bits_per_pixel_are_met_from_below() {
    let out = folder();
    for bpp in [0.02f64, 0.05, 0.12] {
        let file = out.path().join(format!("{bpp}.tsr"));
        let report =
            &json(tessera(["encode", "--json", "--bpp", &bpp.to_string(), "-o"]).arg(&file).arg(sample("foliage.jpg")))
                [0];
        let real = 8.0 * fs::metadata(&file).unwrap().len() as f64 / (768.0 * 512.0);
        assert!(real <= bpp && real >= 0.8 * bpp, "{real} for {bpp}");
        assert!((report["bpp"].as_f64().unwrap() - real).abs() < 1e-9);
    }
}

#[test]
fn higher_quality_takes_more_bytes() {
    let out = folder();
    let bytes = |quality: &str| {
        let file = out.path().join(format!("{quality}.tsr"));
        succeeds(tessera(["encode", "-q", quality, "-o"]).arg(&file).arg(sample("face.jpg")));
        fs::metadata(&file).unwrap().len()
    };
    let sizes = ["0", "30", "60", "100"].map(bytes);
    assert!(sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
}

#[test]
fn nothing_is_overwritten_without_force() {
    let out = folder();
    let file = out.path().join("a.tsr");
    fs::write(&file, "precious").unwrap();
    fails(tessera(["encode", "-o"]).arg(&file).arg(sample("text.png")), 1, "--force");
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    succeeds(tessera(["encode", "--force", "-o"]).arg(&file).arg(sample("text.png")));
    let picture = out.path().join("a.png");
    fs::write(&picture, "precious").unwrap();
    fails(tessera(["decode"]).arg(&file), 1, "--force");
    assert_eq!(fs::read(&picture).unwrap(), b"precious");
    assert_eq!(names(out.path()), ["a.png", "a.tsr"], "no temporary file is left");
}

#[test]
fn more_effort_means_fewer_bytes_at_the_same_rung() {
    let out = folder();
    let bytes = |effort: &str| {
        let file = out.path().join(format!("{effort}.tsr"));
        succeeds(tessera(["encode", "--rung", "1x12", "--effort", effort, "-o"]).arg(&file).arg(sample("foliage.jpg")));
        fs::metadata(&file).unwrap().len()
    };
    let (nearest, searched) = (bytes("0"), bytes("9"));
    assert!(searched < nearest, "{searched} {nearest}");
}

#[test]
fn wrong_arguments_are_explained_on_one_line() {
    let text = sample("text.png");
    for (arguments, says) in [
        (&["encode"][..], "required"),
        (&["encode", "-q", "101"], "0 to 100"),
        (&["encode", "-q", "50", "--bpp", "0.1"], "cannot be used"),
        (&["encode", "--size", "ten"], "number of bytes"),
        (&["encode", "--rung", "9x9"], "rung"),
        (&["encode", "--colour"], "--colour"),
        (&["frobnicate"], "frobnicate"),
        (&[], "no command"),
    ] {
        let mut command = tessera(arguments);
        if arguments.len() > 1 && arguments[0] == "encode" {
            command.arg(&text).args(["-o", "/nonexistent-folder/x.tsr"]);
        }
        fails(&mut command, 2, says);
    }
}
