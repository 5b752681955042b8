//! Files that are not what they should be.

use std::sync::LazyLock;

use proptest::prelude::*;
use tessera_core::Error as CoreError;
use tessera_core::Limits;
use tessera_core::container::{self, Chunk, ChunkKind};
use tessera_video::{DecodeOptions, EncodeOptions, Error, Target, inspect};

use crate::fixture::*;

const SALVAGE: DecodeOptions = DecodeOptions {
    limits: Limits {
        max_tokens: 1 << 12,
        max_pixels: 1 << 14,
        max_samples: 1,
        max_points: 1,
        max_chunk_bytes: 1 << 16,
        max_chunks: 64,
        max_metadata_bytes: 1 << 12,
    },
    salvage: true,
    span: None,
    decoder: tessera_video::Networks::Best,
    whole_frames: false,
};

/// Three groups of four frames.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let target = Target::Quality(20.0);
    let options = EncodeOptions { target, eighths: Some(3), gop_seconds: 0.16, effort: 2, ..EncodeOptions::default() };
    encode(&Clip::still(12), &options).0
});

/// Frames of each group that survive, without a picture being painted.
fn survivors(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let mut found = Vec::new();
    codec().tokens(bytes, &SALVAGE, |gop| {
        found.push(gop.number);
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn every_prefix_is_refused_or_gives_all_groups_before_the_cut() {
    let parts = container::layout(&FILE, &Limits::default()).unwrap();
    let ends: Vec<usize> = parts
        .iter()
        .filter(|part| part.name.starts_with("gop") && part.name.ends_with("payload"))
        .map(|part| (part.offset + part.bytes) as usize)
        .collect();
    assert_eq!(ends.len(), 3);
    for cut in 0..FILE.len() {
        let error = decode(&FILE[..cut], &DecodeOptions::default()).unwrap_err();
        assert!(
            matches!(error, Error::Core(CoreError::Truncated { .. } | CoreError::Unsupported { .. })),
            "{cut}: {error}"
        );
        let whole = ends.iter().filter(|end| **end <= cut).count() as u32;
        if let Ok(found) = survivors(&FILE[..cut]) {
            assert!(found.into_iter().eq(0..whole), "{cut}");
        } else {
            assert!(cut < ends[0]);
        }
    }
    // Pictures, once: the second group is cut.
    let (kept, decoded) = decode(&FILE[..ends[1] - 1], &SALVAGE).unwrap();
    assert_eq!(kept.frames.len(), 4);
    assert!(decoded.losses[0].contains("lost"), "{:?}", decoded.losses);
}

#[test]
fn a_group_that_is_lost_leaves_a_gap_in_time() {
    let mut file = container::read(&FILE, &Limits::default()).unwrap();
    file.chunks.retain(|chunk| (chunk.kind, chunk.sequence) != (ChunkKind::Gop, 1));
    let bytes = container::write(&file.header, &file.chunks).unwrap();
    assert!(matches!(decode(&bytes, &DecodeOptions::default()), Err(Error::Core(CoreError::Corrupt { .. }))));
    let (kept, _) = decode(&bytes, &SALVAGE).unwrap();
    let times: Vec<i64> = kept.frames.iter().map(|frame| frame.time).collect();
    assert_eq!(times, [0, 4, 8, 12, 32, 36, 40, 44]);
}

#[test]
fn every_flipped_bit_is_noticed_and_costs_one_group() {
    for byte in 0..FILE.len() {
        let mut hurt = FILE.clone();
        hurt[byte] ^= 1 << (byte % 8);
        assert!(decode(&hurt, &DecodeOptions::default()).is_err(), "byte {byte}");
        assert!(inspect(&hurt, &Limits::default(), false).is_err(), "byte {byte}");
        if let Ok(found) = survivors(&hurt) {
            assert!(found.len() >= 2 || byte < 40, "byte {byte}: {found:?}");
        }
    }
}

#[test]
fn a_file_of_something_else_is_no_video() {
    let file = container::read(&FILE, &Limits::default()).unwrap();
    let only_index: Vec<Chunk> = file.chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Index).cloned().collect();
    let bytes = container::write(&file.header, &only_index).unwrap();
    assert!(matches!(decode(&bytes, &DecodeOptions::default()), Err(Error::Core(CoreError::Corrupt { .. }))));
    assert!(decode(&bytes, &SALVAGE).is_err());
    let picture = tessera_image::Picture::from_rgb(16, 16, vec![9; 768]).unwrap();
    let options = tessera_image::CodecOptions { threads: 1 };
    let mut images = tessera_image::ImageCodec::new(pack(), options).unwrap();
    let bytes = images.encode(&picture, &tessera_image::EncodeOptions::default()).unwrap().bytes;
    assert!(matches!(decode(&bytes, &DecodeOptions::default()), Err(Error::Core(CoreError::Unsupported { .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Chunks whose checksums hold but whose contents are anything.
    #[test]
    fn hostile_groups_never_panic(
        number in 0u32..4,
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..40),
        rung in (1u8..5, 1u8..13),
    ) {
        let mut file = container::read(&FILE, &Limits::default()).unwrap();
        file.header.rung = tessera_core::Rung { levels: rung.0, depth: rung.1 };
        for chunk in file.chunks.iter_mut().filter(|chunk| chunk.sequence == number) {
            let from = at.index(chunk.payload.len());
            let to = (from + noise.len()).min(chunk.payload.len());
            chunk.payload.splice(from..to, noise.iter().copied());
        }
        let bytes = container::write(&file.header, &file.chunks).unwrap();
        let _ = survivors(&bytes);
        let _ = inspect(&bytes, &Limits::default(), true);
    }
}
