//! Shape files: real ones are read, what is written is read again, and hostile ones are refused.
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tessera_geometry::{
    Cloud, Error, IoLimits, Mesh, Shape, Splats,
    io::{Format, Input, read, write},
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/shapes").join(name)
}

fn take(bytes: &[u8]) -> Result<Input, Error> {
    read(bytes, &IoLimits::default(), &|name| fs::read(path(name)).ok())
}

fn file(name: &str) -> Result<Input, Error> {
    take(&fs::read(path(name)).unwrap())
}

/// Vertices, faces, and whether there are normals, texture coordinates, colours.
fn holds(shape: &Shape) -> (usize, usize, [bool; 3]) {
    match shape {
        Shape::Mesh(m) => {
            (m.positions.len(), m.faces.len(), [m.normals.is_some(), m.uvs.is_some(), m.colors.is_some()])
        }
        Shape::Cloud(c) => (c.len(), 0, [c.normals.is_some(), false, c.colors.is_some()]),
        _ => panic!(),
    }
}

#[test]
fn real_files_are_read() {
    for (name, format, vertices, faces, attributes) in [
        ("box.obj", Format::Obj, 8, 12, [false; 3]),
        ("point_cloud.obj", Format::Obj, 3, 0, [true, false, false]),
        ("cube_with_vertexcolors.obj", Format::Obj, 0, 12, [true, false, true]),
        ("cube.ply", Format::Ply, 8, 12, [false; 3]),
        ("cube_binary.ply", Format::Ply, 8, 12, [false; 3]),
        ("cube_uv.ply", Format::Ply, 0, 12, [true, true, false]),
        ("points.ply", Format::Ply, 4, 0, [true, false, true]),
        ("float-color.ply", Format::Ply, 3, 1, [false, false, true]),
        ("triangle.stl", Format::Stl, 3, 1, [false; 3]),
        ("triangle_with_two_solids.stl", Format::Stl, 0, 2, [false; 3]),
        ("BoxBadNormals.glb", Format::Gltf, 24, 12, [true, false, false]),
        ("Mesh_PrimitiveMode_04.gltf", Format::Gltf, 0, 2, [false; 3]),
        ("Mesh_PrimitiveMode_05.gltf", Format::Gltf, 0, 2, [false; 3]),
        ("Mesh_PrimitiveMode_06.gltf", Format::Gltf, 0, 2, [false; 3]),
    ] {
        let input = file(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = holds(&input.shape);
        assert_eq!((input.format, found.1, found.2), (format, faces, attributes), "{name}");
        assert!(vertices == 0 || found.0 == vertices, "{name}: {} vertices", found.0);
    }
    let Shape::Mesh(colored) = file("float-color.ply").unwrap().shape else { panic!() };
    assert_eq!(colored.colors.unwrap(), [[0, 0, 255]; 3]);
}

#[test]
fn what_is_dropped_is_said() {
    let notes = file("float-color.ply").unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("alpha")), "{notes:?}");
    // What lies beside a shape is not dropped.
    let side = file("box.obj").unwrap().side;
    assert_eq!((side.name(), side.content().as_str()), (Some("1"), "material, name"));
}

#[test]
fn hostile_files_are_refused_in_one_line() {
    for (name, says) in [
        ("BoxWithInfinites.glb", "glTF"),
        ("RecursiveNodes.gltf", "glTF"),
        ("IndexOutOfRange.gltf", "refers to vertex"),
        ("MissingBin.gltf", "BoxTextured0.bin"),
        ("badArray.gltf", "glTF"),
        ("sceneWrongType.gltf", "glTF"),
        ("malformed.obj", "OBJ"),
        ("malformed2.obj", "OBJ"),
        ("number_formats.obj", "line"),
    ] {
        let error = file(name).expect_err(name).to_string();
        assert!(error.contains(says) && error.lines().count() == 1, "{name}: {error}");
    }
}

