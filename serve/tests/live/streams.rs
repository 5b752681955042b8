//! What goes in and what comes out.

use tessera_core::Limits;
use tessera_serve::Options;
use tessera_serve::wire::{HEAD, Packet, Ready};

use crate::fixture::{Running, codec, offline_samples, offline_tokens, pcm, speech};

fn packets(tokens: &[u16], size: usize, depth: u8) -> Vec<Vec<u8>> {
    let packet = |(n, tokens): (usize, &[u16])| Packet {
        first: (n * size) as u16,
        tokens: tokens.iter().map(|&token| token.into()).collect(),
    };
    tokens.chunks(size).enumerate().map(packet).map(|packet| packet.to_bytes(depth)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_how_it_is_coded() {
    let server = Running::start(Options::default()).await;
    let client = server.client("/v1/encode?rate=48000&depth=8&packet=4").await;
    let Ready { rate, model_rate, hop, depth, packet, ref pack, .. } = client.ready;
    assert_eq!((rate, model_rate, hop as usize, depth, packet), (48_000, codec().rate(), codec().hop(), 8, 4));
    assert_eq!(pack, codec().pack().id());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_tokens_are_those_of_a_file_however_the_samples_are_cut() {
    let server = Running::start(Options::default()).await;
    let samples = speech(2.3);
    let wanted = offline_tokens(&samples, 12);
    for (size, packet) in [(200, 1), (1, 8), (7_919, 3), (samples.len(), 80)] {
        // One sample a message is many messages: a piece of the sound will do.
        let samples = if size == 1 { &samples[..4_000] } else { &samples[..] };
        let wanted = if size == 1 { offline_tokens(samples, 12) } else { wanted.clone() };
        let client = server.client(&format!("/v1/encode?packet={packet}")).await;
        // Larger messages than the server takes are cut.
        let heard = client.whole(pcm(samples, size.min(30_000)), None).await;
        assert_eq!(heard.tokens(12), wanted, "messages of {size} samples");
        let sizes: Vec<usize> = heard.packets(12).iter().map(|packet| packet.tokens.len()).collect();
        assert!(sizes[..sizes.len() - 1].iter().all(|&size| size == packet), "{sizes:?}");
        let end = heard.end();
        assert_eq!(
            (end.reason.as_str(), end.samples, end.tokens),
            ("finished", samples.len() as u64, wanted.len() as u64)
        );
        assert_eq!(heard.close, Some(1000));
        let (length, before) = heard.length.expect("a length");
        assert!(length == samples.len() as u64 && before < heard.messages.len(), "{length} after {before}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_with_the_last_sample_that_it_waits_for() {
    let server = Running::start(Options::default()).await;
    let samples = speech(0.5);
    let mut client = server.client("/v1/encode").await;
    let wanted = offline_tokens(&samples, 12);
    for (n, message) in pcm(&samples, codec().hop()).into_iter().enumerate() {
        client.send(message).await.unwrap();
        // The frames that the pack looks ahead; then nothing more is sent until the token is here.
        if let Some(n) = n.checked_sub(2) {
            let packet = Packet::parse(&client.next().await, 12).unwrap();
            assert_eq!(packet, Packet { first: n as u16, tokens: vec![wanted[n].into()] });
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_samples_are_those_of_a_file_to_the_last_one() {
    let server = Running::start(Options::default()).await;
    let count = speech(2.3).len() as u64 - 77;
    for depth in [6, 12] {
        let tokens = offline_tokens(&speech(2.3)[..count as usize], depth);
        let wanted = offline_samples(&tokens, depth, count);
        assert_eq!(wanted.len() as u64, count);
        for size in [1, 5, 80] {
            let client = server.client(&format!("/v1/decode?depth={depth}")).await;
            let heard = client.whole(packets(&tokens, size, depth), Some(count)).await;
            assert_eq!(heard.samples(), wanted, "packets of {size} tokens of {depth} bits");
            let end = heard.end();
            assert_eq!((end.samples, end.tokens, end.concealed), (count, tokens.len() as u64, 0));
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_rates_are_converted_both_ways() {
    let server = Running::start(Options::default()).await;
    for rate in [8_000u32, 44_100, 48_000] {
        // A second and an odd bit of a tone.
        let count = rate as usize + 123;
        let tone = |n: usize| 8_000.0 * (n as f64 * std::f64::consts::TAU * 220.0 / f64::from(rate)).sin();
        let samples: Vec<i16> = (0..count).map(|n| tone(n) as i16).collect();
        let client = server.client(&format!("/v1/encode?rate={rate}")).await;
        let coded = client.whole(pcm(&samples, 441), None).await;
        let modelled = (count as u64 * 16_000).div_ceil(u64::from(rate));
        assert_eq!((coded.end().samples, coded.end().tokens), (modelled, codec().frame_count(modelled)));
        let client = server.client(&format!("/v1/decode?rate={rate}")).await;
        let heard = client.whole(coded.messages.clone(), Some(modelled)).await;
        let back = (modelled * u64::from(rate)).div_ceil(16_000);
        assert_eq!(heard.samples().len() as u64, back, "{rate}");
        assert!(back.abs_diff(count as u64) <= u64::from(rate.div_ceil(16_000)), "{rate}: {back} of {count}");
        assert_eq!(heard.end().samples, modelled);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_are_concealed_where_they_were() {
    let server = Running::start(Options::default()).await;
    let samples = speech(2.0);
    let count = samples.len() as u64;
    let tokens = offline_tokens(&samples, 12);
    let all = packets(&tokens, 2, 12);
    // The first, two in the middle, one twice, one too late, and the last three.
    let mut sent = all[1..20].to_vec();
    sent.extend_from_slice(&all[22..30]);
    sent.push(all[29].clone());
    sent.push(all[20].clone());
    sent.extend_from_slice(&all[30..all.len() - 3]);
    let client = server.client("/v1/decode").await;
    let heard = client.whole(sent, Some(count)).await;
    let end = heard.end();
    let last: usize = tokens.chunks(2).skip(all.len() - 3).map(<[u16]>::len).sum();
    assert_eq!((end.concealed, end.late, end.tokens), (2 + 4 + last as u64, 2, tokens.len() as u64));
    // What was lost costs no time.
    assert_eq!(heard.samples().len() as u64, count);
    let mut decoder = codec().stream_decoder(12).unwrap();
    decoder.end_at(count);
    let mut wanted = decoder.conceal(2).unwrap();
    wanted.extend(decoder.push(&tokens[2..40]).unwrap());
    // What stands in for a gap knows what follows it.
    wanted.extend(decoder.push_known(&[1; 4], &[1 << 12 | u32::from(tokens[44])]).unwrap());
    wanted.extend(decoder.push(&tokens[44..tokens.len() - last]).unwrap());
    wanted.extend(decoder.conceal(last as u64).unwrap());
    let wanted: Vec<i16> = wanted.iter().map(|sample| (sample * 32_768.0).round() as i16).collect();
    assert_eq!(heard.samples(), wanted);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_packets_wrap_around() {
    let server = Running::start(Options::default()).await;
    // Gaps too long to be filled: 2 x 30,000 tokens, and then past 65,536.
    let packet = |first| Packet { first, tokens: vec![7] }.to_bytes(12);
    let client = server.client("/v1/decode").await;
    let heard = client.whole([30_000, 60_000, 24_464].map(packet).to_vec(), None).await;
    // The third packet is token 90,000.
    assert_eq!((heard.end().tokens, heard.end().late), (90_001, 0));
    assert_eq!(heard.end().concealed, 3 * 800);
    assert_eq!(heard.end().skipped, 90_001 - 3 - 2_400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tsr_stream_is_a_live_file() {
    let server = Running::start(Options::default()).await;
    let samples = speech(2.0);
    let client = server.client("/v1/encode?format=tsr&packet=16").await;
    let coded = client.whole(pcm(&samples, 500), None).await;
    let file = coded.bytes();
    // The codec's own reader takes it, and so does the server.
    let mut reader = codec().live_reader(Limits::default());
    let mut received = reader.push(&file).unwrap();
    received.samples.extend(reader.finish().unwrap().samples);
    assert!(reader.has_ended());
    let nodes = offline_tokens(&samples, 12).into_iter().map(|token| 1 << 12 | u32::from(token));
    assert!(received.nodes.iter().copied().eq(nodes));
    assert_eq!(received.samples.len(), samples.len());
    let wanted: Vec<i16> = received.samples.iter().map(|sample| (sample * 32_768.0).round() as i16).collect();
    for size in [1, 100, 60_000] {
        let client = server.client("/v1/decode?format=tsr").await;
        let heard = client.whole(file.chunks(size).map(<[u8]>::to_vec).collect(), None).await;
        assert_eq!(heard.samples(), wanted, "messages of {size} bytes");
        assert_eq!((heard.end().tokens, heard.end().damaged_bytes), (received.nodes.len() as u64, 0));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_is_what_the_documentation_says() {
    let server = Running::start(Options::default()).await;
    let samples = speech(2.0);
    for (depth, packet) in [(12u8, 1usize), (12, 8), (6, 8)] {
        let client = server.client(&format!("/v1/encode?depth={depth}&packet={packet}")).await;
        let heard = client.whole(pcm(&samples, 200), None).await;
        let tokens = heard.end().tokens as usize;
        let bytes: usize = tokens / packet * (HEAD + (packet * usize::from(depth)).div_ceil(8));
        let rest = tokens % packet;
        let rest = if rest == 0 { 0 } else { HEAD + (rest * usize::from(depth)).div_ceil(8) };
        assert_eq!(heard.bytes().len(), bytes + rest);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_nothing_end_well() {
    let server = Running::start(Options::default()).await;
    for path in ["/v1/encode", "/v1/encode?format=tsr", "/v1/encode?rate=44100", "/v1/decode", "/v1/decode?format=tsr"]
    {
        let heard = server.client(path).await.whole(vec![vec![]], None).await;
        assert_eq!(heard.close, Some(if path == "/v1/decode" { 1007 } else { 1000 }), "{path} {heard:?}");
        let heard = server.client(path).await.whole(vec![], None).await;
        assert_eq!((heard.end().samples, heard.end().tokens, heard.messages.len()), (0, 0, 0), "{path}");
    }
    server.stop().await;
}
