//! Speech to tokens and back on one thread, the model loaded: whole, and in pushes of 20 ms as a call would.
//!
//! Times are for four seconds of speech: divided by four they are the real-time factor.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use tessera_audio::{AudioCodec, CodecOptions, EncodeOptions, io};
use tessera_core::container::Modality;
use tessera_models::Store;
use tessera_tests::samples;

const SECONDS: usize = 4;

fn audio(criterion: &mut Criterion) {
    let pack = Store::standard(None).default_for(Modality::Audio).unwrap();
    let codec = AudioCodec::new(pack, CodecOptions { threads: 1 }).unwrap();
    let speech = std::fs::read(samples().join("speech.flac")).unwrap();
    let mut sound = io::read(&speech, &Default::default()).unwrap();
    let rate = codec.rate() as usize;
    sound.channels[0].truncate(SECONDS * rate);
    let mut group = criterion.benchmark_group("4 s of speech");
    group.sample_size(10);
    group.bench_function("encode", |b| b.iter(|| codec.encode(&sound, &EncodeOptions::default()).unwrap()));
    let file = codec.encode(&sound, &EncodeOptions::default()).unwrap().bytes;
    group.bench_function("decode", |b| b.iter(|| codec.decode(&file, &Default::default()).unwrap()));

    let samples = &sound.channels[0];
    let mut encoder = codec.stream_encoder(12).unwrap();
    group.bench_function("encode, 20 ms at a time", |b| {
        b.iter(|| {
            let tokens = samples.chunks(rate / 50).map(|piece| encoder.push(piece).unwrap().len()).sum::<usize>();
            tokens + encoder.finish().unwrap().len()
        });
    });
    let tokens = codec.tokens(&sound, 12).unwrap().channels.remove(0);
    let mut decoder = codec.stream_decoder(12).unwrap();
    group.bench_function("decode, token by token", |b| {
        b.iter(|| {
            decoder.reset();
            tokens.iter().map(|token| decoder.push(std::slice::from_ref(token)).unwrap().len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, audio);
criterion_main!(benches);
