//! Whole files.

use tessera_audio::{DecodeOptions, EncodeOptions, Error, LiveOptions, Sound, Source, Span, Stereo, inspect};
use tessera_core::Limits;
use tessera_core::container::{Channels, PriorKind};

use crate::fixture::*;

fn encode(sound: &Sound, options: EncodeOptions) -> Vec<u8> {
    codec().encode(sound, &options).unwrap().bytes
}

fn decode(bytes: &[u8]) -> Sound {
    let decoded = codec().decode(bytes, &DecodeOptions::default()).unwrap();
    assert!(decoded.losses.is_empty(), "{:?}", decoded.losses);
    decoded.sound
}

#[test]
fn a_file_holds_the_tokens_of_the_stream_and_decodes_to_its_samples() {
    let sound = speech(3.0);
    for depth in [6, 12] {
        let expected = tokens(&sound, depth);
        let file = encode(&mono(sound.clone()), EncodeOptions { bits: Some(depth), ..Default::default() });
        let kept = codec().tokens_of(&file, &Limits::default()).unwrap();
        assert_eq!((&kept.channels, kept.bits, kept.samples), (&vec![expected.clone()], depth, sound.len() as u64));
        assert_eq!(codec().tokens(&mono(sound.clone()), depth).unwrap(), kept);
        let back = decode(&file);
        assert_eq!(bits(&back.channels[0]), bits(&samples(&expected, depth, sound.len())));
        assert_eq!(codec().sound_of(&kept).unwrap(), back);
    }
}

#[test]
fn every_length_comes_back_exactly() {
    let sound = speech(1.0);
    for length in [1, 2, 199, 200, 201, 439, 440, 441, 639, 640, 641, 1160, 1161, 15_999, 16_000] {
        let file = encode(&mono(sound[..length].to_vec()), EncodeOptions::default());
        let back = decode(&file);
        assert_eq!((back.rate, back.channels.len(), back.len()), (16_000, 1, length));
        assert!(back.channels[0].iter().all(|sample| sample.is_finite()));
    }
}

#[test]
fn the_rate_is_what_the_depth_promises() {
    let sound = mono(speech(4.0));
    for depth in codec().bits() {
        let encoded = codec().encode(&sound, &EncodeOptions { bits: Some(depth), ..Default::default() }).unwrap();
        let raw = f64::from(depth) * codec().frames_per_second();
        let beyond = (encoded.bytes.len() as u64 - encoded.token_bytes) * 8;
        println!("{depth} bits: {:.0} bit/s, {beyond} bits beyond the tokens", encoded.bits_per_second);
        // Header and chunk, and three frames that reach over the end.
        assert!(encoded.bits_per_second <= raw * 1.02 + beyond as f64 / sound.seconds() + 8.0);
        assert!(beyond <= 60 * 8);
        assert_eq!(codec().bits_for(raw), depth);
    }
    assert_eq!((codec().bits_for(1.0), codec().bits_for(1e9)), (6, 24));
}

#[test]
fn a_rate_that_is_asked_for_is_kept_within_two_per_cent() {
    let sound = mono(speech(6.0));
    let at = |bits| codec().encode(&sound, &EncodeOptions { bits_per_second: Some(bits), ..Default::default() });
    for bits in [420, 450, 500, 540] {
        let encoded = at(bits).unwrap();
        let share = encoded.bits_per_second / f64::from(bits);
        println!("{bits} bit/s: {:.1}, {} bits a token", encoded.bits_per_second, encoded.bits);
        assert!((0.98..=1.0).contains(&share), "{share} of {bits}");
        assert_eq!(decode(&encoded.bytes).len(), sound.len());
    }
    // More than there is to say, and less than it can be said in.
    let all = EncodeOptions { bits: Some(24), ..Default::default() };
    assert_eq!(at(5000).unwrap().bytes, codec().encode(&sound, &all).unwrap().bytes);
    assert!(matches!(at(50), Err(Error::Parameter { .. })));
    let both = EncodeOptions { bits_per_second: Some(500), bits: Some(9), ..Default::default() };
    assert!(matches!(codec().encode(&sound, &both), Err(Error::Parameter { .. })));
}

