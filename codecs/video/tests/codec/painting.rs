//! What did not change is not painted again, and nobody sees it.

use tessera_core::Rung;
use tessera_video::{CodecOptions, DecodeOptions, EncodeOptions, Error, Networks, Target, VideoCodec};

use crate::fixture::*;

fn options(eighths: u8) -> EncodeOptions {
    EncodeOptions {
        target: Target::Rung { rung: Rung { levels: 1, depth: 10 }, lambda: None },
        eighths: Some(eighths),
        effort: 3,
        ..EncodeOptions::default()
    }
}

fn with_frame_decoder(margin: u32) -> VideoCodec {
    let mut codec = VideoCodec::new(pack(), CodecOptions { threads: 2 }).unwrap();
    codec.add(&frame_pack(pack().hash8(), margin, None)).unwrap();
    codec
}

/// The greatest difference of samples between frames that are painted whole and in windows.
fn worst(codec: &VideoCodec, bytes: &[u8], decoder: Networks) -> u8 {
    let decode = |whole_frames| {
        decode_with(codec, bytes, &DecodeOptions { decoder, whole_frames, ..DecodeOptions::default() }).unwrap().0
    };
    let (whole, windows) = (decode(true), decode(false));
    let pairs = whole.frames.iter().zip(&windows.frames);
    pairs.flat_map(|(a, b)| a.rgb.iter().zip(&b.rgb).map(|(a, b)| a.abs_diff(*b))).max().unwrap()
}

#[test]
fn windows_of_what_changed_are_the_whole_frame() {
    let codec = with_frame_decoder(2);
    for eighths in [8, 4] {
        let (bytes, _) = encode(&Clip::still(10), &options(eighths));
        assert_eq!(worst(&codec, &bytes, Networks::Video), 0, "{eighths}/8");
        assert!(worst(&codec, &bytes, Networks::Image) <= 1, "{eighths}/8");
    }
    // A margin that is smaller than what the network sees shows, so this test can fail.
    let (bytes, _) = encode(&Clip::still(10), &options(8));
    assert!(worst(&with_frame_decoder(1), &bytes, Networks::Video) > 1);
}

#[test]
fn a_frame_decoder_is_used_where_there_is_one_and_knows_the_frame_before() {
    let codec = with_frame_decoder(2);
    let (bytes, _) = encode(&Clip::pan(4), &options(8));
    let frames = |codec: &VideoCodec, decoder| {
        decode_with(codec, &bytes, &DecodeOptions { decoder, ..DecodeOptions::default() }).map(|(kept, _)| kept.frames)
    };
    let (best, video, image) =
        (frames(&codec, Networks::Best), frames(&codec, Networks::Video), frames(&codec, Networks::Image));
    assert_eq!(best.as_ref().unwrap(), video.as_ref().unwrap());
    assert_ne!(best.unwrap(), *image.as_ref().unwrap());
    let plain = new_codec(1);
    assert_eq!(frames(&plain, Networks::Best).unwrap(), image.unwrap());
    assert!(matches!(frames(&plain, Networks::Video), Err(Error::Parameter { .. })));
}

#[test]
fn frame_decoders_of_other_packs_are_refused() {
    let mut codec = new_codec(1);
    let error = codec.add(&frame_pack([7; 8], 1, None)).unwrap_err();
    assert!(matches!(error, Error::PackMismatch { .. }) && error.to_string().contains("0707070707070707"), "{error}");
    assert!(matches!(codec.add(&pack()), Err(Error::PackMismatch { .. })));
}
