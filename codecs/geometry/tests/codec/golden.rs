//! Files that every version must read and write bit for bit.
//!
//! A failure here is a change of the format: bump its version. To add a case, write its files with
//! `cargo test -p tessera-geometry --test codec -- --ignored write`; existing files are left as they are.

use std::{fs, path::PathBuf};

use tessera_geometry::{Cloud, EncodeOptions, Precision};

use crate::fixture::{LOSSLESS, Random, back, coded, multiset, sphere};

/// Clouds, how they are coded, and the names of their files.
fn cases() -> Vec<(&'static str, Cloud, EncodeOptions)> {
    let mut random = Random(20_261_126);
    let mut noise: Vec<[f32; 3]> = (0..300).map(|_| [0; 3].map(|_: u8| random.below(1 << 21) as f32)).collect();
    noise.extend_from_within(..20);
    let mut floats = sphere(6);
    floats.positions.iter_mut().for_each(|p| *p = p.map(|x| x * 0.3 + 0.1));
    vec![
        ("octree_surface", Cloud { colors: None, normals: None, ..sphere(24) }, LOSSLESS),
        ("octree_attributes", sphere(10), LOSSLESS),
        ("octree_noise", Cloud::new(noise), LOSSLESS),
        ("octree_exact", floats, LOSSLESS),
        ("octree_bits", sphere(9), EncodeOptions { precision: Precision::Bits(3), ..LOSSLESS }),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/geometry").join(format!("{name}.tsr"))
}

#[test]
fn files_are_written_and_read_bit_for_bit() {
    for (name, cloud, options) in cases() {
        let golden = fs::read(path(name)).unwrap();
        assert!(coded(&cloud, &options) == golden, "{name} is written otherwise");
        let decoded = back(&golden);
        assert_eq!(decoded.len(), cloud.len(), "{name}");
        if options.precision == Precision::Lossless {
            assert_eq!(multiset(&decoded), multiset(&cloud), "{name}");
        }
    }
}

#[test]
#[ignore = "writes golden files that are missing"]
fn write() {
    for (name, cloud, options) in cases() {
        if !path(name).exists() {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), coded(&cloud, &options)).unwrap();
        }
    }
}
