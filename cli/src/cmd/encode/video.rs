//! Videos to `.tsr` files.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use serde::Serialize;
use tessera_core::Rung;
use tessera_video::{
    Changes, Classifier, EncodeOptions, Interest, Networks, Source as Frames, Target, VideoCodec,
    io::{ReadOptions, is_video, open, pictures::Pattern, y4m},
};
#[cfg(feature = "ffmpeg")]
use tessera_video::{Detail, Judge};

use crate::{
    args::FrameNetworks,
    cmd::{beside, encode::MAX_INPUT_BYTES},
    engine::{PackHandle, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Job, Kind, Output, Sink, Source},
    print,
};

#[cfg(feature = "ffmpeg")]
use super::judge::Measured;

/// Options for videos.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Videos")]
pub struct VideoArgs {
    /// Seconds of a group of pictures at most; a file can be entered where one begins
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0, value_parser = parse_seconds)]
    pub gop: f64,

    /// Sides of the frames that are coded, in eighths of the source's; what the target suggests if absent
    #[arg(long, value_name = "1-8", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub eighths: Option<u8>,

    /// Whose network sees a video's frames; without it, the frame pack's where one with an encoder is at hand
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub encoder: Option<FrameNetworks>,

    /// What becomes of a video's sound: kept packet by packet, coded by the audio codec at about a kilobit a second, or left out
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Audio::Keep)]
    pub audio: Audio,

    /// Tokens alone. Without it, a group of pictures becomes AV1 at half the sides where that looks better at no more bytes, if the input is a file, of which all frames are
    /// kept, and FFmpeg's libraries are there, which decoding needs then too
    #[arg(long)]
    pub no_base: bool,

    /// Which frames are kept: all, or, of each stretch of --gop seconds, those from the first on that shows something new. What is left out is no part of the file: the frame
    /// before it is shown until the next one, and the video is as long as it was
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Keep::All)]
    pub keep: Keep,

    /// With --keep changes: a model pack that says which pictures are of interest, by id or hash; of a stretch without any, the first new frame alone is kept
    #[arg(long, value_name = "PACK")]
    pub interest: Option<String>,
}

/// Which frames of a video are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Keep {
    All,
    Changes,
}

/// What becomes of a video's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Audio {
    Keep,
    Tokens,
    None,
}

fn parse_seconds(text: &str) -> std::result::Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "a group of pictures takes a number of seconds above 0, such as 2".to_owned())
}

/// A video that is to be read frame by frame.
pub enum Input {
    File(PathBuf),
    /// Standard input, of which these bytes were read to see what it is.
    Pipe(Vec<u8>),
}

impl Input {
    /// Whether a source is a video; else what was read of it to see that, which standard input will not give again.
    pub fn of(source: &Source) -> Result<std::result::Result<Self, Vec<u8>>> {
        let mut start = Vec::new();
        let most = y4m::MAGIC.len() as u64;
        match source {
            Source::Stdin => {
                io::stdin().lock().take(most).read_to_end(&mut start).map_err(|error| {
                    Failure::new(Exit::Failed, format!("cannot read it ({error})"), "check what is piped in").at(source)
                })?;
                Ok(if Kind::of(&start) == Some(Kind::Video) { Ok(Self::Pipe(start)) } else { Err(start) })
            }
            Source::File(path) => {
                let numbered = Pattern::of_path(path).is_some() && !path.exists();
                // What cannot be read says so when it is read as something else. Containers of sound may hold moving pictures.
                let may = || {
                    let kind = Kind::of_file(path, MAX_INPUT_BYTES);
                    matches!(kind, None | Some(Kind::Sound | Kind::Video)) && is_video(path)
                };
                let video = numbered || may();
                Ok(if video { Ok(Self::File(path.clone())) } else { Err(Vec::new()) })
            }
            Source::Slice { .. } => Ok(Err(Vec::new())),
        }
    }

