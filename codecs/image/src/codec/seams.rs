//! Measures what windows change.

use std::path::Path;
use std::sync::Arc;

use tessera_core::container::Modality;
use tessera_models::{Pack, Store};

use super::*;
use crate::io::{self, IoLimits, Metadata};
use crate::picture::Picture;
use crate::tiles::{Canvas, Tiling, latent_shape};

fn codec() -> ImageCodec {
    let pack = match std::env::var_os("TESSERA_TEST_PACK") {
        Some(path) => Pack::open(Path::new(&path)).map(Arc::new),
        None => Store::standard(None).default_for(Modality::Image),
    };
    let pack = pack.expect("an image pack: install one or name it in TESSERA_TEST_PACK");
    ImageCodec::new(pack, CodecOptions::default()).unwrap()
}

fn photo() -> Picture {
    let path = std::env::var_os("TESSERA_TEST_PHOTO")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/foliage.jpg"), Into::into);
    let bytes = std::fs::read(path).unwrap();
    io::read(&bytes, &IoLimits::default(), Metadata::Strip).unwrap()
}

#[test]
fn windows_leave_no_seam_in_a_photo() {
    let (mut codec, photo) = (codec(), photo());
    let (stride, dim) = codec.tokenizer.grain();
    let shape = latent_shape(photo.width, photo.height, stride);
    let latents = codec.tokenizer.analyse_in(&photo, Tiling::WHOLE).unwrap();
    let rung = tessera_core::Rung { levels: 1, depth: codec.tokenizer.parts.codebook.full_depth() };
    let quantise = |codec: &ImageCodec, latents: &[f32]| {
        let book = &codec.tokenizer.parts.codebook;
        let grid = book.quantize(latents, shape, rung).unwrap();
        (grid.tokens().to_vec(), book.dequantize(&grid).unwrap())
    };
    let (tokens, decoded) = quantise(&codec, &latents);
    let canvas = Canvas { width: photo.width, height: photo.height, gray: false };
    let whole = codec.tokenizer.synthesise_in(&decoded, canvas, Tiling::WHOLE).unwrap();
    println!("{} x {} pixels, {} x {} tokens", photo.width, photo.height, shape.x, shape.y);
    let scale = (latents.iter().map(|v| v * v).sum::<f32>() / latents.len() as f32).sqrt();
    for margin in [2, 4, 6, 8, 10, 12, 14] {
        let tiling = Tiling { window: 16 + 2 * margin, margin };
        let tiled = codec.tokenizer.analyse_in(&photo, tiling).unwrap();
        let worst = latents.iter().zip(&tiled).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
        let (own, _) = quantise(&codec, &tiled);
        let changed = tokens.iter().zip(&own).filter(|(a, b)| a != b).count();
        let picture = codec.tokenizer.synthesise_in(&decoded, canvas, tiling).unwrap();
        let level = whole.iter().zip(&picture).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let off = whole.iter().zip(&picture).filter(|(a, b)| a != b).count();
        println!(
            "margin {margin}: latents off by at most {:.5} of their scale, {changed} of {} tokens change; \
             pixels off by at most {level} levels, {:.4} % off at all",
            worst / scale,
            latents.len() / dim,
            100.0 * off as f64 / whole.len() as f64
        );
        if margin == Tiling::ENCODER.margin {
            assert!(worst <= 0.001 * scale && changed * 500 <= tokens.len());
        }
        if margin == Tiling::DECODER.margin {
            assert!(level <= 1, "pixels are off by {level} levels");
        }
    }
}
