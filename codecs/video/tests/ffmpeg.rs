//! Video files through FFmpeg's libraries: what goes in comes out, at the same times, with the same sound.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use tessera_video::io::track::{Pcm, SoundTrack};
use tessera_video::io::{Coding, Format, IoLimits, ReadOptions, WriteOptions, create, open};
use tessera_video::{Frame, Rational, StreamInfo};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/clip.mp4")
}

fn info(width: u32, height: u32, time_base: (u32, u32)) -> StreamInfo {
    StreamInfo {
        width,
        height,
        time_base: Rational { num: time_base.0, den: time_base.1 },
        frame_rate: Some(Rational { num: 25, den: 1 }),
        frames: None,
        duration: None,
    }
}

/// A red field from the left, wider in every frame, on gray.
fn picture(width: u32, height: u32, n: usize) -> Vec<u8> {
    let edge = (4 + 2 * n as u32).min(width);
    (0..width * height).flat_map(|at| if at % width < edge { [200, 30, 40] } else { [120, 120, 120] }).collect()
}

fn write(path: &Path, info: &StreamInfo, times: &[i64], end: i64, options: WriteOptions) -> Vec<String> {
    let mut sink = create(path, info, options).unwrap();
    for (n, &time) in times.iter().enumerate() {
        sink.write_frame(&Frame { rgb: picture(info.width, info.height, n), time }).unwrap();
    }
    sink.finish(end).unwrap();
    sink.notes()
}

/// All frames, what ended them, and what was noted.
fn read(path: &Path) -> (StreamInfo, Vec<Frame>, Option<String>, Vec<String>) {
    let mut source = open(path, &ReadOptions::default()).unwrap();
    let info = source.info().clone();
    let mut frames = Vec::new();
    loop {
        match source.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (info, frames, None, source.notes()),
            Err(error) => {
                assert_eq!(source.next_frame().unwrap(), None, "after an error there is nothing");
                return (info, frames, Some(error.to_string()), source.notes());
            }
        }
    }
}

fn distance(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    (sum / a.len() as f64).sqrt()
}

#[test]
fn the_sample_is_read_frame_by_frame_with_its_sound() {
    let (info, frames, error, notes) = read(&sample());
    assert_eq!((info.width, info.height, info.frames), (384, 216, Some(100)));
    assert_eq!(info.frame_rate, Some(Rational { num: 25, den: 1 }));
    assert_eq!((frames.len(), error, notes), (100, None, Vec::new()));
    let step = i64::from(info.time_base.den) / (25 * i64::from(info.time_base.num));
    assert!(frames.iter().enumerate().all(|(n, frame)| frame.time == n as i64 * step));
    assert_eq!(info.duration, Some(100 * step));

    let track = SoundTrack::of_file(&sample(), &IoLimits::default()).unwrap().unwrap();
    let about = track.info().unwrap();
    assert_eq!((about.codec.as_str(), about.channels, about.rate), ("aac", 2, 48_000));
    assert!((about.seconds - 4.0).abs() < 0.05, "{}", about.seconds);
    let pcm = track.to_pcm(&IoLimits::default()).unwrap();
    let seconds = pcm.channels[0].len() as f64 / f64::from(pcm.rate);
    assert!((seconds - 4.0).abs() < 0.05 && pcm.channels.len() == 2, "{seconds}");
    assert!(pcm.channels[0].iter().any(|sample| sample.abs() > 0.01));
}

#[test]
fn uneven_times_come_back_exactly_from_mp4_and_to_the_millisecond_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let times = [0, 1001, 3003, 3503, 9009, 10_010];
    for (name, exact) in [("a.mp4", true), ("a.mkv", false), ("a.webm", false)] {
        let path = folder.path().join(name);
        write(&path, &info(64, 48, (1, 30_000)), &times, 12_012, WriteOptions::default());
        let (info, frames, error, _) = read(&path);
        assert_eq!(error, None);
        let seconds = |frame: &Frame| frame.time as f64 * f64::from(info.time_base.num) / f64::from(info.time_base.den);
        let slack = if exact { 1e-9 } else { 0.000_6 };
        let times: Vec<f64> = times.iter().map(|&time| time as f64 / 30_000.0).collect();
        assert_eq!(frames.len(), times.len(), "{name}");
        for (n, (frame, time)) in frames.iter().zip(&times).enumerate() {
            assert!((seconds(frame) - time).abs() < slack, "{name}, frame {n}: {} for {time}", seconds(frame));
            assert!(distance(&frame.rgb, &picture(64, 48, n)) < 12.0, "{name}, frame {n}");
        }
        let duration = info.duration.unwrap() as f64 * f64::from(info.time_base.num) / f64::from(info.time_base.den);
        assert!((duration - 12_012.0 / 30_000.0).abs() < 0.02, "{name}: {duration}");
    }
}

