//! A server on a free port, and a client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tessera_audio::io::{self, IoLimits};
use tessera_audio::{AudioCodec, CodecOptions};
use tessera_models::Pack;
use tessera_serve::wire::{Ended, Packet, Ready, Reply, Request};
use tessera_serve::{Options, Server};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything here takes, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(60);
const THREADS: usize = 2;

/// A manifest with one whole token a frame by default, which most claims are about.
fn one_token(manifest: &str) -> String {
    let line = |line| if str::starts_with(line, "bits = ") { "bits = 12\n".to_owned() } else { format!("{line}\n") };
    manifest.lines().map(line).collect()
}

static CODEC: LazyLock<AudioCodec> = LazyLock::new(|| {
    let path = std::env::var_os("TESSERA_TEST_AUDIO_PACK")
        .map_or_else(|| root().join("models/packs/speech-16k.tpack"), PathBuf::from);
    let bytes = std::fs::read(path).expect("these tests need an audio pack: name it in TESSERA_TEST_AUDIO_PACK");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let folder = tempfile::tempdir().expect("a folder");
    archive.extract(folder.path()).expect("the parts of a pack");
    let manifest = folder.path().join("pack.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    std::fs::write(&manifest, one_token(&text)).expect("a manifest");
    let pack = Pack::open(folder.path()).expect("a pack");
    AudioCodec::new(Arc::new(pack), CodecOptions { threads: THREADS }).expect("a codec of the pack")
});

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn codec() -> &'static AudioCodec {
    &CODEC
}

/// Real speech, 16-bit, at the model's rate.
pub fn speech(seconds: f64) -> Vec<i16> {
    let bytes = std::fs::read(root().join("samples/speech.flac")).expect("a sample");
    let sound = io::read(&bytes, &IoLimits::default()).expect("a readable sample");
    let wanted = (seconds * f64::from(sound.rate)) as usize;
    sound.channels[0][..wanted].iter().map(|sample| (sample * 32_768.0) as i16).collect()
}

pub fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
}

/// A server that runs until it is stopped or dropped.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// On any free port.
    pub async fn start(options: Options) -> Self {
        let listen = SocketAddr::new(options.listen.ip(), 0);
        let server = Server::bind(codec().clone(), THREADS, Options { listen, ..options }).await.expect("a server");
        let address = server.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            // Dropping the sender stops it too.
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub async fn client(&self, path: &str) -> Client {
        Client::open(&self.url(path)).await.expect("a stream")
    }

    /// Stops it, and waits until it has ended.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        timeout(PATIENCE, self.task).await.expect("the server ends").expect("without a panic");
    }
}

/// One stream.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub ready: Ready,
}

/// What a stream brought until it ended.
#[derive(Debug, Default)]
pub struct Heard {
    pub messages: Vec<Vec<u8>>,
    /// Samples, and how many messages came before they were said.
    pub length: Option<(u64, usize)>,
    pub end: Option<Ended>,
    /// Code and message.
    pub error: Option<(String, String)>,
    pub close: Option<u16>,
}

