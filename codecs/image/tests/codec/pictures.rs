//! What comes back of a picture.

use std::time::Instant;

use tessera_image::{AlphaForm, EncodeOptions, Metadata, Picture, Target, io};

use crate::fixture::*;

#[test]
fn photos_come_back_recognisable_and_better_with_quality() {
    for name in ["face.jpg", "foliage.jpg", "sky.jpg", "text.png"] {
        let photo = sample(name);
        let mut last = (0, 0.0);
        for quality in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let start = Instant::now();
            let encoded = encode(&photo, Target::Quality(quality));
            let encode_time = start.elapsed();
            let start = Instant::now();
            let back = decode(&encoded.bytes);
            let psnr = psnr(&photo, &back);
            println!(
                "{name} {}x{} q {quality}: {} bytes, {:.4} bpp, {:?}, lambda {:.5}, PSNR {psnr:.2}, {:.2} of {:.2} bits per token; encode {:.2?}, decode {:.2?}",
                photo.width,
                photo.height,
                encoded.bytes.len(),
                encoded.bpp,
                encoded.rung,
                encoded.lambda,
                8.0 * encoded.token_bytes as f64 / encoded.tokens as f64,
                encoded.rung.depths(12).iter().map(|d| f64::from(*d)).sum::<f64>() / f64::from(encoded.rung.levels),
                encode_time,
                start.elapsed(),
            );
            assert_eq!((back.width, back.height), (photo.width, photo.height));
            assert!(encoded.bytes.len() > last.0 && psnr > last.1 - 0.5, "{name} {quality}");
            last = (encoded.bytes.len(), psnr);
        }
        assert!(last.1 > 17.0);
    }
}

#[test]
fn a_plain_file_has_at_most_32_bytes_beyond_its_tokens() {
    let encoded = encode(&sample("sky.jpg"), Target::Quality(50.0));
    let pack = pack();
    let id = if pack.is_default() { 0 } else { 1 + pack.id().len() };
    let beyond = encoded.bytes.len() - encoded.token_bytes as usize - id;
    assert!(beyond <= 32, "{beyond} bytes");
}

#[test]
fn every_small_and_odd_size_comes_back() {
    let photo = sample("coral.png");
    for (width, height) in [(1, 1), (1, 17), (15, 2), (16, 16), (17, 33), (31, 1), (100, 3), (129, 95)] {
        for alpha in [false, true] {
            let mut picture = part(&photo, width, height);
            if alpha {
                picture = with_disc(picture);
            }
            let encoded = encode(&picture, Target::Quality(60.0));
            let back = decode(&encoded.bytes);
            assert_eq!((back.width, back.height, &back.alpha), (width, height, &picture.alpha));
            let again = encode(&picture, Target::Quality(60.0));
            assert!(again == encoded, "encoding is repeatable");
        }
    }
}

#[test]
fn gray_pictures_decode_gray() {
    let gray = sample("gray.png");
    assert!(gray.gray);
    let back = decode(&encode(&gray, Target::Quality(70.0)).bytes);
    assert!(back.gray && back.rgb.as_chunks::<3>().0.iter().all(|p| p[0] == p[1] && p[1] == p[2]));
    assert!(psnr(&gray, &back) > 15.0);
}

#[test]
fn alpha_planes_come_back_exact_and_cheap() {
    let picture = with_disc(part(&sample("face.jpg"), 300, 200));
    let encoded = encode(&picture, Target::Quality(50.0));
    println!("disc of 300x200: {} bytes of {}", encoded.alpha_bytes, encoded.bytes.len());
    assert_eq!(encoded.alpha_form, Some(AlphaForm::LOSSLESS));
    assert!(encoded.alpha_bytes < 200);
    assert_eq!(decode(&encoded.bytes).alpha, picture.alpha);
    for value in [0, 80, 255] {
        let alpha = Some(vec![value; picture.pixels() as usize]);
        let constant = Picture { alpha, ..picture.clone() };
        let encoded = encode(&constant, Target::Quality(20.0));
        assert_eq!((encoded.alpha_bytes, decode(&encoded.bytes).alpha), (2, constant.alpha));
    }
    let graphic = sample("graphic_alpha.png");
    for quality in [0.0, 50.0, 100.0] {
        let encoded = encode(&graphic, Target::Quality(quality));
        let back = decode(&encoded.bytes);
        let planes = graphic.alpha.iter().flatten().zip(back.alpha.iter().flatten());
        let error: f64 = planes.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / graphic.pixels() as f64;
        println!(
            "graphic q {quality}: {:?}, {} of {} bytes, mean alpha error {error:.2}",
            encoded.alpha_form,
            encoded.alpha_bytes,
            encoded.bytes.len()
        );
        assert!(error < 16.0);
    }
}

#[test]
fn colours_under_full_transparency_cost_nothing() {
    let plain = with_disc(part(&sample("face.jpg"), 320, 240));
    let mut wild = plain.clone();
    let hidden = plain.alpha.iter().flatten().enumerate().filter(|(_, a)| **a == 0);
    for (n, _) in hidden {
        wild.rgb[3 * n..3 * n + 3].copy_from_slice(&[(n * 31) as u8, (n * 77) as u8, (n / 9) as u8]);
    }
    assert!(wild.rgb != plain.rgb);
    let target = Target::Quality(50.0);
    assert_eq!(encode(&wild, target).bytes, encode(&plain, target).bytes);
    // Without search, so that the bytes are those of the tokens alone.
    let target = Target::Rung { rung: tessera_core::Rung { levels: 1, depth: 12 }, lambda: Some(0.0) };
    let opaque = Picture { alpha: None, ..wild };
    assert!(encode(&plain, target).token_bytes < encode(&opaque, target).token_bytes);
}

#[test]
fn metadata_is_kept_on_request_only() {
    let mut picture = part(&sample("face.jpg"), 64, 64);
    picture.exif = Some(b"II\x2a\0\x08\0\0\0\0\0\0\0\0\0".to_vec());
    picture.icc = Some(moxcms::ColorProfile::new_display_p3().encode().unwrap());
    let keep = EncodeOptions { metadata: Metadata::Keep, ..EncodeOptions::default() };
    let kept = codec().encode(&picture, &keep).unwrap();
    let back = decode(&kept.bytes);
    assert_eq!((&back.exif, &back.icc), (&picture.exif, &picture.icc));
    let stripped = codec().encode(&picture, &EncodeOptions::default()).unwrap();
    let back = decode(&stripped.bytes);
    assert_eq!((back.exif, back.icc, stripped.metadata_bytes), (None, None, 0));
    assert!(kept.metadata_bytes > 500);
}

#[test]
fn files_do_not_depend_on_the_number_of_threads() {
    // Two bands of tokens and several windows.
    let picture = part(&sample("foliage.jpg"), 1700, 800);
    let rung = tessera_core::Rung { levels: 3, depth: 6 };
    let target = Target::Rung { rung, lambda: None };
    let files = [1, 2, 3].map(|threads| {
        let encoded = new_codec(threads).encode(&picture, &options(target)).unwrap();
        encoded.bytes
    });
    assert!(files[0] == files[1] && files[0] == files[2]);
}

#[test]
fn pictures_that_do_not_fill_their_sides_are_refused() {
    let mut picture = part(&sample("face.jpg"), 10, 10);
    picture.alpha = Some(vec![0; 99]);
    assert!(codec().encode(&picture, &EncodeOptions::default()).is_err());
    assert!(io::write(&picture, tessera_image::Format::Png, &Default::default()).is_err());
    assert!(Picture::from_rgb(0, 10, vec![]).is_err());
}
