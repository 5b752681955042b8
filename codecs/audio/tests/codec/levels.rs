//! Frames of several tokens, and packs that look ahead. Without a prior, so that the bytes of a frame follow from its bits.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use tessera_audio::{AudioCodec, CodecOptions, DecodeOptions, EncodeOptions, LiveOptions, Received, inspect};
use tessera_core::container::{self, MediaShape};
use tessera_core::{Limits, Rung};
use tessera_models::Pack;

use crate::fixture::{bits as bits_of, codec, edited, mono, speech};

const LOOKAHEAD: u64 = 2;

/// The speech pack without its prior.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let change = |text: String| text.replace("prior = \"prior.safetensors\"\n", "").replace("speech-16k", "two-levels");
    edited(change, &["prior.safetensors"])
});

static TWO: LazyLock<AudioCodec> = LazyLock::new(|| {
    let pack = Pack::open(FOLDER.path()).unwrap();
    pack.verify().unwrap();
    AudioCodec::new(Arc::new(pack), CodecOptions { threads: 2 }).unwrap()
});

fn coded(sound: &[f32], bits: u8) -> Vec<u16> {
    let mut encoder = TWO.stream_encoder(bits).unwrap();
    let mut tokens = encoder.push(sound).unwrap();
    tokens.extend(encoder.finish().unwrap());
    tokens
}

fn heard(tokens: &[u16], bits: u8, end: usize) -> Vec<f32> {
    let mut decoder = TWO.stream_decoder(bits).unwrap();
    decoder.end_at(end as u64);
    decoder.push(tokens).unwrap()
}

#[test]
fn files_hold_the_tokens_of_all_levels() {
    let sound = speech(2.0);
    let frames = TWO.frame_count(sound.len() as u64);
    assert_eq!(frames, (sound.len() as u64 + 440).div_ceil(200) + LOOKAHEAD);
    assert_eq!((TWO.bits(), TWO.default_bits(), TWO.depth()), (6..=24, 17, 12));
    for (bits, depths) in [(6, vec![6]), (12, vec![12]), (13, vec![12, 1]), (17, vec![12, 5]), (24, vec![12, 12])] {
        assert_eq!(TWO.depths(bits).unwrap(), depths);
        let expected = coded(&sound, bits);
        assert_eq!(expected.len() as u64, frames * depths.len() as u64);
        let options = EncodeOptions { bits: Some(bits), ..Default::default() };
        let encoded = TWO.encode(&mono(sound.clone()), &options).unwrap();
        assert_eq!((encoded.bits, encoded.tokens), (bits, expected.len() as u64));
        let kept = TWO.tokens_of(&encoded.bytes, &Limits::default()).unwrap();
        assert_eq!((kept.bits, &kept.channels), (bits, &vec![expected.clone()]));
        assert_eq!(TWO.tokens(&mono(sound.clone()), bits).unwrap(), kept);
        let cost = TWO.cost_of(&kept).unwrap();
        assert!(cost.ideal > f64::from(bits - 1) * frames as f64 && cost.written < cost.ideal + 64.0);
        let back = TWO.decode(&encoded.bytes, &DecodeOptions::default()).unwrap().sound;
        let wanted = heard(&expected, bits, sound.len());
        assert_eq!(bits_of(&back.channels[0]), bits_of(&wanted));
        assert_eq!(bits_of(&TWO.sound_of(&kept).unwrap().channels[0]), bits_of(&wanted));
        let rung = inspect(&encoded.bytes, &Limits::default()).unwrap().rung;
        assert_eq!(rung, Rung { levels: depths.len() as u8, depth: *depths.last().unwrap() });
    }
}

#[test]
fn half_frames_and_bits_that_are_not_there_are_refused() {
    for bits in [0, 25, 255] {
        assert!(TWO.stream_encoder(bits).is_err() && TWO.stream_decoder(bits).is_err() && TWO.depths(bits).is_err());
    }
    let mut decoder = TWO.stream_decoder(17).unwrap();
    assert!(decoder.push(&[1]).is_err() && decoder.push(&[4096, 1]).is_err() && decoder.push(&[1, 32]).is_err());
    assert!(decoder.push_known(&[1, 1, 1], &[]).is_err() && decoder.push_known(&[1, 1], &[1]).is_err());
    assert_eq!(decoder.frames(), 0);
    let file = TWO.encode(&mono(speech(0.5)), &EncodeOptions::default()).unwrap().bytes;
    let read = container::read(&file, &Limits::default()).unwrap();
    for rung in [Rung { levels: 3, depth: 5 }, Rung { levels: 2, depth: 13 }, Rung { levels: 2, depth: 6 }] {
        let mut header = read.header.clone();
        header.rung = rung;
        let bad = container::write(&header, &read.chunks).unwrap();
        assert!(TWO.decode(&bad, &DecodeOptions::default()).is_err());
        assert!(codec().decode(&bad, &DecodeOptions::default()).is_err());
    }
}