#[test]
fn odd_sides_grow_by_a_pixel_at_most() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [("a.mp4", (34, 18)), ("a.webm", (33, 17))] {
        let path = folder.path().join(name);
        write(&path, &info(33, 17, (1, 25)), &[0, 1, 2], 3, WriteOptions::default());
        let (info, frames, _, _) = read(&path);
        assert_eq!(((info.width, info.height), frames.len()), (size, 3), "{name}");
    }
}

#[test]
fn sound_passes_through_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = IoLimits::default();
    let track = SoundTrack::of_file(&sample(), &limits).unwrap().unwrap();
    let travelled = SoundTrack::from_bytes(track.as_bytes().to_vec()).unwrap();
    let path = folder.path().join("a.mp4");
    let times: Vec<i64> = (0..100).map(|n| n * 40).collect();
    let options = WriteOptions { sound: Some(travelled), ..Default::default() };
    assert!(write(&path, &info(64, 48, (1, 1000)), &times, 4000, options).is_empty());
    let back = SoundTrack::of_file(&path, &limits).unwrap().unwrap();
    assert_eq!(back.to_pcm(&limits).unwrap(), track.to_pcm(&limits).unwrap());
    assert_eq!(back.as_bytes().len(), track.as_bytes().len());

    // Matroska keeps the same packets; WebM's players expect another codec.
    let path = folder.path().join("a.mkv");
    let options = WriteOptions { sound: Some(track.clone()), ..Default::default() };
    assert!(write(&path, &info(64, 48, (1, 1000)), &times, 4000, options).is_empty());
    let back = SoundTrack::of_file(&path, &limits).unwrap().unwrap().to_pcm(&limits).unwrap();
    let original = track.to_pcm(&limits).unwrap();
    assert!(original.channels[0].len().abs_diff(back.channels[0].len()) <= 1024);
    let path = folder.path().join("a.webm");
    let options = WriteOptions { sound: Some(track), ..Default::default() };
    let notes = write(&path, &info(64, 48, (1, 1000)), &times, 4000, options);
    assert!(notes[0].contains("coded anew"), "{notes:?}");
    let back = SoundTrack::of_file(&path, &limits).unwrap().unwrap();
    assert!(
        ["opus", "libopus", "vorbis", "libvorbis"].contains(&back.info().unwrap().codec.as_str()),
        "{:?}",
        back.info()
    );
}

#[test]
fn an_excerpt_has_the_sound_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let limits = IoLimits::default();
    // One second of silence, then a tone.
    let tone = |n: usize| if n < 24_000 { 0.0 } else { 0.5 * (n as f32 * 0.1).sin() };
    let pcm = Pcm { rate: 24_000, channels: vec![(0..72_000).map(tone).collect()] };
    let track = SoundTrack::from_pcm(&pcm, Format::Mp4).unwrap();
    let loud = |path: &Path| -> (f64, f64) {
        let pcm = SoundTrack::of_file(path, &limits).unwrap().unwrap().to_pcm(&limits).unwrap();
        let first = pcm.channels[0].iter().position(|sample| sample.abs() > 0.1).unwrap_or(pcm.channels[0].len());
        (first as f64 / 24_000.0, pcm.channels[0].len() as f64 / 24_000.0)
    };
    let whole = folder.path().join("whole.mp4");
    let times: Vec<i64> = (0..75).collect();
    let options = WriteOptions { sound: Some(track.clone()), ..Default::default() };
    write(&whole, &info(32, 32, (1, 25)), &times, 75, options);
    let (first, length) = loud(&whole);
    assert!((first - 1.0).abs() < 0.01 && (length - 3.0).abs() < 0.1, "{first} of {length}");

    let part = folder.path().join("part.mp4");
    let options = WriteOptions { sound: Some(track), sound_start: 15, sound_stop: Some(50), ..Default::default() };
    write(&part, &info(32, 32, (1, 25)), &times[..35], 35, options);
    let (info, frames, _, _) = read(&part);
    assert_eq!((frames.len(), frames[0].time), (35, 0), "{info:?}");
    let (first, length) = loud(&part);
    assert!((first - 0.4).abs() < 0.06 && (length - 1.4).abs() < 0.1, "{first} of {length}");
}

