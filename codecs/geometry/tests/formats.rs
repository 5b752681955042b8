//! Shape files: real ones are read, what is written is read again, and hostile ones are refused.
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tessera_geometry::{
    Cloud, Error, IoLimits, Mesh, Shape,
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
    for (name, says) in [("box.obj", "names of objects"), ("float-color.ply", "alpha")] {
        let notes = file(name).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains(says)), "{name}: {notes:?}");
    }
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
