//! How long sound takes through the server, and how many streams it carries: a server and its clients in one process, on loopback.
//!
//! ```text
//! cargo run --release -p tessera-serve --example load -- [PAIRS] [SECONDS] [HOPS] [THREADS]
//! ```
//!
//! First one client alone, a hop at a time, each sent when the one before it is back: the real-time factor of the whole way. Then
//! PAIRS clients (default 1), each with an encoder and a decoder, send HOPS hops (default 1) in a message, in real time, for SECONDS
//! (default 10), and forward each packet to their decoder at once. Times are from the sending of a message's last sample.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tessera_audio::io::{self, IoLimits};
use tessera_audio::{AudioCodec, CodecOptions};
use tessera_core::container::Modality;
use tessera_models::Store;
use tessera_serve::wire::{Packet, pcm_of};
use tessera_serve::{Options, Server};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Failure = Box<dyn Error + Send + Sync>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Seconds at the beginning that are not counted.
const WARM_UP: f64 = 1.0;

/// The sound that everyone sends, in messages of some hops.
struct Hops {
    messages: Vec<Vec<u8>>,
    /// Hops of a message.
    block: usize,
    hop: usize,
    rate: u32,
    /// Samples of the model's window beyond a hop.
    overlap: usize,
}

impl Hops {
    fn message(&self, n: usize) -> Message {
        Message::Binary(self.messages[n % self.messages.len()].clone().into())
    }

    /// Samples of a message.
    fn samples(&self) -> usize {
        self.block * self.hop
    }

    /// Seconds of a message.
    fn seconds(&self) -> f64 {
        self.samples() as f64 / f64::from(self.rate)
    }
}

/// Milliseconds of every hop.
#[derive(Default)]
struct Times {
    encode: Vec<f64>,
    decode: Vec<f64>,
    whole: Vec<f64>,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let cores = std::thread::available_parallelism()?.get();
    let (pairs, seconds, block, threads) = (number(1)?, number(10)?, number(1)?, number(cores)?);
    let pack = Store::standard(None).default_for(Modality::Audio)?;
    let id = pack.id().to_owned();
    let codec = AudioCodec::new(pack, CodecOptions { threads })?;
    let (one, many) = (hops(&codec, 1)?, Arc::new(hops(&codec, block)?));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            max_streams: 2 * pairs + 2,
            max_speed: 1e6,
            burst: 1e6,
            ..Options::default()
        };
        let server = Server::bind(codec, threads, options).await?;
        let address = server.address();
        tokio::spawn(server.run(std::future::pending()));
        println!("{id}, {threads} threads, hops of {} samples at {} Hz", one.hop, one.rate);
        alone(&format!("ws://{address}"), &one).await?;
        let mut tasks = Vec::new();
        for _ in 0..pairs {
            tasks.push(tokio::spawn(live(format!("ws://{address}"), Arc::clone(&many), seconds)));
            // Streams of different people do not send at the same instants.
            tokio::time::sleep(Duration::from_secs_f64(many.seconds() / pairs as f64)).await;
        }
        let mut all = Times::default();
        for task in tasks {
            let times = task.await??;
            all.encode.extend(times.encode);
            all.decode.extend(times.decode);
            all.whole.extend(times.whole);
        }
        println!(
            "{pairs} encoders and decoders, {seconds} s, {block} hops a message; {} messages counted",
            all.encode.len()
        );
        println!("{:<28} {:>8} {:>8} {:>8} {:>8}", "milliseconds", "p50", "p95", "p99", "most");
        print("sample to token", &mut all.encode);
        print("token to sample", &mut all.decode);
        print("sample to sample", &mut all.whole);
        println!(
            "(sample to sample holds {:.1} ms of the model's window)",
            one.overlap as f64 / f64::from(one.rate) * 1e3
        );
        Ok(())
    })
}

fn hops(codec: &AudioCodec, block: usize) -> Result<Hops, Failure> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/speech.flac");
    let sound = io::resample(io::read(&std::fs::read(path)?, &IoLimits::default())?, codec.rate())?;
    let messages = sound.channels[0].chunks_exact(block * codec.hop()).map(pcm_of).collect();
    let overlap = codec.stream_decoder(*codec.bits().end())?.delay_samples();
    Ok(Hops { messages, block, hop: codec.hop(), rate: codec.rate(), overlap })
}

async fn open(url: &str) -> Result<Socket, Failure> {
    let (mut socket, _) = connect_async(url).await?;
    match socket.next().await {
        Some(Ok(Message::Text(text))) if text.contains("\"ready\"") => Ok(socket),
        other => Err(format!("the stream does not begin: {other:?}").into()),
    }
}

