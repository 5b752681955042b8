//! Videos in, a hundredth of a bit a pixel and the sound out, videos back.

#[path = "../../codecs/eval/tests/report/browser.rs"]
#[allow(dead_code)]
mod browser;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json as value};
use sha2::{Digest, Sha256};
use tessera_audio::{IoLimits, io::read};
use tessera_eval::{Clip, metrics::clip_by_name_in};
use tessera_models::Store;

use self::browser::Browser;
use crate::run::{fails, folder, json, names, sample, stderr, succeeds, tessera};

/// The sample at a low rate and effort, and what was reported.
fn coded(folder: &Path, options: &[&str]) -> (PathBuf, Value) {
    let path = folder.join("clip.tsr");
    let mut command = tessera(["encode", "--json", "--force", "--bpp", "0.02", "--effort", "1"]);
    let report = json(command.args(options).arg("-o").arg(&path).arg(sample("clip.mp4"))).remove(0);
    (path, report)
}

fn sound(path: &Path) -> Vec<Vec<f32>> {
    read(&fs::read(path).unwrap(), &IoLimits::default()).unwrap().channels
}

#[test]
fn a_clip_comes_back_as_mp4_with_its_sound_untouched() {
    let out = folder();
    let (tsr, report) = coded(out.path(), &[]);
    assert_eq!((report["frames"].as_u64(), report["width"].as_u64()), (Some(100), Some(384)));
    assert!(report["bpp"].as_f64().unwrap() <= 0.02, "{report}");
    let bytes = fs::metadata(&tsr).unwrap().len();
    let sound_bytes = report["sound_bytes"].as_u64().unwrap();
    assert_eq!(report["bytes"].as_u64(), Some(bytes));
    assert!((40_000..60_000).contains(&sound_bytes), "{report}");

    let decoded = json(tessera(["decode", "--json"]).arg(&tsr)).remove(0);
    let mp4 = out.path().join("clip.mp4");
    assert_eq!((decoded["output"].as_str(), decoded["frames"].as_u64()), (mp4.to_str(), Some(100)));
    assert_eq!(decoded["losses"], value!([]));
    let (original, seen) = (Clip::read(&sample("clip.mp4")).unwrap(), Clip::read(&mp4).unwrap());
    assert_eq!((seen.frames().len(), seen.size(), seen.rate()), (96, original.size(), original.rate()));
    let psnr = clip_by_name_in("psnr", &Store::standard(None)).unwrap().measure(&original, &seen).unwrap();
    assert!(psnr > 16.0, "{psnr:.1} dB");
    assert_eq!(sound(&mp4), sound(&sample("clip.mp4")));
    let info = &json(tessera(["info", "--json"]).arg(&tsr))[0];
    assert!(info["sound_bytes"].as_u64().unwrap() > 40_000, "{info}");

    // ffprobe is no part of the suite, but where it is, it has no complaint.
    if let Ok(probe) = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "csv=p=0"])
        .arg(&mp4)
        .output()
    {
        assert_eq!(stderr(&probe), "");
        let streams = String::from_utf8(probe.stdout).unwrap();
        assert!(streams.contains("h264,100") && streams.contains("aac,"), "{streams}");
    }
}

#[test]
fn sound_is_kept_coded_or_left_out_as_told() {
    let out = folder();
    let (_, none) = coded(out.path(), &["--audio", "none"]);
    assert_eq!(none["sound_bytes"].as_u64(), Some(0));
    let (tsr, tokens) = coded(out.path(), &["--audio", "tokens"]);
    assert!((100..1500).contains(&tokens["sound_bytes"].as_u64().unwrap()), "{tokens}");
    let mkv = out.path().join("c.mkv");
    succeeds(tessera(["decode", "-o"]).arg(&mkv).arg(&tsr));
    let seconds =
        sound(&mkv)[0].len() as f64 / f64::from(read(&fs::read(&mkv).unwrap(), &IoLimits::default()).unwrap().rate);
    assert!((seconds - 4.0).abs() < 0.2, "{seconds}");

    // What has no sound says that it is left out.
    let output = tessera(["decode", "-o"]).arg(out.path().join("c.y4m")).arg(&tsr).output().unwrap();
    assert!(output.status.success() && stderr(&output).contains("the sound is left out"), "{}", stderr(&output));
}

