//! Entropy coding and search at the size of a 768x512 image: 1,536 tokens of 12 bits.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tessera_core::entropy::{Search, decode_tokens, encode_searched, encode_tokens};
use tessera_core::{GridShape, LatentShape, Limits, Rung};

#[path = "../tests/common/mod.rs"]
mod common;

const SHAPE: LatentShape = LatentShape { t: 1, y: 32, x: 48 };
const RUNG: Rung = Rung { levels: 1, depth: 12 };

fn tokens(c: &mut Criterion) {
    let prior = common::network(common::REAL, 1);
    let shape: GridShape = SHAPE.grid(1);
    let grid = common::sampled_grid(shape, &[12], &prior, 2);
    let coded = encode_tokens(&grid, &prior).unwrap();
    c.bench_function("encode_tokens", |b| {
        b.iter(|| encode_tokens(black_box(&grid), &prior).unwrap());
    });
    c.bench_function("decode_tokens", |b| {
        let limits = Limits::default();
        b.iter(|| decode_tokens(black_box(&coded), shape, &[12], &prior, &limits).unwrap());
    });
}

fn vectors(c: &mut Criterion) {
    let prior = common::network(common::REAL, 1);
    let book = common::tree_codebook(16, 12, 1);
    let mut random = common::Random::new(3);
    let latents: Vec<f32> = (0..1536 * 16).map(|_| random.unit()).collect();
    c.bench_function("quantize", |b| {
        b.iter(|| book.quantize(black_box(&latents), SHAPE, RUNG).unwrap());
    });
    let search = Search { lambda: 0.01, candidates: 8 };
    c.bench_function("encode_searched", |b| {
        b.iter(|| encode_searched(black_box(&latents), SHAPE, RUNG, &book, &prior, search).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = tokens, vectors
}
criterion_main!(benches);
