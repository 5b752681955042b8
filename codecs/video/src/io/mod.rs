//! Video files: whatever FFmpeg's libraries read, YUV4MPEG2 and numbered pictures in; MP4, MKV, WebM, YUV4MPEG2 and numbered PNG out.
//!
//! Frames come and go one by one, so a long video never lies in memory. YUV4MPEG2 and pictures need nothing; the rest needs the cargo feature
//! `ffmpeg`.

#[cfg(feature = "ffmpeg")]
pub mod bare;
mod chroma;
mod colour;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
pub mod pictures;
pub(crate) mod square;
pub mod track;
pub mod y4m;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tessera_core::container::is_signed;

use crate::error::{Error, Result};
use crate::frame::{Rational, Sink, Source, StreamInfo};
use track::SoundTrack;

/// Formats that videos are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// MP4 that plays while it loads.
    Mp4,
    /// Matroska.
    Mkv,
    /// WebM.
    WebM,
    /// YUV4MPEG2.
    Y4m,
    /// A folder of PNG files, or such as a pattern like `frame_%06d.png` names.
    Pictures,
}

impl Format {
    /// The format that a path asks for: by its ending, by a pattern in its name, or as a folder.
    ///
    /// ```
    /// use std::path::Path;
    /// use tessera_video::io::Format;
    /// assert_eq!(Format::of_path(Path::new("clip.MP4")), Some(Format::Mp4));
    /// assert_eq!(Format::of_path(Path::new("out/frame_%04d.png")), Some(Format::Pictures));
    /// assert_eq!(Format::of_path(Path::new("clip.mpg")), None);
    /// ```
    pub fn of_path(path: &Path) -> Option<Self> {
        if path.is_dir() || pictures::Pattern::of_path(path).is_some() {
            return Some(Self::Pictures);
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "mkv" => Some(Self::Mkv),
            "webm" => Some(Self::WebM),
            "y4m" => Some(Self::Y4m),
            _ => None,
        }
    }

    /// Whether its files can have sound.
    pub fn has_sound(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mkv | Self::WebM)
    }

    /// Ending of its files, without a dot; empty for a folder.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::WebM => "webm",
            Self::Y4m => "y4m",
            Self::Pictures => "",
        }
    }
}

/// What a video file may ask for, checked before anything is allocated for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoLimits {
    /// Pixels of a frame. Default 2^26, about 67 megapixels.
    pub max_pixels: u64,
    /// Bytes of a sound track as it lies in the file. Default 2^28: more than four hours at 128 kbit/s.
    pub max_sound: u64,
}

impl IoLimits {
    /// Columns or rows of a frame at most.
    pub const MAX_SIDE: u32 = 65_535;
}

impl Default for IoLimits {
    fn default() -> Self {
        Self { max_pixels: 1 << 26, max_sound: 1 << 28 }
    }
}

/// How a video is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What it may ask for.
    pub limits: IoLimits,
    /// Frames a second where the source names none: numbered pictures, bare streams. 25 if this is `None` too.
    pub frame_rate: Option<Rational>,
}

impl ReadOptions {
    /// Frames a second where nothing names them.
    pub const USUAL_RATE: Rational = Rational { num: 25, den: 1 };
}

/// How a video is written. What is there for MP4, MKV and WebM alone is no concern of the other formats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The sound. Formats without sound leave it out.
    pub sound: Option<SoundTrack>,
    /// The time of the sound, in units of the frames' times, that is heard at the frames' time 0; what is before it is left out.
    pub sound_start: i64,
    /// The time of the sound at which it ends; `None` for its own end.
    pub sound_stop: Option<i64>,
    /// The encoder of the pictures; `None` for the best at hand, at high quality.
    pub coding: Option<Coding>,
}

/// One of FFmpeg's video encoders and its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// Its name: `libx264`, `libsvtav1`, …
    pub encoder: String,
    /// Names and values.
    pub options: Vec<(String, String)>,
}

impl Coding {
    /// An encoder with options.
    pub fn new(encoder: &str, options: &[(&str, &str)]) -> Self {
        let options = options.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { encoder: encoder.to_owned(), options }
    }
}

