//! Samples to tokens and back as they come.

use proptest::prelude::*;
use tessera_audio::Error;

use crate::fixture::*;

/// Cuts a slice into pieces of the given lengths, over and over.
fn pieces<'a, T>(mut rest: &'a [T], lengths: &'a [usize]) -> impl Iterator<Item = &'a [T]> {
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = (*lengths.next()?).min(rest.len());
        let (piece, after) = rest.split_at(length);
        let done = rest.is_empty();
        rest = after;
        (!done).then_some(piece)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn streaming_equals_offline_for_any_cut(
        start in 0usize..40_000,
        length in 1usize..24_000,
        sample_cuts in prop::collection::vec(1usize..900, 1..12),
        token_cuts in prop::collection::vec(1usize..9, 1..12),
        depth in 6u8..=12,
    ) {
        let sound = &speech(4.0)[start..start + length];
        let whole = tokens(sound, depth);
        let mut encoder = codec().stream_encoder(depth).unwrap();
        let mut cut = Vec::new();
        for piece in pieces(sound, &sample_cuts) {
            cut.extend(encoder.push(piece).unwrap());
        }
        cut.extend(encoder.finish().unwrap());
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(whole.len() as u64, codec().frame_count(length as u64));

        let offline = samples(&whole, depth, length);
        prop_assert_eq!(offline.len(), length);
        let mut decoder = codec().stream_decoder(depth).unwrap();
        decoder.end_at(length as u64);
        let mut streamed = Vec::new();
        for piece in pieces(&whole, &token_cuts) {
            streamed.extend(decoder.push(piece).unwrap());
        }
        prop_assert_eq!(bits(&offline), bits(&streamed));
    }
}

#[test]
fn sample_by_sample_gives_the_same_tokens() {
    let sound = speech(0.5);
    let mut encoder = codec().stream_encoder(12).unwrap();
    let mut cut = Vec::new();
    for sample in &sound {
        cut.extend(encoder.push(std::slice::from_ref(sample)).unwrap());
    }
    assert_eq!(cut.len(), sound.len() / codec().hop(), "every hop gives its token at once");
    cut.extend(encoder.finish().unwrap());
    assert_eq!(cut, tokens(&sound, 12));
}

#[test]
fn streams_that_share_sessions_do_not_disturb_each_other() {
    let sounds = [speech(2.0), speech(4.0)[20_000..].to_vec(), vec![0.0; 16_000]];
    let alone: Vec<_> = sounds.iter().map(|sound| tokens(sound, 12)).collect();
    let shared = new_codec(1);
    std::thread::scope(|scope| {
        let run = |sound: &Vec<f32>| {
            let (codec, sound) = (shared.clone(), sound.clone());
            scope.spawn(move || {
                let mut encoder = codec.stream_encoder(12).unwrap();
                let mut tokens = Vec::new();
                for piece in sound.chunks(320) {
                    tokens.extend(encoder.push(piece).unwrap());
                }
                tokens.extend(encoder.finish().unwrap());
                tokens
            })
        };
        let threads: Vec<_> = sounds.iter().map(run).collect();
        let together: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(alone, together);
    });
}

#[test]
fn a_finished_or_reset_stream_starts_as_new() {
    let sound = speech(1.0);
    let mut encoder = codec().stream_encoder(12).unwrap();
    let first = [encoder.push(&sound).unwrap(), encoder.finish().unwrap()].concat();
    let again = [encoder.push(&sound).unwrap(), encoder.finish().unwrap()].concat();
    assert_eq!(first, again);
    encoder.push(&sound[..5000]).unwrap();
    encoder.reset();
    assert_eq!((encoder.samples(), encoder.frames()), (0, 0));
    assert_eq!([encoder.push(&sound).unwrap(), encoder.finish().unwrap()].concat(), first);

    let mut decoder = codec().stream_decoder(12).unwrap();
    let one = decoder.push(&first).unwrap();
    decoder.reset();
    assert_eq!(bits(&one), bits(&decoder.push(&first).unwrap()));
}

