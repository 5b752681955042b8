//! One codec for all tests of a process, and sounds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use tessera_audio::io::{self, IoLimits};
use tessera_audio::{AudioCodec, CodecOptions, Sound};
use tessera_models::Pack;

static CODEC: LazyLock<AudioCodec> = LazyLock::new(|| new_codec(2));
static SPEECH: LazyLock<Sound> = LazyLock::new(|| {
    let bytes = std::fs::read(root().join("samples/speech.flac")).expect("a sample");
    io::read(&bytes, &IoLimits::default()).expect("a readable sample")
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn pack_path() -> PathBuf {
    std::env::var_os("TESSERA_TEST_AUDIO_PACK")
        .map_or_else(|| root().join("models/packs/speech-16k.tpack"), PathBuf::from)
}

/// A manifest with one whole token a frame by default, which most claims are about.
fn one_token(manifest: &str) -> String {
    let line = |line| if str::starts_with(line, "bits = ") { "bits = 12\n".to_owned() } else { format!("{line}\n") };
    manifest.lines().map(line).collect()
}

/// The pack with one whole token a frame by default.
pub fn pack() -> Arc<Pack> {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| edited(|text| one_token(&text), &[]));
    Arc::new(Pack::open(FOLDER.path()).expect("a pack that is whole"))
}

/// The pack as a folder, its manifest changed, without some of its parts.
pub fn edited(change: impl Fn(String) -> String, without: &[&str]) -> tempfile::TempDir {
    let bytes = std::fs::read(pack_path()).expect("these tests need an audio pack: name it in TESSERA_TEST_AUDIO_PACK");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let folder = tempfile::tempdir().expect("a folder");
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("a part");
        let (name, mut bytes) = (part.name().expect("a name").into_owned(), Vec::new());
        std::io::copy(&mut part, &mut bytes).expect("a readable part");
        if name == "pack.toml" {
            let text = String::from_utf8(bytes).expect("text");
            let mut parts = text.split("[[part]]").map(str::to_owned).collect::<Vec<_>>();
            parts.retain(|part| !without.iter().any(|name| part.contains(&format!("file = \"{name}\""))));
            bytes = change(parts.join("[[part]]")).into_bytes();
        }
        if !without.contains(&&*name) {
            std::fs::write(folder.path().join(name), bytes).expect("a part that can be written");
        }
    }
    folder
}

pub fn new_codec(threads: usize) -> AudioCodec {
    AudioCodec::new(pack(), CodecOptions { threads }).expect("a codec of the pack")
}

pub fn codec() -> &'static AudioCodec {
    &CODEC
}

/// Real speech at the model's rate, `seconds` long.
pub fn speech(seconds: f64) -> Vec<f32> {
    assert_eq!((SPEECH.rate, SPEECH.channels.len()), (codec().rate(), 1));
    let samples = &SPEECH.channels[0];
    let wanted = (seconds * f64::from(SPEECH.rate)) as usize;
    assert!(wanted <= samples.len(), "the sample has {} s", SPEECH.seconds());
    samples[..wanted].to_vec()
}

pub fn mono(samples: Vec<f32>) -> Sound {
    Sound::mono(codec().rate(), samples)
}

/// Tokens of samples pushed at once.
pub fn tokens(samples: &[f32], depth: u8) -> Vec<u16> {
    let mut encoder = codec().stream_encoder(depth).unwrap();
    let mut tokens = encoder.push(samples).unwrap();
    tokens.extend(encoder.finish().unwrap());
    tokens
}

/// Samples of tokens pushed at once.
pub fn samples(tokens: &[u16], depth: u8, end: usize) -> Vec<f32> {
    let mut decoder = codec().stream_decoder(depth).unwrap();
    decoder.end_at(end as u64);
    decoder.push(tokens).unwrap()
}

/// Bits of samples, so that equal means equal to the last bit.
pub fn bits(samples: &[f32]) -> Vec<u32> {
    samples.iter().map(|sample| sample.to_bits()).collect()
}

/// Mean distance of log power spectra in decibels, over 20-ms pieces in 16 bands of equal width up to half of 8 kHz.
pub fn spectral_distance(a: &[f32], b: &[f32]) -> f64 {
    let bands = |samples: &[f32]| -> Vec<f64> {
        let pieces = samples.chunks_exact(320);
        pieces.flat_map(|piece| (0..16).map(move |band| 10.0 * (goertzel(piece, band) + 1e-6).log10())).collect()
    };
    let (a, b) = (bands(a), bands(b));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
}

/// Power of a piece in one of 16 bands of 250 Hz at 16 kHz.
fn goertzel(piece: &[f32], band: usize) -> f64 {
    let mut power = 0.0;
    for bin in band * 5..band * 5 + 5 {
        let step = std::f64::consts::TAU * bin as f64 / piece.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in piece.iter().enumerate() {
            re += f64::from(sample) * (step * n as f64).cos();
            im += f64::from(sample) * (step * n as f64).sin();
        }
        power += re * re + im * im;
    }
    power / piece.len() as f64
}