#[test]
fn a_rate_is_met_between_one_level_and_two() {
    let sound = mono(speech(4.0));
    for rate in [700, 1100, 1500] {
        let options = EncodeOptions { bits_per_second: Some(rate), ..Default::default() };
        let encoded = TWO.encode(&sound, &options).unwrap();
        // Without a prior a frame takes its bits, so that rates are 80 bit/s apart.
        let below = f64::from(rate) - encoded.bits_per_second;
        assert!((0.0..81.0).contains(&below), "{below} below {rate}, {} bits", encoded.bits);
    }
}

fn packets(sound: &[f32], options: LiveOptions) -> Vec<Vec<u8>> {
    let mut writer = TWO.live_writer(options).unwrap();
    let mut packets = Vec::new();
    for piece in sound.chunks(320) {
        packets.extend(writer.push(piece).unwrap().packets);
    }
    packets.extend(writer.finish().unwrap().packets);
    packets
}

fn received<'a>(packets: impl IntoIterator<Item = &'a Vec<u8>>) -> Received {
    let mut reader = TWO.live_reader(Limits::default());
    let mut all = Received::default();
    let mut add = |more: Received| {
        all.samples.extend(more.samples);
        all.nodes.extend(more.nodes);
        all.frames += more.frames;
        all.concealed += more.concealed;
        all.repaired += more.repaired;
    };
    packets.into_iter().for_each(|packet| add(reader.push(packet).unwrap()));
    add(reader.finish().unwrap());
    assert!(reader.has_ended());
    all
}

#[test]
fn live_streams_carry_all_levels_and_lost_packets_are_concealed() {
    let sound = speech(3.0);
    let options = LiveOptions { packet_frames: 8, interleave: 2, repeat: 4, ..LiveOptions::default() };
    let packets = packets(&sound, options);
    let (tokens, whole) = (coded(&sound, 17), received(&packets));
    let node =
        |n: usize| if n.is_multiple_of(2) { 1 << 12 | u32::from(tokens[n]) } else { 1 << 5 | u32::from(tokens[n]) };
    assert_eq!(whole.nodes, (0..tokens.len()).map(node).collect::<Vec<_>>());
    assert_eq!((whole.frames, whole.concealed), (tokens.len() as u64 / 2, 0));
    assert_eq!(bits_of(&whole.samples), bits_of(&heard(&tokens, 17, sound.len())));
    // Packet 6 is known to the bits that packet 7 repeats; packets 10 and 11 are gone with what 11 says of 10.
    let left = received(packets.iter().enumerate().filter(|(n, _)| ![6, 10, 11].contains(n)).map(|(_, packet)| packet));
    assert_eq!((left.frames, left.repaired, left.concealed), (whole.frames, 16, 8));
    assert_eq!(left.samples.len(), sound.len());
    for (known, all) in left.nodes.chunks(2).zip(whole.nodes.chunks(2)) {
        assert!(known == all || known == [1, 1] || known == [all[0] >> 8, 1]);
    }
}

#[test]
fn an_announced_rate_moves_between_one_level_and_two() {
    let sound = speech(4.0);
    let options = LiveOptions { packet_frames: 20, bits_per_second: Some(1250), ..LiveOptions::default() };
    let packets = packets(&sound, options);
    let bits = 8.0 * packets.concat().len() as f64;
    assert!((bits / 4.0 / 1250.0 - 1.0).abs() < 0.05, "{} bit/s", bits / 4.0);
    let received = received(&packets);
    assert_eq!((received.samples.len(), received.concealed), (sound.len(), 0));
    let second = |nodes: &[u32]| nodes[1].ilog2();
    let deepest = received.nodes.chunks(2).map(second).max().unwrap();
    let shallowest = received.nodes.chunks(2).map(second).min().unwrap();
    assert!(deepest > shallowest, "packets have as many bits as they can pay");
    let read = container::live::header(&packets.concat(), &Limits::default()).unwrap();
    assert!(matches!(read.media, MediaShape::Audio { .. }) && read.rung.levels == 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn however_a_sound_is_cut_its_tokens_and_samples_are_the_same(
        length in 1usize..20_000,
        bits in 6u8..=24,
        pieces in prop::collection::vec(1usize..3_000, 1..8),
    ) {
        let sound = &speech(2.0)[..length];
        let whole = coded(sound, bits);
        let (mut encoder, mut tokens, mut rest) = (TWO.stream_encoder(bits).unwrap(), Vec::new(), sound);
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at((*piece).min(rest.len()));
            tokens.extend(encoder.push(now).unwrap());
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        tokens.extend(encoder.finish().unwrap());
        prop_assert_eq!(&tokens, &whole);
        let levels = TWO.depths(bits).unwrap().len();
        let mut decoder = TWO.stream_decoder(bits).unwrap();
        decoder.end_at(length as u64);
        let mut samples = Vec::new();
        let mut rest = &tokens[..];
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at((piece % 40 * levels).min(rest.len()));
            samples.extend(decoder.push(now).unwrap());
            rest = later;
            if rest.is_empty() || *piece % 40 == 0 {
                break;
            }
        }
        samples.extend(decoder.push(rest).unwrap());
        prop_assert_eq!(samples.len(), length);
        prop_assert_eq!(bits_of(&samples), bits_of(&heard(&whole, bits, length)));
    }
}