/// Opens a video: a file of any kind, told by what is in it, a folder of PNG files, or those that a pattern like `frame_%06d.png` names.
///
/// # Errors
/// [`Error::Video`] if there is nothing that can be read as a video.
pub fn open(path: &Path, options: &ReadOptions) -> Result<Box<dyn Source>> {
    if path.is_dir() {
        return Ok(Box::new(pictures::Reader::folder(path, options)?));
    }
    if let Some(pattern) = pictures::Pattern::of_path(path).filter(|_| !path.exists()) {
        return Ok(Box::new(pictures::Reader::pattern(&pattern, options)?));
    }
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut start = Vec::new();
    file.by_ref().take(y4m::MAGIC.len() as u64).read_to_end(&mut start).map_err(|error| unreadable(&error))?;
    if start.is_empty() {
        return Err(Error::video("it is empty; use a video with content"));
    }
    if start == y4m::MAGIC {
        // A pipe by name cannot be opened twice.
        return Ok(Box::new(y4m::Reader::new(std::io::Cursor::new(start).chain(file), options)?));
    }
    open_with_ffmpeg(path, options)
}

/// Whether a file has moving pictures that [`open`] would read, whatever it is called. Without FFmpeg only YUV4MPEG2 is known to have.
pub fn is_video(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(y4m::MAGIC.len() as u64).read_to_end(&mut start));
    // FFmpeg takes a `.tsr` file with the name of a picture for one.
    read.is_ok() && !is_signed(&start) && (start == y4m::MAGIC || is_video_of_ffmpeg(path))
}

#[cfg(feature = "ffmpeg")]
fn is_video_of_ffmpeg(path: &Path) -> bool {
    ffmpeg::read::is_video(path)
}

#[cfg(not(feature = "ffmpeg"))]
fn is_video_of_ffmpeg(_: &Path) -> bool {
    false
}

/// Whether a file may have sound beside its pictures: YUV4MPEG2, folders and patterns have none.
pub fn has_sound(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(y4m::MAGIC.len() as u64).read_to_end(&mut start));
    path.is_file() && read.is_ok() && start != y4m::MAGIC
}

#[cfg(feature = "ffmpeg")]
fn open_with_ffmpeg(path: &Path, options: &ReadOptions) -> Result<Box<dyn Source>> {
    Ok(Box::new(ffmpeg::read::Reader::new(path, options)?))
}

#[cfg(not(feature = "ffmpeg"))]
fn open_with_ffmpeg(_path: &Path, _options: &ReadOptions) -> Result<Box<dyn Source>> {
    Err(without_ffmpeg("are read"))
}

/// Makes a video file in the format that its name asks for. The file is there as soon as this returns; whoever wants it whole or not at all gives
/// a path that is renamed later.
///
/// # Errors
/// [`Error::Video`] if it cannot be made, [`Error::Parameter`] for a name that asks for no format.
pub fn create(path: &Path, info: &StreamInfo, options: WriteOptions) -> Result<Box<dyn Sink>> {
    match Format::of_path(path) {
        Some(Format::Y4m) => {
            let file = File::create(path).map_err(|error| unwritable(&error))?;
            Ok(Box::new(y4m::Writer::new(std::io::BufWriter::with_capacity(1 << 16, file), info)?))
        }
        Some(Format::Pictures) => Ok(Box::new(pictures::Writer::new(path, info)?)),
        Some(format) => create_with_ffmpeg(path, format, info, options),
        None => Err(Error::parameter(
            "the output's name asks for no video format; end it in .mp4, .mkv, .webm or .y4m, or name a folder or a pattern like frame_%06d.png",
        )),
    }
}

#[cfg(feature = "ffmpeg")]
fn create_with_ffmpeg(path: &Path, format: Format, info: &StreamInfo, options: WriteOptions) -> Result<Box<dyn Sink>> {
    Ok(Box::new(ffmpeg::write::Writer::new(path, format, info, options)?))
}

#[cfg(not(feature = "ffmpeg"))]
fn create_with_ffmpeg(_: &Path, _: Format, _: &StreamInfo, _: WriteOptions) -> Result<Box<dyn Sink>> {
    Err(without_ffmpeg("are written"))
}

#[cfg(not(feature = "ffmpeg"))]
fn without_ffmpeg(what: &str) -> Error {
    Error::video(format!(
        "only YUV4MPEG2 and numbered PNG files {what} without FFmpeg's libraries; build with them: ./setup.sh, then cargo build --release -p tessera-cli --features ffmpeg"
    ))
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::video(format!("cannot read it ({error}); check the path and its permissions"))
}

fn unwritable(error: &std::io::Error) -> Error {
    Error::video(format!("cannot write it ({error}); check the disk and the folder's permissions"))
}