#[test]
fn an_excerpt_and_numbered_pictures_are_written() {
    let out = folder();
    let (tsr, _) = coded(out.path(), &["--audio", "none", "--gop", "1"]);
    let mp4 = out.path().join("part.mp4");
    let report = &json(tessera(["decode", "--json", "--time", "1..2", "-o"]).arg(&mp4).arg(&tsr))[0];
    assert_eq!(report["frames"].as_u64(), Some(25));
    assert_eq!(Clip::read(&mp4).unwrap().frames().len(), 25);
    let frames = out.path().join("frames");
    fs::create_dir(&frames).unwrap();
    succeeds(tessera(["decode", "--time", "0..0.2", "-o"]).arg(frames.join("f%03d.png")).arg(&tsr));
    assert_eq!(names(&frames), ["f001.png", "f002.png", "f003.png", "f004.png", "f005.png"]);
}

#[test]
fn a_damaged_video_is_refused_in_one_line_and_leaves_nothing() {
    let out = folder();
    let cut = out.path().join("cut.mp4");
    let whole = fs::read(sample("clip.mp4")).unwrap();
    for length in [40, 700, 4000] {
        fs::write(&cut, &whole[..length]).unwrap();
        for command in ["encode", "tokens"] {
            let line = "it is a damaged video or sound, an MP4 that was cut off";
            fails(tessera([command, "-o"]).arg(out.path().join("x.json")).arg(&cut), 3, line);
        }
        fails(tessera(["encode", "-q", "30", "-o"]).arg(out.path().join("x.tsr")).arg(&cut), 3, "was cut off");
        assert_eq!(names(out.path()), ["cut.mp4"]);
    }
}

