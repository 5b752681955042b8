//! Claims about the container's sounds and live streams.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tessera_core::container::live::{Event, PacketReader, PacketWriter};
use tessera_core::container::{
    Channels, Chunk, ChunkKind, Duration, Header, MediaShape, Modality, PackRef, PriorKind, is_live, layout, read,
    salvage, write,
};
use tessera_core::{Error, Limits, Rung};

fn header(channels: Channels, duration: Duration) -> Header {
    Header {
        pack: PackRef { hash: *b"\x01\x02\x03\x04\x05\x06\x07\x08", id: Some("speech".into()) },
        rung: Rung { levels: 1, depth: 12 },
        prior: PriorKind::Trained,
        media: MediaShape::Audio { rate: 16_000, channels, duration },
    }
}

fn whole(samples: u32, source: Option<(u32, u32)>) -> Header {
    header(Channels::MidSide, Duration::Samples { samples, source })
}

fn live() -> Header {
    header(Channels::Mono, Duration::Live { packet_frames: 40 })
}

/// Six packets and a closing one, the header again before packet 3. Payloads are unlike each other.
fn packets() -> Vec<Vec<u8>> {
    let mut writer = PacketWriter::new(&live()).unwrap();
    let mut packets = Vec::new();
    for n in 0..6u8 {
        let mut packet = if n % 3 == 0 { writer.header().to_vec() } else { Vec::new() };
        packet.extend(writer.packet((0..20 + n).map(|byte| byte.wrapping_mul(n + 37)).collect()).unwrap());
        packets.push(packet);
    }
    packets.push(writer.closing(1234, &[9, 9]).unwrap());
    packets
}

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Error> {
    let mut reader = PacketReader::new(Limits::default());
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(reader.push(piece)?);
    }
    events.extend(reader.finish()?);
    Ok(events)
}

fn sequences(events: &[Event]) -> Vec<u32> {
    let sequence = |event: &Event| match event {
        Event::Packet { sequence, .. } | Event::Closing { sequence, .. } => Some(*sequence),
        _ => None,
    };
    events.iter().filter_map(sequence).collect()
}

fn damage(events: &[Event]) -> u64 {
    events.iter().map(|event| if let Event::Damage { bytes } = event { *bytes } else { 0 }).sum()
}

#[test]
fn every_sound_header_survives_and_names_its_bytes() {
    for channels in [Channels::Mono, Channels::LeftRight, Channels::MidSide] {
        for source in [None, Some((44_100, 441_001))] {
            let header = header(channels, Duration::Samples { samples: 160_001, source });
            let chunk = Chunk { token_crc: Some(5), ..Chunk::new(ChunkKind::Tokens, vec![1, 2, 3]) };
            let file = write(&header, &[chunk]).unwrap();
            let back = read(&file, &Limits::default()).unwrap();
            assert_eq!((back.header.modality(), &back.header), (Modality::Audio, &header));
            let parts = layout(&file, &Limits::default()).unwrap();
            assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), file.len() as u64);
            assert_eq!(parts.iter().any(|part| part.name.starts_with("source")), source.is_some());
            assert!(!is_live(&file, &Limits::default()));
        }
    }
}

#[test]
fn sounds_that_make_no_sense_are_neither_written_nor_read() {
    let chunk = [Chunk::new(ChunkKind::Tokens, vec![])];
    let live = |channels, packet_frames| header(channels, Duration::Live { packet_frames });
    for bad in [
        whole(0, None),
        whole(1, Some((0, 1))),
        whole(1, Some((1, 0))),
        live(Channels::Mono, 0),
        live(Channels::Mono, 4097),
        live(Channels::LeftRight, 40),
    ] {
        assert!(matches!(write(&bad, &chunk), Err(Error::Parameter { .. })), "{bad:?}");
    }
    // Signature, flags, hash, then rate and samples: a zero in either, flags that contradict each other.
    for (flags, shape) in [(1, [0, 5]), (1, [5, 0]), (0x41, [5, 5]), (0x31, [5, 5]), (0x91, [5, 5]), (0x11, [5, 0])] {
        let bytes = [b"\xd4SR\x01", &[flags][..], &[0; 8], &shape, &[11]].concat();
        assert!(read(&bytes, &Limits::default()).is_err(), "{flags:x} {shape:?}");
        assert!(PacketReader::new(Limits::default()).push(&bytes).is_err() || !is_live(&bytes, &Limits::default()));
    }
    let limits = Limits { max_samples: 99, ..Limits::default() };
    for header in [whole(100, None), whole(99, Some((8000, 100)))] {
        assert!(matches!(read(&write(&header, &chunk).unwrap(), &limits), Err(Error::Limit { .. })));
    }
}

