//! One codec for all tests of a process, and pictures.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tessera_core::container::Modality;
use tessera_image::{
    CodecOptions, DecodeOptions, EncodeOptions, Encoded, ImageCodec, IoLimits, Metadata, Picture, Target, io,
};
use tessera_models::{Pack, Store};

static CODEC: LazyLock<Mutex<ImageCodec>> = LazyLock::new(|| Mutex::new(new_codec(2)));

pub fn new_codec(threads: usize) -> ImageCodec {
    ImageCodec::new(pack(), CodecOptions { threads }).expect("a codec of the pack")
}

pub fn pack() -> Arc<Pack> {
    let pack = match std::env::var_os("TESSERA_TEST_PACK") {
        Some(path) => Pack::open(Path::new(&path)).map(Arc::new),
        None => Store::standard(None).default_for(Modality::Image),
    };
    pack.expect("these tests need an image pack: install one, or name it in TESSERA_TEST_PACK")
}

/// Sessions are slow to make, so tests share them.
pub fn codec() -> MutexGuard<'static, ImageCodec> {
    CODEC.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn sample(name: &str) -> Picture {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "samples"].iter().collect();
    let bytes = std::fs::read(folder.join(name)).expect("a sample");
    io::read(&bytes, &IoLimits::default(), Metadata::Strip).expect("a readable sample")
}

/// `width` by `height` pixels of a sample, mirrored where it ends.
pub fn part(source: &Picture, width: u32, height: u32) -> Picture {
    let fold = |n: u32, size: u32| {
        let n = n % (2 * size);
        if n < size { n } else { 2 * size - 1 - n }
    };
    let pixels = source.rgb.as_chunks::<3>().0;
    let at = |n: u32| {
        let (x, y) = (fold(n % width, source.width), fold(n / width, source.height));
        pixels[(y * source.width + x) as usize]
    };
    let rgb = (0..width * height).flat_map(at).collect();
    let mut picture = Picture::from_rgb(width, height, rgb).unwrap();
    picture.gray = source.gray;
    picture
}

pub fn with_disc(mut picture: Picture) -> Picture {
    let (width, height) = (picture.width as f32, picture.height as f32);
    let inside = |n: usize| {
        let (x, y) = (n as f32 % width, (n as f32 / width).floor());
        (x / width - 0.5).hypot(y / height - 0.5) < 0.4
    };
    let plane = (0..picture.pixels() as usize).map(|n| if inside(n) { 255 } else { 0 });
    picture.alpha = Some(plane.collect());
    picture
}

pub fn options(target: Target) -> EncodeOptions {
    EncodeOptions { target, ..EncodeOptions::default() }
}

pub fn encode(picture: &Picture, target: Target) -> Encoded {
    codec().encode(picture, &options(target)).unwrap()
}

pub fn decode(bytes: &[u8]) -> Picture {
    let decoded = codec().decode(bytes, &DecodeOptions::default()).unwrap();
    assert!(decoded.losses.is_empty());
    decoded.picture
}

/// Peak signal-to-noise ratio over all samples, in decibels.
pub fn psnr(a: &Picture, b: &Picture) -> f64 {
    let squares = a.rgb.iter().zip(&b.rgb).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0f64.powi(2) / (squares.sum::<f64>() / a.rgb.len() as f64).max(1e-9)).log10()
}
