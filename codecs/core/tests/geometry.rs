//! Claims about the container's shapes.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tessera_core::container::{
    Chunk, ChunkKind, GeometryTier, Header, Lattice, MediaShape, Modality, PackRef, PriorKind, layout, read, write,
};
use tessera_core::{Error, Limits, Rung};

fn octree() -> GeometryTier {
    GeometryTier::Octree {
        points: 1000,
        depth: 10,
        lattice: Lattice { offset: [1.5, -2.0, 1e9], divisor: 1000.0 },
        counts: true,
        exact: false,
        colors: true,
        normal_bits: Some(8),
    }
}

fn header(tier: GeometryTier, pack: PackRef) -> Header {
    Header { pack, rung: Rung { levels: 1, depth: 1 }, prior: PriorKind::Uniform, media: MediaShape::Geometry(tier) }
}

fn chunks() -> Vec<Chunk> {
    let levels = |sequence| Chunk { sequence, ..Chunk::new(ChunkKind::Levels, vec![1, 2, 3]) };
    vec![levels(0), levels(1), Chunk { sequence: 2, ..Chunk::new(ChunkKind::Attribute, vec![4]) }]
}

proptest! {
    #[test]
    fn every_octree_header_survives_and_names_its_bytes(
        points in 1u32..1 << 25, depth in 1u8..=21, counts: bool, exact: bool, colors: bool,
        normal_bits in prop::option::of(2u8..=14), offset in prop::array::uniform3(-1e30f64..1e30), divisor in 1e-9f64..1e9,
        unit: bool, packed: bool,
    ) {
        let lattice = if unit { Lattice::UNIT } else { Lattice { offset, divisor } };
        let tier = GeometryTier::Octree { points, depth, lattice, counts, exact, colors, normal_bits };
        let pack = if packed { PackRef { hash: [7; 8], id: Some("shapes".into()) } } else { PackRef::NONE };
        let header = header(tier, pack);
        let file = write(&header, &chunks()).unwrap();
        let back = read(&file, &Limits::default()).unwrap();
        prop_assert_eq!((back.header.modality(), &back.header), (Modality::Geometry, &header));
        prop_assert_eq!(back.chunks, chunks());
        let parts = layout(&file, &Limits::default()).unwrap();
        prop_assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), file.len() as u64);
        prop_assert_eq!(parts.iter().any(|part| part.name == "pack hash"), packed);
    }

    #[test]
    fn every_header_of_splats_survives_and_names_its_bytes(
        points in 1u32..1 << 23, depth in 1u8..=21, counts: bool, antialiased: bool, degree in 0u8..=3,
        offset in prop::array::uniform3(-1e30f64..1e30), divisor in 1e-9f64..1e9,
    ) {
        let tier = GeometryTier::Splats { points, depth, lattice: Lattice { offset, divisor }, counts, degree, antialiased };
        let header = header(tier, PackRef::NONE);
        let file = write(&header, &chunks()).unwrap();
        prop_assert_eq!(&read(&file, &Limits::default()).unwrap().header, &header);
        let parts = layout(&file, &Limits::default()).unwrap();
        prop_assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), file.len() as u64);
        let bad = |tier| matches!(write(&self::header(tier, PackRef::NONE), &chunks()), Err(Error::Parameter { .. }));
        let lattice = Lattice { offset, divisor: -divisor };
        let no_lattice = GeometryTier::Splats { points, depth, lattice, counts, degree, antialiased };
        let lattice = Lattice::UNIT;
        let no_degree = GeometryTier::Splats { points, depth, lattice, counts, degree: degree + 4, antialiased };
        prop_assert!(bad(no_lattice) && bad(no_degree));
    }
}

#[test]
fn a_header_without_pack_and_lattice_takes_ten_bytes() {
    let GeometryTier::Octree { points, depth, .. } = octree() else { panic!() };
    let lattice = Lattice::UNIT;
    let plain =
        GeometryTier::Octree { points, depth, lattice, counts: false, exact: false, colors: false, normal_bits: None };
    let file = write(&header(plain, PackRef::NONE), &chunks()).unwrap();
    let parts = layout(&file, &Limits::default()).unwrap();
    let first = parts.iter().find(|part| part.name.starts_with("levels")).unwrap();
    assert_eq!(first.offset, 10);
}

#[test]
fn numbers_out_of_range_are_not_written() {
    let set = |change: fn(&mut u32, &mut u8, &mut Lattice, &mut Option<u8>)| {
        let GeometryTier::Octree { mut points, mut depth, mut lattice, mut normal_bits, .. } = octree() else {
            panic!()
        };
        change(&mut points, &mut depth, &mut lattice, &mut normal_bits);
        let tier =
            GeometryTier::Octree { points, depth, lattice, counts: false, exact: false, colors: false, normal_bits };
        write(&header(tier, PackRef::NONE), &chunks())
    };
    assert!(set(|_, _, _, _| ()).is_ok());
    for bad in [
        set(|points, _, _, _| *points = 0),
        set(|_, depth, _, _| *depth = 0),
        set(|_, depth, _, _| *depth = 22),
        set(|_, _, lattice, _| lattice.divisor = 0.0),
        set(|_, _, lattice, _| lattice.divisor = f64::INFINITY),
        set(|_, _, lattice, _| lattice.offset[1] = f64::NAN),
        set(|_, _, _, bits| *bits = Some(1)),
        set(|_, _, _, bits| *bits = Some(15)),
    ] {
        assert!(matches!(bad, Err(Error::Parameter { .. })), "{bad:?}");
    }
}

#[test]
fn unknown_tiers_and_flags_are_refused_and_points_are_limited() {
    let file = write(&header(octree(), PackRef::NONE), &chunks()).unwrap();
    let error = |at: usize, value: u8| {
        let mut file = file.clone();
        file[at] = value;
        read(&file, &Limits::default()).unwrap_err()
    };
    assert!(matches!(error(4, 3 | 1 << 5), Error::Unsupported { .. }));
    assert!(matches!(error(4, 3 | 1 << 3), Error::Corrupt { .. }));
    assert!(matches!(error(5, 9), Error::Unsupported { .. }));
    assert!(matches!(error(6, 1 << 6), Error::Unsupported { .. }));
    let limits = Limits { max_points: 999, ..Limits::default() };
    assert!(matches!(read(&file, &limits), Err(Error::Limit { claimed: 1000, .. })));
}
