//! Live streams: packets, loss, joining late.

use tessera_audio::{DecodeOptions, Error, LiveOptions, LiveReader, Received, inspect};
use tessera_core::Limits;
use tessera_core::container::{self, Live};

use crate::fixture::*;

const OPTIONS: LiveOptions = LiveOptions {
    bits: None,
    packet_frames: 8,
    interleave: 1,
    repeat: 0,
    bits_per_second: None,
    header_every: 40,
    prior: None,
};

/// The packets of a sound, pushed in pieces of 20 ms.
fn packets(sound: &[f32], options: LiveOptions) -> Vec<Vec<u8>> {
    let mut writer = codec().live_writer(options).unwrap();
    let (mut packets, mut tokens) = (Vec::new(), 0);
    let mut take = |sent: tessera_audio::Sent| {
        packets.extend(sent.packets);
        tokens += sent.tokens;
    };
    for piece in sound.chunks(320) {
        take(writer.push(piece).unwrap());
    }
    take(writer.finish().unwrap());
    assert!(matches!(writer.push(sound), Err(Error::Parameter { .. })));
    let frames = codec().frame_count(sound.len() as u64);
    assert!(if options.bits_per_second.is_none() { tokens == frames } else { tokens >= frames });
    packets
}

/// Tokens of 12 bits as a reader reports them.
fn nodes(tokens: &[u16]) -> Vec<u32> {
    tokens.iter().map(|&token| 1 << 12 | u32::from(token)).collect()
}

fn reader() -> LiveReader {
    codec().live_reader(Limits::default())
}

/// All that a reader makes of pieces, and whether it saw the end.
fn receive<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Received, bool) {
    let mut reader = reader();
    let mut all = Received::default();
    let mut add = |more: Received| {
        all.samples.extend(more.samples);
        all.frames += more.frames;
        all.nodes.extend(more.nodes);
        all.repaired += more.repaired;
        all.concealed += more.concealed;
        all.skipped += more.skipped;
        all.late += more.late;
        all.damaged_bytes += more.damaged_bytes;
    };
    for piece in pieces {
        add(reader.push(piece).unwrap());
    }
    add(reader.finish().unwrap());
    (all, reader.has_ended())
}

#[test]
fn a_live_stream_cut_anywhere_is_the_stream_of_tokens() {
    for (length, packet_frames, interleave, repeat) in [
        (1, 8, 1, 0),
        (1, 8, 3, 5),
        (1_161, 1, 1, 1),
        (5_000, 40, 1, 0),
        (16_000, 8, 2, 0),
        (20_123, 7, 1, 12),
        (30_000, 7, 3, 4),
        (30_000, 40, 1, 0),
    ] {
        let sound = &speech(2.0)[..length];
        let packets = packets(sound, LiveOptions { packet_frames, interleave, repeat, ..OPTIONS });
        let expected = tokens(sound, 12);
        let bytes = packets.concat();
        for piece in [1, 13, 1000, bytes.len()] {
            let (received, ended) = receive(bytes.chunks(piece));
            assert!(ended);
            assert_eq!(received.nodes, nodes(&expected));
            assert_eq!(bits(&received.samples), bits(&samples(&expected, 12, length)), "{length} in {piece}");
            let harm =
                (received.concealed + received.repaired, received.skipped, received.late, received.damaged_bytes);
            assert_eq!(harm, (0, 0, 0, 0));
        }
        let decoded = codec().decode(&bytes, &DecodeOptions::default()).unwrap();
        assert_eq!(bits(&decoded.sound.channels[0]), bits(&samples(&expected, 12, length)));
    }
}

#[test]
fn lost_packets_are_noticed_and_concealed_at_their_place() {
    let sound = speech(6.0);
    let packets = packets(&sound, OPTIONS);
    let kept = |n: &usize| !matches!(n, 7 | 12 | 13 | 30);
    let some: Vec<&[u8]> = (0..packets.len()).filter(kept).map(|n| &packets[n][..]).collect();
    let (received, ended) = receive(some);
    assert!(ended);
    assert_eq!((received.concealed, received.damaged_bytes, received.late), (4 * 8, 0, 0));
    assert_eq!(received.samples.len(), sound.len(), "what comes after keeps its time");
    let whole = samples(&tokens(&sound, 12), 12, sound.len());
    let before = 7 * 8 * 200 - 840;
    assert_eq!(bits(&received.samples[..before]), bits(&whole[..before]));
    assert!(received.samples.iter().all(|sample| sample.abs() < 2.0));
    // A second after the last loss the network has forgotten it.
    let after = (31 * 8 + 80) * 200;
    assert!(spectral_distance(&received.samples[after..], &whole[after..]) < 0.5);
}