    /// The path from which it can be read again.
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Pipe(_) => None,
        }
    }

    /// Its frames.
    pub fn open(self) -> Result<Box<dyn Frames>> {
        let options = ReadOptions::default();
        let opened = match self {
            Self::File(path) => open(&path, &options),
            Self::Pipe(start) => y4m::Reader::new(Cursor::new(start).chain(io::stdin()), &options)
                .map(|reader| Box::new(reader) as Box<dyn Frames>),
        };
        opened.map_err(|error| explain::video(&error))
    }
}

/// One encoded video, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    width: u32,
    height: u32,
    frames: u64,
    /// Groups of pictures.
    gops: u32,
    /// Of the video.
    duration: f64,
    bytes: u64,
    /// Of these, the sound's.
    sound_bytes: u64,
    /// Of the file without its sound.
    bpp: f64,
    bits_per_second: f64,
    pack: String,
    levels: u8,
    depth: u8,
    lambda: f32,
    /// Sides of the coded frames in eighths of the source's.
    eighths: u8,
    /// Mean bits of key frames and of others.
    key_bits: f64,
    inter_bits: f64,
    /// Share of tokens that frames change.
    changed: f64,
    /// Groups that carry AV1 at half the sides, where that looks better; the numbers of tokens are of all groups before that.
    base_gops: u32,
    /// Stretches of time of which all frames are kept, some, and none; absent where all are.
    stretches: Option<Stretches>,
    /// What was not coded as it came.
    pub notes: Vec<String>,
    /// Reading and encoding; the model is loaded on the way.
    seconds: f64,
}

/// What became of the stretches of a video.
#[derive(Clone, Copy, Debug, Serialize)]
struct Stretches {
    whole: u32,
    thinned: u32,
    dropped: u32,
}

/// What a video shall become.
pub struct Wanted {
    pub target: Target,
    pub effort: u8,
    pub video: VideoArgs,
}

