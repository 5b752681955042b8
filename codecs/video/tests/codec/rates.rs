//! Targets are kept.

use tessera_video::{EncodeOptions, Error, Target};

use crate::fixture::*;

fn options(target: Target) -> EncodeOptions {
    EncodeOptions { target, effort: 3, gop_seconds: 0.3, ..EncodeOptions::default() }
}

#[test]
fn sizes_hold_and_are_used() {
    let clip = Clip::cut(16, 16);
    for wanted in [700, 1_800] {
        let (bytes, encoded) = encode(&clip, &options(Target::Size(wanted)));
        let used = bytes.len() as f64 / wanted as f64;
        println!("{wanted}: {} bytes after {} codings, {:?}", bytes.len(), encoded.attempts, encoded.rung);
        assert!(used <= 1.0 && used > 0.97, "{used} of {wanted}");
    }
}

#[test]
fn rates_land_within_three_per_cent() {
    let clip = Clip::cut(16, 16);
    let (_, encoded) = encode(&clip, &options(Target::Bpp(0.05)));
    assert!(encoded.bpp <= 0.05 && encoded.bpp > 0.0485, "{}", encoded.bpp);
    let (_, encoded) = encode(&clip, &options(Target::BitsPerSecond(8_000)));
    assert!((7_760.0..=8_000.0).contains(&encoded.bits_per_second), "{}", encoded.bits_per_second);
}

#[test]
fn the_impossible_is_refused_with_the_least_that_is_possible() {
    let clip = Clip::cut(5, 5);
    let refused = |wanted| encode_with(codec(), &clip, &options(Target::Size(wanted)));
    let Err(Error::TooSmall { least, .. }) = refused(60) else { panic!("60 bytes are enough") };
    assert!(refused(least - 1).is_err());
    assert_eq!(refused(least).unwrap().0.len() as u64, least);
}

#[test]
fn better_quality_takes_more_bytes() {
    let clip = Clip::pan(10);
    let bytes = [0.0, 30.0, 60.0, 100.0].map(|quality| encode(&clip, &options(Target::Quality(quality))).0.len());
    assert!(bytes.is_sorted_by(|a, b| a < b), "{bytes:?}");
}