/// One client, a hop at a time.
async fn alone(server: &str, hops: &Hops) -> Result<(), Failure> {
    let mut encoder = open(&format!("{server}/v1/encode")).await?;
    let mut decoder = open(&format!("{server}/v1/decode")).await?;
    let (mut encoding, mut decoding) = (Duration::ZERO, Duration::ZERO);
    let count = hops.messages.len();
    for n in 0..count {
        let start = Instant::now();
        encoder.send(hops.message(n)).await?;
        let packet = encoder.next().await.ok_or("the encoder ended")??;
        encoding += start.elapsed();
        let start = Instant::now();
        decoder.send(packet).await?;
        // The first hops lie within the model's window.
        if (n + 1) * hops.hop > hops.overlap {
            decoder.next().await.ok_or("the decoder ended")??;
            decoding += start.elapsed();
        }
    }
    let factor = |time: Duration| time.as_secs_f64() / (count as f64 * hops.seconds());
    let each = |time: Duration| time.as_secs_f64() * 1e3 / count as f64;
    println!(
        "one at a time, {count} hops: encode {:.2} ms a hop, real-time factor {:.3}; decode {:.2} ms, {:.3}",
        each(encoding),
        factor(encoding),
        each(decoding),
        factor(decoding)
    );
    Ok(())
}

/// When messages were sent, by number.
type Sent = Arc<Mutex<Vec<Instant>>>;

fn note(sent: &Sent) {
    sent.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
}

fn since(sent: &Sent, n: usize) -> Option<f64> {
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    sent.get(n).map(|at| at.elapsed().as_secs_f64() * 1e3)
}

/// One client that sends in real time.
async fn live(server: String, hops: Arc<Hops>, seconds: usize) -> Result<Times, Failure> {
    let (to_encoder, from_encoder) = open(&format!("{server}/v1/encode?packet={}", hops.block)).await?.split();
    let (to_decoder, from_decoder) = open(&format!("{server}/v1/decode")).await?.split();
    let count = (seconds as f64 / hops.seconds()) as usize;
    let (samples_sent, tokens_sent) = (Sent::default(), Sent::default());
    let block = hops.block;
    let sending = tokio::spawn(send(to_encoder, Arc::clone(&hops), count, Arc::clone(&samples_sent)));
    let forwarding =
        tokio::spawn(forward(from_encoder, to_decoder, block, Arc::clone(&samples_sent), Arc::clone(&tokens_sent)));
    let (decode, whole) = listen(from_decoder, &hops, count, &samples_sent, &tokens_sent).await?;
    sending.await??;
    let encode = forwarding.await??;
    let skip = (WARM_UP / hops.seconds()) as usize;
    let counted =
        |times: Vec<(usize, f64)>| times.into_iter().filter(|(n, _)| *n >= skip).map(|(_, time)| time).collect();
    Ok(Times { encode: counted(encode), decode: counted(decode), whole: counted(whole) })
}

async fn send(mut to: SplitSink<Socket, Message>, hops: Arc<Hops>, count: usize, sent: Sent) -> Result<(), Failure> {
    let mut clock = interval(Duration::from_secs_f64(hops.seconds()));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..count {
        clock.tick().await;
        note(&sent);
        to.send(hops.message(n)).await?;
    }
    to.send(Message::text("{\"type\":\"end\"}")).await?;
    Ok(())
}

async fn forward(
    mut from: SplitStream<Socket>,
    mut to: SplitSink<Socket, Message>,
    block: usize,
    samples_sent: Sent,
    tokens_sent: Sent,
) -> Result<Vec<(usize, f64)>, Failure> {
    let mut times = Vec::new();
    while let Some(message) = from.next().await {
        let Message::Binary(bytes) = message? else { continue };
        let packet = Packet::parse(&bytes, 12).ok_or("no packet")?;
        let n = usize::from(packet.first) / block;
        // The last tokens belong to the end of the sound, not to a message: nothing is known of them.
        times.extend(since(&samples_sent, n).filter(|_| packet.tokens.len() == block).map(|time| (n, time)));
        note(&tokens_sent);
        to.send(Message::Binary(bytes)).await?;
    }
    to.send(Message::text("{\"type\":\"end\"}")).await?;
    Ok(times)
}

async fn listen(
    mut from: SplitStream<Socket>,
    hops: &Hops,
    count: usize,
    samples_sent: &Sent,
    tokens_sent: &Sent,
) -> Result<(Vec<(usize, f64)>, Vec<(usize, f64)>), Failure> {
    let (mut decode, mut whole, mut heard) = (Vec::new(), Vec::new(), 0);
    while let Some(message) = from.next().await {
        let Message::Binary(bytes) = message? else { continue };
        heard += bytes.len() / 2;
        // The packet that the newest token came in, and the message that the newest sample was sent in.
        let (packet, message) = ((heard + hops.overlap - 1) / hops.samples(), (heard - 1) / hops.samples());
        if packet < count {
            decode.extend(since(tokens_sent, packet).map(|time| (packet, time)));
            whole.extend(since(samples_sent, message).map(|time| (message, time)));
        }
    }
    Ok((decode, whole))
}

fn print(name: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get((share * (times.len().saturating_sub(1)) as f64) as usize).copied().unwrap_or(f64::NAN);
    println!("{name:<28} {:>8.2} {:>8.2} {:>8.2} {:>8.2}", at(0.5), at(0.95), at(0.99), at(1.0));
}
