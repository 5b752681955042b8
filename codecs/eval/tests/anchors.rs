//! Every anchor at hand codes real photos: its ladder climbs, its decoded pictures resemble the original, its files are
//! what their extension says.

#![allow(clippy::unwrap_used)]

use tessera_eval::{Error, Rgb8, anchors};

fn sample(name: &str) -> Rgb8 {
    let path = format!("{}/../../samples/{name}", env!("CARGO_MANIFEST_DIR"));
    let picture = image::open(path).unwrap().to_rgb8();
    Rgb8::new(picture.width(), picture.height(), picture.into_raw()).unwrap()
}

fn cut(picture: &Rgb8, width: u32, height: u32) -> Rgb8 {
    let rows = picture.data().chunks(3 * picture.width() as usize).take(height as usize);
    Rgb8::new(width, height, rows.flat_map(|row| &row[..3 * width as usize]).copied().collect()).unwrap()
}

fn psnr(a: &Rgb8, b: &Rgb8) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let sum: f64 = a.data().iter().zip(b.data()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * a.data().len() as f64 / sum).log10()
}

/// The anchors at hand; with FFmpeg built in, all of them have to be.
fn at_hand() -> Vec<Box<dyn anchors::Codec>> {
    let mut found = Vec::new();
    for name in anchors::NAMES {
        match anchors::by_name(name) {
            Ok(codec) => found.push(codec),
            Err(Error::Missing(why)) if !cfg!(feature = "ffmpeg") => {
                assert!(why.contains("--features ffmpeg"), "{why}")
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    found
}

#[test]
fn more_bytes_are_a_better_picture_on_every_ladder() {
    let photo = cut(&sample("foliage.jpg"), 384, 256);
    for mut codec in at_hand() {
        let mut last = (0, 0.0);
        for rate in codec.ladder() {
            let file = codec.encode(&photo, &rate).unwrap();
            let quality = psnr(&photo, &codec.decode(&file).unwrap());
            assert!(file.len() > last.0, "{} {}: {} after {} bytes", codec.name(), rate.name, file.len(), last.0);
            assert!(quality > last.1, "{} {}: {quality} after {} dB", codec.name(), rate.name, last.1);
            assert!(quality > 14.0, "{} {}: {quality} dB", codec.name(), rate.name);
            last = (file.len(), quality);
        }
        assert!(last.1 > 27.0, "{}: {} dB at the top of its ladder", codec.name(), last.1);
    }
}

#[test]
fn colours_and_odd_sides_survive() {
    let photo = cut(&sample("face.jpg"), 255, 131);
    for mut codec in at_hand() {
        let best = codec.ladder().pop().unwrap();
        let file = codec.encode(&photo, &best).unwrap();
        let back = codec.decode(&file).unwrap();
        for channel in 0..3 {
            let mean = |picture: &Rgb8| {
                picture.data().iter().skip(channel).step_by(3).map(|&v| f64::from(v)).sum::<f64>()
                    / picture.pixels() as f64
            };
            let shift = mean(&back) - mean(&photo);
            assert!(shift.abs() < 1.5, "{}: channel {channel} shifted by {shift}", codec.name());
        }
    }
}

#[test]
fn files_are_of_their_kind() {
    let photo = cut(&sample("sky.jpg"), 128, 128);
    for mut codec in at_hand() {
        let rate = codec.ladder()[2].clone();
        let file = codec.encode(&photo, &rate).unwrap();
        let magic: &[(usize, &[u8])] = match codec.extension() {
            "jpg" => &[(0, b"\xff\xd8\xff")],
            "webp" => &[(0, b"RIFF"), (8, b"WEBPVP8 ")],
            "avif" => &[(4, b"ftypavif")],
            "jxl" => &[(0, b"\xff\x0a")],
            other => panic!("{other}"),
        };
        for &(at, bytes) in magic {
            assert_eq!(&file[at..at + bytes.len()], bytes, "{}", codec.name());
        }
        assert!(codec.decode(&file[..file.len() / 3]).is_err() || codec.extension() != "avif", "a cut AVIF decoded");
        assert!(codec.decode(b"").is_err());
    }
}

#[test]
fn an_unknown_anchor_is_told_the_known_ones() {
    let Err(error) = anchors::by_name("heic") else { panic!("heic is no anchor") };
    assert!(error.to_string().contains("jpeg, webp, avif-aom"), "{error}");
}