#[test]
fn tokens_cost_no_more_with_the_prior_that_a_pack_has_than_plain() {
    let sound = mono(speech(4.0));
    let bytes = |prior| codec().encode(&sound, &EncodeOptions { prior, ..Default::default() }).map(|e| e.token_bytes);
    let (default, plain) = (bytes(None).unwrap(), bytes(Some(PriorKind::Uniform)).unwrap());
    println!("{default} bytes by default, {plain} plain");
    assert!(default <= plain + 2);
    let tokens = codec().frame_count(sound.len() as u64);
    assert!((plain * 8).abs_diff(tokens * 12) <= 16);
    if pack().audio().unwrap().prior.is_none() {
        assert!(matches!(bytes(Some(PriorKind::Trained)), Err(Error::Core(_))));
    }
}

#[test]
fn two_channels_come_back_as_two() {
    let left = speech(2.0);
    let right: Vec<f32> = speech(4.0)[32_000..].to_vec();
    let near: Vec<f32> = left.iter().map(|sample| 0.9 * sample).collect();
    for (right, stereo, layout) in [
        (&right, Stereo::Auto, Channels::LeftRight),
        (&near, Stereo::Auto, Channels::MidSide),
        (&right, Stereo::MidSide, Channels::MidSide),
        (&near, Stereo::LeftRight, Channels::LeftRight),
        (&right, Stereo::Mono, Channels::Mono),
    ] {
        let sound = Sound { rate: 16_000, channels: vec![left.clone(), right.clone()] };
        let file = encode(&sound, EncodeOptions { stereo, ..Default::default() });
        let about = inspect(&file, &Limits::default()).unwrap();
        assert_eq!(about.layout, layout);
        let back = decode(&file);
        assert_eq!((back.channels.len(), back.len()), (usize::from(layout.count()), left.len()));
        if layout == Channels::LeftRight {
            assert_eq!(bits(&back.channels[1]), bits(&samples(&tokens(right, 12), 12, left.len())));
        }
    }
}

#[test]
fn what_the_sound_was_before_is_kept() {
    let source = Some(Source { rate: 44_100, samples: 44_101 });
    let file = encode(&mono(speech(1.0)), EncodeOptions { source, ..Default::default() });
    assert_eq!(codec().decode(&file, &DecodeOptions::default()).unwrap().source, source);
    let about = inspect(&file, &Limits::default()).unwrap();
    assert_eq!((about.source, about.samples, about.rate, about.rung.depth), (source, Some(16_000), 16_000, 12));
    assert_eq!(about.parts.iter().map(|part| part.bytes).sum::<u64>(), file.len() as u64);
    assert!(about.complete && about.live.is_none());
}

#[test]
fn long_sounds_are_cut_into_segments_that_stand_alone() {
    // Speech again and again for a minute, more than one segment of 4,096 tokens.
    let sound: Vec<f32> = speech(4.0).into_iter().cycle().take(60 * 16_000).collect();
    let file = encode(&mono(sound.clone()), EncodeOptions::default());
    let back = decode(&file);
    assert_eq!(bits(&back.channels[0]), bits(&samples(&tokens(&sound, 12), 12, sound.len())));

    let parts = inspect(&file, &Limits::default()).unwrap().parts;
    let first = parts.iter().find(|part| part.name == "tokens 0: payload").unwrap();
    assert!(parts.iter().any(|part| part.name == "tokens 1: payload"));
    let mut damaged = file.clone();
    damaged[(first.offset + first.bytes / 2) as usize] ^= 1;
    assert!(codec().decode(&damaged, &DecodeOptions::default()).is_err());
    let salvaged = codec().decode(&damaged, &DecodeOptions { salvage: true, ..Default::default() }).unwrap();
    println!("{:?}", salvaged.losses);
    assert_eq!(salvaged.losses.len(), 2);
    let salvaged = &salvaged.sound.channels[0];
    assert_eq!(salvaged.len(), sound.len());
    // The second segment begins at 30 s; the network has heard enough of it a second and a half later.
    let (from, original) = (32 * 16_000, &back.channels[0]);
    assert!(spectral_distance(&salvaged[from..], &original[from..]) < 0.5);
    assert!(salvaged[..10 * 16_000].iter().all(|&sample| sample == 0.0));
}

