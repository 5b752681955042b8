//! Files that are not what they should be.

use proptest::prelude::*;
use tessera_audio::{DecodeOptions, EncodeOptions, Error, inspect};
use tessera_core::container::{self, Channels, Duration, MediaShape};
use tessera_core::{Limits, Rung};

use crate::fixture::*;

fn small_file() -> Vec<u8> {
    codec().encode(&mono(speech(0.4)), &EncodeOptions::default()).unwrap().bytes
}

fn refused(bytes: &[u8], salvage: bool) -> Option<Error> {
    codec().decode(bytes, &DecodeOptions { salvage, ..DecodeOptions::default() }).err()
}

#[test]
fn every_prefix_is_refused() {
    let file = small_file();
    for end in 0..file.len() {
        let error = refused(&file[..end], false).expect("a prefix is no file").to_string();
        assert!(!error.contains('\n'), "{error}");
        assert!(refused(&file[..end], true).is_some(), "its only chunk is cut");
        assert!(inspect(&file[..end], &Limits::default()).is_err());
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
fn claims_beyond_the_limits_or_the_pack_are_refused() {
    let file = small_file();
    let read = container::read(&file, &Limits::default()).unwrap();
    let MediaShape::Audio { rate, channels, duration } = read.header.media else { panic!() };
    let with = |rung, media| {
        let mut header = read.header.clone();
        (header.rung, header.media) = (rung, media);
        container::write(&header, &read.chunks).unwrap()
    };
    let long = |samples| Duration::Samples { samples, source: None };
    let media = |rate, channels, duration| MediaShape::Audio { rate, channels, duration };
    for bad in [
        with(Rung { levels: 2, depth: 12 }, read.header.media.clone()),
        with(Rung { levels: 1, depth: 13 }, read.header.media.clone()),
        with(Rung { levels: 1, depth: 11 }, read.header.media.clone()),
        with(read.header.rung, media(44_100, channels, duration)),
        with(read.header.rung, media(rate, Channels::LeftRight, duration)),
        with(read.header.rung, media(rate, channels, long(u32::MAX))),
        with(read.header.rung, media(rate, channels, long(1 << 28))),
        with(read.header.rung, media(rate, channels, long(1))),
    ] {
        assert!(refused(&bad, false).is_some());
    }
    let limits = Limits { max_samples: 6_399, ..Limits::default() };
    assert!(codec().decode(&file, &DecodeOptions { limits, ..DecodeOptions::default() }).is_err());
    let limits = Limits { max_tokens: 34, ..Limits::default() };
    assert!(codec().decode(&file, &DecodeOptions { limits, ..DecodeOptions::default() }).is_err());
}

#[test]
fn a_file_of_another_pack_or_medium_says_so() {
    let read = container::read(&small_file(), &Limits::default()).unwrap();
    let mut header = read.header.clone();
    header.pack.hash = [0xab; 8];
    header.pack.id = Some("speech-elsewhere".to_owned());
    let error = refused(&container::write(&header, &read.chunks).unwrap(), false);
    let Some(Error::PackMismatch { needed, have }) = error else { panic!("{error:?}") };
    assert_eq!(needed, "speech-elsewhere (abababababababab)");
    assert!(have.contains(pack().id()));
    let mut header = read.header.clone();
    header.media = MediaShape::Image { width: 32, height: 32, color: container::Color::Rgb, alpha: false };
    let image = container::write(&header, &read.chunks).unwrap();
    assert!(refused(&image, false).unwrap().to_string().contains("no sound"));
    assert!(inspect(&image, &Limits::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn hostile_bytes_never_panic(
        seed in prop::collection::vec(any::<u8>(), 0..300),
        at in 0usize..200,
        live in any::<bool>(),
        salvage in any::<bool>(),
    ) {
        let _ = refused(&seed, salvage);
        let mut bytes = if live {
            let mut writer = codec().live_writer(Default::default()).unwrap();
            writer.push(&vec![0.1; 3000]).unwrap();
            writer.finish().unwrap().bytes()
        } else {
            small_file()
        };
        let at = at.min(bytes.len());
        let end = (at + seed.len() % 40).min(bytes.len());
        bytes.splice(at..end, seed);
        let _ = refused(&bytes, salvage);
        let _ = inspect(&bytes, &Limits::default());
        let mut reader = codec().live_reader(Limits { max_tokens: 1000, ..Limits::default() });
        for piece in bytes.chunks(11) {
            if reader.push(piece).is_err() {
                break;
            }
        }
        let _ = reader.finish();
    }
}
