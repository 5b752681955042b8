//! What comes back of a cloud.

use proptest::prelude::*;
use tessera_core::container::{GeometryTier, Lattice};
use tessera_geometry::{Cloud, DecodeOptions, EncodeOptions, Mesh, Precision, Shape, decode, encode};

use crate::fixture::{LOSSLESS, Random, back, cloud_of, coded, multiset, sphere};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn voxels_of_any_depth_come_back_as_a_multiset(
        depth in 1u32..=21, points in 1usize..400, repeats in 0usize..40, seed: u64,
    ) {
        let mut random = Random(seed);
        let mut positions: Vec<[f32; 3]> =
            (0..points).map(|_| std::array::from_fn(|_| random.below(1 << depth) as f32)).collect();
        for _ in 0..repeats {
            let again = positions[random.below(points as u32) as usize];
            positions.push(again);
        }
        let colors = (0..positions.len()).map(|_| [0; 3].map(|_: u8| random.below(256) as u8)).collect();
        let cloud = Cloud { positions, colors: Some(colors), normals: None };
        prop_assert_eq!(multiset(&back(&coded(&cloud, &LOSSLESS))), multiset(&cloud));
    }

    #[test]
    fn any_finite_numbers_come_back_to_the_last_bit(
        bits in prop::collection::vec(prop::array::uniform3(any::<f32>()), 1..60), scale in prop::option::of(-3f32..3.0)
    ) {
        // Whatever a float can be, or numbers of one size.
        let tame = |x: f32| scale.map_or(x, |scale| scale + x.to_bits() as f32 / u32::MAX as f32);
        let finite = |x: f32| if tame(x).is_finite() { tame(x) + 0.0 } else { 1.0 };
        let cloud = Cloud::new(bits.iter().map(|p| p.map(finite)).collect());
        prop_assert_eq!(multiset(&back(&coded(&cloud, &LOSSLESS))), multiset(&cloud));
    }

    #[test]
    fn a_precision_is_kept(
        positions in prop::collection::vec(prop::array::uniform3(-1000f32..1000.0), 1..200), error in 0.01f64..10.0
    ) {
        let cloud = Cloud::new(positions);
        let options = EncodeOptions { precision: Precision::Error(error), ..LOSSLESS };
        let decoded = back(&coded(&cloud, &options));
        prop_assert_eq!(decoded.len(), cloud.len());
        for point in &cloud.positions {
            let near = |other: &[f32; 3]| (0..3).all(|a| f64::from((point[a] - other[a]).abs()) <= error * 1.0001 + 1e-4);
            prop_assert!(decoded.positions.iter().any(near), "{:?}", point);
        }
    }
}

#[test]
fn one_point_and_one_point_many_times() {
    for count in [1, 2, 1000] {
        for place in [[0.0; 3], [-1.5, 2.25, 1e-20], [3e38, -3e38, 0.0]] {
            let cloud = Cloud::new(vec![place; count]);
            let bytes = coded(&cloud, &LOSSLESS);
            assert!(bytes.len() < 120, "{count} times {place:?}: {} bytes", bytes.len());
            assert_eq!(multiset(&back(&bytes)), multiset(&cloud));
        }
    }
}

