//! Sounds in, a hundred bytes a second out, sounds back: whole, live, and as tokens.

use std::{fs, io::Write, path::Path, process::Stdio};

use serde_json::Value;
use tessera_audio::{
    IoLimits, Sound,
    io::{Depth, read, write_wav},
};

use crate::run::{fails, folder, json, names, sample, stderr, succeeds, tessera};

fn sound(path: &Path) -> Sound {
    read(&fs::read(path).unwrap(), &IoLimits::default()).unwrap()
}

/// The first `samples` samples of the speech sample, as WAV.
fn speech(folder: &Path, samples: usize) -> std::path::PathBuf {
    let mut cut = sound(&sample("speech.flac"));
    cut.channels[0].truncate(samples);
    let path = folder.join("cut.wav");
    fs::write(&path, write_wav(&cut, Depth::Pcm16).unwrap()).unwrap();
    path
}

fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("{key} in {report}"))
}

/// How alike the loudness of two sounds runs, 20 ms by 20 ms: 1 for equal.
fn likeness(one: &[f32], other: &[f32]) -> f64 {
    let levels = |samples: &[f32]| -> Vec<f64> {
        let level = |block: &[f32]| (block.iter().map(|&s| f64::from(s * s)).sum::<f64>() + 1e-4).ln();
        samples.chunks(320).map(level).collect()
    };
    let centred = |levels: Vec<f64>| {
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        levels.into_iter().map(|level| level - mean).collect::<Vec<_>>()
    };
    let (x, y) = (centred(levels(one)), centred(levels(other)));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt()
}

#[test]
fn speech_comes_back_whole_from_about_a_kilobit_a_second() {
    let out = folder();
    let (coded, back) = (out.path().join("s.tsr"), out.path().join("s.wav"));
    let report = &json(tessera(["encode", "--json", "-o"]).arg(&coded).arg(sample("speech.flac")))[0];
    let bytes = fs::metadata(&coded).unwrap().len() as f64;
    assert_eq!(number(report, "bytes"), bytes);
    assert!(8.0 * bytes / 9.3415 < 1000.0, "{bytes} bytes for 9.3 seconds");
    succeeds(tessera(["decode"]).arg(&coded));
    let (original, decoded) = (sound(&sample("speech.flac")), sound(&back));
    assert_eq!((decoded.rate, decoded.len()), (16_000, original.len()));
    let alike = likeness(&original.channels[0], &decoded.channels[0]);
    assert!(alike > 0.9, "{alike}");
}

#[test]
fn other_rates_and_stereo_come_back_as_they_were() {
    let out = folder();
    let coded = out.path().join("m.tsr");
    let report = &json(tessera(["encode", "--json", "-o"]).arg(&coded).arg(sample("music.flac")))[0];
    assert_eq!((number(report, "rate"), number(report, "channels")), (44_100.0, 2.0));
    for (name, extra, rate) in [("m.flac", None, 44_100), ("n.wav", Some("--model-rate"), 16_000)] {
        let path = out.path().join(name);
        succeeds(tessera(["decode", "-o"]).arg(&path).arg(&coded).args(extra));
        let decoded = sound(&path);
        assert_eq!((decoded.rate, decoded.channels.len()), (rate, 2));
        assert_eq!(decoded.len(), if rate == 44_100 { 220_500 } else { 80_000 });
    }
    let mono = out.path().join("mono.tsr");
    succeeds(tessera(["encode", "--stereo", "mono", "-o"]).arg(&mono).arg(sample("music.flac")));
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert!(size(&mono) < size(&coded));
    assert_eq!(json(tessera(["info", "--json"]).arg(&mono))[0]["channels"], 1);
}

#[test]
fn fewer_bits_of_a_token_make_a_smaller_file() {
    let out = folder();
    let cut = speech(out.path(), 32_000);
    let size = |depth: &str| {
        let path = out.path().join(format!("{depth}.tsr"));
        succeeds(tessera(["encode", "--depth", depth, "-o"]).arg(&path).arg(&cut));
        fs::metadata(path).unwrap().len()
    };
    let sizes = ["6", "9", "12"].map(size);
    assert!(sizes.is_sorted() && sizes[0] < sizes[2], "{sizes:?}");
}

