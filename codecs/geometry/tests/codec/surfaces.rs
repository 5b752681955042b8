//! Meshes as tokens, with the smallest pack that there can be (`planes/make.py`): a block is a plane.

use std::{
    fmt::Write,
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use tessera_core::container::{self, ChunkKind, GeometryTier, MediaShape, PackRef};
use tessera_core::{Limits, Rung};
use tessera_geometry::{
    DecodeOptions, EncodeOptions, Encoded, Error, Mesh, MeshTier, Shape, SurfaceCodec, Target, decode, decode_with,
    encode, encode_with, inspect, metrics::surfaces::compare,
};
use tessera_models::Pack;

const LEVELS: usize = 2;
const DEPTH: usize = 12;
/// Distance at the middle of a block, and slopes: how far either side of 0.
const RANGE: [f32; 4] = [6.0, 1.0, 1.0, 1.0];

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codec/planes");
    let mut manifest = format!(
        r#"
        format = 1
        id = "planes"
        version = "1"
        modality = "geometry"
        licence = "MIT"
        summary = "A pack for tests."
        card = "MODEL_CARD.md"

        [geometry]
        side = 8
        dim = 4
        levels = {LEVELS}
        depth = {DEPTH}
        min_depth = 4
        search_lambda = 0.0
        encoder = "encoder.onnx"
        decoder = "decoder.onnx"
        codebook = "codebook.safetensors"
        "#
    );
    let parts = [
        ("encoder.onnx", fs::read(here.join("encoder.onnx")).unwrap()),
        ("decoder.onnx", fs::read(here.join("decoder.onnx")).unwrap()),
        ("codebook.safetensors", codebook()),
        ("MODEL_CARD.md", b"# a pack for tests".to_vec()),
    ];
    for (name, data) in parts {
        let digest = Sha256::digest(&data).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        write!(manifest, "\n[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        fs::write(folder.path().join(name), data).unwrap();
    }
    fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    folder
});

static CODEC: LazyLock<SurfaceCodec> = LazyLock::new(|| {
    let pack = Pack::open(FOLDER.path()).unwrap();
    pack.verify().unwrap();
    SurfaceCodec::new(Arc::new(pack), 2).unwrap()
});

/// Each bit of a token halves the range of one of the four numbers in turn; the second level goes on where the first ends.
fn codebook() -> Vec<u8> {
    let level = |level: usize| -> Vec<u8> {
        let mut rows = vec![[0.0f32; 4]];
        for row in 1..2usize << DEPTH {
            let (mut centre, mut half) = ([0.0; 4], RANGE.map(|range| range / 8f32.powi(level as i32)));
            for bit in 0..row.ilog2() {
                let number = bit as usize % 4;
                half[number] /= 2.0;
                let up = row >> (row.ilog2() - bit - 1) & 1 == 1;
                centre[number] += if up { half[number] } else { -half[number] };
            }
            rows.push(centre);
        }
        rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
    };
    let (first, second) = (level(0), level(1));
    let view = |data| TensorView::new(Dtype::F32, vec![2 << DEPTH, 4], data).unwrap();
    safetensors::serialize([("level0", view(&first)), ("level1", view(&second))], None).unwrap()
}

/// A closed ball of many faces, or its upper half, which is open.
fn ball(whole: bool) -> Mesh {
    let (rings, around) = (16u32, 32u32);
    let mut mesh = Mesh::default();
    let last = if whole { rings } else { rings / 2 };
    for ring in 0..=last {
        for step in 0..around {
            let (a, b) = (
                f64::from(ring) / f64::from(rings) * std::f64::consts::PI,
                f64::from(step) / f64::from(around) * std::f64::consts::TAU,
            );
            mesh.positions.push([a.sin() * b.cos(), a.sin() * b.sin() * 0.8, a.cos() * 1.3].map(|x| x as f32 + 7.0));
        }
    }
    for ring in 0..last {
        for step in 0..around {
            let at = |ring: u32, step: u32| ring * around + step % around;
            let [a, b, c, d] = [at(ring, step), at(ring + 1, step), at(ring + 1, step + 1), at(ring, step + 1)];
            mesh.faces.extend([[a, b, c], [a, c, d]]);
        }
    }
    mesh.welded()
}

fn coded(mesh: &Mesh, size: u64) -> Encoded {
    let options = EncodeOptions { target: Target::Size(size), tier: MeshTier::Surface, ..EncodeOptions::default() };
    encode_with(&Shape::Mesh(mesh.clone()), &options, Some(&CODEC)).unwrap()
}

fn back(bytes: &[u8]) -> Mesh {
    match decode_with(bytes, &DecodeOptions::default(), Some(&CODEC)).unwrap().shape {
        Shape::Mesh(mesh) => mesh,
        other => panic!("{other:?} came back"),
    }
}

