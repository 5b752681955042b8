//! Splats: they look as they did, sizes are kept, and whatever is wrong with a file is an error.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tessera_core::container::{self, Chunk, ChunkKind, GeometryTier, Lattice, MediaShape};
use tessera_core::{Error as CoreError, Limits};
use tessera_geometry::{
    DecodeOptions, EncodeOptions, Error, Precision, Shape, Splats, Target, decode, encode, inspect,
    io::{self, Format},
    metrics::views::psnr,
};

use crate::fixture::Random;

/// Splats all over a ball, of any shape, turn and colour; neighbours are somewhat alike.
pub fn splats(count: usize, degree: u8) -> Splats {
    let mut random = Random(20_261_127);
    let mut chance = || f64::from(random.below(1 << 20)) / f64::from(1 << 20);
    let mut splats = Splats { degree, ..Splats::default() };
    for n in 0..count {
        let z = 1.0 - 2.0 * (n as f64 + 0.5) / count as f64;
        let turn = n as f64 * 2.399_963;
        let place = [(1.0 - z * z).sqrt() * turn.cos(), (1.0 - z * z).sqrt() * turn.sin(), z];
        splats.positions.push(place.map(|x| (x * (1.0 + 0.05 * chance())) as f32));
        let wide = (2.0 / (count as f64).sqrt()).ln();
        splats.scales.push([wide + chance(), wide - chance(), wide - 2.0 * chance()].map(|x| x as f32));
        let parts = [chance() - 0.5, chance() - 0.5, chance() - 0.5, chance() - 0.5];
        let length = parts.iter().map(|x| x * x).sum::<f64>().sqrt();
        splats.rotations.push(parts.map(|x| (x / length) as f32));
        splats.opacities.push((5.0 * chance() - 1.5) as f32);
        splats.colors.push(place.map(|x| (x + 0.3 * chance()) as f32));
        for k in 0..(usize::from(degree) + 1).pow(2) - 1 {
            let along = place[k % 3] * 0.3 / (k + 1) as f64;
            splats.harmonics.push([1.0, 0.8, -0.5].map(|weight| (weight * along + 0.05 * (chance() - 0.5)) as f32));
        }
    }
    splats
}

fn coded(splats: &Splats, target: Target) -> tessera_geometry::Encoded {
    encode(&Shape::Splats(splats.clone()), &EncodeOptions { target, ..EncodeOptions::default() }).unwrap()
}

fn splats_of(shape: Shape) -> Splats {
    let Shape::Splats(splats) = shape else { panic!("no splats came back") };
    splats
}

fn back(bytes: &[u8]) -> Splats {
    splats_of(decode(bytes, &DecodeOptions::default()).unwrap().shape)
}

#[test]
fn more_quality_costs_more_and_looks_more_alike() {
    for degree in [0, 1, 3] {
        let original = splats(1500, degree);
        let (mut bytes, mut seen) = (0, 0.0);
        for quality in [0.0, 30.0, 60.0, 100.0] {
            let encoded = coded(&original, Target::Quality(quality));
            let found = psnr(&original, &back(&encoded.bytes), 64);
            assert!(encoded.bytes.len() > bytes && found > seen, "quality {quality}: {found:.2} dB after {seen:.2}");
            (bytes, seen) = (encoded.bytes.len(), found);
        }
        assert!(seen > 42.0, "degree {degree} at quality 100: {seen:.2} dB");
    }
}

#[test]
fn they_take_less_than_half_of_spz() {
    let original = splats(3000, 2);
    let spz = io::write(&Shape::Splats(original.clone()), Format::Spz).unwrap().bytes;
    let encoded = coded(&original, Target::Quality(50.0));
    assert!(2 * encoded.bytes.len() < spz.len(), "{} bytes, SPZ {}", encoded.bytes.len(), spz.len());
}