#[test]
fn a_lost_packet_of_a_group_leaves_its_frames_neighbours() {
    let sound = speech(6.0);
    let whole = tokens(&sound, 12);
    let packets = packets(&sound, LiveOptions { packet_frames: 4, interleave: 2, ..OPTIONS });
    // Packet 9 has frames 33, 35, 37 and 39; packets 20 and 21 are all of a group.
    let kept = |n: &usize| !matches!(n, 9 | 20 | 21);
    let some: Vec<&[u8]> = (0..packets.len()).filter(kept).map(|n| &packets[n][..]).collect();
    let (received, ended) = receive(some);
    assert!(ended);
    assert_eq!((received.concealed, received.repaired, received.samples.len()), (4 + 8, 0, sound.len()));
    let lost = |frame: usize| matches!(frame, 33 | 35 | 37 | 39 | 80..88);
    let left: Vec<u32> = nodes(&whole).iter().enumerate().map(|(n, &node)| if lost(n) { 1 } else { node }).collect();
    assert_eq!(received.nodes, left);
}

#[test]
fn a_lost_packet_is_repaired_by_what_the_next_one_repeats() {
    let sound = speech(6.0);
    let whole = tokens(&sound, 12);
    for interleave in [1, 2] {
        let packets = packets(&sound, LiveOptions { packet_frames: 4, interleave, repeat: 6, ..OPTIONS });
        // Of 20 and 21 the second is repaired.
        let kept = |n: &usize| !matches!(n, 0 | 9 | 20 | 21);
        let header = codec().live_writer(LiveOptions { packet_frames: 4, interleave, repeat: 6, ..OPTIONS }).unwrap();
        let some = (0..packets.len()).filter(kept).map(|n| &packets[n][..]);
        let (received, ended) = receive([header.header()].into_iter().chain(some));
        assert!(ended);
        assert_eq!((received.concealed, received.repaired), if interleave == 1 { (4, 8) } else { (4, 12) });
        let first = if interleave == 1 { 4 } else { 0 };
        assert_eq!(received.samples.len(), sound.len() - 200 * first);
        let mut decoder = codec().stream_decoder(12).unwrap();
        decoder.end_at((sound.len() - 200 * first) as u64);
        let known = |frame: usize, token: u16| {
            let group = frame / (4 * interleave as usize) * interleave as usize;
            let packet = group + frame % (4 * interleave as usize) % interleave as usize;
            match packet {
                _ if interleave == 1 && matches!(packet, 20) || interleave == 2 && packet == 20 => 1,
                0 | 9 | 21 => 1 << 6 | u32::from(token >> 6),
                _ => 1 << 12 | u32::from(token),
            }
        };
        let nodes: Vec<u32> = whole.iter().enumerate().skip(first).map(|(n, &token)| known(n, token)).collect();
        assert_eq!(received.nodes, nodes);
        assert_eq!(bits(&received.samples), bits(&decoder.push_known(&nodes, &[]).unwrap()));
    }
}

#[test]
fn concealed_speech_is_nearer_than_silence() {
    let sound = speech(4.0);
    let all = tokens(&sound, 12);
    let whole = samples(&all, 12, sound.len());
    let with = |conceal: bool| {
        let mut decoder = codec().stream_decoder(12).unwrap();
        decoder.end_at(sound.len() as u64);
        let mut made = Vec::new();
        for (n, packet) in all.chunks(4).enumerate() {
            made.extend(match (n % 5 == 3, conceal) {
                (false, _) => decoder.push(packet).unwrap(),
                (true, _) => decoder.conceal(packet.len() as u64).unwrap(),
            });
            if n % 5 == 3 && !conceal {
                let end = made.len();
                made[end - packet.len() * 200..].fill(0.0);
            }
        }
        spectral_distance(&whole, &made)
    };
    let (concealed, silent) = (with(true), with(false));
    println!("20 % of packets of 50 ms lost: {concealed:.2} dB off when concealed, {silent:.2} dB when silent");
    assert!(concealed * 2.0 < silent);
}

