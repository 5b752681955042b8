//! Claims about the container's sounds and live streams.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tessera_core::container::live::{Event, JoiningPoint, PacketReader, PacketWriter, joining_points};
use tessera_core::container::{
    Channels, Chunk, ChunkKind, Duration, Header, Live, MediaShape, Modality, PackRef, PriorKind, is_live, layout,
    read, salvage, write,
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
    header(Channels::Mono, Duration::Live(Live::plain(40)))
}

/// Six packets and a closing one, the header again before packet 3. Payloads are unlike each other; that of packet 4 is too long for
/// the short form.
fn packets() -> Vec<Vec<u8>> {
    let mut writer = PacketWriter::new(&live()).unwrap();
    let mut packets = Vec::new();
    for n in 0..6u8 {
        let length = if n == 4 { 64 } else { 20 + n };
        let payload: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(n + 37)).collect();
        packets.push(if n % 3 == 0 { writer.joining_packet(&payload) } else { writer.packet(&payload) }.unwrap());
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
    let live = |channels, packet_frames| header(channels, Duration::Live(Live::plain(packet_frames)));
    let packed = |packet_frames, interleave, repeat, rate| {
        let live = Live { packet_frames, interleave, repeat, bits_per_second: rate };
        header(Channels::Mono, Duration::Live(live))
    };
    for bad in [
        whole(0, None),
        whole(1, Some((0, 1))),
        whole(1, Some((1, 0))),
        live(Channels::Mono, 0),
        live(Channels::Mono, 4097),
        live(Channels::LeftRight, 40),
        packed(40, 0, 0, None),
        packed(4, 1025, 0, None),
        packed(2048, 2, 1, None),
        packed(u32::MAX, u32::MAX, 1, None),
        packed(40, 1, 13, None),
        packed(40, 1, 0, Some(0)),
    ] {
        assert!(matches!(write(&bad, &chunk), Err(Error::Parameter { .. })), "{bad:?}");
    }
    // Signature, flags, hash, then rate and samples: a zero in either, flags that contradict each other.
    let shapes: [(u8, &[u8]); 12] = [
        (1, &[0, 5]),
        (1, &[5, 0]),
        (0x41, &[5, 5]),
        (0x51, &[5, 5]),
        (0x11, &[5, 0]),
        (0x31, &[5, 5, 1, 0]),
        (0x31, &[5, 5, 0, 2]),
        (0x31, &[5, 5, 2, 13]),
        (0x31, &[5, 5, 2]),
        (0x91, &[5, 5, 0]),
        (0x91, &[5, 5]),
        (0xf1, &[5, 5, 2, 3, 9]),
    ];
    for (flags, shape) in shapes {
        let bytes = [b"\xd4SR\x01", &[flags][..], &[0; 8], shape, &[11]].concat();
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
    assert_eq!((file.chunks.len(), file.header), (8, live()));
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
fn every_damaged_byte_costs_one_packet_at_most() {
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
    assert!(PacketWriter::new(&live()).unwrap().packet(&vec![0; 1 << 18]).is_err());
    assert!(PacketWriter::new(&whole(1, None)).is_err());
}

#[test]
fn every_live_header_survives_and_names_its_bytes() {
    for (interleave, repeat) in [(1, 0), (1, 12), (2, 0), (60, 1)] {
        for bits_per_second in [None, Some(1), Some(u32::MAX)] {
            let packed = Live { packet_frames: 40, interleave, repeat, bits_per_second };
            let header = header(Channels::Mono, Duration::Live(packed));
            let mut writer = PacketWriter::new(&header).unwrap();
            let bytes = [writer.joining_packet(&[1, 2]).unwrap(), writer.closing(1, &[3]).unwrap()].concat();
            assert_eq!(events([&bytes[..]]).unwrap()[0], Event::Header(header.clone()));
            assert_eq!(read(&bytes, &Limits::default()).unwrap().header, header);
            let parts = layout(&bytes, &Limits::default()).unwrap();
            assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), bytes.len() as u64);
            let named = |name: &str| parts.iter().any(|part| part.name == name);
            assert_eq!(named("announced rate"), bits_per_second.is_some());
            assert_eq!(named("interleaving and repetition"), (interleave, repeat) != (1, 0));
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end], &Limits::default()).is_err());
            }
            for bit in 0..8 * bytes.len() {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&damaged, &Limits::default()).is_err(), "bit {bit}");
                let _ = events(damaged.chunks(7));
            }
        }
    }
}