#[test]
fn a_search_trades_bits_for_distance() {
    if pack().audio().unwrap().prior.is_none() {
        return; // Plain tokens all cost the same.
    }
    let sound = mono(speech(4.0));
    let bytes = |lambda| codec().encode(&sound, &EncodeOptions { lambda, ..Default::default() }).unwrap().token_bytes;
    assert!(bytes(3.0) < bytes(1.0) && bytes(1.0) < bytes(0.0));
}

#[test]
fn sounds_that_cannot_be_coded_are_refused() {
    let refused = |sound: Sound| codec().encode(&sound, &EncodeOptions::default()).unwrap_err().to_string();
    let rate = codec().rate();
    assert!(refused(mono(vec![])).contains("no samples"));
    assert!(refused(mono(vec![0.0, f32::NAN])).contains("finite"));
    assert!(refused(Sound::mono(44_100, vec![0.0; 10])).contains("resample"));
    assert!(refused(Sound { rate, channels: vec![vec![0.0; 10]; 3] }).contains("3 channels"));
    assert!(refused(Sound { rate, channels: vec![vec![0.0; 10], vec![0.0; 9]] }).contains("length"));
    let options = |lambda, bits| EncodeOptions { lambda, bits, ..Default::default() };
    for options in [options(-1.0, None), options(f32::NAN, None), options(0.0, Some(25)), options(0.0, Some(0))] {
        assert!(matches!(codec().encode(&mono(vec![0.0; 10]), &options), Err(Error::Parameter { .. })));
    }
}

#[test]
fn a_part_of_a_sound_is_what_the_whole_has_there() {
    let sound: Vec<f32> = speech(4.0).into_iter().cycle().take(54 * 16_000).collect();
    let file = encode(&mono(sound.clone()), EncodeOptions::default());
    let options = LiveOptions { packet_frames: 20, interleave: 2, header_every: 400, ..LiveOptions::default() };
    let mut writer = codec().live_writer(options).unwrap();
    let mut live = writer.push(&sound).unwrap().bytes();
    let unfinished = live.len();
    live.extend(writer.finish().unwrap().bytes());
    let salvage =
        |bytes: &[u8], span| codec().decode(bytes, &DecodeOptions { span, salvage: true, ..Default::default() });
    let whole = decode(&file).channels.remove(0);
    // The second segment begins at 27 s.
    let parts = [(0, 1), (5_000, 20_001), (16_000 * 26 + 7, 16_000 * 29), (16_000 * 53, u64::MAX)];
    for (start, end) in parts {
        let span = Some(Span { start, end });
        for bytes in [&file[..], &live] {
            let part = codec().decode(bytes, &DecodeOptions { span, ..Default::default() }).unwrap().sound;
            let there = &whole[start as usize..(end as usize).min(sound.len())];
            assert_eq!(part.len(), there.len());
            if start == 0 || start < 16_000 {
                assert_eq!(bits(&part.channels[0]), bits(there));
            } else {
                let distance = spectral_distance(&part.channels[0], there);
                assert!(distance < 0.5, "{distance} dB off from {start} on");
            }
        }
    }
    // A stream that was cut off, or damaged elsewhere.
    let span = Some(Span { start: 16_000 * 30, end: 16_000 * 31 });
    let strict = |bytes: &[u8]| codec().decode(bytes, &DecodeOptions { span, ..Default::default() });
    let expected = strict(&live).unwrap();
    assert_eq!(strict(&live[..unfinished]).unwrap(), expected);
    let mut damaged = live.clone();
    damaged[200] ^= 1;
    assert_eq!(strict(&damaged).unwrap(), expected);
    for (start, end) in [(16_000 * 54, u64::MAX), (5, 5), (9, 3)] {
        for bytes in [&file[..], &live] {
            assert!(salvage(bytes, Some(Span { start, end })).is_err(), "{start}..{end}");
        }
    }
}