#[test]
fn long_losses_fade_to_silence_and_endless_ones_are_left_out() {
    let sound = speech(4.0);
    let mut decoder = codec().stream_decoder(12).unwrap();
    decoder.push(&tokens(&sound, 12)[..100]).unwrap();
    assert!(decoder.conceal(0).unwrap().is_empty());
    let concealed = decoder.conceal(200).unwrap();
    assert_eq!(concealed.len(), 200 * 200);
    assert!(concealed[..800].iter().any(|sample| sample.abs() > 1e-3));
    assert!(concealed[40 * 200..].iter().all(|&sample| sample == 0.0));

    let packets = packets(&speech(1.0), OPTIONS);
    let mut reader = reader();
    reader.push(&packets[0]).unwrap();
    let received = reader.lose(u32::MAX - 1).unwrap();
    assert_eq!(received.concealed, 800, "ten seconds are filled");
    assert!(received.skipped > u64::from(u32::MAX) && received.samples.len() <= 800 * 200);
    // What comes now is too late.
    assert_eq!(reader.push(&packets[1]).unwrap().late, 1);
}

#[test]
fn a_packet_given_up_is_concealed_and_ignored_when_it_comes() {
    let sound = speech(2.0);
    let packets = packets(&sound, OPTIONS);
    let mut reader = reader();
    let mut count = 0;
    for (n, packet) in packets.iter().enumerate() {
        if n == 6 {
            let received = reader.lose(1).unwrap();
            assert_eq!(received.concealed, 8);
            count += received.samples.len();
        }
        let received = reader.push(packet).unwrap();
        assert_eq!(received.late, u64::from(n == 6));
        count += received.samples.len();
    }
    assert!(reader.has_ended());
    assert_eq!(count, sound.len());
}

#[test]
fn a_reader_may_come_late() {
    let sound = speech(4.0);
    let packets = packets(&sound, OPTIONS);
    let bytes = packets.concat();
    // In the middle of packet 17; the header comes again before packet 20.
    let cut = packets[..17].concat().len() + 3;
    let (received, ended) = receive([&bytes[cut..]]);
    assert!(ended && received.damaged_bytes > 0);
    assert_eq!(received.samples.len(), sound.len() - 20 * 8 * 200);
    let mut late = reader();
    assert!(late.push(&bytes[cut..packets[..20].concat().len()]).unwrap().samples.is_empty());
    late.push(&packets[20]).unwrap();
    assert_eq!(late.joined_at(), 20 * 8 * 200);
}

#[test]
fn damaged_bytes_cost_their_packet_alone() {
    let sound = speech(2.0);
    let packets = packets(&sound, OPTIONS);
    let bytes = packets.concat();
    let at = packets[..9].concat().len();
    for (offset, byte) in [(0, 0x55), (1, 0xff), (2, 0x7f), (5, 1), (10, 0x80)] {
        let mut damaged = bytes.clone();
        damaged[at + offset] ^= byte;
        for piece in [17, damaged.len()] {
            let (received, ended) = receive(damaged.chunks(piece));
            assert!(ended);
            assert_eq!((received.concealed, received.damaged_bytes), (8, packets[9].len() as u64));
            assert_eq!(received.samples.len(), sound.len());
        }
    }
    // Bytes that vanish or come from elsewhere.
    for splice in [bytes[..at].iter().chain(&bytes[at + 5..]).copied().collect::<Vec<u8>>(), {
        let mut more = bytes.clone();
        more.splice(at..at, [7; 99]);
        more
    }] {
        let (received, ended) = receive(splice.chunks(50));
        assert!(ended && received.damaged_bytes > 0 && received.concealed <= 8);
        assert_eq!(received.samples.len(), sound.len());
    }
}

#[test]
fn a_stream_that_breaks_off_keeps_what_was_there() {
    let sound = speech(2.0);
    let packets = packets(&sound, OPTIONS);
    let bytes = packets[..10].concat();
    let (received, ended) = receive([&bytes[..]]);
    assert!(!ended);
    assert_eq!(received.samples.len(), 10 * 8 * 200 - 840);
    assert!(codec().decode(&bytes, &DecodeOptions::default()).is_err());
    let salvaged = codec().decode(&bytes, &DecodeOptions { salvage: true, ..Default::default() }).unwrap();
    assert_eq!(salvaged.losses.len(), 1);
    let about = inspect(&bytes, &Limits::default()).unwrap();
    assert_eq!((about.packets, about.complete, about.live), (10, false, Some(Live::plain(8))));
    let about = inspect(&packets.concat(), &Limits::default()).unwrap();
    assert!(about.complete && about.packets == packets.len() as u64);
    assert_eq!(codec().live_samples(Live::plain(8), about.reach.unwrap()), sound.len() as u64);
    assert_eq!(about.parts.iter().map(|part| part.bytes).sum::<u64>(), packets.concat().len() as u64);
}

