//! A web server on the loopback interface that answers as a test tells it to.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// Where the range begins that it asked for.
    pub from: Option<usize>,
    pub if_range: Option<String>,
}

/// A server that runs until the test ends.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` is called for each request, with how many there were before it.
    pub fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read(&stream) else { return };
                    let before = {
                        let mut log = log.lock().unwrap();
                        log.push(request.clone());
                        log.len() - 1
                    };
                    answer(before, &request, &mut stream);
                });
            }
        });
        Self { address, asked }
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let mut request = Request { path, from: None, if_range: None };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                request.from = Some(value.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap());
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(request)
}

/// Writes head and body, and closes. That the client hears no more is its own business.
pub fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let _ = stream.write_all(format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes());
    let _ = stream.write_all(body);
}

/// Answers as most servers do, with ranges and a tag. `cut` bytes come at most, whatever was announced.
pub fn ranges(request: &Request, stream: &mut TcpStream, file: &[u8], tag: &str, cut: usize) {
    let total = file.len();
    let same = request.if_range.as_deref().is_none_or(|wanted| wanted == tag);
    let (head, body) = match request.from.filter(|_| same) {
        Some(from) if from >= total => {
            (format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{total}"), &[][..])
        }
        Some(from) => {
            (format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}", total - 1), &file[from..])
        }
        None => ("200 OK".to_owned(), file),
    };
    let head = format!("{head}\r\nETag: {tag}\r\nContent-Length: {}", body.len());
    send(stream, &head, &body[..body.len().min(cut)]);
}
