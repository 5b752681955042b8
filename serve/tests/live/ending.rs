//! The server ends in order.

use std::time::{Duration, Instant};

use tessera_serve::Options;
use tokio::net::TcpStream;

use crate::fixture::{Running, codec, offline_tokens, pcm, speech};

#[tokio::test(flavor = "multi_thread")]
async fn streams_get_what_was_coded_of_them_when_the_server_ends() {
    let server = Running::start(Options::default()).await;
    let address = server.address;
    let samples = speech(1.0);
    let mut client = server.client("/v1/encode?packet=80").await;
    for message in pcm(&samples, 200) {
        client.send(message).await.unwrap();
    }
    // 80 tokens are there, and the rest of the sound would follow.
    let first = client.next().await;
    let (heard, ()) = tokio::join!(client.hear(), server.stop());
    let first = tessera_serve::wire::Packet::parse(&first, 12).unwrap().tokens;
    let mut tokens: Vec<u16> = first.into_iter().map(|token| token as u16).collect();
    tokens.extend(heard.tokens(12));
    assert_eq!(tokens, offline_tokens(&samples, 12));
    assert_eq!((heard.end().reason.as_str(), heard.close), ("shutdown", Some(1001)));
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_does_not_keep_the_server() {
    let grace = Duration::from_millis(500);
    let server = Running::start(Options { grace, ..Options::default() }).await;
    let mut client = server.client("/v1/encode").await;
    client.send(pcm(&speech(0.1), 1600).concat()).await.unwrap();
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < grace + Duration::from_secs(5), "{:?}", start.elapsed());
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_streams_ends_at_once() {
    let server = Running::start(Options::default()).await;
    let heard = server.client("/v1/encode").await.whole(pcm(&speech(0.1), 200), None).await;
    assert_eq!(heard.end().tokens, codec().frame_count(1600));
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}
