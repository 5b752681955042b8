//! Coding the tokens of a 768×512 picture with the default pack's prior: 1,536 tokens of 12 bits, one core.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array4;
use tessera_core::{
    LatentShape, Limits, Rung, TokenGrid,
    container::Modality,
    entropy::{Search, bands, decode_tokens, encode_tokens},
};
use tessera_models::{ImagePack, Session, Store};
use tessera_tests::samples;

/// Latent vectors [positions, dim] of a sample photo.
fn latents(pack: &ImagePack) -> Vec<f32> {
    let photo = image::open(samples().join("foliage.jpg")).unwrap().to_rgb8();
    let input = Array4::from_shape_fn((1, 3, 512, 768), |(_, c, y, x)| {
        f32::from(photo.get_pixel(x as u32, y as u32).0[c]) / 127.5 - 1.0
    });
    let latent = Session::load(&pack.encoder, 2).unwrap().run(input.view()).unwrap();
    latent.permuted_axes([0, 2, 3, 1]).iter().copied().collect()
}

fn tokens(criterion: &mut Criterion) {
    let pack = Store::standard(None).default_for(Modality::Image).unwrap().image().unwrap();
    let latents = latents(&pack);
    let shape = LatentShape { t: 1, y: 32, x: 48 };
    let rung = Rung { levels: 1, depth: pack.codebook.full_depth() };
    let grid: TokenGrid = pack.codebook.quantize(&latents, shape, rung).unwrap();
    let bytes = encode_tokens(&grid, &pack.prior).unwrap();
    let mut group = criterion.benchmark_group("768x512");
    group.bench_function("quantize", |b| b.iter(|| pack.codebook.quantize(&latents, shape, rung).unwrap()));
    group.bench_function("encode tokens", |b| b.iter(|| encode_tokens(&grid, &pack.prior).unwrap()));
    group.bench_function("decode tokens", |b| {
        b.iter(|| decode_tokens(&bytes, grid.shape(), grid.depths(), &pack.prior, &Limits::default()).unwrap());
    });
    let search = Search { lambda: pack.search_lambda, candidates: 8 };
    group.bench_function("search tokens", |b| {
        b.iter(|| bands::search_bands(&latents, shape, rung, &pack.codebook, &pack.prior, search, 1).unwrap());
    });
    group.finish();
}

criterion_group!(benches, tokens);
criterion_main!(benches);
