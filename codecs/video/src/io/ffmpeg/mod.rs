//! Whatever FFmpeg's libraries read and write, in process.

pub(super) mod audio;
pub(super) mod encode;
mod picture;
pub(super) mod read;
pub(super) mod write;

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::{Dictionary, Rational as Ratio, format};

use crate::error::{Error, Result};
use crate::frame::Rational;

/// FFmpeg's message behind what was tried.
pub(super) fn failed(what: &str) -> impl Fn(ffmpeg_next::Error) -> Error + '_ {
    move |error| Error::video(format!("{what}: {error}"))
}

/// Initialises FFmpeg once and keeps it quiet.
pub(super) fn start() -> Result<()> {
    static STARTED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        ffmpeg_next::init().map_err(|error| error.to_string())?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
        Ok(())
    });
    started.clone().map_err(|error| Error::video(format!("FFmpeg does not start ({error}); install it again")))
}

/// Opens a file of any kind. Nothing but its own bytes is read, whatever addresses it names.
fn open(path: &Path) -> Result<Input> {
    start()?;
    let file = File::open(path).map_err(|error| super::unreadable(&error))?;
    let seekable = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let bytes = if seekable { StreamIo::from_read_seek(file) } else { StreamIo::from_read(file) };
    let name = path.file_name().and_then(|name| name.to_str());
    from_stream(bytes.map_err(failed("FFmpeg"))?, name)
}

/// Opens what a stream of bytes holds; a name helps with formats that nothing else tells.
pub(super) fn from_stream(bytes: StreamIo, name: Option<&str>) -> Result<Input> {
    start()?;
    let mut options = Dictionary::new();
    options.set("protocol_whitelist", "none");
    format::input_from_stream(bytes, name, Some(options)).map_err(|error| {
        Error::video(format!(
            "FFmpeg's libraries cannot read it ({error}); check that it is a whole video, or convert it to MP4 first"
        ))
    })
}

/// A fraction of FFmpeg's, where it is one above 0.
fn rational(ratio: Ratio) -> Option<Rational> {
    let (num, den) = (u32::try_from(ratio.numerator()).ok()?, u32::try_from(ratio.denominator()).ok()?);
    (num > 0 && den > 0).then_some(Rational { num, den })
}

/// A fraction as FFmpeg has it, in 31 bits.
fn ratio(rational: Rational) -> Result<Ratio> {
    match (i32::try_from(rational.num), i32::try_from(rational.den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => Ok(Ratio::new(num, den)),
        _ => Err(Error::parameter("both parts of a time base or frame rate are from 1 to 2147483647")),
    }
}

/// `time` units of `from` in units of `to`, rounded.
fn rescale(time: i64, from: Ratio, to: Ratio) -> i64 {
    let up = i128::from(from.numerator()) * i128::from(to.denominator());
    let down = (i128::from(from.denominator()) * i128::from(to.numerator())).max(1);
    let scaled = (i128::from(time).saturating_mul(2 * up)).saturating_add(down).div_euclid(2 * down);
    scaled.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// When the pictures begin, or the sound where there are none, as (time, base): the zero of all times.
fn beginning(input: &Input) -> (i64, Ratio) {
    use ffmpeg_next::media::Type;
    let sound = || input.streams().best(Type::Audio);
    // A stream without a start of its own begins with the file.
    let start = read::moving(input).or_else(sound).map(|stream| (stream.start_time(), stream.time_base()));
    start.filter(|&(start, _)| start != NO_TIME).unwrap_or((0, Ratio::new(1, 1)))
}

/// FFmpeg's word for an unknown time.
const NO_TIME: i64 = i64::MIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_the_nearest() {
        let (a, b) = (Ratio::new(1, 1000), Ratio::new(1, 48_000));
        assert_eq!(rescale(21, a, b), 1008);
        assert_eq!(rescale(1024, b, a), 21);
        assert_eq!(rescale(-1024, b, a), -21);
        assert_eq!(rescale(i64::MAX, a, Ratio::new(1, i32::MAX)), i64::MAX);
    }
}
