//! Pictures in, small files out, pictures back.

use std::fs;

use tessera_tests::{compare, sample_images};

use crate::run::{folder, json, names, sample, succeeds, tessera};

#[test]
fn every_sample_comes_back_at_its_size_and_recognisable() {
    let out = folder();
    let encoded =
        json(tessera(["encode", "--json", "--bpp", "0.1", "-o"]).arg(out.path()).arg(tessera_tests::samples()));
    let decoded = json(tessera(["decode", "--json", "-o"]).arg(out.path()).arg(out.path()));
    assert_eq!(decoded.len(), encoded.len());
    let is_png = |report: &&serde_json::Value| report["output"].as_str().unwrap().ends_with(".png");
    let pictures: Vec<_> = decoded.iter().filter(is_png).collect();
    assert_eq!(pictures.len(), sample_images().len());
    for (original, report) in sample_images().iter().zip(pictures) {
        let a = image::open(original).unwrap();
        let b = image::open(report["output"].as_str().unwrap()).unwrap();
        assert_eq!((a.width(), a.height()), (b.width(), b.height()));
        assert_eq!(a.color().has_alpha(), b.color().has_alpha(), "{}", original.display());
        assert_eq!(a.color().has_color(), b.color().has_color(), "{}", original.display());
        let (psnr, _) = compare(&a, &b).unwrap();
        assert!(psnr > 14.0, "{}: {psnr:.1} dB", original.display());
        if let (Some(a), true) = (a.as_rgba8(), b.color().has_alpha()) {
            let b = b.to_rgba8();
            let sum: u64 = a.pixels().zip(b.pixels()).map(|(p, q)| u64::from(p.0[3].abs_diff(q.0[3]))).sum();
            let mean = sum as f64 / f64::from(a.width() * a.height());
            assert!(mean < 2.0, "alpha differs by {mean:.2} on average");
        }
    }
}

#[test]
fn a_plain_picture_costs_at_most_32_bytes_beyond_its_tokens() {
    let out = folder();
    let file = out.path().join("sky.tsr");
    succeeds(tessera(["encode", "-o"]).arg(&file).arg(sample("sky.jpg")));
    let info = &json(tessera(["info", "--json"]).arg(&file))[0];
    let (bytes, tokens) = (info["bytes"].as_u64().unwrap(), info["token_bytes"].as_u64().unwrap());
    assert_eq!(bytes, fs::metadata(&file).unwrap().len());
    assert!(bytes - tokens <= 32, "{bytes} bytes hold {tokens} bytes of tokens");
    let parts = info["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum::<u64>(), bytes);
}

#[test]
fn pipes_carry_the_same_bytes_as_files() {
    let out = folder();
    let (file, picture) = (out.path().join("a.tsr"), out.path().join("a.png"));
    succeeds(tessera(["encode", "-o"]).arg(&file).arg(sample("text.png")));
    succeeds(tessera(["decode", "-o"]).arg(&picture).arg(&file));
    let piped =
        |verb: &str, from: &std::path::Path| succeeds(tessera([verb, "-"]).stdin(fs::File::open(from).unwrap()));
    assert_eq!(piped("encode", &sample("text.png")), fs::read(&file).unwrap());
    assert_eq!(piped("decode", &file), fs::read(&picture).unwrap());
}

#[test]
fn folders_are_mirrored_and_workers_do_not_change_a_byte() {
    let (input, one, two) = (folder(), folder(), folder());
    fs::create_dir_all(input.path().join("deep/er")).unwrap();
    fs::copy(sample("text.png"), input.path().join("deep/er/t.png")).unwrap();
    fs::copy(sample("coral.png"), input.path().join("c.png")).unwrap();
    fs::write(input.path().join("notes.txt"), "not a picture").unwrap();
    for (out, jobs) in [(&one, "1"), (&two, "2")] {
        succeeds(tessera(["encode", "-j", jobs, "-o"]).arg(out.path()).arg(input.path()));
        assert_eq!(names(out.path()), ["c.tsr", "deep"]);
    }
    for name in ["c.tsr", "deep/er/t.tsr"] {
        assert_eq!(fs::read(one.path().join(name)).unwrap(), fs::read(two.path().join(name)).unwrap());
    }
}

#[test]
fn jpeg_and_webp_are_written_by_ending_or_by_format() {
    let out = folder();
    let file = out.path().join("a.tsr");
    succeeds(tessera(["encode", "-o"]).arg(&file).arg(sample("coral.png")));
    for (name, format) in
        [("a.jpg", image::ImageFormat::Jpeg), ("a.webp", image::ImageFormat::WebP), ("a.png", image::ImageFormat::Png)]
    {
        let path = out.path().join(name);
        succeeds(tessera(["decode", "-o"]).arg(&path).arg(&file));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), format);
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 352);
    }
}
