//! Claims about the `.tsr` container.
#![allow(clippy::unwrap_used)]

mod common;

use common::{SMALL, network, sampled_grid};
use proptest::prelude::*;
use tessera_core::container::{
    Chunk, ChunkKind, Color, Header, MediaShape, PackRef, PriorKind, layout, read, salvage, write,
};
use tessera_core::entropy::bands;
use tessera_core::{Error, GridShape, Limits, Result, Rung, TokenGrid};

const RUNG: Rung = Rung { levels: 2, depth: 4 };
const SHAPE: GridShape = GridShape { levels: 2, t: 1, y: 3, x: 4 };

fn header(width: u32, height: u32) -> Header {
    Header {
        pack: PackRef { hash: *b"\x01\x02\x03\x04\x05\x06\x07\x08", id: None },
        rung: RUNG,
        prior: PriorKind::Trained,
        media: MediaShape::Image { width, height, color: Color::Rgb, alpha: false },
    }
}

fn tokens() -> TokenGrid {
    sampled_grid(SHAPE, &RUNG.depths(6), &network(SMALL, 1), 1)
}

/// Bytes of the header of [`small_file`].
const HEADER_BYTES: usize = 16;

/// A whole small file: tokens, alpha and metadata.
fn small_file() -> Vec<u8> {
    let band = bands::encode_bands(&tokens(), &network(SMALL, 1), 1).unwrap();
    let chunks = [
        Chunk::tokens(0, band[0].clone()),
        Chunk::new(ChunkKind::Alpha, vec![7, 8, 9]),
        Chunk::new(ChunkKind::Exif, b"MM\0*".to_vec()),
        Chunk::new(ChunkKind::Icc, vec![]),
    ];
    write(&header(64, 48), &chunks).unwrap()
}

/// What a decoder does with a file: read, find the bands, decode, check.
fn decode(file: &[u8]) -> Result<TokenGrid> {
    let limits = Limits::default();
    let file = read(file, &limits)?;
    let depths = file.header.rung.depths(6);
    let shape = GridShape { levels: file.header.rung.levels, ..SHAPE };
    bands::decode_bands(&file.bands()?, shape, &depths, &network(SMALL, 1), &limits, 1)
}

#[test]
fn a_whole_file_decodes() {
    assert_eq!(decode(&small_file()), Ok(tokens()));
}

#[test]
fn every_prefix_of_a_file_is_rejected_as_truncated() {
    let file = small_file();
    for len in 0..file.len() {
        let error = decode(&file[..len]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
        let error = layout(&file[..len], &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
    }
}

#[test]
fn every_single_bit_flip_is_rejected() {
    let file = small_file();
    for bit in 0..file.len() * 8 {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn every_single_byte_replaced_dropped_or_doubled_is_rejected() {
    let file = small_file();
    for at in 0..file.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = file.clone();
            changed[at] = byte;
            assert!(changed == file || decode(&changed).is_err(), "byte {at}");
        }
        let dropped = [&file[..at], &file[at + 1..]].concat();
        assert!(decode(&dropped).is_err(), "byte {at}");
        let doubled = [&file[..=at], &file[at..]].concat();
        assert!(decode(&doubled).is_err(), "byte {at}");
    }
}

#[test]
fn bytes_after_the_last_chunk_are_rejected() {
    let file = [small_file(), vec![0]].concat();
    assert!(matches!(decode(&file), Err(Error::Corrupt { .. })));
}

#[test]
fn a_chunk_of_another_file_does_not_validate() {
    let chunk = [Chunk::new(ChunkKind::Alpha, vec![1; 40])];
    let one = write(&header(64, 48), &chunk).unwrap();
    let other = write(&header(64, 49), &chunk).unwrap();
    assert_eq!(one.len(), other.len());
    let start = one.len() - 46;
    let spliced = [&one[..start], &other[start..]].concat();
    assert_ne!(spliced, one);
    let error = read(&spliced, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }));
}

