//! Shapes in, a few bits a point out, points back.

use std::{fs, path::Path};

use tessera_geometry::{Shape, io, metrics};

use crate::run::{fails, folder, json, names, sample, stderr, succeeds, tessera};

fn shape(path: &Path) -> Shape {
    io::read(&fs::read(path).unwrap(), &Default::default(), &|_| None).unwrap().shape
}

/// Positions as a multiset, to the last bit.
fn places(shape: &Shape) -> Vec<[u32; 3]> {
    let mut places: Vec<_> = shape.positions().iter().map(|p| p.map(|x| (x + 0.0).to_bits())).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_scan_comes_back_to_the_last_bit_in_any_format() {
    let out = folder();
    let coded = out.path().join("scan.tsr");
    let report = &json(tessera(["encode", "--json", "--lossless", "-o"]).arg(&coded).arg(sample("cloud.ply")))[0];
    let bytes = fs::metadata(&coded).unwrap().len();
    assert_eq!(report["bytes"].as_u64(), Some(bytes));
    assert_eq!((report["tier"].as_str(), report["error"].as_f64()), (Some("octree"), Some(0.0)));
    assert!(bytes < fs::metadata(sample("cloud.ply")).unwrap().len() / 2, "{bytes} bytes");
    let original = places(&shape(&sample("cloud.ply")));
    for name in ["back.ply", "back.obj", "back.glb", "back.xyz"] {
        let back = out.path().join(name);
        succeeds(tessera(["decode", "-o"]).arg(&back).arg(&coded));
        assert_eq!(places(&shape(&back)), original, "{name}");
    }
    fails(tessera(["decode", "-o"]).arg(out.path().join("back.stl")).arg(&coded), 3, "points only");
    fails(tessera(["decode", "-o"]).arg(out.path().join("back.png")).arg(&coded), 2, ".ply");
    let info = &json(tessera(["info", "--json"]).arg(&coded))[0];
    assert_eq!((info["modality"].as_str(), info["points"].as_u64()), (Some("geometry"), Some(6700)));
    let parts = info["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum::<u64>(), bytes);
    let page = String::from_utf8(succeeds(tessera(["info"]).arg(&coded))).unwrap();
    assert!(page.contains("octree: points"), "{page}");
}

#[test]
fn a_precision_is_kept_and_less_costs_less() {
    let out = folder();
    let original = shape(&sample("cloud.ply"));
    let mut before = u64::MAX;
    for precision in ["0.01", "0.1", "1"] {
        let coded = out.path().join("p.tsr");
        succeeds(tessera(["encode", "-f", "--precision", precision, "-o"]).arg(&coded).arg(sample("cloud.ply")));
        let bytes = fs::metadata(&coded).unwrap().len();
        assert!(bytes < before, "{precision}: {bytes} bytes after {before}");
        before = bytes;
        let back = out.path().join("p.ply");
        succeeds(tessera(["decode", "-f", "-o"]).arg(&back).arg(&coded));
        let decoded = shape(&back);
        assert_eq!(decoded.positions().len(), original.positions().len());
        let reach: f32 = precision.parse::<f32>().unwrap() * 1.001;
        for point in original.positions().iter().step_by(97) {
            let near = |other: &[f32; 3]| (0..3).all(|axis| (point[axis] - other[axis]).abs() <= reach);
            assert!(decoded.positions().iter().any(near), "{precision}: {point:?}");
        }
    }
}

#[test]
fn a_mesh_comes_back_as_a_mesh_from_few_bytes() {
    let out = folder();
    let coded = out.path().join("m.tsr");
    for (option, value, most) in [("--size", "700", 700), ("--ratio", "300", 420), ("-q", "20", 1_500)] {
        let report =
            &json(tessera(["encode", "-f", "--json", option, value, "-o"]).arg(&coded).arg(sample("mesh.obj")))[0];
        assert_eq!(report["tier"], "decimated");
        assert_eq!(report["bytes"], fs::metadata(&coded).unwrap().len());
        assert!(report["bytes"].as_u64().unwrap() <= most, "{report}");
        let info = &json(tessera(["info", "--json"]).arg(&coded))[0];
        assert_eq!(info["faces"], report["faces"]);
        for format in ["glb", "obj", "ply", "stl"] {
            let back = out.path().join(format!("m.{format}"));
            succeeds(tessera(["decode", "-f", "-o"]).arg(&back).arg(&coded));
            let Shape::Mesh(mesh) = shape(&back) else { panic!("{format}: points came back") };
            assert_eq!(mesh.faces.len() as u64, report["faces"].as_u64().unwrap(), "{format}");
        }
    }
}

#[test]
fn splats_come_back_as_splats_in_ply_and_spz() {
    let out = folder();
    let coded = out.path().join("s.tsr");
    let original = sample("splats.spz");
    let spz = fs::metadata(&original).unwrap().len();
    let Shape::Splats(before) = shape(&original) else { panic!("the sample holds no splats") };
    for (option, value, most) in [("-q", "50", spz / 2), ("--size", "30000", 30_000), ("--ratio", "20", u64::MAX)] {
        let report = &json(tessera(["encode", "-f", "--json", option, value, "-o"]).arg(&coded).arg(&original))[0];
        assert_eq!(report["tier"], "splats");
        assert_eq!(report["bytes"], fs::metadata(&coded).unwrap().len());
        assert!(report["bytes"].as_u64().unwrap() <= most, "{report}");
    }
    succeeds(tessera(["encode", "-f", "-o"]).arg(&coded).arg(&original));
    for format in ["ply", "spz"] {
        let back = out.path().join(format!("s.{format}"));
        let report = &json(tessera(["decode", "--json", "-o"]).arg(&back).arg(&coded))[0];
        let Shape::Splats(after) = shape(&back) else { panic!("{format}: points came back") };
        assert_eq!(report["points"], after.len());
        assert!(after.len() <= before.len() && after.degree == before.degree);
        assert!(metrics::views::psnr(&before, &after, 96) > 34.0, "{format}");
    }
    let said = stderr(&tessera(["decode", "-o"]).arg(out.path().join("s.xyz")).arg(&coded).output().unwrap());
    assert!(said.contains("no splats"), "{said}");
    let info = &json(tessera(["info", "--json"]).arg(&coded))[0];
    assert_eq!((info["tier"].as_str(), info["degree"].as_u64()), (Some("splats"), Some(before.degree.into())));
    let page = String::from_utf8(succeeds(tessera(["info"]).arg(&coded))).unwrap();
    assert!(page.contains("bytes per splat"), "{page}");
    let to = out.path().join("x.tsr");
    fails(tessera(["encode", "--bits", "9", "-o"]).arg(&to).arg(&original), 2, "it holds splats");
    fails(tessera(["encode", "--lossless", "-o"]).arg(&to).arg(&original), 3, "--points");
    fails(tessera(["encode", "--size", "900", "-o"]).arg(&to).arg(&original), 3, "ask for more");
    fails(tessera(["decode", "-o"]).arg(out.path().join("x.spz")).arg(cloud(&out)), 3, "holds splats");
}

/// A coded cloud.
fn cloud(out: &tempfile::TempDir) -> std::path::PathBuf {
    let coded = out.path().join("cloud.tsr");
    succeeds(tessera(["encode", "-f", "-o"]).arg(&coded).arg(sample("cloud.ply")));
    coded
}

#[test]
fn options_that_do_nothing_for_a_mesh_or_for_points_are_refused() {
    let out = folder();
    let to = out.path().join("x.tsr");
    fails(tessera(["encode", "--bits", "9", "-o"]).arg(&to).arg(sample("mesh.obj")), 2, "--size");
    fails(tessera(["encode", "--lossless", "-o"]).arg(&to).arg(sample("mesh.obj")), 3, "--points");
    fails(tessera(["encode", "--size", "900", "-o"]).arg(&to).arg(sample("cloud.ply")), 2, "--bits");
    fails(tessera(["encode", "--size", "20", "-o"]).arg(&to).arg(sample("mesh.obj")), 3, "ask for more");
    assert!(names(out.path()).is_empty());
    succeeds(tessera(["encode", "--size", "1000M", "-o"]).arg(&to).arg(sample("mesh.obj")));
    fails(
        tessera(["decode", "--time", "0..1", "-o"]).arg(out.path().join("x.ply")).arg(&to),
        2,
        "--time does not apply",
    );
}

#[test]
fn the_vertices_of_a_mesh_are_taken_if_asked() {
    let out = folder();
    let coded = out.path().join("m.tsr");
    let report = &json(tessera(["encode", "--json", "--points", "-o"]).arg(&coded).arg(sample("mesh.obj")))[0];
    let notes = report["notes"].to_string();
    assert!(notes.contains("faces are dropped") && notes.contains("material"), "{notes}");
    let run = tessera(["encode", "-f", "--points", "-o"]).arg(&coded).arg(sample("mesh.obj")).output().unwrap();
    let said = stderr(&run);
    assert!(run.status.success() && said.contains("faces are dropped"), "{said}");
}

#[test]
fn shapes_pictures_and_sounds_share_a_folder() {
    let out = folder();
    let from = out.path().join("in");
    fs::create_dir(&from).unwrap();
    for name in ["cloud.ply", "text.png", "speech.flac"] {
        fs::copy(sample(name), from.join(name)).unwrap();
    }
    let to = out.path().join("out");
    let encoded = json(tessera(["encode", "--json", "--bits", "8", "-o"]).arg(&to).arg(&from));
    assert_eq!(encoded.len(), 3);
    assert_eq!(encoded.iter().filter(|report| report["points"].is_u64()).count(), 1);
    let back = out.path().join("back");
    succeeds(tessera(["decode", "--format", "xyz", "-o"]).arg(&back).arg(&to));
    assert_eq!(names(&back), ["cloud.xyz", "speech.wav", "text.png"]);
}

#[test]
fn a_cut_file_gives_a_coarser_cloud_only_if_asked() {
    let out = folder();
    let coded = out.path().join("c.tsr");
    succeeds(tessera(["encode", "--bits", "12", "-o"]).arg(&coded).arg(sample("cloud.ply")));
    let bytes = fs::read(&coded).unwrap();
    fs::write(&coded, &bytes[..bytes.len() / 4]).unwrap();
    let back = out.path().join("c.ply");
    fails(tessera(["decode", "-o"]).arg(&back).arg(&coded), 3, "--salvage");
    let report = &json(tessera(["decode", "--json", "--salvage", "-o"]).arg(&back).arg(&coded))[0];
    assert!(!report["losses"].as_array().unwrap().is_empty());
    let points = report["points"].as_u64().unwrap();
    assert!(points > 100 && points <= 6700, "{points} points");
    assert_eq!(shape(&back).positions().len() as u64, points);
}

#[test]
fn shapes_that_cannot_be_read_are_refused() {
    let out = folder();
    let write = |name: &str, bytes: &[u8]| {
        let path = out.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let head = "ply\nformat binary_little_endian 1.0\nelement vertex 2147483648\nproperty float x\nproperty float y\nproperty float z\nend_header\n";
    for (path, says) in [
        (write("huge.ply", head.as_bytes()), "2147483648"),
        (write("face.obj", b"v 0 0 0\nv 1 0 0\nf 1 2 3\n"), "line 3"),
        (write("words.ply", b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\none two three\n"), "no number"),
        (write("none.xyz", b"nan nan nan\n1 nan 2\n"), "no points"),
    ] {
        fails(tessera(["encode"]).arg(&path), 3, says);
    }
    fails(tessera(["encode", "--lossless", "--bits", "4"]).arg(sample("cloud.ply")), 2, "--bits");
    fails(tessera(["encode", "--quality", "4"]).arg(sample("cloud.ply")), 2, "they are points");
    fails(tessera(["encode", "--bits", "4"]).arg(sample("text.png")), 2, "it is a picture");
    assert_eq!(names(out.path()).len(), 4);
}