#[test]
fn sizes_and_ratios_are_kept() {
    let original = splats(800, 1);
    for size in [8_000, 12_000, 1 << 20] {
        let encoded = coded(&original, Target::Size(size));
        assert!(encoded.bytes.len() as u64 <= size);
        assert!(size > 20_000 || encoded.bytes.len() as u64 > size * 9 / 10, "{} of {size}", encoded.bytes.len());
    }
    // Three coordinates, sizes, four of a turn, opacity, and twelve of colour.
    let raw = 800 * 4 * (3 + 3 + 4 + 1 + 12);
    assert!(coded(&original, Target::Ratio(8.0)).bytes.len() <= raw / 8);
    let refused = |target| {
        let options = EncodeOptions { target, ..EncodeOptions::default() };
        encode(&Shape::Splats(original.clone()), &options).unwrap_err().to_string()
    };
    assert!(refused(Target::Size(300)).contains("ask for more"));
    assert!(refused(Target::Ratio(0.5)).contains("ratio"));
    assert!(refused(Target::Quality(101.0)).contains("quality"));
}

#[test]
fn without_loss_is_refused_and_centres_alone_are_a_cloud() {
    let original = splats(100, 0);
    let lossless = EncodeOptions { precision: Precision::Lossless, ..EncodeOptions::default() };
    let error = encode(&Shape::Splats(original.clone()), &lossless).unwrap_err().to_string();
    assert!(error.contains("--points"), "{error}");
    let encoded = encode(&Shape::Splats(original.clone()), &EncodeOptions { vertices: true, ..lossless }).unwrap();
    let Shape::Cloud(cloud) = decode(&encoded.bytes, &DecodeOptions::default()).unwrap().shape else { panic!() };
    let sorted = |positions: &[[f32; 3]]| {
        let mut all: Vec<_> = positions.iter().map(|p| p.map(f32::to_bits)).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(&cloud.positions), sorted(&original.positions));
    assert_eq!(cloud.colors.map(|colors| colors.len()), Some(100));
}

#[test]
fn splats_that_are_extreme_in_any_way_come_back_finite() {
    let plain = splats(40, 1);
    let with = |change: fn(&mut Splats)| {
        let mut splats = plain.clone();
        change(&mut splats);
        splats
    };
    for (name, odd) in [
        ("one", plain.picked(&[7])),
        ("all at one place", with(|s| s.positions.fill([3.0, -2.0, 1e4]))),
        ("one far away", with(|s| s.positions[0] = [1e9, 0.0, 0.0])),
        ("balls", with(|s| s.scales.fill([-3.0; 3]))),
        (
            "needles and sheets",
            with(|s| (0..40).for_each(|n| s.scales[n] = [[-1.0, -30.0, -30.0], [-30.0, -1.0, -1.0]][n % 2])),
        ),
        ("huge", with(|s| s.scales.fill([60.0, -60.0, 0.0]))),
        ("invisible", with(|s| s.opacities.fill(-16.0))),
        ("opaque", with(|s| s.opacities.fill(16.0))),
        ("glaring", with(|s| s.colors.fill([1e6, -1e6, 0.0]))),
        ("wild", with(|s| s.harmonics.fill([1e9, -1e9, 3.0]))),
        ("not turned", with(|s| s.rotations.fill([1.0, 0.0, 0.0, 0.0]))),
    ] {
        for quality in [0.0, 50.0, 100.0] {
            let decoded = back(&coded(&odd, Target::Quality(quality)).bytes);
            decoded.check().unwrap_or_else(|error| panic!("{name} at {quality}: {error}"));
            assert!(decoded.len() <= odd.len() && !decoded.is_empty(), "{name}");
            let lengths = decoded.rotations.iter().map(|r| r.iter().map(|x| x * x).sum::<f32>());
            assert!(lengths.into_iter().all(|length| (length - 1.0).abs() < 1e-4), "{name}");
        }
    }
}

