//! Who may open a stream, and what is served beside streams.

use tessera_serve::{Error, Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Error as SocketError};

use crate::fixture::{Client, Running, codec};

/// Status and body of a request.
async fn get(server: &Running, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut ask = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        ask.push_str(&format!("Host: {}\r\n", server.address));
    }
    for (name, value) in headers {
        ask.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{ask}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

/// The status of a refused stream.
fn refused(outcome: Result<impl Sized, SocketError>) -> u16 {
    match outcome {
        Err(SocketError::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_all_that_it_loads_are_served() {
    let server = Running::start(Options::default()).await;
    let (status, page) = get(&server, "/", &[]).await;
    assert_eq!(status, 200);
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    let mut loaded = 0;
    for piece in page.split(['"', '\'']).filter(|piece| piece.starts_with('/') && piece.len() > 1) {
        assert_eq!(get(&server, piece, &[]).await.0, 200, "{piece}");
        loaded += 1;
    }
    assert!(loaded >= 2, "{loaded}");
    for missing in ["/nothing", "/../Cargo.toml", "/page.js/", "//", "/v1"] {
        assert_eq!(get(&server, missing, &[]).await.0, 404, "{missing}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_says_what_it_is() {
    let server = Running::start(Options::default()).await;
    let client = server.client("/v1/encode").await;
    let (status, answer) = get(&server, "/v1/info", &[]).await;
    assert_eq!(status, 200);
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let info: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(info["pack"], codec().pack().id());
    assert_eq!(info["hop"], codec().hop());
    assert_eq!((&info["streams"], &info["served"]), (&1.into(), &1.into()));
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_out_of_range_are_refused() {
    let server = Running::start(Options::default()).await;
    for path in [
        "/v1/encode?rate=0",
        "/v1/encode?rate=7999",
        "/v1/encode?rate=4294967295",
        "/v1/encode?rate=x",
        "/v1/encode?depth=0",
        "/v1/encode?depth=25",
        "/v1/encode?depth=256",
        "/v1/encode?packet=0",
        "/v1/encode?packet=81",
        "/v1/encode?format=mp3",
        "/v1/encode?other=1",
        "/v1/decode?packet=4",
        "/v1/decode?format=tsr&depth=12",
    ] {
        assert_eq!(refused(Client::open(&server.url(path)).await), 400, "{path}");
    }
    // Prime rates have no short cycle with the model's: they are converted too, or refused, but never crash.
    for rate in [8_009, 11_025, 22_051, 47_999, 191_999] {
        let outcome = Client::open(&server.url(&format!("/v1/encode?rate={rate}"))).await;
        if let Ok(client) = outcome {
            let second = vec![vec![0; 2_000]; rate / 1_000 + 1];
            let heard = client.whole(second, None).await;
            let wanted = ((rate / 1_000 + 1) as u64 * 1_000 * 16_000).div_ceil(rate as u64);
            assert_eq!(heard.end().samples, wanted, "{rate}");
        } else {
            assert_eq!(refused(outcome), 400);
        }
    }
    assert_eq!(get(&server, "/v1/encode", &[]).await.0, 400);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_peoples_pages_cannot_use_the_server() {
    let server = Running::start(Options::default()).await;
    let with = |origin: &str| {
        let mut request = server.url("/v1/encode").into_client_request().unwrap();
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        request
    };
    assert_eq!(refused(connect_async(with("https://example.org")).await), 403);
    assert_eq!(refused(connect_async(with("null")).await), 403);
    assert!(connect_async(with(&format!("http://{}", server.address))).await.is_ok());
    // A name of someone else that points at this machine.
    assert_eq!(get(&server, "/", &[("Host", "example.org")]).await.0, 403);
    assert_eq!(get(&server, "/v1/info", &[("Host", "example.org")]).await.0, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_needed_where_there_is_one() {
    let key = "correct-horse-battery";
    let listen = "0.0.0.0:0".parse().unwrap();
    let open = Server::bind(codec().clone(), 1, Options { listen, ..Options::default() }).await;
    assert!(matches!(open, Err(Error::Unprotected { .. })), "{open:?}");
    let server = Running::start(Options { listen, key: Some(key.to_owned()), ..Options::default() }).await;
    let at = |path: &str| format!("ws://127.0.0.1:{}{path}", server.address.port());
    assert_eq!(refused(Client::open(&at("/v1/encode")).await), 401);
    assert_eq!(refused(Client::open(&at("/v1/encode?key=wrong-horse-battery-")).await), 401);
    Client::open(&at(&format!("/v1/decode?key={key}"))).await.unwrap();
    let mut request: tungstenite::handshake::client::Request = at("/v1/encode").into_client_request().unwrap();
    request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {key}")).unwrap());
    assert!(connect_async(request).await.is_ok());
    server.stop().await;
}
