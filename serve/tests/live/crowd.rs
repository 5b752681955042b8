//! Many clients at once, slow ones among them.

use std::time::{Duration, Instant};

use tessera_serve::Options;
use tessera_serve::wire::Packet;
use tokio_tungstenite::tungstenite::Error;

use crate::fixture::{Client, Running, offline_samples, offline_tokens, pcm, speech};

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_at_once_get_what_each_would_get_alone() {
    let server = Running::start(Options::default()).await;
    let (one, other) = (speech(2.0), speech(3.0)[16_000..].to_vec());
    let run = async |samples: Vec<i16>, depth: u8| {
        let client = server.client(&format!("/v1/encode?depth={depth}")).await;
        let coded = client.whole(pcm(&samples, 200), None).await;
        assert_eq!(coded.tokens(depth), offline_tokens(&samples, depth));
        let client = server.client(&format!("/v1/decode?depth={depth}")).await;
        let heard = client.whole(coded.messages, Some(samples.len() as u64)).await;
        let wanted = offline_samples(&offline_tokens(&samples, depth), depth, samples.len() as u64);
        assert_eq!(heard.samples(), wanted);
    };
    tokio::join!(run(one, 12), run(other, 9));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_held_back_and_let_go_while_others_go_on() {
    let stall = Duration::from_millis(500);
    let server = Running::start(Options { stall, max_speed: 1e6, burst: 1e9, ..Options::default() }).await;
    let mut slow = server.client("/v1/decode?rate=192000").await;
    let other = tokio::spawn({
        let client = server.client("/v1/encode").await;
        let samples = speech(3.0);
        async move {
            let heard = client.whole(pcm(&samples, 200), None).await;
            assert_eq!(heard.tokens(12), offline_tokens(&samples, 12));
        }
    });
    // Gaps of ten seconds make 3.8 MB each; nothing of it is read.
    let mut first = 0u16;
    let mut sent = 0;
    let start = Instant::now();
    let refused = loop {
        let packet = Packet { first, tokens: vec![3] }.to_bytes(12);
        match tokio::time::timeout(Duration::from_secs(30), slow.send(packet)).await {
            Ok(Ok(())) => sent += 1,
            Ok(Err(error)) => break error,
            Err(_) => panic!("the server neither reads nor lets go"),
        }
        first = first.wrapping_add(801);
        assert!(start.elapsed() < Duration::from_secs(50), "{sent} packets and no end");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert!(!matches!(refused, Error::Capacity(_)), "{refused}");
    other.await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_too_fast_is_held_to_its_speed() {
    let server = Running::start(Options { max_speed: 4.0, burst: 0.5, ..Options::default() }).await;
    let samples = speech(3.0);
    let start = Instant::now();
    let heard = server.client("/v1/encode").await.whole(pcm(&samples, 2_000), None).await;
    let taken = start.elapsed().as_secs_f64();
    assert_eq!(heard.tokens(12), offline_tokens(&samples, 12));
    // The last piece of work is not waited for.
    assert!(taken >= (3.0 - 0.5 - 0.2) / 4.0, "{taken} s");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_as_many_streams_as_allowed() {
    let server = Running::start(Options { max_streams: 2, ..Options::default() }).await;
    let (one, two) = (server.client("/v1/encode").await, server.client("/v1/decode").await);
    let Err(Error::Http(refused)) = Client::open(&server.url("/v1/encode")).await else { panic!("a third stream") };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let body = String::from_utf8(refused.into_body().unwrap_or_default()).unwrap();
    assert!(body.contains("\"full\""), "{body}");
    // A stream that ends makes room.
    one.whole(vec![], None).await.end();
    let start = Instant::now();
    let third = loop {
        match Client::open(&server.url("/v1/encode")).await {
            Ok(client) => break client,
            Err(_) => assert!(start.elapsed() < Duration::from_secs(20), "no room"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    drop((two, third));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_streams_at_once_are_all_whole() {
    let server = Running::start(Options::default()).await;
    let samples = speech(1.0);
    let count = samples.len() as u64;
    let tokens = offline_tokens(&samples, 12);
    let heard = offline_samples(&tokens, 12, count);
    let packet = |(n, &token): (usize, &u16)| Packet { first: n as u16, tokens: vec![token.into()] }.to_bytes(12);
    let packets: Vec<Vec<u8>> = tokens.iter().enumerate().map(packet).collect();
    let mut encoders = Vec::new();
    let mut decoders = Vec::new();
    for _ in 0..25 {
        let (encoder, decoder) = (server.client("/v1/encode").await, server.client("/v1/decode").await);
        let (samples, packets) = (pcm(&samples, 320), packets.clone());
        encoders.push(tokio::spawn(async move { encoder.whole(samples, None).await.tokens(12) }));
        decoders.push(tokio::spawn(async move { decoder.whole(packets, Some(count)).await.samples() }));
    }
    for (encoder, decoder) in encoders.into_iter().zip(decoders) {
        assert_eq!(encoder.await.unwrap(), tokens);
        assert_eq!(decoder.await.unwrap(), heard);
    }
    server.stop().await;
}