/// xx, xy, xz, yy, yz, zz of a splat's covariance.
fn covariance(splats: &Splats, n: usize) -> [f64; 6] {
    let [w, x, y, z] = splats.rotations[n].map(f64::from);
    let axes = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)],
        [2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)],
        [2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)],
    ];
    let mut sum = [0.0; 6];
    for (axis, scale) in axes.into_iter().zip(splats.scales[n]) {
        let square = (2.0 * f64::from(scale)).exp();
        for (k, (a, b)) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)].into_iter().enumerate() {
            sum[k] += square * axis[a] * axis[b];
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn an_ellipsoid_keeps_its_shape_however_its_axes_are_named(
        scales in prop::array::uniform3(-4f32..0.0), parts in prop::array::uniform4(-1f32..1.0)
    ) {
        let length = parts.iter().map(|x| x * x).sum::<f32>().sqrt();
        prop_assume!(length > 0.1);
        let mut one = splats(1, 0);
        one.scales[0] = scales;
        one.rotations[0] = parts.map(|x| x / length);
        one.opacities[0] = 3.0;
        let decoded = back(&coded(&one, Target::Quality(100.0)).bytes);
        let (before, after) = (covariance(&one, 0), covariance(&decoded, 0));
        // Against the longest axis.
        let most = (2.0 * f64::from(scales.iter().fold(f32::MIN, |most, s| most.max(*s)))).exp();
        for (a, b) in before.iter().zip(after) {
            prop_assert!((a - b).abs() < 0.06 * most, "{before:?} {after:?}");
        }
    }

    #[test]
    fn bytes_of_chance_in_any_chunk_are_errors_or_splats(
        which in 0usize..8, noise in prop::collection::vec(any::<u8>(), 0..300), points in 1u32..5000, degree in 0u8..=3
    ) {
        let file = container::read(&coded(&splats(60, 1), Target::Quality(20.0)).bytes, &Limits::default()).unwrap();
        let mut header = file.header.clone();
        if let MediaShape::Geometry(GeometryTier::Splats { points: claimed, degree: claimed_degree, .. }) = &mut header.media {
            if which % 2 == 0 { *claimed = points; }
            *claimed_degree = degree;
        }
        let mut chunks = file.chunks.clone();
        let at = which % chunks.len();
        chunks[at].payload = noise;
        let hurt = container::write(&header, &chunks).unwrap();
        for salvage in [false, true] {
            if let Ok(decoded) = decode(&hurt, &DecodeOptions { salvage, ..DecodeOptions::default() }) {
                prop_assert!(decoded.shape.check().is_ok());
            }
        }
    }
}

#[test]
fn every_prefix_is_refused_and_salvage_gives_less_and_less() {
    let original = splats(200, 1);
    let bytes = coded(&original, Target::Quality(50.0)).bytes;
    for cut in 0..bytes.len() {
        let error = decode(&bytes[..cut], &DecodeOptions::default()).unwrap_err();
        let fits = matches!(error, Error::Core(CoreError::Truncated { .. } | CoreError::Unsupported { .. }));
        assert!(fits, "{cut}: {error}");
    }
    let salvage = DecodeOptions { salvage: true, ..DecodeOptions::default() };
    let file = container::read(&bytes, &Limits::default()).unwrap();
    let without = |kind: ChunkKind, sequence: u32| {
        let kept = file.chunks.iter().filter(|chunk| (chunk.kind, chunk.sequence) != (kind, sequence)).cloned();
        let hurt = container::write(&file.header, &kept.collect::<Vec<Chunk>>()).unwrap();
        assert!(decode(&hurt, &DecodeOptions::default()).is_err());
        decode(&hurt, &salvage).unwrap()
    };
    // Without harmonics they are splats of degree 0; without anything else of theirs, points.
    let plain = without(ChunkKind::Attribute, 8);
    assert_eq!((splats_of(plain.shape).degree, plain.losses.len()), (0, 1));
    for sequence in 4..8 {
        let points = without(ChunkKind::Attribute, sequence);
        assert!(matches!(&points.shape, Shape::Cloud(cloud) if cloud.len() == 200), "{sequence}");
        assert!(!points.losses.is_empty());
    }
    let many = coded(&splats(3000, 0), Target::Quality(50.0)).bytes;
    let coarse = decode(&many, &DecodeOptions { bits: Some(3), ..DecodeOptions::default() }).unwrap();
    assert!(matches!(&coarse.shape, Shape::Cloud(cloud) if cloud.len() < 3000) && coarse.bits < 9, "{}", coarse.bits);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = coded(&splats(60, 1), Target::Quality(30.0)).bytes;
    for at in 0..bytes.len() {
        let mut hurt = bytes.clone();
        hurt[at] ^= 1 << (at % 8);
        assert!(decode(&hurt, &DecodeOptions::default()).is_err(), "byte {at}");
        assert!(inspect(&hurt, &Limits::default()).is_err(), "byte {at}");
    }
}

