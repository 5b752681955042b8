//! What did not change is not painted again, and nobody sees it.

use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};
use tessera_core::Rung;
use tessera_models::Pack;
use tessera_video::{CodecOptions, DecodeOptions, Decoder, EncodeOptions, Error, Target, VideoCodec};

use crate::fixture::*;

fn options(eighths: u8) -> EncodeOptions {
    EncodeOptions {
        target: Target::Rung { rung: Rung { levels: 1, depth: 10 }, lambda: None },
        eighths: Some(eighths),
        effort: 3,
        ..EncodeOptions::default()
    }
}

/// A frame decoder of graphs so small that one can say what they do: a 5x5 convolution over both latents.
fn frame_decoder(base: [u8; 8], margin: u32) -> Pack {
    let folder = tempfile::tempdir().unwrap();
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    let mut manifest = format!(
        "format = 1\nid = \"test-video\"\nversion = \"1\"\nmodality = \"video\"\nlicence = \"MIT\"\nsummary = \"For tests.\"\ncard = \"CARD.md\"\n\
         [video]\nbase = \"{}\"\nstride = 16\ndim = 16\ndepth = 12\nmargin = {margin}\ntrunk = \"trunk.onnx\"\nhead = \"head.onnx\"\ndouble = \"head-double.onnx\"\n",
        hex(&base)
    );
    let graph =
        |name: &str| std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/additions").join(name)).unwrap();
    let parts = [
        ("trunk.onnx", graph("trunk.onnx")),
        ("head.onnx", graph("head.onnx")),
        ("head-double.onnx", graph("head-double.onnx")),
        ("CARD.md", b"# for tests".to_vec()),
    ];
    for (name, data) in parts {
        let digest = hex(&Sha256::digest(&data));
        write!(manifest, "[[part]]\nfile = \"{name}\"\nbytes = {}\nsha256 = \"{digest}\"\n", data.len()).unwrap();
        std::fs::write(folder.path().join(name), data).unwrap();
    }
    std::fs::write(folder.path().join("pack.toml"), manifest).unwrap();
    let pack = Pack::open(folder.path()).unwrap();
    pack.verify().unwrap();
    // The folder may go only when all is read, so it stays.
    let _ = folder.keep();
    pack
}

fn with_frame_decoder(margin: u32) -> VideoCodec {
    let mut codec = VideoCodec::new(pack(), CodecOptions { threads: 2 }).unwrap();
    codec.add(&frame_decoder(pack().hash8(), margin)).unwrap();
    codec
}

/// The greatest difference of samples between frames that are painted whole and in windows.
fn worst(codec: &VideoCodec, bytes: &[u8], decoder: Decoder) -> u8 {
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
        assert_eq!(worst(&codec, &bytes, Decoder::Video), 0, "{eighths}/8");
        assert!(worst(&codec, &bytes, Decoder::Image) <= 1, "{eighths}/8");
    }
    // A margin that is smaller than what the network sees shows, so this test can fail.
    let (bytes, _) = encode(&Clip::still(10), &options(8));
    assert!(worst(&with_frame_decoder(1), &bytes, Decoder::Video) > 1);
}

#[test]
fn a_frame_decoder_is_used_where_there_is_one_and_knows_the_frame_before() {
    let codec = with_frame_decoder(2);
    let (bytes, _) = encode(&Clip::pan(4), &options(8));
    let frames = |codec: &VideoCodec, decoder| {
        decode_with(codec, &bytes, &DecodeOptions { decoder, ..DecodeOptions::default() }).map(|(kept, _)| kept.frames)
    };
    let (best, video, image) =
        (frames(&codec, Decoder::Best), frames(&codec, Decoder::Video), frames(&codec, Decoder::Image));
    assert_eq!(best.as_ref().unwrap(), video.as_ref().unwrap());
    assert_ne!(best.unwrap(), *image.as_ref().unwrap());
    let plain = new_codec(1);
    assert_eq!(frames(&plain, Decoder::Best).unwrap(), image.unwrap());
    assert!(matches!(frames(&plain, Decoder::Video), Err(Error::Parameter { .. })));
}

#[test]
fn frame_decoders_of_other_packs_are_refused() {
    let mut codec = new_codec(1);
    let error = codec.add(&frame_decoder([7; 8], 1)).unwrap_err();
    assert!(matches!(error, Error::PackMismatch { .. }) && error.to_string().contains("0707070707070707"), "{error}");
    assert!(matches!(codec.add(&pack()), Err(Error::PackMismatch { .. })));
}
