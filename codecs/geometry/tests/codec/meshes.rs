//! Meshes: sizes are kept, surfaces come back near, and every way of joining triangles survives.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Header, MediaShape};
use tessera_geometry::{
    Bounds, DecodeOptions, EncodeOptions, Mesh, Precision, Shape, Target, decode, encode,
    io::{self, Format},
    metrics::surfaces::compare,
};

use crate::fixture::Random;

fn sample() -> Mesh {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../samples/mesh.obj");
    mesh_of(io::read(&fs::read(path).unwrap(), &Default::default(), &|_| None).unwrap().shape)
}

fn mesh_of(shape: Shape) -> Mesh {
    let Shape::Mesh(mesh) = shape else { panic!("points came back") };
    mesh
}

fn coded(mesh: &Mesh, target: Target) -> tessera_geometry::Encoded {
    encode(&Shape::Mesh(mesh.clone()), &EncodeOptions { target, ..EncodeOptions::default() }).unwrap()
}

fn back(bytes: &[u8]) -> Mesh {
    mesh_of(decode(bytes, &DecodeOptions::default()).unwrap().shape)
}

#[test]
fn sizes_are_never_exceeded_and_more_bytes_come_nearer() {
    let mesh = sample();
    let mut last = f64::INFINITY;
    for size in [300, 1000, 4000] {
        let encoded = coded(&mesh, Target::Size(size));
        assert!(encoded.bytes.len() as u64 <= size, "{} bytes for {size}", encoded.bytes.len());
        let found = compare(&mesh, &back(&encoded.bytes)).unwrap();
        assert!(found.mean < last, "{size} bytes are off by {}", found.mean);
        last = found.mean;
    }
    assert!(last < 0.001, "4,000 bytes are off by {last} of the diagonal");
}

#[test]
fn a_ratio_is_against_binary_bytes() {
    let mesh = sample();
    let binary = 12 * (mesh.positions.len() + mesh.faces.len());
    let encoded = coded(&mesh, Target::Ratio(100.0));
    assert!(encoded.bytes.len() <= binary / 100 && encoded.bytes.len() > binary / 125, "{}", encoded.bytes.len());
}

#[test]
fn quality_bounds_how_far_the_surface_is_off() {
    let mesh = sample();
    let sizes: Vec<usize> = [(10.0, 0.01), (50.0, 0.001), (90.0, 0.0002)]
        .into_iter()
        .map(|(quality, most)| {
            let encoded = coded(&mesh, Target::Quality(quality));
            let found = compare(&mesh, &back(&encoded.bytes)).unwrap();
            assert!(found.mean < most, "quality {quality} is off by {}", found.mean);
            encoded.bytes.len()
        })
        .collect();
    assert!(sizes.is_sorted(), "{sizes:?}");
}

#[test]
fn the_same_mesh_gives_the_same_bytes_and_says_what_is_dropped() {
    let mut mesh = sample();
    mesh.colors = Some(vec![[1, 2, 3]; mesh.positions.len()]);
    let [one, two] = [coded(&mesh, Target::Size(800)), coded(&mesh, Target::Size(800))];
    assert_eq!(one.bytes, two.bytes);
    assert!(one.notes.iter().any(|note| note.contains("colours") && note.contains("dropped")), "{:?}", one.notes);
}

/// Faces as sorted corners, and where corners are, to compare meshes whatever their order.
fn soup(mesh: &Mesh) -> Vec<[[f32; 3]; 3]> {
    mesh.faces.iter().map(|face| face.map(|n| mesh.positions[n as usize])).collect()
}

/// Checks that every face of one mesh is in the other, the same way round, with corners off by little.
fn assert_same_faces(mesh: &Mesh, other: &Mesh) {
    let close = 0.001 * Bounds::of(&mesh.positions).unwrap().diagonal();
    let near = |a: [f32; 3], b: [f32; 3]| (0..3).all(|n| f64::from((a[n] - b[n]).abs()) <= close);
    let mut rest = soup(other);
    for [a, b, c] in soup(mesh) {
        let turns = [[a, b, c], [b, c, a], [c, a, b]];
        let found = rest.iter().position(|face| turns.iter().any(|turn| (0..3).all(|n| near(turn[n], face[n]))));
        rest.swap_remove(found.unwrap_or_else(|| panic!("{:?} is missing", [a, b, c])));
    }
    assert!(rest.is_empty(), "{} faces too many", rest.len());
}