#[test]
fn steps_of_nothing_and_too_many_splats_are_refused() {
    let bytes = coded(&splats(60, 1), Target::Quality(30.0)).bytes;
    let file = container::read(&bytes, &Limits::default()).unwrap();
    for (n, chunk) in
        file.chunks.iter().enumerate().filter(|(_, chunk)| chunk.kind == ChunkKind::Attribute && chunk.sequence > 3)
    {
        let mut chunks = file.chunks.clone();
        chunks[n].payload[0] = 0;
        let hurt = container::write(&file.header, &chunks).unwrap();
        assert!(
            matches!(decode(&hurt, &DecodeOptions::default()), Err(Error::Core(CoreError::Corrupt { .. }))),
            "{chunk:?}"
        );
    }
    let limits = Limits { max_points: 239, ..Limits::default() };
    let error = decode(&bytes, &DecodeOptions { limits, ..DecodeOptions::default() }).unwrap_err();
    assert!(matches!(error, Error::Core(CoreError::Limit { claimed: 60, .. })), "{error}");
    let mut header = file.header.clone();
    header.media = MediaShape::Geometry(GeometryTier::Splats {
        points: 60,
        depth: 21,
        lattice: Lattice { offset: [1e300; 3], divisor: 1e-300 },
        counts: false,
        degree: 1,
        antialiased: true,
    });
    let hurt = container::write(&header, &file.chunks).unwrap();
    if let Ok(decoded) = decode(&hurt, &DecodeOptions { salvage: true, ..DecodeOptions::default() }) {
        assert!(decoded.shape.check().is_ok());
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/geometry").join(name)
}

/// What a file decodes to is the format, but for the last bits of what logarithms and angles give.
#[test]
fn files_decode_as_they_did() {
    let decoded = back(&fs::read(golden("splats.tsr")).unwrap());
    let wanted = io::read(&fs::read(golden("splats.ply")).unwrap(), &Default::default(), &|_| None).unwrap().shape;
    let wanted = splats_of(wanted);
    assert_eq!((decoded.positions, decoded.degree), (wanted.positions, wanted.degree));
    assert_eq!((decoded.colors, decoded.harmonics), (wanted.colors, wanted.harmonics));
    assert_eq!(decoded.scales, wanted.scales);
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&decoded.opacities, &wanted.opacities));
    assert!(near(decoded.rotations.as_flattened(), wanted.rotations.as_flattened()));
}

#[test]
#[ignore = "writes the golden file if it is missing"]
fn write() {
    if !golden("splats.tsr").exists() {
        let mut original = splats(150, 1);
        original.positions[1] = original.positions[0];
        let bytes = coded(&original, Target::Quality(40.0)).bytes;
        let decoded = decode(&bytes, &DecodeOptions::default()).unwrap().shape;
        fs::write(golden("splats.ply"), io::write(&decoded, Format::Ply).unwrap().bytes).unwrap();
        fs::write(golden("splats.tsr"), bytes).unwrap();
    }
}