impl Heard {
    fn take(&mut self, message: Message) {
        match message {
            Message::Binary(bytes) => self.messages.push(bytes.to_vec()),
            Message::Text(text) => match serde_json::from_str(&text).expect("a reply") {
                Reply::Length { samples } => self.length = Some((samples, self.messages.len())),
                Reply::End(end) => self.end = Some(end),
                Reply::Error { code, message } => self.error = Some((code, message)),
                Reply::Ready(_) => panic!("ready twice"),
            },
            Message::Close(frame) => self.close = frame.map(|CloseFrame { code, .. }| code.into()),
            _ => {}
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.messages.concat()
    }

    /// The samples of a decoded stream.
    pub fn samples(&self) -> Vec<i16> {
        self.bytes().chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// The packets of an encoded stream.
    pub fn packets(&self, depth: u8) -> Vec<Packet> {
        self.messages.iter().map(|message| Packet::parse(message, depth).expect("a packet")).collect()
    }

    pub fn tokens(&self, depth: u8) -> Vec<u16> {
        self.packets(depth).into_iter().flat_map(|packet| packet.tokens).map(|token| token as u16).collect()
    }

    pub fn end(&self) -> &Ended {
        self.end.as_ref().unwrap_or_else(|| panic!("no end: {:?}", self.error))
    }

    /// Checks that the stream failed with this word and this code, and says why.
    pub fn failed(&self, code: &str, close: u16) -> &str {
        let (word, message) = self.error.as_ref().unwrap_or_else(|| panic!("no error, but {:?}", self.end));
        assert_eq!((word.as_str(), self.close), (code, Some(close)), "{message}");
        message
    }
}

impl Client {
    /// Connects and takes the first message.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let (mut socket, _) = timeout(PATIENCE, connect_async(url)).await.expect("an answer")?;
        match timeout(PATIENCE, socket.next()).await.expect("a message") {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text).expect("a reply") {
                Reply::Ready(ready) => Ok(Self { socket, ready }),
                other => panic!("not ready: {other:?}"),
            },
            other => panic!("not ready: {other:?}"),
        }
    }

    pub async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        self.socket.send(Message::Binary(bytes.into())).await
    }

    pub async fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the server listens");
    }

    pub async fn ask(&mut self, request: Request) {
        let request = serde_json::to_string(&request).unwrap();
        self.text(&request).await;
    }

    pub async fn end(&mut self) {
        self.ask(Request::End {}).await;
    }

    /// The next binary message.
    pub async fn next(&mut self) -> Vec<u8> {
        match timeout(PATIENCE, self.socket.next()).await.expect("a message") {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("no bytes: {other:?}"),
        }
    }

    /// Everything until the stream ends.
    pub async fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        while let Some(Ok(message)) = timeout(PATIENCE, self.socket.next()).await.expect("a message") {
            heard.take(message);
        }
        heard
    }

    /// Sends messages while reading, so that neither side waits for the other, ends, and hears the stream out. The length is said
    /// before the messages.
    pub async fn whole(self, messages: Vec<Vec<u8>>, samples: Option<u64>) -> Heard {
        let (mut sink, mut stream) = self.socket.split();
        let text = |request: Request| Message::text(serde_json::to_string(&request).unwrap());
        let send = async move {
            if let Some(samples) = samples {
                sink.send(text(Request::Length { samples })).await.expect("the server listens");
            }
            for message in messages {
                sink.send(Message::Binary(message.into())).await.expect("the server listens");
            }
            sink.send(text(Request::End {})).await.expect("the server listens");
            sink
        };
        let read = async move {
            let mut heard = Heard::default();
            while let Some(Ok(message)) = timeout(PATIENCE, stream.next()).await.expect("a message") {
                heard.take(message);
            }
            heard
        };
        let (_sink, heard) = tokio::join!(send, read);
        heard
    }
}

/// Samples as messages of `size` samples.
pub fn pcm(samples: &[i16], size: usize) -> Vec<Vec<u8>> {
    samples.chunks(size).map(|piece| piece.iter().flat_map(|sample| sample.to_le_bytes()).collect()).collect()
}

/// What a file's encoder makes of the same samples.
pub fn offline_tokens(samples: &[i16], depth: u8) -> Vec<u16> {
    let mut encoder = codec().stream_encoder(depth).unwrap();
    let mut tokens = encoder.push(&floats(samples)).unwrap();
    tokens.extend(encoder.finish().unwrap());
    tokens
}

/// What a file's decoder makes of the same tokens.
pub fn offline_samples(tokens: &[u16], depth: u8, end: u64) -> Vec<i16> {
    let mut decoder = codec().stream_decoder(depth).unwrap();
    decoder.end_at(end);
    let samples = decoder.push(tokens).unwrap();
    samples.iter().map(|sample| (sample * 32_768.0).round() as i16).collect()
}