/// At a size that leaves nothing to be taken away.
fn whole(mesh: &Mesh) -> Mesh {
    back(&coded(mesh, Target::Size(100_000)).bytes)
}

/// A bumpy grid, closed across and along where asked, turned by half where a side is.
fn grid(columns: u32, rows: u32, closed: [bool; 2], half_turn: bool) -> Mesh {
    let mut random = Random(7);
    let mut mesh = Mesh::default();
    for y in 0..rows {
        for x in 0..columns {
            let bump = random.below(1000) as f32 / 1000.0;
            mesh.positions.push([x as f32 * 3.0 + bump, y as f32 * 3.0 - bump, bump * 2.0 + (x * y % 7) as f32]);
        }
    }
    let at = |x: u32, y: u32| {
        let turned = half_turn && x >= columns;
        let y = if turned { rows - 1 - y % rows } else { y % rows };
        y * columns + x % columns
    };
    for y in 0..rows - u32::from(!closed[1]) {
        for x in 0..columns - u32::from(!closed[0]) {
            mesh.faces.push([at(x, y), at(x + 1, y), at(x + 1, y + 1)]);
            mesh.faces.push([at(x, y), at(x + 1, y + 1), at(x, y + 1)]);
        }
    }
    mesh
}

#[test]
fn sheets_tubes_tori_and_bands_with_a_twist_come_back() {
    for (closed, half_turn) in [([false; 2], false), ([true, false], false), ([true; 2], false), ([true, false], true)]
    {
        let mesh = grid(9, 8, closed, half_turn);
        assert_same_faces(&mesh, &whole(&mesh));
    }
}