#[test]
fn a_folder_of_pictures_and_sounds_keeps_them_apart() {
    let out = folder();
    let (mixed, coded, back) = (out.path().join("in"), out.path().join("tsr"), out.path().join("back"));
    fs::create_dir(&mixed).unwrap();
    fs::copy(sample("text.png"), mixed.join("picture.png")).unwrap();
    // Told by content: names say what they like.
    fs::copy(sample("text.png"), mixed.join("disguised.wav")).unwrap();
    fs::copy(speech(out.path(), 16_000), mixed.join("speech.wav")).unwrap();
    succeeds(tessera(["encode", "--bpp", "0.1", "-o"]).arg(&coded).arg(&mixed));
    succeeds(tessera(["decode", "--format", "webp", "-o"]).arg(&back).arg(&coded));
    assert_eq!(names(&back), ["disguised.webp", "picture.webp", "speech.wav"]);
}

#[test]
fn a_pipe_carries_a_live_stream_and_gives_back_every_sample() {
    let out = folder();
    let (live, whole) = (out.path().join("live.tsr"), out.path().join("whole.wav"));
    let original = speech(out.path(), 50_000);
    let piped = |arguments: &[&str], bytes: &[u8]| {
        let mut child = tessera(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
        let writer = std::thread::spawn(move || bytes.chunks(997).try_for_each(|piece| input.write_all(piece)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    let stream = piped(&["stream", "encode", "-"], &fs::read(&original).unwrap());
    let heard = piped(&["stream", "decode", "-"], &stream);
    let decoded = read(&heard, &IoLimits::default()).unwrap();
    assert_eq!((decoded.rate, decoded.len()), (16_000, 50_000));
    // What was kept is a file like any other, with the same samples.
    fs::write(&live, &stream).unwrap();
    succeeds(tessera(["decode", "-o"]).arg(&whole).arg(&live));
    assert_eq!(sound(&whole), decoded);
    let info = &json(tessera(["info", "--json"]).arg(&live))[0];
    assert_eq!((&info["live"], &info["complete"]), (&Value::Bool(true), &Value::Bool(true)));
    // Bare samples in and out are the same sound.
    let raw: Vec<u8> = fs::read(&original).unwrap()[44..].to_vec();
    assert_eq!(piped(&["stream", "encode", "--raw", "16000"], &raw), stream);
    assert_eq!(piped(&["stream", "decode", "--raw"], &stream), heard[44..]);
}

#[test]
fn a_packet_is_out_before_the_next_sound_comes_in() {
    use std::{io::Read, sync::mpsc, thread, time::Duration};
    let mut child = tessera(["stream", "encode", "--raw", "16000", "--packet-ms", "100"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (told, came) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut block = [0; 1024];
        while let Ok(read @ 1..) = output.read(&mut block) {
            if told.send(read).is_err() {
                break;
            }
        }
    });
    for second in 0..3 {
        input.write_all(&vec![second; 2 * 16_000]).unwrap();
        input.flush().unwrap();
        assert!(came.recv_timeout(Duration::from_secs(60)).is_ok(), "nothing came of second {second}");
        while came.try_recv().is_ok() {}
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn a_stream_without_its_end_is_told_and_what_came_is_kept() {
    let out = folder();
    let (live, heard) = (out.path().join("live.tsr"), out.path().join("heard.wav"));
    succeeds(tessera(["stream", "encode"]).arg(speech(out.path(), 48_000)).arg("-o").arg(&live));
    let bytes = fs::read(&live).unwrap();
    fs::write(&live, &bytes[..bytes.len() * 2 / 3]).unwrap();
    fails(tessera(["stream", "decode"]).arg(&live).arg("-o").arg(&heard), 3, "closing packet");
    let kept = sound(&heard).len();
    assert!((16_000..48_000).contains(&kept), "{kept}");
    fails(tessera(["decode"]).arg(&live), 3, "--salvage");
    succeeds(tessera(["decode", "--salvage", "-o"]).arg(out.path().join("s.wav")).arg(&live));
    // Files that exist are not written over.
    fails(tessera(["stream", "decode"]).arg(&live).arg("-o").arg(&heard), 1, "--force");
}

#[test]
fn lost_packets_leave_the_length_as_it_was() {
    let out = folder();
    let (live, heard, hurt) = (out.path().join("live.tsr"), out.path().join("heard.wav"), out.path().join("hurt.wav"));
    succeeds(tessera(["stream", "encode", "--packet-ms", "50"]).arg(speech(out.path(), 64_000)).arg("-o").arg(&live));
    succeeds(tessera(["stream", "decode"]).arg(&live).arg("-o").arg(&heard));
    succeeds(tessera(["stream", "decode", "--lose", "40", "--seed", "3"]).arg(&live).arg("-o").arg(&hurt));
    let (whole, holes) = (sound(&heard), sound(&hurt));
    assert_eq!((whole.len(), holes.len()), (64_000, 64_000));
    let alike = likeness(&whole.channels[0], &holes.channels[0]);
    assert!((0.5..0.99).contains(&alike), "{alike}");
}

#[test]
fn tokens_go_out_in_every_format_and_come_back_as_the_same_sound() {
    let out = folder();
    let cut = speech(out.path(), 20_000);
    let path = |name: &str| out.path().join(name);
    succeeds(tessera(["encode", "-o"]).arg(path("c.tsr")).arg(&cut));
    succeeds(tessera(["decode", "-o"]).arg(path("c.wav")).arg(path("c.tsr")));
    let object: Value = serde_json::from_slice(&succeeds(tessera(["tokens", "-o", "-"]).arg(path("c.tsr")))).unwrap();
    let tokens = object["tokens"][0].as_array().unwrap();
    assert_eq!(tokens.len(), 2 * (20_000 + 640 + 400 - 200usize).div_ceil(200));
    assert!(tokens.iter().all(|token| token.as_u64().unwrap() < object["vocabulary"].as_u64().unwrap()));
    assert_eq!((&object["rate"], &object["hop"], &object["samples"]), (&16_000.into(), &200.into(), &20_000.into()));
    for form in ["jsonl", "npy", "safetensors", "txt", "tar"] {
        let (file, wav) = (path(&format!("t.{form}")), path(&format!("{form}.wav")));
        succeeds(tessera(["tokens", "--offset", "100000", "-o"]).arg(&file).arg(path("c.tsr")));
        let said = ["--samples", "20000", "--offset", "100000", "--force", "-o"];
        succeeds(tessera(["detokenize"]).args(said).arg(&wav).arg(&file));
        assert_eq!(fs::read(&wav).unwrap(), fs::read(path("c.wav")).unwrap(), "{form}");
    }
    let failure = fails(tessera(["detokenize", "-o"]).arg(path("x.wav")).arg(path("t.txt")), 3, "--offset");
    assert!(failure.contains("token 10"), "{failure}");
}

#[test]
fn a_folder_of_tokens_goes_on_where_it_was() {
    let out = folder();
    let (inputs, tokens) = (out.path().join("in/deep"), out.path().join("tokens"));
    fs::create_dir_all(&inputs).unwrap();
    for name in ["a.wav", "b.wav"] {
        fs::copy(speech(out.path(), 8_000), inputs.join(name)).unwrap();
    }
    let run = || {
        let options = ["tokens", "--format", "npy", "--skip-existing", "--json", "-o"];
        json(tessera(options).arg(&tokens).arg(out.path().join("in"))).len()
    };
    assert_eq!(run(), 2);
    assert_eq!(names(&tokens.join("deep")), ["a.npy", "b.npy"]);
    fs::remove_file(tokens.join("deep/b.npy")).unwrap();
    assert_eq!(run(), 1);
}

#[test]
fn shards_hold_every_sound_and_go_on_where_they_were() {
    let out = folder();
    let path = |name: &str| out.path().join(name);
    fs::create_dir_all(path("in/deep")).unwrap();
    for (samples, name) in [(4_000, "a.b.wav"), (6_000, "c.wav"), (8_000, "deep/a.wav")] {
        fs::copy(speech(out.path(), samples), path("in").join(name)).unwrap();
    }
    fs::write(path("in/broken.wav"), b"RIFF").unwrap();
    let shards = |folder: &str, jobs: &str| {
        let options = ["tokens", "--format", "tar", "--shard", "2", "--skip-existing", "--json", "-j", jobs, "-o"];
        let said = tessera(options).arg(path(folder)).arg(path("in")).output().unwrap();
        assert!([Some(0), Some(3)].contains(&said.status.code()), "{}", stderr(&said));
        String::from_utf8(said.stdout).unwrap().lines().count()
    };
    assert_eq!((shards("one", "1"), shards("two", "2")), (4, 4));
    assert_eq!(names(&path("one")), ["000000.tar", "000001.tar"]);
    let bytes = |name: &str| fs::read(path(name)).unwrap();
    let (first, second) = (bytes("one/000000.tar"), bytes("one/000001.tar"));
    assert!((&first, &second) == (&bytes("two/000000.tar"), &bytes("two/000001.tar")), "shards depend on the workers");
    fs::remove_file(path("one/000001.tar")).unwrap();
    assert_eq!(shards("one", "1"), 2);
    assert_eq!(bytes("one/000001.tar"), second);
    succeeds(tessera(["detokenize", "-o"]).arg(path("back")).arg(path("one")));
    assert_eq!(names(&path("back")), ["a_b.wav", "c.wav", "deep"]);
    assert_eq!(sound(&path("back/deep/a.wav")).len(), 8_000);
    // One archive of all, by its name; what is in it is what the shards hold, in their order.
    fs::remove_file(path("in/broken.wav")).unwrap();
    succeeds(tessera(["tokens", "-o"]).arg(path("all.tar")).arg(path("in")));
    let members = |bytes: &[u8]| bytes[..bytes.len() - 1024].to_vec();
    assert_eq!(members(&bytes("all.tar")), [members(&first), members(&second)].concat());
    fails(tessera(["detokenize"]).arg(path("all.tar")), 2, "-o");
    fs::copy(path("in/c.wav"), path("in/a_b.wav")).unwrap();
    fails(tessera(["tokens", "--force", "-o"]).arg(path("all.tar")).arg(path("in")), 2, "a_b");
}

#[test]
fn stats_prints_every_method_for_sounds_too() {
    let out = folder();
    let coded = out.path().join("s.tsr");
    succeeds(tessera(["encode", "-o"]).arg(&coded).arg(sample("speech.flac")));
    let of = |path: &Path| json(tessera(["stats", "--json"]).arg(path)).remove(0);
    let (fresh, file) = (of(&sample("speech.flac")), of(&coded));
    let bits = |report: &Value, name: &str| {
        let methods = report["methods"].as_array().unwrap();
        methods.iter().find(|method| method["method"] == name).unwrap()["bits_per_token"].as_f64().unwrap()
    };
    assert_eq!((&fresh["medium"], bits(&fresh, "log2 K")), (&"sound".into(), 8.5));
    assert_eq!(bits(&fresh, "prior, written"), bits(&file, "prior, written"));
    assert!(bits(&file, "prior, written") < bits(&file, "order 0, adaptive"));
    let info = &json(tessera(["info", "--json"]).arg(&coded))[0];
    assert_eq!(8.0 * number(info, "token_bytes") / number(info, "tokens"), bits(&file, "prior, written"));
    let mixed = tessera(["stats"]).arg(&coded).arg(sample("text.png")).output().unwrap();
    assert!(stderr(&mixed).contains("a picture in a table of sounds"), "{}", stderr(&mixed));
}

#[test]
fn hostile_sounds_and_streams_end_in_one_line() {
    let out = folder();
    let put = |name: &str, bytes: &[u8]| {
        let path = out.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let wav = write_wav(&Sound::mono(16_000, vec![0.5; 4000]), Depth::Float32).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut hurt = wav.clone();
        hurt[at..at + bytes.len()].copy_from_slice(bytes);
        hurt
    };
    let cases = [
        ("nan.wav", with(wav.len() - 4, &f32::NAN.to_le_bytes()), "not finite"),
        ("fast.wav", with(24, &u32::MAX.to_le_bytes()), "samples per second"),
        ("still.wav", with(24, &0u32.to_le_bytes()), "samples per second"),
        ("many.wav", with(22, &32u16.to_le_bytes()), "channel"),
        ("short.wav", wav[..wav.len() - 4000].to_vec(), "too early"),
        ("empty.wav", wav[..44].to_vec(), ""),
        ("noise.mp3", [b"\xff\xfb\x90\x64".to_vec(), vec![0x5a; 5000]].concat(), ""),
    ];
    for (name, bytes, says) in cases {
        let path = put(name, &bytes);
        let line = fails(tessera(["encode", "-o"]).arg(out.path().join("x.tsr")).arg(&path), 3, says);
        assert!(line.contains(name), "{line}");
    }
    assert!(!out.path().join("x.tsr").exists());
    let letter = put("letter.txt", b"Dear all");
    fails(tessera(["encode", "-o", "-"]).arg(&letter), 3, "WAV");
    fails(tessera(["stream", "encode"]).arg(&letter).arg("-o").arg(out.path().join("y.tsr")), 3, "WAV");
    fails(tessera(["stream", "decode"]).arg(&letter).arg("-o").arg(out.path().join("y.wav")), 3, "");
    fails(tessera(["detokenize", "-o"]).arg(out.path().join("z.wav")).arg(&letter), 3, "tokens");
    fails(tessera(["stream", "encode", "--raw", "3", "-o"]).arg(out.path().join("q.tsr")).arg(&letter), 2, "3 ");
}

#[test]
fn options_of_the_other_medium_are_refused_for_one_file() {
    let out = folder();
    let to = out.path().join("x.tsr");
    fails(tessera(["encode", "--bpp", "0.1", "-o"]).arg(&to).arg(sample("speech.flac")), 2, "--depth");
    fails(tessera(["encode", "--depth", "8", "-o"]).arg(&to).arg(sample("text.png")), 2, "--bpp");
    let packs = json(&mut tessera(["models", "list", "--json"]));
    let ids = packs.iter().map(|pack| pack["id"].as_str().unwrap());
    let pictures = ids.clone().find(|id| id.starts_with("image")).unwrap();
    let line = tessera(["encode", "--pack", pictures, "-o"]).arg(&to).arg(sample("speech.flac")).output().unwrap();
    assert_eq!(line.status.code(), Some(4));
    assert!(stderr(&line).contains("does not code sounds"), "{}", stderr(&line));
    succeeds(tessera(["encode", "-o"]).arg(&to).arg(speech(out.path(), 8000)));
    fails(tessera(["decode", "-o"]).arg(out.path().join("x.png")).arg(&to), 2, ".wav");
}

#[test]
fn loss_prints_a_line_for_every_share_and_way_of_packing_at_one_rate() {
    let rows = json(
        tessera(["loss", "--json", "--percent", "0,30", "--interleave", "1,2", "--repeat", "0", "--bps", "2000"])
            .arg(sample("speech.flac")),
    );
    assert_eq!(rows.len(), 4);
    let stoi = |row: &Value| row["metrics"].as_array().unwrap()[1][1].as_f64().unwrap();
    let drop = |n: usize| stoi(&rows[n]) - stoi(&rows[n + 1]);
    assert!(stoi(&rows[0]) > 0.75 && drop(0) > 0.03 && drop(2) < drop(0), "{rows:?}");
    assert!(number(&rows[1], "lost") > 0.2 * number(&rows[1], "packets"));
    assert!(rows.iter().all(|row| (number(row, "kbit_per_second") / 2.0 - 1.0).abs() < 0.02), "{rows:?}");
    assert_eq!([0, 2].map(|n| number(&rows[n], "delay_ms")), [50.0, 100.0]);
}

#[test]
fn the_rate_that_is_announced_is_that_of_the_file() {
    let out = folder();
    let (live, file) = (out.path().join("live.tsr"), out.path().join("file.tsr"));
    let whole = speech(out.path(), 144_000);
    succeeds(tessera(["stream", "encode", "--bps", "500", "-o"]).arg(&live).arg(&whole));
    succeeds(tessera(["encode", "--bps", "450", "-o"]).arg(&file).arg(&whole));
    for (path, rate) in [(&live, 500.0), (&file, 450.0)] {
        let report = &json(tessera(["info", "--json"]).arg(path))[0];
        let measured = 8.0 * fs::metadata(path).unwrap().len() as f64 / 9.0;
        assert!((number(report, "bits_per_second") / measured - 1.0).abs() < 0.001);
        assert!((measured / rate - 1.0).abs() <= 0.02, "{measured} for {rate}");
    }
    assert_eq!(number(&json(tessera(["info", "--json"]).arg(&live))[0], "announced_bits_per_second"), 500.0);
    // What cannot be kept is told.
    let told = tessera(["stream", "encode", "--bps", "5000", "-o"])
        .arg(out.path().join("rich.tsr"))
        .arg(&whole)
        .output()
        .unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("5000 bit/s are announced"), "{told}");
    fails(
        tessera(["encode", "--bps", "20", "-o"]).arg(out.path().join("x.tsr")).arg(sample("speech.flac")),
        2,
        "higher rate",
    );
}

#[test]
fn a_part_of_a_sound_is_decoded_alone() {
    let out = folder();
    let (coded, live) = (out.path().join("c.tsr"), out.path().join("l.tsr"));
    let cut = speech(out.path(), 98_000);
    succeeds(tessera(["encode", "-o"]).arg(&coded).arg(&cut));
    succeeds(tessera(["stream", "encode", "-o"]).arg(&live).arg(&cut));
    for path in [&coded, &live] {
        for (time, samples) in [("1..2.5", 24_000), ("..0.5", 8_000), ("5..", 18_000)] {
            let part = out.path().join("part.wav");
            succeeds(tessera(["decode", "--force", "--time", time, "-o"]).arg(&part).arg(path));
            assert_eq!(sound(&part).len(), samples, "{time}");
        }
        fails(tessera(["decode", "--time", "7..8", "-o"]).arg(out.path().join("x.wav")).arg(path), 3, "earlier part");
        fails(tessera(["decode", "--time", "3..2", "-o"]).arg(out.path().join("x.wav")).arg(path), 2, "A before B");
    }
}

#[test]
fn eval_measures_speech_and_shows_it() {
    let out = folder();
    let report = out.path().join("report");
    let cut = speech(out.path(), 40_000);
    succeeds(tessera(["eval", "--depths", "6,12", "--gallery", "1", "-o"]).arg(&report).arg(&cut));
    let cells = fs::read_to_string(report.join("cells.csv")).unwrap();
    assert!(cells.starts_with("file,codec,step,rate,seconds,bytes,kbps,"), "{cells}");
    assert_eq!(cells.lines().filter(|line| line.contains("tessera")).count(), 2);
    let page = fs::read_to_string(report.join("index.html")).unwrap();
    assert!(page.matches("<audio controls").count() >= 3 && page.contains("Spectrogram of"));
    assert!(page.contains("opus") && page.contains("kilobits per second") && !page.contains("bits per pixel"));
    assert!(report.join("plots/pesq.svg").is_file() && report.join("results/tessera.json").is_file());
    let silence = out.path().join("silence.wav");
    fs::write(&silence, write_wav(&Sound::mono(16_000, vec![0.0; 16_000]), Depth::Pcm16).unwrap()).unwrap();
    let again = ["eval", "--depths", "6,12", "--gallery", "1", "-o"];
    let said = tessera(again).arg(&report).args([&cut, &silence]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(stderr(&said).contains("silence.wav: it is silent"), "{}", stderr(&said));
    let both = tessera(["eval", "-o"]).arg(out.path().join("r")).arg(&cut).arg(sample("text.png")).output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{}", stderr(&both));
}
