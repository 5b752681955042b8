//! Frames go in and come back, each at its time.

use tessera_core::Rung;
use tessera_video::{DecodeOptions, EncodeOptions, Error, Networks, Target, inspect};

use crate::fixture::*;

const FINE: EncodeOptions = EncodeOptions {
    target: Target::Rung { rung: Rung { levels: 2, depth: 12 }, lambda: Some(0.05) },
    eighths: None,
    gop_seconds: 4.0,
    effort: 2,
    sticky: true,
    encoder: Networks::Best,
};

#[test]
fn frames_come_back_alike_at_their_times() {
    let mut clip = Clip::pan(7);
    // Frames need not come evenly.
    for (frame, time) in clip.frames.iter_mut().zip([-7, -3, 1, 2, 40, 44, 48]) {
        frame.time = time;
    }
    let (bytes, encoded) = encode(&clip, &FINE);
    assert_eq!(encoded.frames, 7);
    let (kept, decoded) = decode(&bytes, &DecodeOptions::default()).unwrap();
    let times: Vec<i64> = kept.frames.iter().map(|frame| frame.time).collect();
    assert_eq!(times, [0, 4, 8, 9, 47, 51, 55]);
    assert_eq!(kept.end, Some(59));
    assert!((decoded.seconds - 0.59).abs() < 1e-9);
    for (frame, was) in kept.frames.iter().zip(&clip.frames) {
        assert!(error(&frame.rgb, &was.rgb) < 400.0, "{}", error(&frame.rgb, &was.rgb));
    }
}

#[test]
fn files_and_frames_do_not_depend_on_threads() {
    let clip = Clip::cut(6, 6);
    let options = EncodeOptions { gop_seconds: 0.2, ..FINE };
    let (one, _) = encode_with(&new_codec(1), &clip, &options).unwrap();
    let (four, _) = encode_with(&new_codec(4), &clip, &options).unwrap();
    assert_eq!(one, four);
    let plain = DecodeOptions::default();
    let (first, _) = decode_with(&new_codec(1), &one, &plain).unwrap();
    let (second, _) = decode_with(&new_codec(3), &one, &plain).unwrap();
    assert_eq!(first.frames, second.frames);
}

#[test]
fn any_size_and_scale_and_a_single_frame() {
    for (size, eighths) in [((1, 1), None), ((17, 3), Some(3)), ((50, 33), Some(4)), ((33, 50), Some(6))] {
        let rgb = crop(&photo("face.jpg"), (80, 60), size);
        let clip = Clip::new(size, [rgb.clone()]);
        let (bytes, encoded) = encode(&clip, &EncodeOptions { eighths, ..FINE });
        assert_eq!((encoded.frames, encoded.gops), (1, 1));
        let said = inspect(&bytes, &Default::default(), false).unwrap();
        assert_eq!((said.info.width, said.info.height, said.frames), (size.0, size.1, 1));
        let (kept, _) = decode(&bytes, &DecodeOptions::default()).unwrap();
        assert!(error(&kept.frames[0].rgb, &rgb) < 1500.0);
        assert_eq!(kept.end, Some(4));
    }
}

#[test]
fn a_new_scene_begins_a_group_and_groups_end_in_time() {
    let (bytes, _) = encode(&Clip::cut(7, 9), &FINE);
    assert_eq!(inspect(&bytes, &Default::default(), false).unwrap().gops, [7, 9]);
    let (bytes, _) = encode(&Clip::still(8), &EncodeOptions { gop_seconds: 0.125, ..FINE });
    assert_eq!(inspect(&bytes, &Default::default(), false).unwrap().gops, [3, 3, 2]);
}

#[test]
fn a_part_is_that_part_of_the_whole() {
    let (bytes, _) = encode(&Clip::still(12), &EncodeOptions { gop_seconds: 0.16, ..FINE });
    let (whole, _) = decode(&bytes, &DecodeOptions::default()).unwrap();
    for (span, frames) in [((0.0, 0.1), 0..3), ((0.2, 0.3), 5..8), ((0.3, f64::INFINITY), 7..12)] {
        let options = DecodeOptions { span: Some(span), ..DecodeOptions::default() };
        let (part, decoded) = decode(&bytes, &options).unwrap();
        assert_eq!(decoded.start, 4 * frames.start as u64);
        assert_eq!(part.frames.len(), frames.len());
        for (n, (frame, was)) in part.frames.iter().zip(&whole.frames[frames]).enumerate() {
            assert_eq!(frame.time, 4 * n as i64);
            // Painted in other windows.
            assert!(frame.rgb.iter().zip(&was.rgb).all(|(a, b)| a.abs_diff(*b) <= 1));
        }
    }
    let beyond = DecodeOptions { span: Some((9.0, 10.0)), ..DecodeOptions::default() };
    assert!(matches!(decode(&bytes, &beyond), Err(Error::Parameter { .. })));
}

#[test]
fn sources_that_are_no_videos_are_refused() {
    let refused = |clip: &Clip| encode_with(codec(), clip, &FINE).unwrap_err().to_string();
    assert!(refused(&Clip::new((16, 16), [])).contains("no frames"));
    let mut clip = Clip::pan(3);
    clip.frames[2].time = clip.frames[1].time;
    assert!(refused(&clip).contains("do not rise"));
    let mut clip = Clip::pan(3);
    clip.frames[1].rgb.truncate(30);
    assert!(refused(&clip).contains("another size"));
}