#[test]
fn the_rate_that_a_live_stream_announces_is_the_real_one() {
    let sound = speech(9.0);
    for (announced, packet_frames, interleave, repeat) in
        [(500, 40, 1, 0), (600, 40, 1, 0), (560, 80, 1, 0), (850, 8, 1, 0), (900, 10, 2, 0), (1200, 8, 1, 3)]
    {
        let bits_per_second = Some(announced);
        let options = LiveOptions { packet_frames, interleave, repeat, bits_per_second, header_every: 1600, ..OPTIONS };
        let packets = packets(&sound, options);
        let bytes = packets.concat();
        let rate = bytes.len() as f64 * 8.0 / 9.0;
        println!("{options:?}: {rate:.0} bit/s");
        assert!((rate / f64::from(announced) - 1.0).abs() <= 0.02, "{rate} bit/s of {options:?}");
        assert_eq!(inspect(&bytes, &Limits::default()).unwrap().live.unwrap().bits_per_second, bits_per_second);
        let (received, ended) = receive([&bytes[..]]);
        assert!(ended && received.samples.len() == sound.len());
        let whole = samples(&tokens(&sound, 12), 12, sound.len());
        assert!(spectral_distance(&whole, &received.samples) < 6.0);
    }
}

#[test]
fn a_live_stream_remembers_no_more_after_long_than_after_seconds() {
    // `make bench-memory` does this for ten hours and looks at the process.
    let sound = speech(4.0);
    let bits_per_second = Some(1100);
    let options = LiveOptions { interleave: 2, repeat: 3, bits_per_second, header_every: 160, ..OPTIONS };
    let mut writer = codec().live_writer(options).unwrap();
    let mut reader = reader();
    let mut packets = 0;
    // Everything that writer and reader hold, printed. Numbers have more or fewer digits, a few hundred in all.
    let mut sizes = Vec::new();
    for _ in 0..10 {
        for packet in writer.push(&sound).unwrap().packets {
            packets += 1;
            if packets % 10 != 3 {
                reader.push(&packet).unwrap();
            }
        }
        sizes.push((format!("{writer:?}").len(), format!("{reader:?}").len()));
    }
    let most = |sizes: &[(usize, usize)]| {
        let most = |size: fn(&(usize, usize)) -> usize| sizes.iter().map(size).max().unwrap();
        (most(|size| size.0), most(|size| size.1))
    };
    let (early, late) = (most(&sizes[..3]), most(&sizes[7..]));
    // Of 28 seconds more, the tokens alone would be 11,000 letters.
    assert!(late.0 < early.0 + 6_000 && late.1 < early.1 + 6_000, "{sizes:?}");
}

#[test]
fn what_is_no_live_stream_is_refused() {
    let packets = packets(&speech(0.5), OPTIONS);
    let foreign = || {
        let mut bytes = packets.concat();
        bytes[5] ^= 1;
        reader().push(&bytes)
    };
    assert!(matches!(foreign(), Err(Error::PackMismatch { .. })));
    let file = codec().encode(&mono(speech(0.5)), &Default::default()).unwrap().bytes;
    assert!(matches!(reader().push(&file), Err(Error::Core(_))));
    let mut empty = reader();
    assert!(empty.push(b"").unwrap().samples.is_empty() && empty.finish().is_err());
    let mut endless = reader();
    let noise = (0..40).try_for_each(|n| endless.push(&vec![n; 1 << 16]).map(drop));
    assert!(matches!(noise, Err(Error::Core(_))));
    let strict = Limits { max_tokens: 7, ..Limits::default() };
    assert!(matches!(codec().live_reader(strict).push(&packets[0]), Err(Error::Core(_))));
    let writer = |packet_frames| codec().live_writer(LiveOptions { packet_frames, ..OPTIONS });
    assert!(writer(0).is_err() && writer(4097).is_err() && writer(4096).is_ok());
    let writer = |interleave, repeat| codec().live_writer(LiveOptions { interleave, repeat, ..OPTIONS });
    assert!(writer(0, 0).is_err() && writer(1, 13).is_err() && writer(513, 0).is_err() && writer(512, 0).is_ok());
    assert!(codec().live_writer(OPTIONS).unwrap().finish().is_err());
    assert!(container::is_live(&packets.concat(), &Limits::default()));
}
