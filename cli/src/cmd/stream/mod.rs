//! `tessera stream`: sound to tokens and back as it comes, through pipes.

mod decode;
mod encode;
pub mod lossy;

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use tessera_audio::AudioCodec;

use crate::failure::{Exit, Failure, Result};

/// Code sound live, packet by packet
///
/// A live stream has no length up front: every packet is written and flushed as soon as it is full, a reader may join at any of
/// them, and what is lost on the way is concealed. A stream that was kept is a .tsr file like any other.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cat x.wav | tessera stream encode - | tessera stream decode - > y.wav
  arecord -f S16_LE -r 16000 -t raw | tessera stream encode --raw 16000 --packet-ms 100 | ssh there 'tessera stream decode --raw | aplay -f S16_LE -r 16000'
  tessera stream encode call.wav --bps 600 -o call.tsr        600 bit/s, and the header says so
  tessera stream decode call.tsr --lose 20 -o hurt.wav        every fifth packet lost")]
pub struct Stream {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Encode(encode::Encode),
    Decode(decode::Decode),
}

pub fn run(arguments: &Stream) -> Result<std::result::Result<(), Exit>> {
    match &arguments.action {
        Action::Encode(arguments) => encode::run(arguments).map(Ok),
        Action::Decode(arguments) => decode::run(arguments).map(Ok),
    }
}

/// Where a stream comes from and goes to.
#[derive(Args, Clone, Debug)]
struct Ends {
    /// File to read; - is standard input
    #[arg(default_value = "-", value_name = "IN")]
    input: PathBuf,

    /// File to write; - is standard output
    #[arg(short, long, value_name = "OUT", default_value = "-")]
    output: PathBuf,

    /// Overwrite a file that exists
    #[arg(short, long)]
    force: bool,

    /// Say at the end, on standard error, how long sound waited
    #[arg(long)]
    latency: bool,
}

/// Frames of a packet of so many milliseconds.
pub fn packet_frames(codec: &AudioCodec, milliseconds: u32) -> u32 {
    (f64::from(milliseconds) / 1000.0 * codec.frames_per_second()).round().max(1.0) as u32
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Ends {
    fn source(&self) -> String {
        if is_dash(&self.input) { "stdin".to_owned() } else { self.input.display().to_string() }
    }

    fn open(&self) -> Result<Box<dyn Read>> {
        if is_dash(&self.input) {
            return Ok(Box::new(io::stdin().lock()));
        }
        let file = std::fs::File::open(&self.input).map_err(|error| Failure::read(&self.input, &error))?;
        Ok(Box::new(file))
    }

    /// A file or pipe that is written as the stream goes.
    fn create(&self) -> Result<Out> {
        if is_dash(&self.output) {
            if io::stdout().is_terminal() {
                return Err(Failure::usage(
                    "this would print binary data on your terminal",
                    "name a file with -o or redirect standard output",
                )
                .at("stdout"));
            }
            return Ok(Out { to: Box::new(io::stdout().lock()), name: self.output.clone() });
        }
        let mut options = OpenOptions::new();
        options.write(true);
        if self.force {
            options.create(true).truncate(true)
        } else {
            options.create_new(true)
        };
        let file = options.open(&self.output).map_err(|error| Failure::write(&self.output, &error))?;
        Ok(Out { to: Box::new(file), name: self.output.clone() })
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(Exit::Failed, format!("cannot read it ({error})"), "check what is piped in").at(self.source())
    }
}

/// The end that is written.
struct Out {
    to: Box<dyn Write>,
    name: PathBuf,
}

impl Out {
    /// Writes and flushes. A reader that went away ends the program quietly.
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        match self.to.write_all(bytes).and_then(|()| self.to.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            other => other.map_err(|error| Failure::write(&self.name, &error)),
        }
    }
}

/// How long the program itself was at work.
#[derive(Default)]
struct Clock {
    total: Duration,
    longest: Duration,
    steps: u32,
}

impl Clock {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = work();
        let took = start.elapsed();
        self.total += took;
        self.longest = self.longest.max(took);
        self.steps += 1;
        made
    }

    fn report(&self, duration: f64, waits: &str) {
        let milliseconds = |time: Duration| 1000.0 * time.as_secs_f64();
        let _ = writeln!(
            io::stderr(),
            "{waits}; work: {:.1} ms a step, {:.1} ms at most, {:.3} of real time",
            milliseconds(self.total) / f64::from(self.steps.max(1)),
            milliseconds(self.longest),
            self.total.as_secs_f64() / duration.max(1e-9)
        );
    }
}
