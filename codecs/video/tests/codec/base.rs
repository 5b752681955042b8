//! Groups of pictures that carry AV1 instead of tokens.

use std::path::Path;

use tessera_core::container::{ChunkKind, GopTimes};
use tessera_core::{Limits, Rung};
use tessera_models::{Addition, Store};
use tessera_video::io::{ReadOptions, open};
use tessera_video::{DecodeOptions, EncodeOptions, Judge, Result, Target, inspect};

use crate::fixture::*;

/// A judge who likes what it is shown first, the base layer, the better or the less.
struct Order {
    step: f64,
    said: f64,
}

impl Judge for Order {
    fn distance(&mut self, _: &[u8], _: &[u8], _: (u32, u32)) -> Result<f64> {
        self.said += self.step;
        Ok(self.said)
    }
}

#[test]
fn a_group_is_av1_where_the_judge_likes_that_better_and_tokens_where_not() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/clip.mp4");
    let mut film = open(&sample, &ReadOptions::default()).unwrap();
    let pictures: Vec<Vec<u8>> = (0..16).map(|_| film.next_frame().unwrap().unwrap().rgb).collect();
    let clip = Clip::new((film.info().width, film.info().height), pictures);
    let target = Target::Rung { rung: Rung { levels: 4, depth: 12 }, lambda: Some(0.0) };
    let options = EncodeOptions { target, eighths: Some(8), gop_seconds: 0.32, effort: 0, ..EncodeOptions::default() };
    let (bytes, encoded) = encode(&clip, &options);
    assert_eq!(encoded.gops, 2);
    let switched = |step| codec().with_base(&bytes, &mut clip.rewound(), &mut Order { step, said: 0.0 }).unwrap();

    let av1 = switched(1.0);
    assert_eq!((av1.base.as_slice(), av1.bytes.len() <= bytes.len()), (&[true, true][..], true));
    let about = inspect(&av1.bytes, &Limits::default(), false).unwrap();
    assert_eq!((about.base, about.frames), (vec![true, true], 16));
    let (kept, _) = decode(&av1.bytes, &DecodeOptions::default()).unwrap();
    for (source, frame) in clip.frames.iter().zip(&kept.frames) {
        assert_eq!(source.time, frame.time);
        assert!(error(&source.rgb, &frame.rgb) < 400.0, "{}", error(&source.rgb, &frame.rgb));
    }
    assert_eq!((kept.frames.len(), kept.end), (16, Some(64)));
    let span = DecodeOptions { span: Some((0.4, 0.6)), ..DecodeOptions::default() };
    assert_eq!(decode(&av1.bytes, &span).unwrap().0.frames[0].rgb, kept.frames[10].rgb);
    let untold = codec().tokens(&av1.bytes, &DecodeOptions::default(), |_| Ok(())).unwrap();
    assert_eq!(untold.len(), 2, "{untold:?}");

    let tokens = switched(-1.0);
    assert_eq!((tokens.base, tokens.bytes), (vec![false, false], bytes.clone()));
    assert!(codec().with_base(&bytes, &mut Clip::still(3), &mut Order { step: 1.0, said: 0.0 }).is_err());
}

#[test]
fn a_share_of_enhancement_is_a_picture_between_and_more_than_the_whole_is_damage() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/clip.mp4");
    let mut film = open(&sample, &ReadOptions::default()).unwrap();
    let pictures: Vec<Vec<u8>> = (0..4).map(|_| film.next_frame().unwrap().unwrap().rgb).collect();
    let clip = Clip::new((film.info().width, film.info().height), pictures);
    let target = Target::Rung { rung: Rung { levels: 4, depth: 12 }, lambda: Some(0.0) };
    let options = EncodeOptions { target, eighths: Some(8), effort: 0, ..EncodeOptions::default() };
    let (bytes, _) = encode(&clip, &options);
    let mut codec = new_codec(2);
    let pack = Store::standard(None).addition(Addition::Video, codec.pack().hash8(), codec.pack().id()).unwrap();
    codec.add(&pack).unwrap();
    let file = codec.with_base(&bytes, &mut clip.rewound(), &mut Order { step: 1.0, said: 0.0 }).unwrap().bytes;
    let read = tessera_core::container::read(&file, &Limits::default()).unwrap();
    let with = |share: u8| {
        let mut chunks = read.chunks.clone();
        for chunk in chunks.iter_mut().filter(|chunk| chunk.kind == ChunkKind::Gop) {
            let (_, stream) = GopTimes::split(&chunk.payload).unwrap();
            let at = chunk.payload.len() - stream.len();
            chunk.payload[at] = share;
        }
        let changed = tessera_core::container::write(&read.header, &chunks).unwrap();
        let mut frames = Kept::default();
        codec.decode(&changed, &mut frames, &DecodeOptions::default()).map(|_| frames.frames.remove(3).rgb)
    };
    let (plain, half, whole) = (with(0).unwrap(), with(4).unwrap(), with(8).unwrap());
    assert!(error(&plain, &whole) > 1.0);
    for ((&plain, &half), &whole) in plain.iter().zip(&half).zip(&whole) {
        assert!((2 * i32::from(half) - i32::from(plain) - i32::from(whole)).abs() <= 1);
    }
    assert!(with(9).is_err());
}

#[test]
fn a_damaged_base_layer_is_an_error_or_pictures_of_the_right_size() {
    let clip = Clip::pan(4);
    let (bytes, _) = encode(&clip, &EncodeOptions::default());
    // What follows the times of a group without a token checksum is taken for AV1, whatever it is.
    let read = tessera_core::container::read(&bytes, &Limits::default()).unwrap();
    let mut chunks = read.chunks.clone();
    chunks.iter_mut().for_each(|chunk| chunk.token_crc = None);
    let bad = tessera_core::container::write(&read.header, &chunks).unwrap();
    assert!(decode(&bad, &DecodeOptions::default()).is_err());
}
