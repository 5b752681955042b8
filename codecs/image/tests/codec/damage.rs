//! Files that are not what they should be.

use tessera_core::container::{self, ChunkKind};
use tessera_core::{Limits, Rung};
use tessera_image::{DecodeOptions, Error, Target};

use crate::fixture::*;

fn small_file() -> Vec<u8> {
    encode(&with_disc(part(&sample("face.jpg"), 90, 70)), Target::Quality(50.0)).bytes
}

fn refused(bytes: &[u8], salvage: bool) -> Option<Error> {
    let options = DecodeOptions { salvage, ..DecodeOptions::default() };
    codec().decode(bytes, &options).err()
}

#[test]
fn every_prefix_is_refused() {
    let file = small_file();
    for end in 0..file.len() {
        let error = refused(&file[..end], false).expect("a prefix is no file").to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let file = small_file();
    for bit in 0..8 * file.len() {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&damaged, false).is_some(), "bit {bit}");
    }
}

#[test]
fn salvaging_damaged_files_never_panics() {
    let file = small_file();
    for end in (0..file.len()).step_by(5) {
        let _ = refused(&file[..end], true);
    }
    for at in (0..file.len()).step_by(3) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x55;
        let _ = refused(&damaged, true);
    }
}

#[test]
fn foreign_bytes_are_refused() {
    for bytes in [&b""[..], b"\x89PNG\r\n\x1a\n0000", b"hello, world", &[0xff; 64]] {
        assert!(refused(bytes, false).is_some() && refused(bytes, true).is_some());
    }
}

#[test]
fn a_file_of_another_pack_names_it() {
    let file = small_file();
    let read = container::read(&file, &Limits::default()).unwrap();
    let mut header = read.header.clone();
    header.pack.hash = [0xab; 8];
    header.pack.id = Some("image-elsewhere".to_owned());
    let foreign = container::write(&header, &read.chunks).unwrap();
    for salvage in [false, true] {
        let error = refused(&foreign, salvage);
        let Some(Error::PackMismatch { needed, have }) = error else { panic!("{error:?}") };
        assert_eq!(needed, "image-elsewhere (abababababababab)");
        assert!(have.contains(pack().id()));
    }
}

#[test]
fn claims_beyond_the_limits_or_the_pack_are_refused() {
    let file = small_file();
    let read = container::read(&file, &Limits::default()).unwrap();
    for rung in [Rung { levels: 1, depth: 13 }, Rung { levels: 200, depth: 12 }, Rung { levels: 4, depth: 12 }] {
        let mut header = read.header.clone();
        header.rung = rung;
        let claimed = container::write(&header, &read.chunks).unwrap();
        assert!(refused(&claimed, false).is_some() && refused(&claimed, true).is_some(), "{rung:?}");
    }
    let mut header = read.header.clone();
    header.media =
        container::MediaShape::Image { width: 60_000, height: 60_000, color: container::Color::Rgb, alpha: true };
    let huge = container::write(&header, &read.chunks).unwrap();
    assert!(refused(&huge, false).is_some() && refused(&huge, true).is_some());
    let limits = Limits { max_pixels: 90 * 70 - 1, ..Limits::default() };
    assert!(codec().decode(&file, &DecodeOptions { limits, ..Default::default() }).is_err());
}

#[test]
fn alpha_planes_must_be_as_the_header_says() {
    let read = container::read(&small_file(), &Limits::default()).unwrap();
    let without: Vec<_> = read.chunks.iter().filter(|c| c.kind != ChunkKind::Alpha).cloned().collect();
    let file = container::write(&read.header, &without).unwrap();
    assert!(refused(&file, false).is_some());
    let salvaged = codec().decode(&file, &DecodeOptions { salvage: true, ..Default::default() }).unwrap();
    assert!(salvaged.picture.alpha.is_none() && salvaged.losses.len() == 1, "{:?}", salvaged.losses);
}

#[test]
fn what_survives_of_a_damaged_file_is_decoded() {
    // Two bands of token rows, 32 in the first; the decoder sees 17 rows further.
    let picture = part(&sample("face.jpg"), 1040, 1040);
    let rung = Rung { levels: 4, depth: 12 };
    let file = encode(&picture, Target::Rung { rung, lambda: None }).bytes;
    let parts = container::layout(&file, &Limits::default()).unwrap();
    let second = parts.iter().find(|part| part.name == "tokens 1: payload").unwrap();
    let mut damaged = file.clone();
    damaged[(second.offset + second.bytes / 2) as usize] ^= 1;
    assert!(refused(&damaged, false).is_some());
    let whole = decode(&file);
    let salvaged = codec().decode(&damaged, &DecodeOptions { salvage: true, ..Default::default() }).unwrap();
    println!("{:?}", salvaged.losses);
    assert!(!salvaged.losses.is_empty());
    let rows = 1040 * 3 * 200;
    assert!(salvaged.picture.rgb[..rows] == whole.rgb[..rows], "the first band is whole");
    assert!(salvaged.picture.rgb != whole.rgb);
}
