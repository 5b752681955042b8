//! Claims about resilient files.

use tessera_core::container::{self, ChunkKind};
use tessera_core::{Limits, Rung};
use tessera_image::{CodecOptions, DecodeOptions, EncodeOptions, ImageCodec, Picture, Target, inspect};

use crate::fixture::*;

/// A resilient file of one level.
pub fn resilient(picture: &Picture, depth: u8) -> Vec<u8> {
    let rung = Rung { levels: 1, depth };
    let options = EncodeOptions { resilient: true, ..options(Target::Rung { rung, lambda: None }) };
    codec().encode(picture, &options).unwrap().bytes
}

/// The file without some packets.
pub fn without(file: &[u8], lost: &[u32]) -> Vec<u8> {
    let mut read = container::read(file, &Limits::default()).unwrap();
    read.chunks.retain(|chunk| chunk.kind != ChunkKind::Interleaved || !lost.contains(&chunk.sequence));
    container::write(&read.header, &read.chunks).unwrap()
}

fn salvaged(bytes: &[u8]) -> tessera_image::Result<tessera_image::Decoded> {
    codec().decode(bytes, &DecodeOptions { salvage: true, ..DecodeOptions::default() })
}

#[test]
fn a_resilient_file_holds_what_a_plain_one_holds() {
    let photo = part(&sample("foliage.jpg"), 512, 384);
    let target = Target::Rung { rung: Rung { levels: 2, depth: 5 }, lambda: Some(0.0) };
    let plain = encode(&photo, target);
    let options = EncodeOptions { resilient: true, ..options(target) };
    let resilient = codec().encode(&photo, &options).unwrap();
    assert_eq!(decode(&plain.bytes), decode(&resilient.bytes), "nearest tokens are the same");
    let about = inspect(&resilient.bytes, &Limits::default()).unwrap();
    assert_eq!((about.packets, about.token_bytes), (16, resilient.token_bytes));
    assert_eq!(inspect(&plain.bytes, &Limits::default()).unwrap().packets, 0);
    let cost = resilient.bytes.len() as f64 / plain.bytes.len() as f64;
    println!("{} bytes plain, {} resilient: {cost:.3}", plain.bytes.len(), resilient.bytes.len());
    assert!(cost > 1.0 && cost < 1.8, "{cost}");
    let mut other = ImageCodec::new(pack(), CodecOptions { threads: 1 }).unwrap();
    assert_eq!(other.encode(&photo, &options).unwrap().bytes, resilient.bytes);
}

#[test]
fn targets_are_kept_by_resilient_files() {
    let photo = part(&sample("sky.jpg"), 400, 300);
    for size in [500, 1200, 3000] {
        let options = EncodeOptions { resilient: true, ..options(Target::Size(size)) };
        let encoded = codec().encode(&photo, &options).unwrap();
        assert!(encoded.bytes.len() as u64 <= size, "{} of {size}", encoded.bytes.len());
        decode(&encoded.bytes);
    }
}

#[test]
fn any_one_packet_may_be_lost() {
    let photo = part(&sample("face.jpg"), 256, 256);
    let file = resilient(&photo, 12);
    let count = inspect(&file, &Limits::default()).unwrap().packets;
    assert_eq!(count, 8);
    let whole = decode(&file);
    for n in 0..count {
        let hurt = without(&file, &[n]);
        assert!(codec().decode(&hurt, &DecodeOptions::default()).is_err(), "a strict reader misses packet {n}");
        let decoded = salvaged(&hurt).unwrap();
        assert_eq!((decoded.losses.len(), decoded.lost_tokens, decoded.tokens), (1, 32, 256));
        assert!(
            decoded.losses[0].starts_with("1 of 8 packets are lost, 12.5 % of the tokens"),
            "{}",
            decoded.losses[0]
        );
        let kept = psnr(&whole, &decoded.picture);
        assert!(kept > 15.0, "packet {n}: {kept:.1} dB");
    }
}

#[test]
fn the_more_is_lost_the_worse_it_gets_until_nothing_is_left() {
    let photo = part(&sample("face.jpg"), 256, 256);
    let file = resilient(&photo, 12);
    let whole = decode(&file);
    let mut last = f64::INFINITY;
    for lost in [1, 3, 6] {
        let decoded = salvaged(&without(&file, &(0..lost).collect::<Vec<_>>())).unwrap();
        let now = psnr(&whole, &decoded.picture);
        assert!(now < last, "{lost} lost: {now:.1} dB after {last:.1}");
        last = now;
    }
    let error = salvaged(&without_all_but_alpha(&file)).unwrap_err().to_string();
    assert!(error.contains("no tokens survive"), "{error}");
}

/// All packets are there but do not decode.
fn without_all_but_alpha(file: &[u8]) -> Vec<u8> {
    let mut read = container::read(file, &Limits::default()).unwrap();
    for chunk in &mut read.chunks {
        chunk.payload = vec![0xff; 3];
    }
    container::write(&read.header, &read.chunks).unwrap()
}

#[test]
fn cut_and_flipped_resilient_files_keep_what_arrived() {
    let photo = with_disc(part(&sample("face.jpg"), 256, 200));
    let rung = Rung { levels: 1, depth: 8 };
    let options = EncodeOptions { resilient: true, ..options(Target::Rung { rung, lambda: None }) };
    let file = codec().encode(&photo, &options).unwrap().bytes;
    let mut kept = 0;
    for end in (0..file.len()).step_by(61) {
        assert!(codec().decode(&file[..end], &DecodeOptions::default()).is_err());
        kept += usize::from(salvaged(&file[..end]).is_ok());
    }
    assert!(kept > file.len() / 61 / 2, "{kept} of the prefixes gave a picture");
    for at in (0..file.len()).step_by(37) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        assert!(codec().decode(&damaged, &DecodeOptions::default()).is_err(), "byte {at}");
        let _ = salvaged(&damaged);
    }
}

#[test]
fn bands_and_packets_in_one_file_are_refused() {
    let photo = part(&sample("face.jpg"), 128, 128);
    let target = Target::Rung { rung: Rung { levels: 1, depth: 8 }, lambda: Some(0.0) };
    let plain = container::read(&encode(&photo, target).bytes, &Limits::default()).unwrap();
    let packets = container::read(&resilient(&photo, 8), &Limits::default()).unwrap();
    let both: Vec<_> = plain.chunks.iter().chain(&packets.chunks).cloned().collect();
    let error =
        codec().decode(&container::write(&plain.header, &both).unwrap(), &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("both in bands and in packets"), "{error}");
    let more: Vec<_> = packets.chunks.iter().cloned().chain([container::Chunk::interleaved(99, vec![1])]).collect();
    assert!(codec().decode(&container::write(&plain.header, &more).unwrap(), &DecodeOptions::default()).is_err());
}
