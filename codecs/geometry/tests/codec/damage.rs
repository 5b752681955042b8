//! Files that are not what they should be.

use tessera_core::container::{self, ChunkKind, GeometryTier, Lattice, MediaShape};
use tessera_core::{Error as CoreError, Limits};
use tessera_geometry::{Cloud, DecodeOptions, Error, Shape, decode, inspect};

use crate::fixture::{LOSSLESS, cloud_of, coded, multiset, sphere};

const SALVAGE: DecodeOptions = DecodeOptions { salvage: true, bits: None, limits: LIMITS };
const LIMITS: Limits = Limits {
    max_tokens: 1 << 10,
    max_pixels: 1 << 10,
    max_samples: 1 << 10,
    max_points: 1 << 16,
    max_chunk_bytes: 1 << 20,
    max_chunks: 64,
    max_metadata_bytes: 1 << 10,
};

/// A file with everything that a file may have.
fn everything() -> (Cloud, Vec<u8>) {
    let mut cloud = sphere(6);
    cloud.positions.iter_mut().for_each(|p| *p = p.map(|x| x * 0.737_123 - 3.1));
    let (places, colors, normals) =
        (cloud.positions[..9].to_vec(), cloud.colors.clone().unwrap(), cloud.normals.clone().unwrap());
    cloud.positions.extend(places);
    cloud.colors.as_mut().unwrap().extend(&colors[..9]);
    cloud.normals.as_mut().unwrap().extend(&normals[..9]);
    let bytes = coded(&cloud, &LOSSLESS);
    let read = container::read(&bytes, &LIMITS).unwrap();
    assert!(matches!(
        read.header.media,
        MediaShape::Geometry(GeometryTier::Octree {
            counts: true,
            exact: true,
            colors: true,
            normal_bits: Some(_),
            ..
        })
    ));
    (cloud, bytes)
}

#[test]
fn every_prefix_is_refused_or_salvaged_coarser() {
    let (cloud, bytes) = everything();
    let mut points = 0;
    for cut in 0..bytes.len() {
        let error = decode(&bytes[..cut], &DecodeOptions::default()).unwrap_err();
        assert!(
            matches!(error, Error::Core(CoreError::Truncated { .. } | CoreError::Unsupported { .. })),
            "{cut}: {error}"
        );
        // Salvage takes its time: now and then, and at the end.
        if cut % 41 > 0 && bytes.len() - cut > 8 {
            continue;
        }
        if let Ok(decoded) = decode(&bytes[..cut], &SALVAGE) {
            assert!(!decoded.losses.is_empty());
            let found = decoded.shape.positions().len();
            assert!(found >= points && found <= cloud.len(), "{cut}: {found} after {points}");
            points = found;
        }
    }
    assert_eq!(points, cloud.len());
}

#[test]
fn every_flipped_bit_is_noticed_and_salvage_survives_it() {
    let (_, bytes) = everything();
    for byte in 0..bytes.len() {
        let mut hurt = bytes.clone();
        hurt[byte] ^= 1 << (byte % 8);
        assert!(decode(&hurt, &DecodeOptions::default()).is_err(), "byte {byte}");
        assert!(inspect(&hurt, &LIMITS).is_err(), "byte {byte}");
        if byte % 23 == 0 {
            let _ = decode(&hurt, &SALVAGE);
        }
    }
}

#[test]
fn chunks_with_any_payload_never_panic_and_never_grow_past_the_limits() {
    let (_, bytes) = everything();
    let file = container::read(&bytes, &LIMITS).unwrap();
    for (n, chunk) in file.chunks.iter().enumerate() {
        for at in (0..chunk.payload.len()).step_by(chunk.payload.len() / 24 + 1) {
            for change in 0..2 {
                let mut chunks = file.chunks.clone();
                match change {
                    0 => chunks[n].payload[at] ^= 0x55,
                    _ => chunks[n].payload.truncate(at),
                }
                // With checksums that hold.
                let hurt = container::write(&file.header, &chunks).unwrap();
                if let Ok(decoded) = decode(&hurt, &DecodeOptions { limits: LIMITS, ..DecodeOptions::default() }) {
                    assert!(decoded.shape.positions().len() <= 1 << 16);
                }
            }
        }
    }
}

#[test]
fn headers_of_any_kind_over_real_chunks_are_errors_or_clouds() {
    let (_, bytes) = everything();
    let file = container::read(&bytes, &LIMITS).unwrap();
    for depth in [1, 3, 18, 21] {
        for points in [1, 500, 1 << 16] {
            for flags in 0..16u8 {
                let mut header = file.header.clone();
                header.media = MediaShape::Geometry(GeometryTier::Octree {
                    points,
                    depth,
                    lattice: Lattice { offset: [1e300, -1e-300, 0.0], divisor: 1e-300 },
                    counts: flags & 1 != 0,
                    exact: flags & 2 != 0,
                    colors: flags & 4 != 0,
                    normal_bits: (flags & 8 != 0).then_some(14),
                });
                let hurt = container::write(&header, &file.chunks).unwrap();
                for options in [DecodeOptions::default(), SALVAGE] {
                    if let Ok(decoded) = decode(&hurt, &options) {
                        assert!(decoded.shape.positions().iter().flatten().all(|x| x.is_finite()));
                    }
                }
            }
        }
    }
}

#[test]
fn more_points_than_the_limit_are_refused_before_anything_is_decoded() {
    let (cloud, bytes) = everything();
    let limits = Limits { max_points: cloud.len() as u64 - 1, ..Limits::default() };
    let error = decode(&bytes, &DecodeOptions { limits, ..DecodeOptions::default() }).unwrap_err();
    assert!(matches!(error, Error::Core(CoreError::Limit { .. })), "{error}");
}

#[test]
fn lost_colours_leave_the_points() {
    let (cloud, bytes) = everything();
    let file = container::read(&bytes, &LIMITS).unwrap();
    let kept = file.chunks.iter().filter(|chunk| (chunk.kind, chunk.sequence) != (ChunkKind::Attribute, 2));
    let hurt = container::write(&file.header, &kept.cloned().collect::<Vec<_>>()).unwrap();
    assert!(decode(&hurt, &DecodeOptions::default()).is_err());
    let decoded = decode(&hurt, &SALVAGE).unwrap();
    assert_eq!(decoded.losses.len(), 1);
    let found = cloud_of(decoded.shape);
    assert!(found.colors.is_none() && found.normals.is_some());
    assert_eq!(multiset(&found), multiset(&Cloud { colors: None, ..cloud }));
}

#[test]
fn a_file_of_another_medium_is_refused_in_words() {
    let (_, bytes) = everything();
    let mut file = container::read(&bytes, &LIMITS).unwrap();
    file.header.media = MediaShape::Image { width: 3, height: 3, color: container::Color::Rgb, alpha: false };
    let other = container::write(&file.header, &file.chunks).unwrap();
    let error = decode(&other, &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no shape"), "{error}");
    assert!(matches!(Shape::Cloud(Cloud::default()).check(), Err(Error::Shape { .. })));
}