#[test]
fn a_video_whose_end_is_missing_is_coded_up_to_there_and_told_so() {
    let out = folder();
    let [cut, tsr] = ["cut.mp4", "cut.tsr"].map(|name| out.path().join(name));
    let whole = fs::read(sample("clip.mp4")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let options = ["encode", "-q", "0", "--effort", "0", "--eighths", "2", "--audio", "none", "--json", "-o"];
    let report = json(tessera(options).arg(&tsr).arg(&cut)).remove(0);
    assert!((20..80).contains(&report["frames"].as_u64().unwrap()), "{report}");
    assert!(report["notes"].to_string().contains("the file was cut off"), "{report}");
}

/// YUV4MPEG2 of 96 x 64 pixels at 25 frames a second: gray, with a square of a luma and two chromas in some frames.
fn door(path: &Path, count: usize, square: impl Fn(usize) -> Option<[u8; 3]>) {
    let mut file = b"YUV4MPEG2 W96 H64 F25:1 Ip A1:1 C444\n".to_vec();
    for n in 0..count {
        file.extend(b"FRAME\n");
        for plane in 0..3 {
            file.extend((0..96 * 64).map(|at| match square(n) {
                Some(colour) if (4..28).contains(&(at / 96)) && (20..44).contains(&(at % 96)) => colour[plane],
                _ if plane == 0 => 60 + (at % 96) as u8 / 2 + (at / 96) as u8 / 2,
                _ => 128,
            }));
        }
    }
    fs::write(path, file).unwrap();
}

/// A folder with the pack `red`, whose graph is that of the video codec's tests.
fn red() -> tempfile::TempDir {
    let folder = folder();
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codecs/video/tests/additions/interest.onnx");
    let mut manifest = "format = 1\nid = \"red\"\nversion = \"1\"\nmodality = \"interest\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\n\
                        card = \"CARD.md\"\n[interest]\ngraph = \"interest.onnx\"\nsize = [32, 32]\nrange = [0.0, 1.0]\nthreshold = 0.15\n\
                        describe = \"something red\"\n"
        .to_owned();
    for (name, data) in [("interest.onnx", fs::read(graph).unwrap()), ("CARD.md", b"# for tests".to_vec())] {
        let digest: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        manifest += &format!("[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len());
        fs::write(folder.path().join(name), data).unwrap();
    }
    fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    folder
}

#[test]
fn what_shows_nothing_new_is_left_out_and_held() {
    const RED: [u8; 3] = [80, 90, 220];
    let out = folder();
    let [clip, tsr, y4m] = ["door.y4m", "door.tsr", "back.y4m"].map(|name| out.path().join(name));
    door(&clip, 36, |n| (12..18).contains(&n).then_some(RED));
    let encode = |more: &[&str]| {
        let options = ["encode", "--json", "--force", "--effort", "1", "--gop", "0.24", "-o"];
        json(tessera(options).arg(&tsr).arg(&clip).args(more)).remove(0)
    };
    let all = encode(&[]);
    let info = || json(tessera(["info", "--json"]).arg(&tsr)).remove(0);
    assert_eq!((&all["frames"], &all["stretches"]), (&value!(36), &Value::Null));
    assert_eq!(
        (&info()["thinned_gops"], &info()["eighths"], &info()["coded"]),
        (&value!(0), &value!(8), &value!([96, 64]))
    );

    // The square comes at the begin of the third stretch and is gone at the begin of the fourth.
    let changes = encode(&["--keep", "changes"]);
    assert_eq!(changes["stretches"], value!({ "whole": 3, "thinned": 0, "dropped": 3 }));
    assert_eq!((&changes["frames"], &changes["duration"]), (&value!(18), &all["duration"]));
    assert!(changes["bytes"].as_u64() < all["bytes"].as_u64());
    assert_eq!(info()["thinned_gops"], value!(2));
    assert!((info()["held"].as_f64().unwrap() - 18.0 * 0.04).abs() < 1e-6, "{}", info());
    let page = String::from_utf8(succeeds(tessera(["info"]).arg(&tsr))).unwrap();
    assert!(page.contains("96 x 64, 8 eighths") && page.contains("2 thinned"), "{page}");
    // YUV4MPEG2 has one rate: what is held is there as often as it is shown.
    succeeds(tessera(["decode", "-o"]).arg(&y4m).arg(&tsr));
    let frames = fs::read(&y4m).unwrap().windows(5).filter(|line| line == b"FRAME").count();
    assert_eq!(frames, 36);

    let models = red();
    let models = models.path().to_str().unwrap();
    let interest = ["--keep", "changes", "--models", models, "--interest", "red"];
    assert_eq!(encode(&interest)["stretches"], value!({ "whole": 1, "thinned": 2, "dropped": 3 }));
    door(&clip, 36, |n| (12..18).contains(&n).then_some([80, 220, 90]));
    assert_eq!(encode(&interest)["stretches"], value!({ "whole": 0, "thinned": 3, "dropped": 3 }));

    let encode = |more: &[&str]| {
        let mut command = tessera(["encode", "--force", "-o"]);
        command.arg(&tsr).arg(&clip).args(more);
        command
    };
    fails(&mut encode(&["--models", models, "--interest", "red"]), 2, "--keep changes");
    fails(&mut encode(&["--keep", "changes", "--interest", "image-f16-2"]), 4, "does not say what is of interest");
    fails(tessera(["encode", "--force", "--keep", "changes", "-o"]).arg(&tsr).arg(sample("face.jpg")), 2, "--keep");
}

#[test]
fn frames_are_painted_by_the_frame_pack_unless_told_otherwise() {
    let out = folder();
    let path = |name: &str| out.path().join(name);
    door(&path("a.y4m"), 3, |_| None);
    succeeds(tessera(["encode", "-q", "30", "--encoder", "image", "-o"]).arg(path("a.tsr")).arg(path("a.y4m")));
    let decoded = |decoder: &[&str]| {
        let back = path("back.y4m");
        succeeds(tessera(["decode", "--force", "-o"]).arg(&back).arg(path("a.tsr")).args(decoder));
        fs::read(back).unwrap()
    };
    let [usual, video, image] = [&[][..], &["--decoder", "video"], &["--decoder", "image"]].map(decoded);
    assert!(usual == video && usual != image && usual.len() == image.len());
    for [command, ending] in [["encode", "tsr"], ["tokens", "npy"]] {
        let to = path(&format!("x.{ending}"));
        fails(tessera([command, "--encoder", "image", "-o"]).arg(to).arg(sample("speech.flac")), 2, "--encoder");
    }
    fails(tessera(["tokens", "--encoder", "image", "-o"]).arg(path("x.npy")).arg(path("a.tsr")), 2, "--encoder");
}

#[test]
fn tokens_of_a_video_are_those_of_its_file() {
    let out = folder();
    let path = |name: &str| out.path().join(name);
    door(&path("a.y4m"), 10, |n| Some([60 + 10 * n as u8, 100, 180]));
    succeeds(tessera(["encode", "-o"]).arg(path("a.tsr")).arg(path("a.y4m")));
    for (file, from) in [("bare.json", "a.y4m"), ("coded.json", "a.tsr")] {
        succeeds(tessera(["tokens", "-o"]).arg(path(file)).arg(path(from)));
    }
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap() };
    let (bare, coded) = (read("bare.json"), read("coded.json"));
    assert_eq!(bare, coded);
    assert_eq!((&bare["axes"], &bare["vocabulary"]), (&value!(["frame", "row", "column", "level"]), &value!(4096)));
    assert_eq!(bare["tokens"].as_array().unwrap().len(), 10);
    assert_eq!(
        (bare["tokens"][9][3].as_array().unwrap().len(), bare["tokens"][9][3][5].as_array().unwrap().len()),
        (6, 1)
    );
    assert_eq!(bare["times"][9], value!(0.36));

    succeeds(tessera(["tokens", "--rung", "2x7", "-o"]).arg(path("a.npy")).arg(path("a.y4m")));
    let array = fs::read(path("a.npy")).unwrap();
    assert!(String::from_utf8_lossy(&array[..128]).contains("(10, 4, 6, 2)"));
    assert_eq!(array.len(), 128 + 2 * 10 * 4 * 6 * 2);
    let text =
        String::from_utf8(succeeds(tessera(["tokens", "--format", "txt", "-o", "-"]).arg(path("a.tsr")))).unwrap();
    assert_eq!((text.lines().count(), text.lines().next().unwrap().split(' ').count()), (10, 24));
    succeeds(tessera(["tokens", "-o"]).arg(path("a.tar")).arg(path("a.tsr")));
    assert!(fs::metadata(path("a.tar")).unwrap().len() > 2048);

    fails(tessera(["tokens", "--depth", "12", "-o"]).arg(path("x.npy")).arg(path("a.y4m")), 2, "--depth");
    fails(tessera(["tokens", "--rung", "1x8", "-o"]).arg(path("x.npy")).arg(path("a.tsr")), 2, "--rung");
    fails(tessera(["tokens", "--reduce", "4", "-o"]).arg(path("x.npy")).arg(sample("speech.flac")), 2, "--reduce");
}

#[test]
fn a_video_is_reduced_to_as_many_tokens_as_asked_for() {
    let out = folder();
    let path = |name: &str| out.path().join(name);
    door(&path("a.y4m"), 12, |n| (n > 4).then_some([60 + 10 * n as u8, 100, 180]));
    let reduce = |count: &str, file: &str, from: &str| {
        let options = ["tokens", "--json", "--force", "--reduce", count, "-o"];
        json(tessera(options).arg(path(file)).arg(path(from))).remove(0)
    };
    let report = reduce("6", "six.json", "a.y4m");
    let reduced = &report["reduced"];
    assert_eq!((&reduced["kept"], &report["frames"]), (&value!(6), &value!(12)));
    let number = |name: &str| reduced[name].as_f64().unwrap();
    assert!((number("ratio") - 12.0 * 24.0 / 6.0).abs() < 1e-9, "{report}");
    assert!((0.1..1.0).contains(&number("explained")), "{report}");
    assert!((number("density") - 100.0 * number("explained") / 6.0).abs() < 1e-9, "{report}");
    let file: Value = serde_json::from_slice(&fs::read(path("six.json")).unwrap()).unwrap();
    assert_eq!((file["codebook"].as_array().unwrap().len(), file["labels"].as_array().unwrap().len()), (6, 12));
    assert_eq!(file["codebook"][0].as_array().unwrap().len(), 16);
    assert_eq!(&file["reduced"], reduced);

    succeeds(tessera(["encode", "-o"]).arg(path("a.tsr")).arg(path("a.y4m")));
    let auto = [reduce("auto", "a.safetensors", "a.y4m"), reduce("auto", "b.safetensors", "a.tsr")];
    for (report, file) in auto.iter().zip(["a.safetensors", "b.safetensors"]) {
        let kept = report["reduced"]["kept"].as_u64().unwrap();
        assert!((2..=64).contains(&kept), "{report}");
        let bytes = fs::read(path(file)).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        assert_eq!(
            (&header["labels"]["shape"], &header["codebook"]["shape"]),
            (&value!([12, 4, 6]), &value!([kept, 16]))
        );
        assert_eq!(bytes.len(), 8 + length + 2 * 12 * 24 + 4 * 16 * kept as usize);
    }
    for count in ["0", "1025", "many"] {
        fails(tessera(["tokens", "--reduce", count, "-o"]).arg(path("x.npy")).arg(path("a.y4m")), 2, "1 to 1024");
    }
    assert!(!path("x.npy").exists());
}

#[test]
fn the_base_layer_is_made_without_a_word_of_its_encoder() {
    let out = folder();
    let clip = out.path().join("a.y4m");
    door(&clip, 12, |n| Some([60 + 10 * n as u8, 100, 180]));
    let output = tessera(["encode", "-o"]).arg(out.path().join("a.tsr")).arg(&clip).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("Svt"), "{}", stderr(&output));
}

#[test]
#[ignore = "needs Chromium: make test-browser"]
fn the_mp4_plays_to_its_end_in_a_browser() {
    let out = folder();
    let (tsr, _) = coded(out.path(), &[]);
    succeeds(tessera(["decode"]).arg(&tsr));
    let page = out.path().join("page.html");
    fs::write(&page, "<!doctype html><title>x</title><video src=\"clip.mp4\"></video>").unwrap();
    let mut browser = Browser::start_with(&["--autoplay-policy=no-user-gesture-required".to_owned()]);
    browser.open(&page, 800);
    let played = browser.eval(
        "new Promise((done) => {
            const video = document.querySelector('video');
            video.onended = () => done([video.videoWidth, video.videoHeight, video.duration,
                video.getVideoPlaybackQuality().totalVideoFrames, video.webkitAudioDecodedByteCount]);
            video.onerror = () => done(video.error.message);
            video.play().catch((error) => done(String(error)));
        })",
    );
    let number = |n: usize| played[n].as_f64().unwrap_or_else(|| panic!("{played}"));
    assert_eq!((number(0), number(1)), (384.0, 216.0));
    assert!((number(2) - 4.0).abs() < 0.1 && number(3) > 50.0 && number(4) > 30_000.0, "{played}");
}