#[test]
fn the_delay_is_what_it_says() {
    let codec = codec();
    let (rate, hop) = (codec.rate() as usize, codec.hop());
    assert_eq!(codec.delay_samples() * 1000, 65 * rate, "window and lookahead");
    let mut encoder = codec.stream_encoder(12).unwrap();
    let mut decoder = codec.stream_decoder(12).unwrap();
    assert_eq!(encoder.delay_samples() + decoder.delay_samples(), codec.delay_samples());
    let (mut sent, mut heard) = (0, 0);
    for piece in speech(1.0).chunks(7) {
        sent += piece.len();
        heard += decoder.push(&encoder.push(piece).unwrap()).unwrap().len();
        assert!(sent < heard + codec.delay_samples() + piece.len(), "{sent} samples in, {heard} out");
        assert!(heard <= sent.saturating_sub(encoder.delay_samples() + decoder.delay_samples() - hop));
    }
}

#[test]
fn no_sample_needs_what_comes_after_its_delay() {
    let mut sound = speech(1.0);
    let whole = samples(&tokens(&sound, 12), 12, sound.len());
    let at = 9_000;
    sound[at..].fill(0.3);
    let changed = samples(&tokens(&sound, 12), 12, sound.len());
    let safe = at - codec().delay_samples();
    assert_eq!(bits(&whole[..safe]), bits(&changed[..safe]));
    assert_ne!(bits(&whole[at..]), bits(&changed[at..]));
}

#[test]
fn decoded_speech_is_like_the_original_and_better_with_more_bits() {
    let sound = speech(4.0);
    let mut last = f64::INFINITY;
    for depth in [6, 9, 12] {
        let decoded = samples(&tokens(&sound, depth), depth, sound.len());
        let distance = spectral_distance(&sound, &decoded);
        println!("{depth} bits: {distance:.2} dB");
        assert!(distance < last, "{distance} dB at {depth} bits, {last} dB with fewer");
        last = distance;
    }
    let silence = spectral_distance(&sound, &vec![0.0; sound.len()]);
    assert!(last < 7.0 && last < silence / 3.0, "{last} dB where silence is {silence} dB off");
}

#[test]
fn memory_of_a_stream_does_not_grow() {
    let sound = speech(1.0);
    let mut encoder = codec().stream_encoder(12).unwrap();
    let mut decoder = codec().stream_decoder(12).unwrap();
    let mut size = |seconds: usize| {
        for _ in 0..seconds {
            decoder.push(&encoder.push(&sound).unwrap()).unwrap();
        }
        (format!("{encoder:?}").len(), format!("{decoder:?}").len())
    };
    let (early, late) = (size(2), size(20));
    // The state's numbers are printed with more or fewer digits.
    assert!(late.0 * 10 < early.0 * 13 && late.1 * 10 < early.1 * 13, "{early:?} then {late:?}");
}

#[test]
fn samples_and_tokens_out_of_range_are_refused_and_nothing_is_taken() {
    let mut encoder = codec().stream_encoder(12).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(matches!(encoder.push(&[0.0, bad]), Err(Error::Sound { .. })));
    }
    assert_eq!(encoder.samples(), 0);
    let loud = encoder.push(&[f32::MAX; 4000]).unwrap();
    assert_eq!(loud.len(), 20);
    let mut decoder = codec().stream_decoder(8).unwrap();
    assert!(matches!(decoder.push(&[3, 256]), Err(Error::Parameter { .. })));
    assert_eq!(decoder.frames(), 0);
    for depth in [0, 25, 255] {
        assert!(matches!(codec().stream_encoder(depth), Err(Error::Parameter { .. })));
        assert!(matches!(codec().stream_decoder(depth), Err(Error::Parameter { .. })));
    }
    assert!(codec().stream_encoder(12).unwrap().finish().unwrap().is_empty());
}

#[test]
fn any_tokens_decode_to_finite_samples() {
    for depth in [1, 6, 12] {
        let mut seed = 1u32;
        let random = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 20) as u16 >> (12 - depth)
        };
        let tokens: Vec<u16> = (0..400).map(random).collect();
        let decoded = codec().stream_decoder(depth).unwrap().push(&tokens).unwrap();
        assert!(decoded.iter().all(|sample| sample.is_finite()));
    }
}