#[test]
fn no_points_and_numbers_that_are_none_are_refused() {
    let cases = [
        (Cloud::default(), "no points"),
        (Cloud::new(vec![[f32::NAN, 0.0, 0.0]]), "not finite"),
        (Cloud { normals: Some(vec![]), ..Cloud::new(vec![[0.0; 3]]) }, "one normal per point"),
    ];
    for (cloud, says) in cases {
        let error = encode(&Shape::Cloud(cloud), &LOSSLESS).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_dense_surface_takes_little_more_than_a_bit_a_point() {
    let cloud = Cloud { colors: None, normals: None, ..sphere(60) };
    let bits = 8.0 * coded(&cloud, &LOSSLESS).len() as f64 / cloud.len() as f64;
    assert!(bits < 1.1, "{bits} bits per point");
}

#[test]
fn colours_and_normals_follow_their_points() {
    let cloud = sphere(20);
    let decoded = back(&coded(&cloud, &LOSSLESS));
    assert_eq!(multiset(&decoded), multiset(&cloud));
    // On this sphere a normal belongs to a place.
    for (place, normal) in decoded.positions.iter().zip(decoded.normals.as_ref().unwrap()) {
        let outward = place.map(|x| x - 20.0);
        let length = outward.iter().map(|x| x * x).sum::<f32>().sqrt();
        let cosine: f32 = (0..3).map(|a| outward[a] / length * normal[a]).sum();
        assert!(cosine > 0.99999, "{place:?} {normal:?}");
    }
    let smooth = coded(&cloud, &LOSSLESS).len() - coded(&Cloud { colors: None, ..cloud.clone() }, &LOSSLESS).len();
    assert!(8 * smooth < 12 * cloud.len(), "smooth colours take {smooth} bytes of {}", 3 * cloud.len());
}

#[test]
fn fewer_bits_give_a_coarser_cloud_from_the_same_file() {
    let cloud = sphere(60);
    let bytes = coded(&cloud, &LOSSLESS);
    let mut before = 0;
    for bits in 1..=7 {
        let decoded = decode(&bytes, &DecodeOptions { bits: Some(bits), ..DecodeOptions::default() }).unwrap();
        assert!(decoded.bits >= bits && decoded.bits <= 7);
        let coarse = cloud_of(decoded.shape);
        assert!(coarse.len() >= before && coarse.len() <= cloud.len());
        before = coarse.len();
        let reach = f32::from(1u8 << (7 - decoded.bits)) / 2.0;
        for point in &cloud.positions {
            let near = |other: &[f32; 3]| (0..3).all(|a| (point[a] - other[a]).abs() <= reach);
            assert!(coarse.positions.iter().any(near), "{bits} bits: {point:?}");
        }
    }
    assert_eq!(before, cloud.len());
}

#[test]
fn an_outlier_changes_neither_the_others_nor_the_size_much() {
    let mut cloud = Cloud { colors: None, normals: None, ..sphere(40) };
    cloud.positions.iter_mut().for_each(|p| *p = p.map(|x| x * 0.1037 + 7.03));
    let options = EncodeOptions { precision: Precision::Bits(9), ..LOSSLESS };
    let before = encode(&Shape::Cloud(cloud.clone()), &options).unwrap();
    cloud.positions.push([-5000.0, 3.0, 3.0]);
    let after = encode(&Shape::Cloud(cloud), &options).unwrap();
    assert!(after.error <= before.error, "{} {}", after.error, before.error);
    assert!(after.bytes.len() < before.bytes.len() + before.bytes.len() / 8 + 64);
    assert!(after.notes.iter().any(|note| note.contains("far from all others")), "{:?}", after.notes);
}

#[test]
fn whole_numbers_need_no_lattice_in_the_header() {
    let encoded = encode(&Shape::Cloud(sphere(5)), &EncodeOptions::default()).unwrap();
    let GeometryTier::Octree { lattice, depth, exact, .. } = encoded.tier else { panic!() };
    assert_eq!((lattice, depth, exact), (Lattice::UNIT, 4, false));
    assert_eq!(encoded.error, 0.0);
}

#[test]
fn a_mesh_without_loss_is_refused_and_its_vertices_are_taken() {
    let mesh =
        Mesh { positions: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], faces: vec![[0, 1, 2]], ..Mesh::default() };
    let shape = Shape::Mesh(mesh);
    let error = encode(&shape, &LOSSLESS).unwrap_err().to_string();
    assert!(error.contains("--points"), "{error}");
    let encoded = encode(&shape, &EncodeOptions { vertices: true, ..LOSSLESS }).unwrap();
    assert_eq!(encoded.points, 3);
    assert!(encoded.notes.iter().any(|note| note.contains("1 faces")), "{:?}", encoded.notes);
}

#[test]
fn options_out_of_range_are_refused() {
    let shape = Shape::Cloud(Cloud::new(vec![[0.0, 0.1, 0.7], [1e6, 0.2, 0.3]]));
    for precision in [Precision::Bits(0), Precision::Bits(22), Precision::Error(0.0), Precision::Error(1e-9)] {
        assert!(encode(&shape, &EncodeOptions { precision, ..LOSSLESS }).is_err(), "{precision:?}");
    }
    for normal_bits in [0, 1, 15] {
        assert!(encode(&shape, &EncodeOptions { normal_bits, ..LOSSLESS }).is_err());
    }
}
