//! What clients get wrong, by accident or not. Every one of them ends its own stream alone.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tessera_serve::Options;
use tessera_serve::wire::{Packet, Request};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::fixture::{PATIENCE, Running, offline_tokens, pcm, speech};

/// A stream works, so the server does.
async fn works(server: &Running) {
    let samples = speech(0.3);
    let heard = server.client("/v1/encode").await.whole(pcm(&samples, 200), None).await;
    assert_eq!(heard.tokens(12), offline_tokens(&samples, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_do_not_fit_are_refused_with_a_reason() {
    let server = Running::start(Options::default()).await;
    let token = |depth: u8| Packet { first: 0, tokens: vec![1] }.to_bytes(depth);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("/v1/encode", vec![1, 2, 3]),
        ("/v1/decode", vec![]),
        ("/v1/decode", vec![0, 0]),
        ("/v1/decode", vec![0, 0, 0]),
        ("/v1/decode", vec![0, 0, 255, 1, 1]),
        ("/v1/decode", vec![0xff; 40]),
        ("/v1/decode?depth=6", token(12)),
        ("/v1/decode?format=tsr", b"\x89PNG\r\n\x1a\n and so on".to_vec()),
    ];
    for (path, message) in cases {
        let mut client = server.client(path).await;
        client.send(message.clone()).await.unwrap();
        if path.contains("tsr") {
            client.end().await;
            // Garbage before a header is skipped; a stream of nothing else has no samples.
            assert_eq!(client.hear().await.end().samples, 0);
            continue;
        }
        let heard = client.hear().await;
        heard.failed("bad-message", 1007);
        assert!(heard.messages.is_empty());
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_request_is_refused() {
    let server = Running::start(Options::default()).await;
    for text in ["", "hello", "{\"type\":\"stop\"}", "[[[[[[[[[[[[", "{\"type\":\"end\",\"samples\":-1}", "\u{0}"] {
        for path in ["/v1/encode", "/v1/decode"] {
            let mut client = server.client(path).await;
            client.text(text).await;
            client.hear().await.failed("bad-message", 1007);
        }
    }
    for path in ["/v1/decode", "/v1/decode?format=tsr", "/v1/encode"] {
        let mut client = server.client(path).await;
        client.ask(Request::Length { samples: u64::MAX }).await;
        client.hear().await.failed("bad-message", 1007);
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_too_long_are_refused() {
    let server = Running::start(Options { max_message: 4096, ..Options::default() }).await;
    let mut client = server.client("/v1/encode").await;
    assert_eq!(client.ready.max_message, 4096);
    client.send(vec![0; 4096]).await.unwrap();
    assert_eq!(client.next().await.len(), 5);
    // The server may have closed before the last of it is sent.
    let _ = client.send(vec![0; 4098]).await;
    client.hear().await.failed("too-large", 1009);
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_hours_costs_seconds_of_silence() {
    let server = Running::start(Options::default()).await;
    let mut client = server.client("/v1/decode").await;
    client.send(Packet { first: 32_000, tokens: vec![5] }.to_bytes(12)).await.unwrap();
    client.ask(Request::Length { samples: 1 << 40 }).await;
    client.end().await;
    let heard = client.hear().await;
    // Ten seconds for each of two gaps, and a token.
    assert!(heard.samples().len() <= 2 * 160_000 + 200, "{}", heard.samples().len());
    assert!(heard.end().skipped > 1 << 32);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_never_stop_the_server() {
    let server = Running::start(Options { max_message: 2048, ..Options::default() }).await;
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for n in 0..60 {
        let path =
            ["/v1/encode?rate=44100", "/v1/decode", "/v1/decode?format=tsr", "/v1/decode?depth=7&rate=8000"][n % 4];
        let mut client = server.client(path).await;
        for _ in 0..4 {
            let length = random() as usize % 1500;
            let mut bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
            if n % 8 == 1 && bytes.len() > 5 {
                // Packets that hold what they say, with any number and any tokens.
                let count = 1 + random() as u8 % 80;
                bytes.resize(3 + (usize::from(count) * 12).div_ceil(8), 0xa5);
                bytes[2] = count;
                if count % 2 == 1 {
                    *bytes.last_mut().unwrap() &= 0xf0;
                }
            }
            if client.send(bytes).await.is_err() {
                break;
            }
        }
        drop(client);
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_vanish_leave_nothing_behind() {
    let server = Running::start(Options { max_streams: 3, ..Options::default() }).await;
    let samples = pcm(&speech(0.5), 200);
    for _ in 0..4 {
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(room(&server, "/v1/encode").await);
        }
        for client in &mut clients {
            for message in &samples {
                client.send(message.clone()).await.unwrap();
            }
        }
        // Without a close, with answers unread.
        drop(clients);
    }
    drop(room(&server, "/v1/encode").await);
    server.stop().await;
}

/// A stream, as soon as there is room.
async fn room(server: &Running, path: &str) -> crate::fixture::Client {
    let start = Instant::now();
    loop {
        if let Ok(client) = crate::fixture::Client::open(&server.url(path)).await {
            return client;
        }
        assert!(start.elapsed() < PATIENCE, "no room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_let_go() {
    let idle = Duration::from_millis(400);
    let server = Running::start(Options { idle, ..Options::default() }).await;
    let mut client = server.client("/v1/encode").await;
    let start = Instant::now();
    // Pings are no sound.
    for _ in 0..3 {
        client.socket.send_ping().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.hear().await.failed("idle", 1008);
    assert!(start.elapsed() < idle + Duration::from_secs(5), "{:?}", start.elapsed());
    server.stop().await;
}

trait Ping {
    async fn send_ping(&mut self);
}

impl<S: futures_util::Sink<Message, Error: std::fmt::Debug> + Unpin> Ping for S {
    async fn send_ping(&mut self) {
        futures_util::SinkExt::send(self, Message::Ping(vec![1, 2, 3].into())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_ask_nothing_are_closed() {
    let stall = Duration::from_millis(300);
    let server = Running::start(Options { stall, ..Options::default() }).await;
    for said in ["", "GET / HTTP/1.1\r\nHost: loc"] {
        let address = server.address;
        let elapsed = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
            let start = Instant::now();
            let mut rest = Vec::new();
            // Closed, with or without a word about it.
            let _ = stream.read_to_end(&mut rest);
            start.elapsed()
        });
        let elapsed = elapsed.await.unwrap();
        assert!(elapsed >= stall / 2 && elapsed < Duration::from_secs(20), "{said:?}: {elapsed:?}");
    }
    works(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_websocket_frames_end_the_stream() {
    let server = Running::start(Options::default()).await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let ask = format!(
        "GET /v1/encode HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    stream.write_all(&[0xff; 64]).await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)).await.unwrap().ok();
    assert!(rest.starts_with(b"HTTP/1.1 101"), "{:?}", String::from_utf8_lossy(&rest));
    works(&server).await;
    server.stop().await;
}