#[test]
fn a_plain_image_costs_at_most_31_bytes_beyond_its_payload() {
    for (side, payload, cost) in [(768, 2_000, 29), (16_383, 100_000, 30), (127, 127, 26)] {
        let band = bands::CodedBand { bytes: vec![0xaa; payload], token_crc: 9 };
        let file = write(&header(side, side), &[Chunk::tokens(0, band)]).unwrap();
        assert_eq!(file.len() - payload, cost);
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    let pack = (any::<[u8; 8]>(), prop::option::of("[a-z0-9é-]{1,40}"));
    let rung = (1u8..=255, 1u8..=16);
    let image = (1u32..20_000, 1u32..10_000, any::<bool>(), any::<bool>());
    (pack, rung, any::<bool>(), image).prop_map(|(pack, rung, trained, image)| Header {
        pack: PackRef { hash: pack.0, id: pack.1 },
        rung: Rung { levels: rung.0, depth: rung.1 },
        prior: if trained { PriorKind::Trained } else { PriorKind::Uniform },
        media: MediaShape::Image {
            width: image.0,
            height: image.1,
            color: if image.2 { Color::Gray } else { Color::Rgb },
            alpha: image.3,
        },
    })
}

fn any_chunks() -> impl Strategy<Value = Vec<Chunk>> {
    let kinds = [ChunkKind::Tokens, ChunkKind::Alpha, ChunkKind::Exif, ChunkKind::Icc];
    let chunk = (
        prop::sample::select(kinds.to_vec()),
        prop_oneof![0u32..4, any::<u32>()],
        any::<Option<u32>>(),
        prop::collection::vec(any::<u8>(), 0..300),
    );
    let chunk = chunk.prop_map(|(kind, sequence, token_crc, payload)| Chunk { kind, sequence, token_crc, payload });
    prop::collection::vec(chunk, 1..8).prop_map(|mut chunks| {
        let mut seen = std::collections::HashSet::new();
        chunks.retain(|chunk| seen.insert((chunk.kind, chunk.sequence)));
        chunks
    })
}

proptest! {
    #[test]
    fn any_file_survives_reading_salvage_and_layout(header in any_header(), chunks in any_chunks()) {
        let bytes = write(&header, &chunks).unwrap();
        let limits = Limits::default();
        let file = read(&bytes, &limits).unwrap();
        prop_assert_eq!(&file.header, &header);
        prop_assert_eq!(&file.chunks, &chunks);
        let salvaged = salvage(&bytes, &limits).unwrap();
        prop_assert_eq!(salvaged.chunks, chunks);
        prop_assert!(salvaged.losses.is_empty());
        let mut at = 0;
        for part in layout(&bytes, &limits).unwrap() {
            prop_assert_eq!(part.offset, at);
            at += part.bytes;
        }
        prop_assert_eq!(at, bytes.len() as u64);
    }

    #[test]
    fn any_bytes_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..40) {
        let file = small_file();
        let bytes = [&file[..at.min(file.len())], &tail].concat();
        let limits = Limits::default();
        let _ = read(&bytes, &limits);
        let _ = salvage(&bytes, &limits);
        let _ = layout(&bytes, &limits);
    }

    #[test]
    fn salvage_loses_only_the_damaged_chunk(
        chunks in any_chunks(), which: prop::sample::Index, at: prop::sample::Index, flip in 1u8..,
    ) {
        let mut bytes = write(&header(64, 48), &chunks).unwrap();
        let limits = Limits::default();
        let parts = layout(&bytes, &limits).unwrap();
        let damaged = which.index(chunks.len());
        let payload = &parts[parts.len() - 2 * (chunks.len() - damaged) + 1];
        prop_assume!(payload.bytes > 0);
        bytes[payload.offset as usize + at.index(payload.bytes as usize)] ^= flip;
        prop_assert!(read(&bytes, &limits).is_err());
        let salvaged = salvage(&bytes, &limits).unwrap();
        let mut survivors = chunks.clone();
        survivors.remove(damaged);
        prop_assert_eq!(salvaged.chunks, survivors);
        prop_assert!(!salvaged.losses.is_empty());
    }
}

#[test]
fn salvage_finds_the_next_chunk_behind_a_damaged_length() {
    let file = small_file();
    let limits = Limits::default();
    let whole = read(&file, &limits).unwrap();
    let parts = layout(&file, &limits).unwrap();
    let length = |name: &str| {
        let head = parts.iter().find(|part| part.name == name).unwrap();
        head.offset as usize + 1
    };
    for name in ["tokens 0: head", "alpha 0: head", "exif 0: head"] {
        for flip in 0..8 {
            let mut damaged = file.clone();
            damaged[length(name)] ^= 1 << flip;
            let salvaged = salvage(&damaged, &limits).unwrap();
            assert_eq!(salvaged.chunks.len(), whole.chunks.len() - 1, "{name} {flip}");
            assert_eq!(salvaged.losses.len(), 1, "{name} {flip}");
        }
    }
}

#[test]
fn salvage_of_a_prefix_keeps_whole_chunks_and_says_that_the_end_is_missing() {
    let file = small_file();
    let limits = Limits::default();
    let whole = read(&file, &limits).unwrap();
    for len in HEADER_BYTES..file.len() {
        let salvaged = salvage(&file[..len], &limits).unwrap();
        assert!(whole.chunks.starts_with(&salvaged.chunks));
        let last = salvaged.losses.last().unwrap();
        assert!(matches!(last.error, Error::Truncated { .. }));
    }
}

