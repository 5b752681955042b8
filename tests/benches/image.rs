//! Whole encode and decode of a 768×512 picture, the model loaded, two threads.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use tessera_core::container::Modality;
use tessera_image::{CodecOptions, EncodeOptions, ImageCodec, Metadata, Target, io};
use tessera_models::Store;
use tessera_tests::samples;

fn image(criterion: &mut Criterion) {
    let pack = Store::standard(None).default_for(Modality::Image).unwrap();
    let mut codec = ImageCodec::new(pack, CodecOptions { threads: 2 }).unwrap();
    let photo = std::fs::read(samples().join("foliage.jpg")).unwrap();
    let picture = io::read(&photo, &Default::default(), Metadata::Strip).unwrap();
    let mut group = criterion.benchmark_group("768x512");
    group.sample_size(10);
    for (name, target) in
        [("quality 50", Target::Quality(50.0)), ("0.05 bpp", Target::Bpp(0.05)), ("2000 bytes", Target::Size(2000))]
    {
        let options = EncodeOptions { target, ..EncodeOptions::default() };
        group.bench_function(format!("encode, {name}"), |b| b.iter(|| codec.encode(&picture, &options).unwrap()));
    }
    let bytes = codec.encode(&picture, &EncodeOptions::default()).unwrap().bytes;
    group.bench_function("decode", |b| b.iter(|| codec.decode(&bytes, &Default::default()).unwrap()));
    group.finish();
}

criterion_group!(benches, image);
criterion_main!(benches);
