//! `tessera serve`: the program listens, codes, and ends in order.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tungstenite::{Message, WebSocket, stream::MaybeTlsStream};

use crate::run::{fails, folder, stderr, tessera};

/// A server, stopped when the test ends in any way.
struct Server(Option<Child>);

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // Already gone is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A server on a free port, and its address.
fn start(arguments: &[&str], key: Option<&str>) -> (Server, String) {
    let mut command = tessera(["serve", "--listen", "127.0.0.1:0", "--json"]);
    command.args(arguments).env_remove("TESSERA_KEY").stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(key) = key {
        command.env("TESSERA_KEY", key);
    }
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it said {line:?}"));
    assert_eq!(said["key"], key.is_some());
    let address = said["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    (Server(Some(child)), address)
}

fn stream(address: &str, path: &str) -> tungstenite::Result<WebSocket<MaybeTlsStream<TcpStream>>> {
    let (socket, _) = tungstenite::connect(format!("ws://{address}{path}"))?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    }
    Ok(socket)
}

fn reply(socket: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Value {
    match socket.read().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("no text: {other:?}"),
    }
}

#[test]
fn it_codes_until_it_is_told_to_end_and_loses_nothing() {
    let (mut server, address) = start(&[], None);
    let mut encoder = stream(&address, "/v1/encode").unwrap();
    let ready = reply(&mut encoder);
    assert_eq!((&ready["type"], &ready["hop"]), (&"ready".into(), &200.into()));
    // Four hops and a half, of which two are looked ahead.
    encoder.send(Message::binary(vec![0; 1800])).unwrap();
    for n in 0..2u8 {
        assert_eq!(encoder.read().unwrap().into_data()[..3], [n, 0, 1]);
    }
    let child = server.0.take().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    // 900 samples, a window and two frames: nine frames in all, some of them before the server says what it will send.
    let mut packets = 2u8;
    let said = loop {
        match encoder.read().unwrap() {
            Message::Text(text) => break serde_json::from_str::<Value>(&text).unwrap(),
            packet => assert_eq!(packet.into_data()[..3], [packets, 0, 1]),
        }
        packets += 1;
    };
    assert_eq!(said["samples"], 900);
    for n in packets..9 {
        assert_eq!(encoder.read().unwrap().into_data()[..3], [n, 0, 1]);
    }
    let end = reply(&mut encoder);
    assert_eq!((&end["reason"], &end["tokens"]), (&"shutdown".into(), &9.into()));
    assert!(matches!(encoder.read().unwrap(), Message::Close(Some(frame)) if u16::from(frame.code) == 1001));
    let _ = encoder.read();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let (mut server, address) = start(&[], None);
    let mut stuck = stream(&address, "/v1/decode").unwrap();
    reply(&mut stuck);
    let mut child = server.0.take().unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    // It waits for the client's farewell, which does not come.
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    kill(pid, Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn it_asks_for_the_key() {
    let (_server, address) = start(&[], Some("correct-horse-battery"));
    assert!(
        matches!(stream(&address, "/v1/encode"), Err(tungstenite::Error::Http(refused)) if refused.status() == 401)
    );
    let mut encoder = stream(&address, "/v1/encode?key=correct-horse-battery").unwrap();
    assert_eq!(reply(&mut encoder)["type"], "ready");
}

#[test]
fn what_it_cannot_do_it_says_at_once() {
    let out = folder();
    let serve = |arguments: &[&str]| {
        let mut command = tessera(["serve"]);
        command.args(arguments).env_remove("TESSERA_KEY");
        command
    };
    fails(&mut serve(&["--listen", "0.0.0.0:0"]), 2, "--key-file");
    fails(serve(&["--listen", "0.0.0.0:0"]).env("TESSERA_KEY", "short"), 2, "at least 16");
    fails(serve(&["--key-file"]).arg(out.path().join("none.txt")), 1, "no such file");
    fails(&mut serve(&["--listen", "nowhere"]), 2, "--listen");
    fails(&mut serve(&["--allow-origin", "example.org"]), 2, "https://example.org");
    fails(&mut serve(&["--max-message", "10"]), 2, "1024");
    fails(&mut serve(&["--pack", "image-f16-2"]), 4, "does not code sounds");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    fails(&mut serve(&["--listen", &taken.local_addr().unwrap().to_string()]), 1, "--listen");
}