#[test]
fn salvage_finds_nothing_under_a_damaged_header() {
    let mut file = small_file();
    file[7] ^= 1;
    let salvaged = salvage(&file, &Limits::default()).unwrap();
    assert!(salvaged.chunks.is_empty());
}

#[test]
fn salvage_of_false_chunk_heads_ends_soon() {
    // Every third byte claims a chunk of 128 KiB.
    let mut file = small_file()[..HEADER_BYTES].to_vec();
    file.extend([0x01, 0x80, 0x80, 0x08].repeat(1 << 18));
    let start = std::time::Instant::now();
    let salvaged = salvage(&file, &Limits::default()).unwrap();
    assert!(salvaged.chunks.is_empty());
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn huge_claims_hit_a_limit_before_anything_is_allocated() {
    let claims = |error: Error| matches!(error, Error::Limit { .. });
    let file = write(&header(20_000, 20_000), &[Chunk::new(ChunkKind::Alpha, vec![])]).unwrap();
    assert!(claims(read(&file, &Limits::default()).unwrap_err()));

    let head = &small_file()[..HEADER_BYTES];
    let huge = [head, &[0x01, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]].concat();
    assert!(claims(read(&huge, &Limits::default()).unwrap_err()));
    let metadata = [head, &[0x83, 0x81, 0x80, 0x80, 0x08, 0, 0, 0, 0]].concat();
    assert!(claims(read(&metadata, &Limits::default()).unwrap_err()));

    let one = Limits { max_chunks: 3, ..Limits::default() };
    assert!(claims(read(&small_file(), &one).unwrap_err()));
    assert!(claims(salvage(&small_file(), &one).unwrap_err()));
    let small = Limits { max_pixels: 64 * 48 - 1, ..Limits::default() };
    assert!(claims(read(&small_file(), &small).unwrap_err()));
}

/// A file whose only chunk has a head made by hand.
fn with_chunk_head(head: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = small_file()[..HEADER_BYTES].to_vec();
    let covered = [&file[..], head, payload].concat();
    let crc = crc32c::crc32c(&covered);
    file.extend(head);
    file.extend(crc.to_le_bytes());
    file.extend(payload);
    file
}

#[test]
fn unknown_ancillary_chunks_are_skipped_and_unknown_critical_ones_refused() {
    let limits = Limits::default();
    // Kinds 0, and 200 in the two-byte form; both marked last.
    for head in [&[0x90, 2][..], &[0x9f, 200, 2]] {
        let file = with_chunk_head(head, b"??");
        let read = read(&file, &limits).unwrap();
        assert!(read.chunks.is_empty());
        assert!(layout(&file, &limits).is_ok());
    }
    for head in [&[0x10, 2][..], &[0x1f, 200, 2]] {
        let file = with_chunk_head(head, b"??");
        let error = read(&file, &limits).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }));
        assert_eq!(salvage(&file, &limits).unwrap().losses.len(), 1);
    }
}

#[test]
fn heads_in_another_than_their_shortest_form_are_refused() {
    let limits = Limits::default();
    assert!(read(&with_chunk_head(&[0x12, 2], b"ok"), &limits).is_ok());
    for head in [
        &[0x52, 0, 2][..], // sequence number 0 written out
        &[0x1f, 2, 2],     // kind 2 in the two-byte form
        &[0x92, 2],        // alpha marked ancillary
        &[0x12, 0x82, 0],  // length in two bytes
        &[0x13, 2],        // EXIF marked critical
    ] {
        let error = read(&with_chunk_head(head, b"ok"), &limits).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{head:?}");
    }
}

#[test]
fn two_chunks_of_one_kind_and_number_are_refused() {
    let chunk = Chunk::new(ChunkKind::Alpha, vec![1]);
    assert!(write(&header(1, 1), &[chunk.clone(), chunk.clone()]).is_err());
    assert!(write(&header(1, 1), &[]).is_err());
    // The same chunk twice by hand; its flag says that more follow.
    let file = with_chunk_head(&[0x02, 1], &[1]);
    let doubled = [&file[..], &file[HEADER_BYTES..]].concat();
    let error = read(&doubled, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }));
}

#[test]
fn a_missing_band_is_named() {
    let band = bands::encode_bands(&tokens(), &network(SMALL, 1), 1).unwrap();
    let chunks = [Chunk::tokens(2, band[0].clone()), Chunk::tokens(0, band[0].clone())];
    let bytes = write(&header(64, 48), &chunks).unwrap();
    let error = read(&bytes, &Limits::default()).unwrap().bands().unwrap_err();
    assert!(error.to_string().contains("band 1"), "{error}");
}
