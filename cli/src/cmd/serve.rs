//! `tessera serve`: live speech over WebSocket, and a page to try it.

use std::{env, fs, net::SocketAddr, path::PathBuf, thread, time::Duration};

use clap::Args;
use serde::Serialize;
use tessera_serve::{Error, Options, Server};
use tokio::sync::Notify;

use crate::{
    args::{ModelArgs, RuntimeArgs},
    engine::Shared,
    explain,
    failure::{Exit, Failure, Result},
    files, print,
};

/// Environment variable with the key.
const KEY: &str = "TESSERA_KEY";

/// Serve live speech to browsers and programs
///
/// A client sends samples and gets tokens at once, or sends tokens and gets samples (docs/live.md describes the messages). The page
/// of the server does both with a microphone or a file. Ctrl-C ends it: every stream gets what was coded of it first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera serve                                           then open http://127.0.0.1:8750/
  tessera serve --listen 127.0.0.1:0 --json               any free port, said as JSON
  tessera serve --listen 0.0.0.0:8750 --key-file key.txt  for other machines; open the page as http://...:8750/#key=...

Browsers give a microphone only to pages of the same machine or over HTTPS: for others, put a proxy that speaks TLS in front.")]
pub struct Serve {
    /// Address and port to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8750")]
    listen: SocketAddr,

    /// File with the key that clients must know, at least 16 characters; required for addresses that other machines can reach
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Page of another server that may open streams, such as https://example.org; may be given again
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Streams at once
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_streams: usize,

    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value_t = 65_536)]
    max_message: usize,

    /// How much faster than real time a stream may go
    #[arg(long, value_name = "TIMES", default_value_t = 16.0)]
    max_speed: f64,

    /// Seconds that a client may send nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: u64,

    /// Seconds that a client may leave what it is sent unread
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    stall: u64,

    /// Model pack to code with, by id or file
    #[arg(long, value_name = "PACK")]
    pack: Option<String>,

    /// Say where it listens as one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

#[derive(Serialize)]
struct Listening<'a> {
    url: &'a str,
    pack: &'a str,
    key: bool,
}

pub fn run(arguments: &Serve) -> Result<()> {
    let options = Options {
        listen: arguments.listen,
        key: key(arguments)?,
        origins: arguments.allow_origin.clone(),
        max_streams: arguments.max_streams,
        max_message: arguments.max_message,
        max_speed: arguments.max_speed,
        idle: Duration::from_secs(arguments.idle),
        stall: Duration::from_secs(arguments.stall),
        ..Options::default()
    };
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let pack = shared.sound_pack(arguments.pack.as_deref())?;
    let codec = shared.sound_codec(&pack)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, format!("cannot start threads ({error})"), ""))?;
    runtime.block_on(async {
        let server = Server::bind(codec, threads, options).await.map_err(|error| explain_error(&error))?;
        let stop = std::sync::Arc::new(Notify::new());
        let notify = std::sync::Arc::clone(&stop);
        files::on_first_interrupt(move || notify.notify_one());
        let url = format!("http://{}/", server.address());
        if arguments.json {
            print::json(&Listening { url: &url, pack: pack.id(), key: has_key(arguments) })?;
        } else {
            print::text(&format!("Listening on {url} with model {}; Ctrl-C ends\n", pack.id()))?;
        }
        server.run(async move { stop.notified().await }).await;
        Ok(())
    })
}

fn has_key(arguments: &Serve) -> bool {
    arguments.key_file.is_some() || env::var_os(KEY).is_some_and(|key| !key.is_empty())
}

/// The key of the file or of the environment. Command lines are no place for secrets: everyone on a machine sees them.
fn key(arguments: &Serve) -> Result<Option<String>> {
    if let Some(path) = &arguments.key_file {
        let text = fs::read_to_string(path).map_err(|error| Failure::read(path, &error))?;
        return Ok(Some(text.trim().to_owned()));
    }
    Ok(env::var(KEY).ok().filter(|key| !key.is_empty()))
}

fn explain_error(error: &Error) -> Failure {
    match error {
        Error::Codec(error) => explain::sound(error),
        Error::Unprotected { address } => Failure::usage(
            format!("{address} can be reached from other machines"),
            format!("name a file with a key in --key-file or set {KEY}; or listen on 127.0.0.1"),
        ),
        Error::Listen { address, source } => Failure::new(
            Exit::Failed,
            format!("cannot listen on {address} ({source})"),
            "choose another address with --listen; port 0 is any free one",
        ),
        _ => Failure::usage(error.to_string(), "see 'tessera serve --help'"),
    }
}