pub fn encode(
    shared: &Shared,
    pack: &PackHandle,
    job: &Job,
    input: Input,
    wanted: &Wanted,
    output: Output,
) -> Result<Report> {
    let encoder = FrameNetworks::wanted(wanted.video.encoder);
    let again = input.path();
    let weighed = again.clone().filter(|_| wanted.video.base_at_hand());
    // A base layer is weighed against tokens painted as the file will be, whoever encodes.
    let networks = if weighed.is_some() && encoder == Networks::Image { Networks::Best } else { encoder };
    let codec = shared.video_codec(pack, networks)?;
    let options = EncodeOptions {
        target: wanted.target,
        eighths: wanted.video.eighths,
        gop_seconds: wanted.video.gop,
        effort: wanted.effort,
        encoder,
        ..EncodeOptions::default()
    };
    let start = Instant::now();
    let sound = beside::sound(shared, &input, wanted.video.audio)?;
    let cut = again.as_ref().and_then(|path| files::missing(&mut File::open(path).ok()?).ok()?);
    let mut frames = input.open()?;
    let (width, height) = (frames.info().width, frames.info().height);
    let mut interest = wanted.video.interest(shared)?;
    let mut stretches = None;
    let mut encode = |out: &mut dyn io::Write| {
        let encoded = match wanted.video.keep {
            Keep::All => codec.encode_with(&mut *frames, sound.as_ref(), out, &options),
            Keep::Changes => {
                let interest = interest.as_mut().map(|classifier| classifier as &mut dyn Interest);
                let mut kept = Changes::new(&mut *frames, options.gop_seconds, interest);
                let encoded = codec.encode_with(&mut kept, sound.as_ref(), out, &options);
                let tessera_video::Stretches { whole, thinned, dropped } = kept.stretches();
                stretches = Some(Stretches { whole, thinned, dropped });
                encoded
            }
        };
        encoded.map_err(|error| explain::video(&error))
    };
    let mut base_gops = 0;
    let encoded = match (&job.sink, weighed) {
        (Sink::Stdout, None) => encode(&mut io::stdout().lock())?,
        (sink, None) => output.make(sink, |path: &Path| {
            let file = File::create(path).map_err(|error| Failure::write(path, &error))?;
            encode(&mut io::BufWriter::new(file))
        })?,
        (sink, Some(path)) => {
            let mut bytes = Vec::new();
            let mut encoded = encode(&mut bytes)?;
            let switched = switched(&codec, shared, &bytes, &path)?;
            base_gops = switched.1;
            let saved = (bytes.len() - switched.0.len()) as f64 / (encoded.bytes - encoded.sound_bytes) as f64;
            (encoded.bytes, encoded.bpp) = (switched.0.len() as u64, encoded.bpp * (1.0 - saved));
            encoded.bits_per_second *= 1.0 - saved;
            output.write(sink, &switched.0)?;
            encoded
        }
    };
    let Rung { levels, depth } = encoded.rung;
    let mut notes = frames.notes();
    notes.extend(cut.map(|what| format!("the file was cut off, {what}: the frames up to there are coded")));
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        width,
        height,
        frames: encoded.frames,
        gops: encoded.gops,
        duration: encoded.seconds,
        bytes: encoded.bytes,
        sound_bytes: encoded.sound_bytes,
        bpp: encoded.bpp,
        bits_per_second: encoded.bits_per_second,
        pack: pack.id().to_owned(),
        levels,
        depth,
        lambda: encoded.lambda,
        eighths: encoded.eighths,
        key_bits: encoded.tally.key_bits,
        inter_bits: encoded.tally.inter_bits,
        changed: encoded.tally.changed,
        base_gops,
        stretches,
        notes,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// The file with the better of tokens and base layer in each group, and in how many the base layer is.
#[cfg(feature = "ffmpeg")]
fn switched(codec: &VideoCodec, shared: &Shared, file: &[u8], path: &Path) -> Result<(Vec<u8>, u32)> {
    let explained = |error| explain::video(&error);
    let mut frames = open(path, &ReadOptions::default()).map_err(explained)?;
    let mut judge: Box<dyn Judge> = match tessera_eval::metrics::by_name_in("lpips", shared.store()) {
        Ok(metric) => Box::new(Measured(metric)),
        Err(_) => Box::new(Detail),
    };
    let switched = codec.with_base(file, &mut *frames, &mut *judge).map_err(explained)?;
    Ok((switched.bytes, switched.base.iter().filter(|&&base| base).count() as u32))
}

/// Without FFmpeg there are tokens alone.
#[cfg(not(feature = "ffmpeg"))]
fn switched(_: &VideoCodec, _: &Shared, file: &[u8], _: &Path) -> Result<(Vec<u8>, u32)> {
    Ok((file.to_vec(), 0))
}

impl VideoArgs {
    /// Whether base layers may be made.
    fn base_at_hand(&self) -> bool {
        #[cfg(feature = "ffmpeg")]
        let at_hand = tessera_video::base_at_hand();
        #[cfg(not(feature = "ffmpeg"))]
        let at_hand = false;
        at_hand && !self.no_base && self.keep == Keep::All
    }

    /// Whoever says what is of interest.
    fn interest(&self, shared: &Shared) -> Result<Option<Classifier>> {
        let Some(name) = &self.interest else { return Ok(None) };
        if self.keep == Keep::All {
            return Err(Failure::usage("--interest does nothing where all frames are kept", "add --keep changes"));
        }
        let pack = shared.interest_pack(name)?;
        Classifier::new(&pack).map(Some).map_err(|error| explain::video(&error))
    }
}

impl Report {
    pub fn line(&self) -> String {
        format!(
            "{} -> {}  {} frames{}, {:.1} s  {} bytes{}  {:.5} bpp, {} bit/s  rung {}x{} at {}/8  {:.2} s, {:.1} frames/s",
            self.input,
            self.output,
            print::grouped(self.frames),
            match &self.stretches {
                None => String::new(),
                Some(Stretches { whole, thinned, dropped }) => {
                    format!(" ({whole} stretches whole, {thinned} thinned, {dropped} dropped)")
                }
            },
            self.duration,
            print::grouped(self.bytes),
            match self.sound_bytes {
                0 => String::new(),
                sound => format!(" ({} of sound)", print::grouped(sound)),
            },
            self.bpp,
            print::grouped(self.bits_per_second.round() as u64),
            self.levels,
            self.depth,
            self.eighths,
            self.seconds,
            self.frames as f64 / self.seconds.max(1e-6)
        )
    }
}