#[test]
fn a_live_stream_cut_anywhere_gives_the_same_events() {
    let packets = packets();
    let bytes = packets.concat();
    let expected = events([&bytes[..]]).unwrap();
    assert_eq!(sequences(&expected), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!((&expected[0], damage(&expected)), (&Event::Header(live()), 0));
    assert_eq!(expected.last(), Some(&Event::Closing { sequence: 6, reach: 1234, payload: vec![9, 9] }));
    for piece in 1..bytes.len() {
        assert_eq!(events(bytes.chunks(piece)).unwrap(), expected);
    }
    assert!(is_live(&bytes, &Limits::default()));
    // A stream that was kept is a file.
    let file = read(&bytes, &Limits::default()).unwrap();
    assert_eq!((file.chunks.len(), file.header), (7, live()));
    assert_eq!(salvage(&bytes, &Limits::default()).unwrap().losses, []);
    let parts = layout(&bytes, &Limits::default()).unwrap();
    assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), bytes.len() as u64);
    assert_eq!(parts.iter().filter(|part| part.name == "header, repeated").count(), 1);
}

#[test]
fn a_packet_comes_out_with_its_last_byte() {
    let mut reader = PacketReader::new(Limits::default());
    for (n, packet) in (0u32..).zip(packets()) {
        let (last, first) = packet.split_last().unwrap();
        assert_eq!(sequences(&reader.push(first).unwrap()), []);
        assert_eq!(sequences(&reader.push(&[*last]).unwrap()), [n]);
    }
    assert!(reader.has_ended());
}

#[test]
fn every_damaged_byte_costs_one_packet_at_most_two_headers() {
    let bytes = packets().concat();
    let begin = PacketWriter::new(&live()).unwrap().header().len();
    for at in begin..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            for piece in [5, bytes.len()] {
                let events = events(damaged.chunks(piece)).unwrap();
                let lost = 7 - sequences(&events).len();
                assert!(lost <= 1, "byte {at}: {lost} packets lost");
                assert!(damage(&events) > 0);
            }
        }
    }
}

#[test]
fn a_reader_joins_at_the_next_header() {
    let packets = packets();
    let bytes = packets.concat();
    let begin = packets[..3].concat().len();
    for at in 1..bytes.len() {
        match events(bytes[at..].chunks(9)) {
            Ok(events) => assert!(at <= begin && sequences(&events) == [3, 4, 5, 6]),
            Err(error) => assert!(at > begin && matches!(error, Error::Unsupported { .. }), "{at}: {error}"),
        }
    }
}

#[test]
fn a_false_header_is_given_up_for_the_true_one() {
    let mut foreign = live();
    foreign.pack.hash = [9; 8];
    let foreign = PacketWriter::new(&foreign).unwrap().header().to_vec();
    let events = events([&foreign[..], &packets().concat()]).unwrap();
    assert_eq!(sequences(&events), [0, 1, 2, 3, 4, 5, 6]);
    // One that comes when packets have proven the other is damage.
    let mut packets = packets();
    packets.insert(4, foreign);
    let events = self::events([&packets.concat()[..]]).unwrap();
    assert_eq!(sequences(&events), [0, 1, 2, 3, 4, 5, 6]);
    assert!(damage(&events) > 0);
}

#[test]
fn memory_of_a_reader_is_bounded_whatever_it_is_fed() {
    // The head of a packet of 100,000 bytes that never ends.
    let mut reader = PacketReader::new(Limits::default());
    let begin = PacketWriter::new(&live()).unwrap().header().to_vec();
    reader.push(&begin).unwrap();
    let mut held = 0u64;
    let mut damaged = 0;
    for _ in 0..40 {
        let piece = [[5, 0xa0, 0x8d, 0x06].as_slice(), &[0; 12_000]].concat();
        held += piece.len() as u64;
        damaged += damage(&reader.push(&piece).unwrap());
    }
    assert!(held - damaged < 1 << 18, "{held} bytes in, {damaged} given up");
    assert!(PacketWriter::new(&live()).unwrap().packet(vec![0; 1 << 18]).is_err());
    assert!(PacketWriter::new(&whole(1, None)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn hostile_live_bytes_never_panic(
        splice in prop::collection::vec(any::<u8>(), 0..80), at in 0usize..400, cut in 0usize..60, piece in 1usize..90,
    ) {
        let mut bytes = packets().concat();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + cut).min(bytes.len()), splice);
        if let Ok(events) = events(bytes.chunks(piece)) {
            prop_assert!(sequences(&events).is_sorted());
        }
        let _ = read(&bytes, &Limits::default());
        let _ = salvage(&bytes, &Limits::default());
    }
}