#[test]
fn surfaces_come_back_near_in_the_bytes_that_are_asked_for() {
    let mesh = ball(true);
    let mut last = 0.0;
    for size in [150, 400, 1200] {
        let encoded = coded(&mesh, size);
        assert!(encoded.bytes.len() as u64 <= size, "{} bytes for {size}", encoded.bytes.len());
        let mesh_back = back(&encoded.bytes);
        assert_eq!(mesh_back.positions.len() as u64, encoded.points);
        let found = compare(&mesh, &mesh_back).unwrap();
        assert!(found.f_score > last, "{size} bytes reach {} after {last}", found.f_score);
        last = found.f_score;
        let measured = 2.0 * found.mean * tessera_geometry::Bounds::of(&mesh.positions).unwrap().diagonal();
        assert!((encoded.error / measured - 1.0).abs() < 0.1, "{} is told, {measured} measured", encoded.error);
    }
    assert!(last > 0.99, "1,200 bytes reach {last}");
}

#[test]
fn the_tier_is_the_one_that_is_nearer() {
    let mesh = ball(true);
    let shape = Shape::Mesh(mesh.clone());
    for size in [120, 300] {
        let options = |tier| EncodeOptions { target: Target::Size(size), tier, ..EncodeOptions::default() };
        let triangles = encode_with(&shape, &options(MeshTier::Decimated), Some(&CODEC)).unwrap();
        let best = encode_with(&shape, &options(MeshTier::Best), Some(&CODEC)).unwrap();
        assert!(matches!(triangles.tier, GeometryTier::Decimated { .. }));
        let score = |bytes: &[u8]| compare(&mesh, &back(bytes)).unwrap().f_score;
        assert!(score(&best.bytes) >= score(&triangles.bytes) - 0.005);
        // Without a pack there is one way only.
        assert_eq!(encode(&shape, &options(MeshTier::Best)).unwrap().bytes, triangles.bytes);
        assert!(matches!(encode(&shape, &options(MeshTier::Surface)), Err(Error::Parameter { .. })));
    }
    let quality = EncodeOptions { tier: MeshTier::Surface, ..EncodeOptions::default() };
    assert!(matches!(encode_with(&shape, &quality, Some(&CODEC)), Err(Error::Parameter { .. })));
}

#[test]
fn files_say_what_they_hold_and_need_their_pack() {
    let encoded = coded(&ball(false), 500);
    let GeometryTier::Surface { blocks } = encoded.tier else { panic!("{:?}", encoded.tier) };
    let held = inspect(&encoded.bytes, &Limits::default()).unwrap();
    assert_eq!(held.tier, encoded.tier);
    assert_eq!(held.level_bytes, encoded.place_bytes);
    assert_eq!(held.parts.iter().map(|part| part.bytes as usize).sum::<usize>(), encoded.bytes.len());
    let read = container::read(&encoded.bytes, &Limits::default()).unwrap();
    assert_eq!((read.header.pack.id.as_deref(), read.chunks.len()), (Some("planes"), 1));
    assert!(blocks > 8 && read.chunks[0].kind == ChunkKind::Tokens);
    assert!(matches!(
        decode(&encoded.bytes, &DecodeOptions::default()),
        Err(Error::Core(tessera_core::Error::Mismatch { .. }))
    ));
    let mut header = read.header.clone();
    header.pack = PackRef { hash: [1; 8], id: None };
    let other = container::write(&header, &read.chunks).unwrap();
    assert!(decode_with(&other, &DecodeOptions::default(), Some(&CODEC)).is_err());
}

#[test]
fn damaged_surfaces_are_refused() {
    let encoded = coded(&ball(true), 300).bytes;
    let read = container::read(&encoded, &Limits::default()).unwrap();
    let decoded = |header: &container::Header, payload: &[u8]| {
        let chunk = container::Chunk { payload: payload.to_vec(), ..read.chunks[0].clone() };
        let bytes = container::write(header, &[chunk]).unwrap();
        decode_with(&bytes, &DecodeOptions::default(), Some(&CODEC))
    };
    let payload = &read.chunks[0].payload;
    for length in (0..payload.len()).step_by(5) {
        assert!(decoded(&read.header, &payload[..length]).is_err(), "cut at {length}");
    }
    // A file's chunks have checksums: what gets past them may be another surface, but is one.
    for at in (0..payload.len()).step_by(7).chain(0..12) {
        let mut changed = payload.clone();
        changed[at] ^= 0x55;
        if let Ok(Shape::Mesh(mesh)) = decoded(&read.header, &changed).map(|decoded| decoded.shape) {
            assert!(mesh.positions.iter().flatten().all(|x| x.is_finite()), "byte {at}");
        }
    }
    for blocks in [1, 7, 9000, u32::MAX] {
        let mut header = read.header.clone();
        header.media = MediaShape::Geometry(GeometryTier::Surface { blocks });
        assert!(decoded(&header, payload).is_err(), "{blocks} blocks");
    }
    for rung in [Rung { levels: 1, depth: 13 }, Rung { levels: 3, depth: 4 }, Rung { levels: 8, depth: 16 }] {
        let mut header = read.header.clone();
        header.rung = rung;
        assert!(decoded(&header, payload).is_err(), "{rung:?}");
    }
}