#[test]
fn turned_and_stretched_videos_are_upright_and_square() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let coding = Coding::new("libx264", &[("crf", "10"), ("x264-params", "sar=2/1")]);
    write(&path, &info(64, 32, (1, 25)), &[0, 1], 2, WriteOptions { coding: Some(coding), ..Default::default() });
    let (upright, frames, _, _) = read(&path);
    assert_eq!((upright.width, upright.height), (128, 32));
    let pixel = |frame: &Frame, width: u32, x: u32, y: u32| -> [u8; 3] {
        let at = 3 * (y * width + x) as usize;
        frame.rgb[at..at + 3].try_into().unwrap()
    };
    let is_red = |pixel: [u8; 3]| pixel[0] > 150 && pixel[1] < 90;
    assert!(is_red(pixel(&frames[0], 128, 2, 16)) && !is_red(pixel(&frames[0], 128, 100, 16)));

    // A turn by 90 degrees clockwise, as phones write it: the track header's matrix.
    let mut bytes = std::fs::read(&path).unwrap();
    let header = bytes.windows(4).position(|word| word == b"tkhd").unwrap();
    let one = 0x10000i32;
    for (n, value) in [0, one, 0, -one, 0, 0, 0, 0, 0x4000_0000].into_iter().enumerate() {
        let at = header + 4 + 40 + 4 * n;
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let (turned, frames, _, _) = read(&path);
    assert_eq!((turned.width, turned.height), (32, 128));
    assert!(is_red(pixel(&frames[0], 32, 16, 2)) && !is_red(pixel(&frames[0], 32, 16, 100)), "left is above now");
}

#[test]
fn damage_costs_what_it_hits_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(sample()).unwrap();
    let path = folder.path().join("damaged.mp4");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 3000].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let (_, frames, _, notes) = read(&path);
    assert!(frames.len() >= 60 && frames.len() <= 100, "{}", frames.len());
    assert!(frames.windows(2).all(|pair| pair[0].time < pair[1].time));
    assert!(frames.len() == 100 || !notes.is_empty());

    // MP4 with its index in front is good up to where it is cut.
    std::fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let (_, frames, _, _) = read(&path);
    assert!((40..100).contains(&frames.len()), "{}", frames.len());
}

#[test]
fn what_is_no_video_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mp4");
    let said = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path, &ReadOptions::default()).err().unwrap().to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    assert!(said(b"").contains("empty"));
    assert!(said(b"Dear all, this is a letter and no video.").contains("cannot read it"));
    assert!(said(&std::fs::read(sample()).unwrap()[..600]).contains("cannot read it"));
    let music = std::fs::read(sample().with_file_name("music.flac")).unwrap();
    assert!(said(&music).contains("no moving pictures"));
    // A playlist that names other files opens none of them.
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{}\n#EXT-X-ENDLIST\n", sample().display());
    std::fs::write(&path, &list).unwrap();
    assert!(open(&path, &ReadOptions::default()).is_err());
    let limits = IoLimits { max_pixels: 1000, ..Default::default() };
    let error = open(&sample(), &ReadOptions { limits, ..Default::default() }).err().unwrap().to_string();
    assert!(error.contains("the limit of 1000 pixels"), "{error}");
    let tight = IoLimits { max_sound: 1000, ..Default::default() };
    let error = SoundTrack::of_file(&sample(), &tight).unwrap_err().to_string();
    assert!(error.contains("--audio"), "{error}");
}

#[test]
fn a_video_without_frames_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = create(&folder.path().join("a.mp4"), &info(32, 32, (1, 25)), WriteOptions::default()).unwrap();
    assert!(sink.finish(0).unwrap_err().to_string().contains("no frames"));
}
