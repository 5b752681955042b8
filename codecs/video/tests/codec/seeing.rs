//! Whose encoder sees the frames.

use tessera_video::{CodecOptions, EncodeOptions, Error, GopTokens, Networks, Target, VideoCodec};

use crate::fixture::*;

fn options(encoder: Networks) -> EncodeOptions {
    EncodeOptions { effort: 2, gop_seconds: 0.2, encoder, ..EncodeOptions::default() }
}

fn with_frame_pack(threads: usize, encoder: Option<&str>) -> VideoCodec {
    let mut codec = VideoCodec::new(pack(), CodecOptions { threads }).unwrap();
    codec.add(&frame_pack(pack().hash8(), 2, encoder)).unwrap();
    codec
}

fn coded(codec: &VideoCodec, options: &EncodeOptions) -> Result<Vec<u8>, Error> {
    encode_with(codec, &Clip::cut(7, 7), options).map(|(bytes, _)| bytes)
}

#[test]
fn a_frame_encoder_is_used_where_there_is_one() {
    let [best, image, video] = [Networks::Best, Networks::Image, Networks::Video].map(options);
    let seeing = with_frame_pack(2, Some("encoder.onnx"));
    let plain = coded(&seeing, &image).unwrap();
    let seen = coded(&seeing, &video).unwrap();
    assert_ne!(plain, seen);
    assert_eq!(coded(&seeing, &best).unwrap(), seen);
    // Without one, frames are pictures.
    let blind = with_frame_pack(2, None);
    assert_eq!(coded(&blind, &best).unwrap(), plain);
    assert_eq!(coded(&new_codec(1), &best).unwrap(), plain);
    for codec in [&blind, codec()] {
        assert!(matches!(coded(codec, &video), Err(Error::Parameter { .. })));
    }
}

#[test]
fn what_a_frame_encoder_sees_does_not_depend_on_threads() {
    let [one, three] = [1, 3].map(|threads| with_frame_pack(threads, Some("encoder.onnx")));
    for target in [Target::Quality(50.0), Target::Bpp(0.1)] {
        let options = EncodeOptions { target, ..options(Networks::Best) };
        assert_eq!(coded(&one, &options).unwrap(), coded(&three, &options).unwrap());
    }
}

#[test]
fn bare_tokens_and_latents_are_of_the_same_encoder() {
    let seeing = with_frame_pack(2, Some("encoder.onnx"));
    let tokens = |encoder| {
        let mut groups: Vec<GopTokens> = Vec::new();
        let each = |group| {
            groups.push(group);
            Ok(())
        };
        seeing.tokenise(&mut Clip::pan(3), &options(encoder), each).unwrap();
        groups
    };
    let mut of_file: Vec<GopTokens> = Vec::new();
    let (bytes, _) = encode_with(&seeing, &Clip::pan(3), &options(Networks::Best)).unwrap();
    let each = |group| {
        of_file.push(group);
        Ok(())
    };
    seeing.tokens(&bytes, &Default::default(), each).unwrap();
    let seen = tokens(Networks::Best);
    assert_eq!(seen[0].grid, of_file[0].grid);
    assert_ne!(seen[0].grid, tokens(Networks::Image)[0].grid);

    let codebook = |codec: &VideoCodec| {
        let (mut latents, _) = codec.latents(&mut Clip::pan(3), None).unwrap();
        latents.codebook(tessera_video::Clusters::Fixed(4)).unwrap().vectors().to_vec()
    };
    assert_ne!(codebook(&seeing), codebook(codec()));
}

#[test]
fn an_encoder_of_another_shape_is_told_by_the_name_of_its_pack() {
    for (name, why) in [("encoder-fine.onnx", "made latents of shape"), ("head.onnx", "")] {
        let error = coded(&with_frame_pack(1, Some(name)), &options(Networks::Best)).unwrap_err().to_string();
        assert!(error.contains(&format!("test-video/{name}")) && error.contains(why), "{error}");
    }
}