#[test]
fn a_short_packet_costs_four_bytes_and_its_number_is_made_whole() {
    let mut writer = PacketWriter::new(&live()).unwrap();
    let packets: Vec<Vec<u8>> = (0..300u16)
        .map(|n| if n == 0 { writer.joining_packet(&[0, 0]) } else { writer.packet(&n.to_le_bytes()) }.unwrap())
        .collect();
    assert!(packets[1..].iter().all(|packet| packet.len() == 2 + 4));
    assert_eq!(writer.packet(&[0; 63]).unwrap().len(), 63 + 4);
    assert_eq!(writer.packet(&[0; 64]).unwrap().len(), 64 + 8);
    // Up to 47 packets may be missing, and up to 16 late.
    for (from, to) in [(100, 147), (100, 101), (1, 49)] {
        let some = packets[..from].iter().chain(&packets[to..]).chain([&packets[285]]);
        let expected: Vec<u32> = (0..from as u32).chain(to as u32..300).chain([285]).collect();
        assert_eq!(sequences(&events(some.map(|packet| &packet[..])).unwrap()), expected);
    }
}

#[test]
fn a_reader_that_came_late_waits_for_a_whole_number() {
    let packets = packets();
    let header = PacketWriter::new(&live()).unwrap().header().to_vec();
    // Packet 4 has the long form.
    let late = events([&b"noise"[..], &header, &packets[1], &packets[2], &packets[4], &packets[5], &packets[6]]);
    assert_eq!(sequences(&late.unwrap()), [4, 5, 6]);
}

#[test]
fn chance_makes_no_packets_of_bytes_that_come_in_pieces() {
    // Long packets of noise, a byte at a time: at many a place sixteen bits of a checksum would hold by chance.
    let mut writer = PacketWriter::new(&live()).unwrap();
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let mut reader = PacketReader::new(Limits::default());
    for n in 0..40 {
        let payload: Vec<u8> = (0..4000).map(|_| noise()).collect();
        let packet = if n == 0 { writer.joining_packet(&payload) } else { writer.packet(&payload) }.unwrap();
        let mut found = Vec::new();
        for piece in packet.chunks(250) {
            found.extend(reader.push(piece).unwrap());
        }
        assert_eq!((sequences(&found), damage(&found)), (vec![n], 0));
    }
}

#[test]
fn a_kept_stream_tells_where_it_may_be_joined() {
    let mut writer = PacketWriter::new(&live()).unwrap();
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for n in 0..3000u32 {
        if n % 2 == 0 {
            expected.push(JoiningPoint { packet: n, offset: bytes.len() as u64 });
            bytes.extend(writer.joining_packet(&n.to_le_bytes()).unwrap());
        } else {
            bytes.extend(writer.packet(&n.to_le_bytes()).unwrap());
        }
    }
    let unfinished = bytes.len();
    bytes.extend(writer.closing(5, &[1; 700]).unwrap());
    let limits = Limits::default();
    // The index is thinned out; without it every header is found.
    let indexed = joining_points(&bytes, &limits).unwrap();
    let thinned: Vec<_> = expected.iter().step_by(2).copied().collect();
    assert!(indexed == thinned, "{} of {}", indexed.len(), thinned.len());
    assert_eq!(joining_points(&bytes[..unfinished], &limits).unwrap(), expected);
    for point in &indexed[..3] {
        let events = events([&bytes[point.offset as usize..]]).unwrap();
        assert_eq!((sequences(&events)[0], damage(&events)), (point.packet, 0));
    }
    // A damaged index is no index.
    for at in (unfinished..unfinished + 40).chain([bytes.len() - 1]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(joining_points(&damaged, &limits).unwrap(), expected, "byte {at}");
    }
    for end in 0..60 {
        let points = joining_points(&bytes[..end], &limits);
        assert!(points.is_err() || points.unwrap()[0] == expected[0]);
    }
    assert!(
        joining_points(&write(&whole(5, None), &[Chunk::new(ChunkKind::Tokens, vec![])]).unwrap(), &limits).is_err()
    );
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
        if let Ok(points) = joining_points(&bytes, &Limits::default()) {
            prop_assert!(points.is_sorted_by(|a, b| a.offset < b.offset && a.packet < b.packet));
        }
    }
}