#[test]
fn touching_and_branching_sheets_come_back() {
    let place = |n: u32| {
        let mut random = Random(u64::from(n));
        [0; 3].map(|_: u8| random.below(1 << 12) as f32)
    };
    let cases: [&[[u32; 3]]; 7] = [
        &[[0, 1, 2]],
        &[[0, 1, 2], [0, 2, 1]],
        &[[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]],
        // Three faces on one edge, and neighbours that face different ways.
        &[[0, 1, 2], [1, 0, 3], [0, 1, 4]],
        &[[0, 1, 2], [0, 1, 3]],
        // Two sheets that touch in a point; a fan all around it and a second one.
        &[[0, 1, 2], [0, 3, 4]],
        &[[0, 1, 2], [0, 2, 3], [0, 3, 1], [0, 4, 5], [0, 5, 6], [0, 6, 4]],
    ];
    for faces in cases {
        let mesh = Mesh { positions: (0..7).map(place).collect(), faces: faces.to_vec(), ..Mesh::default() };
        assert_same_faces(&mesh, &whole(&mesh));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_triangles_come_back(seed in 0u64.., vertices in 3u32..20, count in 1usize..40) {
        let mut random = Random(seed);
        let positions = (0..vertices).map(|n| [n as f32 * 50.0, random.below(4000) as f32, random.below(4000) as f32]).collect();
        let mut seen = std::collections::HashSet::new();
        let faces: Vec<[u32; 3]> = (0..count)
            .map(|_| [0; 3].map(|_: u8| random.below(vertices)))
            .filter(|&[a, b, c]| {
                let mut sorted = [a, b, c];
                sorted.sort_unstable();
                a != b && b != c && c != a && seen.insert(sorted)
            })
            .collect();
        prop_assume!(!faces.is_empty());
        let mesh = Mesh { positions, faces, ..Mesh::default() };
        assert_same_faces(&mesh, &whole(&mesh));
    }
}

#[test]
fn what_cannot_be_coded_is_said() {
    let encode = |mesh: &Mesh, options| encode(&Shape::Mesh(mesh.clone()), &options).unwrap_err().to_string();
    let sized = |size| EncodeOptions { target: Target::Size(size), ..EncodeOptions::default() };
    let mut mesh = sample();
    assert!(encode(&mesh, sized(5)).contains("bytes"));
    assert!(encode(&mesh, sized(25)).contains("ask for more"));
    assert!(encode(&mesh, EncodeOptions { precision: Precision::Lossless, ..sized(500) }).contains("--lossless"));
    mesh.faces.iter_mut().for_each(|face| face[1] = face[0]);
    assert!(encode(&mesh, sized(500)).contains("no faces with an area"));
    mesh.positions[3][1] = f32::NAN;
    assert!(encode(&mesh, sized(500)).contains("not finite"));
}

#[test]
fn far_from_the_origin_and_tiny_or_huge_makes_no_difference() {
    let mesh = sample();
    let diagonal = Bounds::of(&mesh.positions).unwrap().diagonal() as f32;
    for (scale, shift) in [(1e-20, 0.0), (1e20, 0.0), (1.0, 300.0 * diagonal)] {
        let moved = mesh.positions.iter().map(|p| p.map(|x| x * scale + shift)).collect();
        let moved = Mesh { positions: moved, faces: mesh.faces.clone(), ..Mesh::default() };
        let decoded = back(&coded(&moved, Target::Size(1000)).bytes);
        let found = compare(&moved, &decoded).unwrap();
        assert!(found.f_score > 0.95, "scaled by {scale}, moved by {shift}: {found:?}");
    }
}

/// A file with the payload of a mesh chunk as it is, checksums right.
fn file(mut header: Header, faces: u32, payload: Vec<u8>) -> Vec<u8> {
    header.media = MediaShape::Geometry(GeometryTier::Decimated { faces });
    container::write(&header, &[Chunk::new(ChunkKind::Mesh, payload)]).unwrap()
}

#[test]
fn hostile_payloads_are_refused_or_decode_within_bounds() {
    let bytes = coded(&sample(), Target::Size(300)).bytes;
    let read = container::read(&bytes, &Default::default()).unwrap();
    let payload = &read.chunks[0].payload;
    let MediaShape::Geometry(GeometryTier::Decimated { faces }) = read.header.media else { panic!("no mesh") };
    let attempt = |faces: u32, payload: Vec<u8>| {
        if let Ok(decoded) = decode(&file(read.header.clone(), faces, payload), &DecodeOptions::default()) {
            assert!(mesh_of(decoded.shape).faces.len() <= faces as usize);
        }
    };
    for cut in 0..payload.len() {
        attempt(faces, payload[..cut].to_vec());
    }
    let mut random = Random(11);
    for at in 0..payload.len() {
        let mut flipped = payload.clone();
        flipped[at] ^= 1 << random.below(8);
        attempt(faces, flipped);
    }
    for _ in 0..200 {
        attempt(1 + random.below(500), (0..random.below(300)).map(|_| random.below(256) as u8).collect());
    }
    // A claim of many faces ends where the bytes do.
    let claim = decode(&file(read.header.clone(), 60_000_000, payload.clone()), &DecodeOptions::default());
    assert!(claim.is_err());
}

#[test]
fn every_prefix_and_every_flipped_bit_of_a_file_is_refused() {
    let bytes = coded(&sample(), Target::Size(300)).bytes;
    for cut in 0..bytes.len() {
        assert!(decode(&bytes[..cut], &DecodeOptions::default()).is_err(), "{cut} bytes");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(decode(&flipped, &DecodeOptions::default()).is_err(), "bit {bit} of byte {at}");
        }
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/geometry").join(name)
}

/// What a file decodes to is the format; how an encoder simplifies is not.
#[test]
fn files_decode_bit_for_bit() {
    let decoded = decode(&fs::read(golden("decimated.tsr")).unwrap(), &DecodeOptions::default()).unwrap().shape;
    let written = io::write(&decoded, Format::Ply).unwrap().bytes;
    assert!(written == fs::read(golden("decimated.ply")).unwrap());
}

#[test]
#[ignore = "writes the golden file if it is missing"]
fn write() {
    if !golden("decimated.tsr").exists() {
        let bytes = coded(&sample(), Target::Size(900)).bytes;
        let decoded = decode(&bytes, &DecodeOptions::default()).unwrap().shape;
        fs::write(golden("decimated.ply"), io::write(&decoded, Format::Ply).unwrap().bytes).unwrap();
        fs::write(golden("decimated.tsr"), bytes).unwrap();
    }
}
