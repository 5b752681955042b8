//! Encodes and decodes a large synthetic mosaic of a picture and prints times and peak memory (Linux).
//!
//! `cargo run --release -p tessera-image --example large -- PACK PICTURE MEGAPIXELS [THREADS]`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tessera_image::{CodecOptions, DecodeOptions, EncodeOptions, ImageCodec, IoLimits, Metadata, Picture, Target, io};
use tessera_models::Pack;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pack, source, megapixels, threads @ ..] = arguments.as_slice() else {
        return Err("usage: large PACK PICTURE MEGAPIXELS [THREADS]".into());
    };
    let threads = threads.first().map_or(Ok(2), |threads| threads.parse())?;
    let side = (megapixels.parse::<f64>()? * 1e6).sqrt() as u32;
    let picture = {
        let source = io::read(&std::fs::read(source)?, &IoLimits::default(), Metadata::Strip)?;
        mosaic(&source, side)?
    };
    println!("{side} x {side} pixels, {threads} threads; {}", peak());
    let mut codec = ImageCodec::new(Arc::new(Pack::open(Path::new(pack))?), CodecOptions { threads })?;
    let targets = [Target::Quality(50.0), Target::Bpp(0.03)];
    let mut file = Vec::new();
    for target in targets {
        let start = Instant::now();
        let options = EncodeOptions { target, ..EncodeOptions::default() };
        let encoded = codec.encode(&picture, &options)?;
        println!(
            "encoded, {target:?}: {} bytes, {:.4} bpp, {} attempts in {:.2?}; {}",
            encoded.bytes.len(),
            encoded.bpp,
            encoded.attempts,
            start.elapsed(),
            peak()
        );
        file = encoded.bytes;
    }
    drop(picture);
    let start = Instant::now();
    let decoded = codec.decode(&file, &DecodeOptions::default())?;
    println!("decoded in {:.2?}; {}", start.elapsed(), peak());
    drop(decoded);
    let mut codec = ImageCodec::new(codec.pack().clone(), CodecOptions { threads })?;
    let start = Instant::now();
    codec.decode(&file, &DecodeOptions::default())?;
    println!("decoded again, decoder loaded anew, in {:.2?}", start.elapsed());
    Ok(())
}

fn mosaic(source: &Picture, side: u32) -> tessera_image::Result<Picture> {
    let mut rgb = Vec::with_capacity(side as usize * side as usize * 3);
    let row_len = source.width as usize * 3;
    for y in 0..side {
        let row = &source.rgb[(y % source.height) as usize * row_len..][..row_len];
        rgb.extend(row.iter().cycle().take(side as usize * 3));
    }
    Picture::from_rgb(side, side, rgb)
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or("peak memory unknown".to_owned(), |line| {
        format!("peak memory {}", line.trim_start_matches("VmHWM:").trim())
    })
}
