//! Sound files in and out.

#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tessera_audio::{
    Error, IoLimits, Sound,
    io::{Depth, about, mono, read, resample, write_flac, write_wav},
};

const FILES: [&str; 12] = [
    "tones.wav",
    "tones-24.wav",
    "tones-float.wav",
    "tones.flac",
    "tones.mp3",
    "tones.ogg",
    "tones.m4a",
    "tones.aac",
    "tones-alac.m4a",
    "tones.aiff",
    "tones.caf",
    "tones.mka",
];

fn sound(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sounds").join(name)).unwrap()
}

/// How strong a tone is in the samples, 0 to 1.
fn strength(samples: &[f32], rate: u32, hertz: f64) -> f64 {
    let turn = |n: usize| std::f64::consts::TAU * hertz * n as f64 / f64::from(rate);
    let sum =
        |part: fn(f64) -> f64| samples.iter().enumerate().map(|(n, &s)| f64::from(s) * part(turn(n))).sum::<f64>();
    2.0 * sum(f64::sin).hypot(sum(f64::cos)) / samples.len() as f64
}

#[test]
fn every_format_gives_its_two_tones() {
    for name in FILES {
        let sound = read(&sound(name), &IoLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((sound.rate, sound.channels.len()), (44_100, 2), "{name}");
        let [left, right] = &sound.channels[..] else { panic!("{name}: not stereo") };
        for (channel, hertz, other) in [(left, 440.0, 660.0), (right, 660.0, 440.0)] {
            let (wanted, unwanted) = (strength(channel, 44_100, hertz), strength(channel, 44_100, other));
            assert!((0.3..0.45).contains(&wanted) && unwanted < 0.03, "{name}: {wanted:.3}, {unwanted:.3}");
        }
    }
}

#[test]
fn lossless_files_and_gapless_ones_have_their_exact_length() {
    for name in [
        "tones.wav",
        "tones-24.wav",
        "tones-float.wav",
        "tones.flac",
        "tones-alac.m4a",
        "tones.aiff",
        "tones.caf",
        "tones.mp3",
        "tones.ogg",
    ] {
        let bytes = sound(name);
        assert_eq!(read(&bytes, &IoLimits::default()).unwrap().len(), 8_820, "{name}");
    }
    assert_eq!(about(&sound("tones.wav"), &IoLimits::default()).unwrap().samples, Some(8_820));
}

#[test]
fn what_is_written_is_read_back() {
    let original = read(&sound("tones-float.wav"), &IoLimits::default()).unwrap();
    let float = read(&write_wav(&original, Depth::Float32).unwrap(), &IoLimits::default()).unwrap();
    assert_eq!(float, original);
    for file in [write_wav(&original, Depth::Pcm16).unwrap(), write_flac(&original).unwrap()] {
        let back = read(&file, &IoLimits::default()).unwrap();
        assert_eq!((back.rate, back.len()), (original.rate, original.len()));
        for (one, other) in original.channels.iter().flatten().zip(back.channels.iter().flatten()) {
            assert!((one - other).abs() <= 0.5 / 32_768.0, "{one} {other}");
        }
    }
    let wav = write_wav(&original, Depth::Pcm16).unwrap();
    let flac = write_flac(&original).unwrap();
    assert_eq!(read(&wav, &IoLimits::default()).unwrap(), read(&flac, &IoLimits::default()).unwrap());
    assert!(flac.len() < wav.len());
}

#[test]
fn sounds_of_every_length_are_written_as_wav_and_flac() {
    for samples in [1usize, 2, 15, 16, 63, 64, 65, 4095, 4096, 4097] {
        let sound = Sound::mono(16_000, (0..samples).map(|n| (n as f32 * 0.37).sin() * 1.5).collect());
        for file in [write_wav(&sound, Depth::Pcm16).unwrap(), write_flac(&sound).unwrap()] {
            let back = read(&file, &IoLimits::default()).unwrap();
            assert_eq!((back.rate, back.len()), (16_000, samples));
            let clipped = sound.channels[0].iter().map(|s| s.clamp(-1.0, 32_767.0 / 32_768.0));
            assert!(back.channels[0].iter().zip(clipped).all(|(a, b)| (a - b).abs() <= 0.51 / 32_768.0));
        }
    }
}

#[test]
fn a_stereo_file_becomes_what_the_codec_takes() {
    let sound = read(&sound("tones.flac"), &IoLimits::default()).unwrap();
    let speech = resample(mono(sound), 16_000).unwrap();
    assert_eq!((speech.rate, speech.channels.len(), speech.len()), (16_000, 1, 3_200));
    for hertz in [440.0, 660.0] {
        assert!((strength(&speech.channels[0], 16_000, hertz) - 0.2).abs() < 0.01);
    }
}

#[test]
fn opus_and_pictures_and_text_are_told_apart() {
    let refused = |bytes: &[u8]| read(bytes, &IoLimits::default()).unwrap_err().to_string();
    assert!(refused(&sound("tones.opus")).contains("Opus"));
    assert!(refused(b"").contains("empty"));
    assert!(refused(b"Dear all,\nplease find no sound attached.\n".repeat(90).as_slice()).contains("no sound"));
    assert!(refused(b"\x89PNG\r\n\x1a\n0123456789").contains("no sound"));
}

#[test]
fn lengths_channels_and_rates_beyond_the_limits_are_refused() {
    let file = sound("tones.wav");
    let short = IoLimits { max_samples: 17_639, ..IoLimits::default() };
    assert!(matches!(read(&file, &short), Err(Error::Limit { claimed: 17_640, .. })));
    let mono = IoLimits { max_channels: 1, ..IoLimits::default() };
    assert!(matches!(read(&file, &mono), Err(Error::Limit { claimed: 2, limit: 1, .. })));
    // An MP3 of no claimed length is stopped on the way.
    assert!(matches!(read(&sound("tones.aac"), &short), Err(Error::Limit { .. })));

    let channels = write_wav(&Sound { rate: 8000, channels: vec![vec![0.0; 9]; 32] }, Depth::Pcm16).unwrap();
    assert!(read(&channels, &IoLimits::default()).unwrap_err().to_string().contains("channel"));
    let mut rate = write_wav(&Sound::mono(8000, vec![0.0; 9]), Depth::Pcm16).unwrap();
    for absurd in [0u32, 10, 4_000_000_000] {
        rate[24..28].copy_from_slice(&absurd.to_le_bytes());
        let error = read(&rate, &IoLimits::default()).unwrap_err();
        assert!(matches!(error, Error::Sound { .. }), "{absurd}: {error}");
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let file = write_wav(&Sound::mono(8000, vec![0.25; 9]), Depth::Float32).unwrap();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut file = file.clone();
        let at = file.len() - 4;
        file[at..].copy_from_slice(&bad.to_le_bytes());
        assert!(read(&file, &IoLimits::default()).unwrap_err().to_string().contains("not finite"));
    }
}

#[test]
fn a_file_without_samples_and_one_cut_short_are_refused() {
    let mut empty = write_wav(&Sound::mono(8000, vec![0.0; 1]), Depth::Pcm16).unwrap();
    empty.truncate(44);
    empty[40..44].fill(0);
    empty[4] = 36;
    assert!(read(&empty, &IoLimits::default()).unwrap_err().to_string().contains("no samples"));
    for name in ["tones.wav", "tones.flac", "tones.aiff"] {
        let file = sound(name);
        let error = read(&file[..file.len() * 2 / 3], &IoLimits::default()).unwrap_err().to_string();
        assert!(error.contains("too early") || error.contains("good copy"), "{name}: {error}");
    }
}

/// Reads what may be anything: it must return, and within the limits.
fn survives(bytes: &[u8]) {
    let limits = IoLimits { max_samples: 1 << 20, max_channels: 8 };
    if let Ok(sound) = read(bytes, &limits) {
        assert!(sound.check().is_ok());
        assert!((sound.len() * sound.channels.len()) as u64 <= limits.max_samples);
    }
}

#[test]
fn every_beginning_of_every_file_is_survived() {
    for name in FILES.into_iter().chain(["tones.opus"]) {
        let file = sound(name);
        let step = if file.len() > 20_000 { 997 } else { 61 };
        for len in (0..400.min(file.len())).chain((400..file.len()).step_by(step)) {
            survives(&file[..len]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn damage_anywhere_is_survived(file in prop::sample::select(&FILES[..]), hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..12)) {
        let mut bytes = sound(file);
        let len = bytes.len();
        for (at, value, early) in hits {
            // Half of the damage hits the headers, which hold what a reader trusts.
            let at = if early { at.index(len.min(300)) } else { at.index(len) };
            bytes[at] = value;
        }
        survives(&bytes);
    }
}
