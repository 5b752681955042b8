//! Live streams: packets, loss, joining late.

use tessera_audio::{DecodeOptions, Error, LiveOptions, LiveReader, Received, inspect};
use tessera_core::{Limits, container};

use crate::fixture::*;

const OPTIONS: LiveOptions = LiveOptions { depth: None, packet_frames: 8, header_every: 5, prior: None };

/// The packets of a sound, pushed in pieces of 20 ms, and its tokens.
fn packets(sound: &[f32], options: LiveOptions) -> (Vec<Vec<u8>>, Vec<u16>) {
    let mut writer = codec().live_writer(options).unwrap();
    let (mut packets, mut tokens) = (Vec::new(), Vec::new());
    let mut take = |sent: tessera_audio::Sent| {
        packets.extend(sent.packets);
        tokens.extend(sent.tokens);
    };
    for piece in sound.chunks(320) {
        take(writer.push(piece).unwrap());
    }
    take(writer.finish().unwrap());
    assert!(matches!(writer.push(sound), Err(Error::Parameter { .. })));
    (packets, tokens)
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
        all.tokens.extend(more.tokens);
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
    for (length, packet_frames) in [(1, 8), (1_161, 1), (5_000, 40), (16_000, 8), (20_123, 7), (30_000, 40)] {
        let sound = &speech(2.0)[..length];
        let (packets, tokens_sent) = packets(sound, LiveOptions { packet_frames, ..OPTIONS });
        let expected = tokens(sound, 12);
        assert_eq!(tokens_sent, expected);
        let bytes = packets.concat();
        for piece in [1, 13, 1000, bytes.len()] {
            let (received, ended) = receive(bytes.chunks(piece));
            assert!(ended);
            assert_eq!(received.tokens, expected);
            assert_eq!(bits(&received.samples), bits(&samples(&expected, 12, length)), "{length} in {piece}");
            let harm = (received.concealed, received.skipped, received.late, received.damaged_bytes);
            assert_eq!(harm, (0, 0, 0, 0));
        }
        let decoded = codec().decode(&bytes, &DecodeOptions::default()).unwrap();
        assert_eq!(bits(&decoded.sound.channels[0]), bits(&samples(&expected, 12, length)));
    }
}

#[test]
fn lost_packets_are_noticed_and_concealed_at_their_place() {
    let sound = speech(6.0);
    let (packets, _) = packets(&sound, OPTIONS);
    let kept = |n: &usize| !matches!(n, 7 | 12 | 13 | 30);
    let some: Vec<&[u8]> = (0..packets.len()).filter(kept).map(|n| &packets[n][..]).collect();
    let (received, ended) = receive(some);
    assert!(ended);
    assert_eq!((received.concealed, received.damaged_bytes, received.late), (4 * 8, 0, 0));
    assert_eq!(received.samples.len(), sound.len(), "what comes after keeps its time");
    let whole = samples(&tokens(&sound, 12), 12, sound.len());
    let before = 7 * 8 * 200 - 440;
    assert_eq!(bits(&received.samples[..before]), bits(&whole[..before]));
    assert!(received.samples.iter().all(|sample| sample.abs() < 2.0));
    // A second after the last loss the network has forgotten it.
    let after = (31 * 8 + 80) * 200;
    assert!(spectral_distance(&received.samples[after..], &whole[after..]) < 0.5);
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
    let concealed = decoder.conceal(200).unwrap();
    assert_eq!(concealed.len(), 200 * 200);
    assert!(concealed[..800].iter().any(|sample| sample.abs() > 1e-3));
    assert!(concealed[40 * 200..].iter().all(|&sample| sample == 0.0));

    let (packets, _) = packets(&speech(1.0), OPTIONS);
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
    let (packets, _) = packets(&sound, OPTIONS);
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
    let (packets, _) = packets(&sound, OPTIONS);
    let bytes = packets.concat();
    // In the middle of packet 17; the header comes again before packet 20.
    let cut = packets[..17].concat().len() + 3;
    let (received, ended) = receive([&bytes[cut..]]);
    assert!(ended && received.damaged_bytes > 0);
    assert_eq!(received.samples.len(), sound.len() - 20 * 8 * 200);
    let mut late = reader();
    // Or a server hands out the header first.
    let header = codec().live_writer(OPTIONS).unwrap().header().to_vec();
    late.push(&header).unwrap();
    late.push(&packets[17]).unwrap();
    assert_eq!(late.joined_at(), 17 * 8 * 200);
}

#[test]
fn damaged_bytes_cost_their_packet_alone() {
    let sound = speech(2.0);
    let (packets, _) = packets(&sound, OPTIONS);
    let bytes = packets.concat();
    let at = packets[..9].concat().len();
    for (offset, byte) in [(0, 0x55), (1, 0xff), (2, 0x7f), (5, 1), (12, 0x80)] {
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
    let (packets, _) = packets(&sound, OPTIONS);
    let bytes = packets[..10].concat();
    let (received, ended) = receive([&bytes[..]]);
    assert!(!ended);
    assert_eq!(received.samples.len(), 10 * 8 * 200 - 440);
    assert!(codec().decode(&bytes, &DecodeOptions::default()).is_err());
    let salvaged = codec().decode(&bytes, &DecodeOptions { salvage: true, ..Default::default() }).unwrap();
    assert_eq!(salvaged.losses.len(), 1);
    let about = inspect(&bytes, &Limits::default()).unwrap();
    assert_eq!((about.packets, about.complete, about.packet_frames), (10, false, Some(8)));
    let about = inspect(&packets.concat(), &Limits::default()).unwrap();
    assert!(about.complete && about.packets == packets.len() as u64);
    assert_eq!(about.parts.iter().map(|part| part.bytes).sum::<u64>(), packets.concat().len() as u64);
}

#[test]
fn the_rate_of_a_live_stream_is_what_its_options_promise() {
    let seconds = 6.0;
    let sound = speech(seconds);
    for (depth, packet_frames, header_every) in [(12, 80, 0), (11, 80, 10), (10, 40, 20), (12, 8, 5)] {
        let options = LiveOptions { depth: Some(depth), packet_frames, header_every, prior: None };
        let promised = codec().live_bits_per_second(&options).unwrap();
        let bytes = packets(&sound, options).0.concat().len() as f64;
        // The header at the start, and three frames that reach over the end.
        let once = 8.0 * codec().live_writer(options).unwrap().header().len() as f64 + 3.0 * f64::from(depth);
        let rate = (bytes * 8.0 - once) / seconds;
        println!("{depth} bits, {packet_frames} frames a packet: {rate:.0} bit/s, {promised:.0} promised");
        assert!(rate < promised * 1.02 + 8.0, "{rate} bit/s where {promised} are promised");
        let plain = pack().audio().unwrap().prior.is_none();
        assert!(!plain || rate > promised * 0.97, "{rate} bit/s where {promised} are promised");
    }
}

#[test]
fn what_is_no_live_stream_is_refused() {
    let (packets, _) = packets(&speech(0.5), OPTIONS);
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
    assert!(codec().live_writer(OPTIONS).unwrap().finish().is_err());
    assert!(container::is_live(&packets.concat(), &Limits::default()));
}