#[test]
fn claims_that_a_file_cannot_hold_allocate_nothing() {
    let xyz = "property float x\nproperty float y\nproperty float z\n";
    for (head, says) in [
        (format!("ply\nformat binary_little_endian 1.0\nelement vertex 2147483648\n{xyz}end_header\n"), "2147483648"),
        (
            format!("ply\nformat ascii 1.0\nelement vertex 18446744073709551615\n{xyz}end_header\n1 2 3\n"),
            "18446744073709551615",
        ),
        (format!("ply\nformat ascii 1.0\nelement vertex -1\n{xyz}end_header\n"), "line 3"),
        ("ply\nformat ascii 1.0\nelement vertex 4294967295\nend_header\n".to_owned(), "4294967295"),
        (format!("ply\nformat ascii 1.0\nelement vertex 1\n{xyz}end_header\n0 0 0\0"), "no number"),
        ("ply\nformat ascii 1.0\n".to_owned(), "does not end"),
        (format!("ply\nelement vertex 1\n{xyz}end_header\n0 0 0\n"), "no format"),
        (
            format!(
                "ply\nformat ascii 1.0\nelement vertex 1\n{xyz}element face 1\nproperty list int int vertex_indices\nend_header\n0 0 0\n2000000000 0\n"
            ),
            "at most 1024",
        ),
        (
            format!(
                "ply\nformat ascii 1.0\nelement vertex 1\n{xyz}element face 1\nproperty list int int vertex_indices\nend_header\n0 0 0\n3 0 0 -1\n"
            ),
            "refers to vertex",
        ),
    ] {
        let error = take(head.as_bytes()).expect_err(says).to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    let limits = IoLimits { max_points: 7, max_faces: 11 };
    for name in ["box.obj", "cube.ply", "cube_binary.ply", "BoxBadNormals.glb"] {
        let error = read(&fs::read(path(name)).unwrap(), &limits, &|_| None).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{name}: {error}");
    }
}

#[test]
fn buffers_outside_of_the_folder_are_not_asked_for() {
    let text = fs::read_to_string(path("MissingBin.gltf")).unwrap();
    for uri in ["../secret.bin", "/etc/passwd", "file:///etc/passwd", "https://example.org/a.bin", "a\\\\b.bin"] {
        let text = text.replace("BoxTextured0.bin", uri);
        let asked = |name: &str| -> Option<Vec<u8>> { panic!("{name} was asked for") };
        assert!(read(text.as_bytes(), &IoLimits::default(), &asked).is_err(), "{uri}");
    }
}

#[test]
fn points_that_are_not_finite_are_dropped_and_degenerate_faces_too() {
    let input = take(b"1 2 3\nnan 2 3\n4 5 inf\n7 8 9\n").unwrap();
    assert_eq!(input.shape, Shape::Cloud(Cloud::new(vec![[1.0, 2.0, 3.0], [7.0, 8.0, 9.0]])));
    assert_eq!(input.notes, ["2 points with coordinates that are not finite are dropped"]);
    let input = take(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 2 3 1\nf 1 1 2\nf 1 3 2\n").unwrap();
    assert_eq!(holds(&input.shape).1, 2);
    assert_eq!(input.notes, ["1 faces without area are dropped", "1 faces that occur twice are dropped"]);
    assert!(take(b"v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n").unwrap_err().to_string().contains("not finite"));
    assert!(take(b"v 0 0 0\nv 1 0 0\nf 1 1 2\n").unwrap_err().to_string().contains("no face with area"));
}

#[test]
fn both_binary_orders_are_read_alike() {
    let mut little = b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty double x\nproperty float y\nproperty short z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n".to_vec();
    let mut big = String::from_utf8(little.clone()).unwrap().replace("little", "big").into_bytes();
    for (x, y, z) in [(1.5f64, -2.25f32, 300i16), (-7.0, 0.125, -4)] {
        little.extend(x.to_le_bytes().into_iter().chain(y.to_le_bytes()).chain(z.to_le_bytes()).chain([1, 2, 3]));
        big.extend(x.to_be_bytes().into_iter().chain(y.to_be_bytes()).chain(z.to_be_bytes()).chain([1, 2, 3]));
    }
    let shape = take(&little).unwrap().shape;
    assert_eq!(shape, take(&big).unwrap().shape);
    assert_eq!(shape.positions(), [[1.5, -2.25, 300.0], [-7.0, 0.125, -4.0]]);
}

#[test]
fn no_prefix_and_no_changed_byte_panics() {
    for name in [
        "box.obj",
        "cube_uv.ply",
        "cube_binary.ply",
        "points.ply",
        "triangle.stl",
        "BoxBadNormals.glb",
        "badArray.gltf",
    ] {
        let whole = fs::read(path(name)).unwrap();
        for at in 0..whole.len() {
            let _ = take(&whole[..at]);
            let mut hurt = whole.clone();
            hurt[at] ^= 1 << (at % 8);
            let _ = take(&hurt);
        }
    }
}

#[test]
fn formats_say_what_they_do_not_hold() {
    let mesh = Mesh {
        positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        faces: vec![[0, 1, 2]],
        normals: Some(vec![[0.0, 0.0, 1.0]; 3]),
        uvs: Some(vec![[0.0, 0.5]; 3]),
        colors: Some(vec![[1, 2, 3]; 3]),
    };
    let shape = Shape::Mesh(mesh);
    assert!(write(&shape, Format::Ply).unwrap().notes.is_empty());
    assert_eq!(write(&shape, Format::Stl).unwrap().notes.len(), 3);
    assert_eq!(write(&shape, Format::Xyz).unwrap().notes.len(), 3);
    assert!(
        write(&Shape::Cloud(Cloud::new(vec![[0.0; 3]])), Format::Stl).unwrap_err().to_string().contains("points only")
    );
}

/// A mesh or cloud with every attribute, no two corners of a face alike.
fn any_shape() -> impl Strategy<Value = Shape> {
    let number = || (-1e6f32..1e6).prop_map(|x| x + 0.0);
    let vertex = (
        prop::array::uniform3(number()),
        prop::array::uniform3(number()),
        prop::array::uniform2(0f32..1.0),
        any::<[u8; 3]>(),
    );
    (prop::collection::vec(vertex, 3..40), any::<bool>()).prop_map(|(vertices, mesh)| {
        let positions = vertices.iter().map(|v| v.0).collect();
        let normals = Some(vertices.iter().map(|v| v.1).collect());
        let colors = Some(vertices.iter().map(|v| v.3).collect());
        if !mesh {
            return Shape::Cloud(Cloud { positions, normals, colors });
        }
        let faces = (2..vertices.len() as u32).map(|n| [n - 2, n - 1, n]).collect();
        Shape::Mesh(Mesh { positions, faces, normals, uvs: Some(vertices.iter().map(|v| v.2).collect()), colors })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(shape in any_shape()) {
        prop_assert_eq!(&take(&write(&shape, Format::Ply).unwrap().bytes).unwrap().shape, &shape);
        let obj = take(&write(&shape, Format::Obj).unwrap().bytes).unwrap().shape;
        prop_assert_eq!(holds(&obj), holds(&shape));
        prop_assert_eq!(obj.positions(), shape.positions());
        let glb = take(&write(&shape, Format::Gltf).unwrap().bytes).unwrap().shape;
        prop_assert_eq!(holds(&glb), holds(&shape));
        prop_assert_eq!(glb.positions(), shape.positions());
        if let (Shape::Mesh(a), Shape::Mesh(b)) = (&glb, &shape) {
            prop_assert_eq!(&a.colors, &b.colors);
            prop_assert_eq!(&a.faces, &b.faces);
        }
        let xyz = take(&write(&shape, Format::Xyz).unwrap().bytes).unwrap().shape;
        prop_assert_eq!(xyz.positions(), shape.positions());
    }

    #[test]
    fn triangles_survive_stl(shape in any_shape()) {
        if let Shape::Mesh(mesh) = &shape {
            let Shape::Mesh(back) = take(&write(&shape, Format::Stl).unwrap().bytes).unwrap().shape else { panic!() };
            let corners = |m: &Mesh| m.faces.iter().map(|f| f.map(|n| m.positions[n as usize])).collect::<Vec<_>>();
            prop_assert_eq!(corners(&back), corners(mesh));
        }
    }
}

/// Splats of any numbers that SPZ can hold.
fn any_splats() -> impl Strategy<Value = Splats> {
    let splat = (
        prop::array::uniform3(-100f32..100.0),
        prop::array::uniform3(-9f32..5.0),
        prop::array::uniform4(-1f32..1.0).prop_filter("it turns", |q| q.iter().any(|x| x.abs() > 0.1)),
        -4f32..4.0,
        prop::array::uniform3(-3f32..3.0),
        prop::collection::vec(prop::array::uniform3(-0.9f32..0.9), 15),
    );
    (prop::collection::vec(splat, 1..30), 0u8..=3, any::<bool>()).prop_map(|(all, degree, antialiased)| {
        let count = (usize::from(degree) + 1).pow(2) - 1;
        let unit = |q: [f32; 4]| q.map(|x| x / q.iter().map(|x| x * x).sum::<f32>().sqrt());
        Splats {
            positions: all.iter().map(|s| s.0).collect(),
            scales: all.iter().map(|s| s.1).collect(),
            rotations: all.iter().map(|s| unit(s.2)).collect(),
            opacities: all.iter().map(|s| s.3).collect(),
            colors: all.iter().map(|s| s.4).collect(),
            degree,
            harmonics: all.iter().flat_map(|s| s.5[..count].to_vec()).collect(),
            antialiased,
        }
    })
}

fn splats_of(shape: Shape) -> Splats {
    let Shape::Splats(splats) = shape else { panic!("no splats") };
    splats
}

fn near(a: &[f32], b: &[f32], off: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= off)
}

proptest! {
    #[test]
    fn splats_survive_ply_and_are_within_a_step_of_spz(splats in any_splats()) {
        let shape = Shape::Splats(splats.clone());
        let ply = splats_of(take(&write(&shape, Format::Ply).unwrap().bytes).unwrap().shape);
        prop_assert!(near(ply.rotations.as_flattened(), splats.rotations.as_flattened(), 1e-6));
        // PLY does not say how they were trained, and rotations are made of length 1 again.
        prop_assert_eq!(Splats { rotations: splats.rotations.clone(), antialiased: splats.antialiased, ..ply }, splats.clone());

        let input = take(&write(&shape, Format::Spz).unwrap().bytes).unwrap();
        prop_assert_eq!(input.format, Format::Spz);
        let spz = splats_of(input.shape);
        prop_assert_eq!((spz.len(), spz.degree, spz.antialiased), (splats.len(), splats.degree, splats.antialiased));
        prop_assert!(near(spz.positions.as_flattened(), splats.positions.as_flattened(), 0.51 / 4096.0));
        prop_assert!(near(spz.scales.as_flattened(), splats.scales.as_flattened(), 0.51 / 16.0));
        prop_assert!(near(spz.colors.as_flattened(), splats.colors.as_flattened(), 0.51 / 255.0 / 0.15));
        prop_assert!(near(spz.harmonics.as_flattened(), splats.harmonics.as_flattened(), 8.6 / 128.0));
        for n in 0..splats.len() {
            let same: f32 = spz.rotations[n].iter().zip(splats.rotations[n]).map(|(a, b)| a * b).sum();
            prop_assert!(same.abs() > 0.9999, "{:?} {:?}", spz.rotations[n], splats.rotations[n]);
            prop_assert!((spz.opacity(n) - splats.opacity(n)).abs() < 0.51 / 255.0);
        }
        // What was read once is written and read again as it is.
        let again = splats_of(take(&write(&Shape::Splats(spz.clone()), Format::Spz).unwrap().bytes).unwrap().shape);
        prop_assert_eq!((again.positions, again.scales, again.colors, again.harmonics), (spz.positions, spz.scales, spz.colors, spz.harmonics));
    }

    #[test]
    fn cut_or_changed_files_of_splats_are_errors_or_splats(splats in any_splats(), at in 0.0f64..1.0, byte: u8, ply: bool) {
        let shape = Shape::Splats(splats);
        let mut bytes = write(&shape, if ply { Format::Ply } else { Format::Spz }).unwrap().bytes;
        let at = (at * bytes.len() as f64) as usize;
        prop_assert!(take(&bytes[..at]).is_err());
        bytes[at] ^= byte;
        if let Ok(input) = take(&bytes) {
            prop_assert!(input.shape.check().is_ok());
        }
    }
}

#[test]
fn spz_of_its_own_writer_is_read_in_every_version() {
    let all = splats_of(file("splats_of_spz.ply").unwrap().shape);
    let wanted = all.picked(&(0..40).collect::<Vec<_>>());
    for (version, turned) in [(2, 0.99), (3, 0.999_99), (4, 0.999_99)] {
        let splats = splats_of(file(&format!("splats_v{version}.spz")).unwrap().shape);
        assert_eq!((splats.len(), splats.degree, splats.antialiased), (40, 1, true), "version {version}");
        assert!(near(splats.positions.as_flattened(), wanted.positions.as_flattened(), 0.51 / 4096.0));
        assert!(near(splats.scales.as_flattened(), wanted.scales.as_flattened(), 0.51 / 16.0));
        assert!(near(splats.colors.as_flattened(), wanted.colors.as_flattened(), 0.51 / 255.0 / 0.15));
        assert!(near(splats.harmonics.as_flattened(), wanted.harmonics.as_flattened(), 8.6 / 128.0));
        for n in 0..40 {
            let same: f32 = splats.rotations[n].iter().zip(wanted.rotations[n]).map(|(a, b)| a * b).sum();
            assert!(same.abs() > turned, "version {version}: {same}");
            assert!((splats.opacity(n) - wanted.opacity(n)).abs() < 0.51 / 255.0);
        }
    }
    // Cut or changed, they are errors or splats.
    for version in 2..=4 {
        let whole = fs::read(path(&format!("splats_v{version}.spz"))).unwrap();
        for at in 0..whole.len() {
            let mut hurt = whole.clone();
            hurt[at] ^= 1 << (at % 8);
            for bytes in [&whole[..at], &hurt] {
                if let Ok(input) = take(bytes) {
                    assert!(input.shape.check().is_ok(), "version {version}, byte {at}");
                }
            }
        }
    }
}

#[test]
fn other_formats_hold_the_centres_of_splats_and_spz_nothing_else() {
    let splats = Splats {
        positions: vec![[1.0, 2.0, 3.0]],
        scales: vec![[0.0; 3]],
        rotations: vec![[1.0, 0.0, 0.0, 0.0]],
        opacities: vec![0.0],
        colors: vec![[0.0; 3]],
        ..Splats::default()
    };
    for format in [Format::Obj, Format::Gltf, Format::Xyz] {
        let output = write(&Shape::Splats(splats.clone()), format).unwrap();
        assert!(output.notes.iter().any(|note| note.contains("no splats")), "{:?}", output.notes);
        assert_eq!(take(&output.bytes).unwrap().shape.positions(), [[1.0, 2.0, 3.0]]);
    }
    let error = write(&Shape::Cloud(Cloud::new(vec![[0.0; 3]])), Format::Spz).unwrap_err();
    assert!(error.to_string().contains("holds splats"), "{error}");
    let far = Splats { positions: vec![[1e9, 0.0, 0.0]], ..splats.clone() };
    assert!(write(&Shape::Splats(far), Format::Spz).is_err());
    let farther = Splats { positions: vec![[3000.0, 0.5, 0.0]], ..splats };
    let output = write(&Shape::Splats(farther), Format::Spz).unwrap();
    assert_eq!(output.notes.len(), 1);
    assert_eq!(take(&output.bytes).unwrap().shape.positions(), [[3000.0, 0.5, 0.0]]);
}

#[test]
fn splats_that_are_none_are_refused_or_repaired() {
    let ply = |count: &str, drop: &str, body: &str| {
        let names = "x y z f_dc_0 f_dc_1 f_dc_2 f_rest_0 f_rest_1 f_rest_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3";
        let properties = names.split(' ').filter(|name| *name != drop).map(|name| format!("property float {name}\n"));
        let text = format!(
            "ply\nformat ascii 1.0\nelement vertex {count}\n{}end_header\n{body}",
            properties.collect::<String>()
        );
        take(text.as_bytes())
    };
    // Three coefficients of one channel each are of no degree: they are dropped, and said to be.
    let one = "1 2 3 0 0 0 9 9 9 inf -3 -3 -3 2 0 0 0\n";
    let input = ply("1", "", one).unwrap();
    let splats = splats_of(input.shape);
    assert_eq!((splats.degree, splats.rotations[0], splats.opacities[0]), (0, [1.0, 0.0, 0.0, 0.0], 16.0));
    assert_eq!(input.notes.len(), 1, "{:?}", input.notes);
    let broken = one.replace("-3 -3", "nan -3");
    let input = ply("2", "", &format!("{one}{broken}")).unwrap();
    assert_eq!((splats_of(input.shape).len(), input.notes.len()), (1, 2));
    assert!(ply("1", "", &broken).is_err());
    assert!(ply("1", "f_rest_1", "1 2 3 0 0 0 9 9 1 -3 -3 -3 2 0 0 0\n").unwrap_err().to_string().contains("f_rest_"));
    assert!(ply("4000000000", "", one).is_err());
    // Without an opacity they are points.
    let points = ply("1", "opacity", "1 2 3 0 0 0 9 9 9 -3 -3 -3 2 0 0 0\n").unwrap();
    assert!(matches!(points.shape, Shape::Cloud(_)));
}

/// Words that readers of text look for, and numbers that they should not like.
const WORDS: [&str; 40] = [
    "ply",
    "format",
    "ascii",
    "binary_little_endian",
    "1.0",
    "element",
    "vertex",
    "face",
    "property",
    "float",
    "list",
    "uchar",
    "int",
    "vertex_indices",
    "x",
    "y",
    "z",
    "f_dc_0",
    "opacity",
    "scale_0",
    "rot_0",
    "end_header",
    "v",
    "vn",
    "vt",
    "f",
    "1/2/3",
    "1//1",
    "-1",
    "solid",
    "facet",
    "outer",
    "loop",
    "endsolid",
    "nan",
    "-inf",
    "1e999",
    "4294967295",
    "0",
    "\n",
];

proptest! {
    #[test]
    fn any_text_of_known_words_is_an_error_or_a_shape(
        start in 0usize..5, words in prop::collection::vec((0..WORDS.len(), any::<bool>()), 0..80)
    ) {
        let mut text = ["ply\nformat ascii 1.0\n", "v 0 0 0\n", "solid\n", "1 2 3\n", ""][start].to_owned();
        for (word, ends) in words {
            text += WORDS[word];
            text.push(if ends { '\n' } else { ' ' });
        }
        if let Ok(input) = take(text.as_bytes()) {
            prop_assert!(input.shape.check().is_ok());
        }
    }

    #[test]
    fn any_bytes_behind_a_signature_are_an_error_or_a_shape(which in 0usize..4, noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let head: &[u8] = [
            b"glTF\x02\0\0\0".as_slice(),
            b"ply\nformat binary_big_endian 1.0\nelement vertex 3\nproperty double x\nproperty double y\nproperty double z\nelement face 2\nproperty list uchar int vertex_indices\nend_header\n",
            b"NGSP\x03\0\0\0",
            b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
        ][which];
        if let Ok(input) = take(&[head, &noise].concat()) {
            prop_assert!(input.shape.check().is_ok());
        }
    }
}

#[test]
fn one_point_is_a_cloud_in_any_format_and_none_is_nothing() {
    let one = Shape::Cloud(Cloud::new(vec![[1.5, -2.0, 3.25]]));
    for format in [Format::Ply, Format::Obj, Format::Gltf, Format::Xyz] {
        assert_eq!(take(&write(&one, format).unwrap().bytes).unwrap().shape, one, "{format:?}");
    }
    let xyz = "property float x\nproperty float y\nproperty float z\n";
    for nothing in [
        format!("ply\nformat ascii 1.0\nelement vertex 0\n{xyz}end_header\n"),
        "# nothing\n".to_owned(),
        "solid a\nendsolid a\n".to_owned(),
        r#"{"asset": {"version": "2.0"}}"#.to_owned(),
        String::new(),
    ] {
        assert!(take(nothing.as_bytes()).is_err(), "{nothing}");
    }
    assert!(write(&Shape::Cloud(Cloud::default()), Format::Ply).is_err());
}
