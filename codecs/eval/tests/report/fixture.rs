//! A small evaluation made on the spot: real pictures, real files, real values.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;
use std::time::Instant;

use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
use image::imageops::{FilterType, resize};
use image::{ExtendedColorType, ImageFormat, RgbImage};
use tessera_eval::report::{CodecInfo, MetricInfo, Missing, Run, original};
use tessera_eval::{Cell, Extent, Failure};

/// Codecs: JPEG at full size, at a half and at a third of it, and lossless WebP.
const CODECS: [(&str, u32, &str); 4] = [
    (
        "half-jpeg",
        2,
        "JPEG of the picture at half its size, enlarged again (Catmull-Rom); stands where a codec of ours would",
    ),
    ("jpeg", 1, "image 0.25 JpegEncoder, baseline, 4:4:4"),
    ("third-jpeg", 3, "JPEG of the picture at a third of its size, enlarged again (Catmull-Rom)"),
    ("webp-lossless", 1, "image 0.25 WebPEncoder, lossless"),
];

/// Encodes `pictures`, writes originals and decoded pictures below `folder`, and measures.
pub fn run(pictures: &[(String, RgbImage)], qualities: &[u8], folder: &Path) -> Run {
    let mut cells = Vec::new();
    for (file, picture) in pictures {
        save(picture, &folder.join(original(file, "png")));
        for (codec, shrink, _) in CODECS {
            let lossless = codec == "webp-lossless";
            for (step, &quality) in (0..).zip(if lossless { &[100] } else { qualities }) {
                let (bytes, encode_seconds) = timed(|| encode(picture, shrink, quality, lossless));
                let (decoded, decode_seconds) = timed(|| decode(&bytes, picture.dimensions()));
                let kept = format!("decoded/{:04}.png", cells.len());
                save(&decoded, &folder.join(&kept));
                cells.push(Cell {
                    file: file.clone(),
                    codec: codec.into(),
                    rate: if lossless { "lossless".into() } else { format!("q {quality}") },
                    step,
                    extent: Extent::Picture { width: picture.width(), height: picture.height() },
                    bytes: bytes.len() as u64,
                    encode_seconds,
                    decode_seconds,
                    peak_bytes: None,
                    metrics: metrics(picture, &decoded),
                    by_frame: BTreeMap::new(),
                    kept: Some(kept),
                });
            }
        }
    }
    Run {
        name: "Still pictures".into(),
        description:
            "The sample pictures of the repository at a ladder of JPEG qualities, measured on the decoded pictures."
                .into(),
        codecs: CODECS
            .map(|(name, shrink, settings)| CodecInfo {
                name: name.into(),
                settings: settings.into(),
                ours: shrink == 2,
            })
            .into(),
        anchor: None,
        metrics: vec![
            metric("psnr", "decibels over the mean squared error of all three channels, peak 255", true),
            metric("rmse", "root of the mean squared error, in steps of 8 bits", false),
            metric(
                "contrast",
                "mean over blocks of 8 × 8 of the structure term of SSIM on green, 1 for the original",
                true,
            ),
        ],
        cells,
        failures: vec![Failure {
            file: pictures.first().map(|(file, _)| file.clone()).unwrap_or_default(),
            codec: "third-jpeg".into(),
            rate: Some("q 101".into()),
            what: "quality 101 is out of range; use 1 to 100".into(),
        }],
        missing: vec![Missing {
            what: "jxl".into(),
            why: "no encoder for JPEG XL is built in".into(),
            remedy: "build with an encoder that offers it".into(),
        }],
    }
}

fn metric(name: &str, about: &str, higher_is_better: bool) -> MetricInfo {
    MetricInfo { name: name.into(), about: about.into(), higher_is_better }
}

fn save(picture: &RgbImage, path: &Path) {
    std::fs::create_dir_all(path.parent().expect("below a folder")).expect("a folder");
    picture.save_with_format(path, ImageFormat::Png).expect("a PNG");
}

fn timed<T>(what: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = what();
    (result, start.elapsed().as_secs_f64())
}

fn encode(picture: &RgbImage, shrink: u32, quality: u8, lossless: bool) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    if lossless {
        let encoder = WebPEncoder::new_lossless(&mut file);
        encoder.encode(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).expect("a WebP file");
    } else {
        let (w, h) = (picture.width().div_ceil(shrink), picture.height().div_ceil(shrink));
        let small = resize(picture, w, h, FilterType::CatmullRom);
        JpegEncoder::new_with_quality(&mut file, quality).encode_image(&small).expect("a JPEG file");
    }
    file.into_inner()
}

fn decode(file: &[u8], (width, height): (u32, u32)) -> RgbImage {
    let small = image::load_from_memory(file).expect("a picture").to_rgb8();
    if small.dimensions() == (width, height) { small } else { resize(&small, width, height, FilterType::CatmullRom) }
}

fn metrics(a: &RgbImage, b: &RgbImage) -> std::collections::BTreeMap<String, f64> {
    let squares: f64 = a.as_raw().iter().zip(b.as_raw()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    let mse = squares / a.as_raw().len() as f64;
    let psnr = 10.0 * (255.0 * 255.0 / mse).log10();
    [("psnr".into(), psnr), ("rmse".into(), mse.sqrt()), ("contrast".into(), structure(a, b))].into()
}

fn structure(a: &RgbImage, b: &RgbImage) -> f64 {
    let (mut sum, mut blocks) = (0.0, 0.0);
    for y in (0..a.height() - 7).step_by(8) {
        for x in (0..a.width() - 7).step_by(8) {
            let at = |p: &RgbImage, i: u32| f64::from(p.get_pixel(x + i % 8, y + i / 8)[1]);
            let mean = |p: &RgbImage| (0..64).map(|i| at(p, i)).sum::<f64>() / 64.0;
            let (ma, mb) = (mean(a), mean(b));
            let covariance = |p: &RgbImage, mp: f64, q: &RgbImage, mq: f64| {
                (0..64).map(|i| (at(p, i) - mp) * (at(q, i) - mq)).sum::<f64>() / 64.0
            };
            sum +=
                (2.0 * covariance(a, ma, b, mb) + 58.5) / (covariance(a, ma, a, ma) + covariance(b, mb, b, mb) + 58.5);
            blocks += 1.0;
        }
    }
    sum / blocks
}
