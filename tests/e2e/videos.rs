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
    fs::write(&cut, &whole[..700]).unwrap();
    fails(tessera(["encode", "-o"]).arg(out.path().join("x.tsr")).arg(&cut), 3, "");
    assert_eq!(names(out.path()), ["cut.mp4"]);
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
