//! Video files to frames.

use std::path::Path;

use ffmpeg_next::codec::{Context, packet::side_data::Type as SideData, threading};
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::{Disposition, Stream};
use ffmpeg_next::{Dictionary, Error as FfmpegError, Packet, Rational as Ratio, decoder, frame, media};
use image::metadata::Orientation;
use tessera_image::io::orient;

use super::picture::Converter;
use super::{NO_TIME, beginning, failed, open, rational, rescale};
use crate::error::{Error, Result};
use crate::frame::{Frame, Rational, Source, StreamInfo};
use crate::io::{IoLimits, ReadOptions, square};

/// Damaged packets in a row after which the rest is given up.
const MOST_DAMAGED: u64 = 10_000;

/// The frames of a file's best video stream.
///
/// Upright: the rotation that the file asks for is applied, and pixels that are not square are made so. Times begin with the stream. Missing times follow from the frame rate; times that do not rise are moved behind the one before.
pub struct Reader {
    input: Input,
    decoder: decoder::Video,
    stream: usize,
    converter: Converter,
    info: StreamInfo,
    limits: IoLimits,
    orientation: Orientation,
    /// Size as decoded.
    stored: (u32, u32),
    /// Time of the stream's beginning.
    zero: i64,
    /// Units of a frame at the nominal rate, at least 1.
    step: i64,
    last: Option<i64>,
    /// Decoded already, to know the size.
    first: Option<Frame>,
    /// Packets that were left out.
    damaged: u64,
    /// What ended the reading before the file's end.
    broken: Option<FfmpegError>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Feeding,
    Draining,
    Done,
}

impl Reader {
    /// # Errors
    /// [`Error::Video`] if there is no video that can be decoded, or it asks for more than the limits allow.
    pub fn new(path: &Path, options: &ReadOptions) -> Result<Self> {
        Self::of(open(path)?, options)
    }

    /// Of a file that is open.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(input: Input, options: &ReadOptions) -> Result<Self> {
        let stream = moving(&input)
            .ok_or_else(|| Error::video("it holds no moving pictures; use a file with a video stream"))?;
        let base = rational(stream.time_base()).unwrap_or(Rational { num: 1, den: 90_000 });
        let frame_rate = rational(stream.avg_frame_rate()).or(rational(stream.rate())).or(options.frame_rate);
        let orientation = orientation(&stream);
        let (number, units) = (stream.index(), stream.time_base());
        let (frames, duration) = (stream.frames(), stream.duration());
        let rate = frame_rate.unwrap_or(ReadOptions::USUAL_RATE);
        let step = i128::from(rate.den) * i128::from(base.den) / (i128::from(rate.num) * i128::from(base.num)).max(1);
        let (begin, begin_base) = beginning(&input);
        let decoder = decoder(&stream, &options.limits)?;
        let mut reader = Self {
            zero: rescale(begin, begin_base, units),
            info: StreamInfo {
                width: 0,
                height: 0,
                time_base: base,
                frame_rate,
                frames: u64::try_from(frames).ok().filter(|&frames| frames > 0),
                duration: Some(duration).filter(|&duration| duration != NO_TIME && duration > 0),
            },
            input,
            decoder,
            stream: number,
            converter: Converter::default(),
            limits: options.limits,
            orientation,
            stored: (0, 0),
            step: i64::try_from(step.max(1)).unwrap_or(1),
            last: None,
            first: None,
            damaged: 0,
            broken: None,
            phase: Phase::Feeding,
        };
        reader.first = reader.read()?;
        if reader.first.is_none() {
            return Err(Error::video("none of its frames can be decoded; use a video with content"));
        }
        if reader.info.duration.is_none() {
            // The container's, in microseconds.
            let whole = Some(reader.input.duration()).filter(|&duration| duration > 0);
            reader.info.duration = whole.map(|duration| rescale(duration, Ratio::new(1, 1_000_000), units));
        }
        Ok(reader)
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        let mut picture = frame::Video::empty();
        loop {
            match self.decoder.receive_frame(&mut picture) {
                Ok(()) => return self.frame(&picture).map(Some),
                Err(FfmpegError::Eof) => break,
                Err(FfmpegError::Other { .. }) if self.phase == Phase::Feeding => self.feed(),
                // A damaged picture is left out, and what comes after it decoded.
                Err(_) if self.damaged < MOST_DAMAGED => self.damaged += 1,
                Err(_) => break,
            }
        }
        match self.broken.take() {
            None => Ok(None),
            Some(error) => Err(Error::video(format!(
                "reading stopped at a damaged place ({error}); the frames before it are good, fetch a whole copy for the rest"
            ))),
        }
    }

    /// Gives the decoder the next packet, or word that there is none.
    fn feed(&mut self) {
        let mut packet = Packet::empty();
        let mut bad = 0;
        loop {
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() != self.stream => packet = Packet::empty(),
                Ok(()) => {
                    // Whatever a decoder says of one packet, the next may be good.
                    if packet.is_corrupt() || self.decoder.send_packet(&packet).is_err() {
                        self.damaged += 1;
                    }
                    if self.damaged < MOST_DAMAGED {
                        return;
                    }
                    self.broken = Some(FfmpegError::InvalidData);
                    break;
                }
                Err(FfmpegError::InvalidData) if bad < MOST_DAMAGED => bad += 1,
                Err(FfmpegError::Eof) => break,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            }
        }
        self.damaged += bad;
        self.phase = Phase::Draining;
        if let Err(error) = self.decoder.send_eof() {
            self.broken.get_or_insert(error);
        }
    }

    fn frame(&mut self, picture: &frame::Video) -> Result<Frame> {
        let stored = (picture.width(), picture.height());
        if self.stored == (0, 0) {
            self.set_size(stored, picture.aspect_ratio())?;
        } else if stored != self.stored {
            return Err(Error::video(format!(
                "its frames change from {} x {} to {} x {} pixels; the frames before that are good, split the video there",
                self.stored.0, self.stored.1, stored.0, stored.1
            )));
        }
        let rgb = self.converter.rgb(picture)?;
        let (rgb, turned) = orient::apply::<3>(self.orientation, rgb, stored);
        let rgb = square::resize(rgb, turned, (self.info.width, self.info.height))?;
        let next = self.last.map(|last| last.saturating_add(self.step));
        let time = picture.timestamp().map(|time| time.saturating_sub(self.zero)).or(next).unwrap_or(0);
        let time = self.last.map_or(time, |last| time.max(last.saturating_add(1)));
        self.last = Some(time);
        Ok(Frame { rgb, time })
    }

    fn set_size(&mut self, stored: (u32, u32), aspect: Ratio) -> Result<()> {
        square::check(stored.0, stored.1, &self.limits)?;
        let aspect = rational(aspect).map_or(1.0, |aspect| f64::from(aspect.num) / f64::from(aspect.den));
        let across = square::size(stored.0, stored.1, aspect);
        let shown = if is_turned(self.orientation) { (across.1, across.0) } else { across };
        square::check(shown.0, shown.1, &self.limits)?;
        self.stored = stored;
        (self.info.width, self.info.height) = shown;
        Ok(())
    }
}

impl Source for Reader {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.phase == Phase::Done {
            return Ok(None);
        }
        let frame = self.read();
        if !matches!(frame, Ok(Some(_))) {
            self.phase = Phase::Done;
        }
        frame
    }

    fn notes(&self) -> Vec<String> {
        match self.damaged {
            0 => Vec::new(),
            1 => vec!["1 damaged packet was left out".to_owned()],
            count => vec![format!("{count} damaged packets were left out")],
        }
    }
}

/// Whether a file has moving pictures.
pub fn is_video(path: &Path) -> bool {
    open(path).is_ok_and(|input| moving(&input).is_some())
}

/// The best stream of moving pictures; a cover is none.
pub(super) fn moving(input: &Input) -> Option<Stream<'_>> {
    let best = input.streams().best(media::Type::Video);
    best.filter(|stream| !stream.disposition().contains(Disposition::ATTACHED_PIC))
}

fn decoder(stream: &Stream, limits: &IoLimits) -> Result<decoder::Video> {
    let mut context = Context::from_parameters(stream.parameters()).map_err(failed("its video stream"))?;
    context.set_threading(threading::Config { kind: threading::Type::Frame, ..Default::default() });
    let id = context.id();
    let codec = decoder::find(id).ok_or_else(|| {
        Error::video(format!("this FFmpeg has no decoder for {id:?}; install one that was built with it"))
    })?;
    let mut options = Dictionary::new();
    options.set("max_pixels", &limits.max_pixels.to_string());
    let opened = context.decoder().open_as_with(codec, options).map_err(|error| {
        let most = limits.max_pixels;
        Error::video(format!(
            "its video stream cannot be decoded ({error}); fetch a good copy, or scale it down if its frames exceed the limit of {most} pixels"
        ))
    })?;
    opened.video().map_err(failed("its video stream"))
}

/// The turn that the file asks for: a matrix of nine numbers in 32 bits, of which the first two rows' first two say where x and y go. Turns by other than
/// right angles are not made.
fn orientation(stream: &Stream) -> Orientation {
    let Some(matrix) = stream.side_data().find(|data| data.kind() == SideData::DisplayMatrix) else {
        return Orientation::NoTransforms;
    };
    let number =
        |n: usize| matrix.data().as_chunks::<4>().0.get(n).map_or(0, |&bytes| i32::from_ne_bytes(bytes).signum());
    match (number(0), number(1), number(3), number(4)) {
        (0, 1, -1, 0) => Orientation::Rotate90,
        (-1, 0, 0, -1) => Orientation::Rotate180,
        (0, -1, 1, 0) => Orientation::Rotate270,
        (-1, 0, 0, 1) => Orientation::FlipHorizontal,
        (1, 0, 0, -1) => Orientation::FlipVertical,
        (0, 1, 1, 0) => Orientation::Rotate90FlipH,
        (0, -1, -1, 0) => Orientation::Rotate270FlipH,
        _ => Orientation::NoTransforms,
    }
}

fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

#[cfg(test)]
mod tests {
    use super::super::audio::Memory;
    use super::super::encode::Encoder;
    use super::*;
    use crate::io::Coding;

    /// A bare H.264 stream of flat frames.
    fn stream(width: u32, height: u32, frames: i64) -> Vec<u8> {
        let rate = Rational { num: 25, den: 1 };
        let time_base = Rational { num: 1, den: 25 };
        let info = StreamInfo { width, height, time_base, frame_rate: Some(rate), frames: None, duration: None };
        let mut encoder = Encoder::new(&Coding::new("libx264", &[("bf", "0")]), &info, false).unwrap();
        let memory = Memory::new(u64::MAX);
        let mut output = memory.output("h264").unwrap();
        output.add_stream_with(encoder.context()).unwrap();
        output.write_header().unwrap();
        for time in 0..frames {
            encoder.push(&Frame { rgb: vec![90; (3 * width * height) as usize], time }).unwrap();
        }
        encoder.finish(frames).unwrap();
        while let Some(mut packet) = encoder.pull().unwrap() {
            packet.set_stream(0);
            packet.write_interleaved(&mut output).unwrap();
        }
        output.write_trailer().unwrap();
        drop(output);
        memory.into_bytes(true).unwrap().unwrap()
    }

    #[test]
    fn a_change_of_size_ends_the_video_after_the_frames_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("joined.264");
        std::fs::write(&path, [stream(64, 48, 5), stream(48, 64, 5)].concat()).unwrap();
        let mut reader = Reader::new(&path, &ReadOptions::default()).unwrap();
        let mut count = 0;
        let error = loop {
            match reader.next_frame() {
                Ok(Some(frame)) => assert_eq!((frame.rgb.len(), count += 1), (3 * 64 * 48, ())),
                Ok(None) => panic!("the change was not seen"),
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(count, 5);
        assert!(error.contains("64 x 48 to 48 x 64"), "{error}");
        assert_eq!(reader.next_frame().unwrap(), None);
    }

    #[test]
    fn a_stream_without_times_gets_those_of_its_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bare.264");
        std::fs::write(&path, stream(64, 48, 6)).unwrap();
        let mut reader = Reader::new(&path, &ReadOptions::default()).unwrap();
        let base = reader.info().time_base;
        let times: Vec<i64> = std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| frame.time).collect();
        let step = i64::from(base.den) / (25 * i64::from(base.num));
        assert_eq!(times.len(), 6);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step), "{times:?} of {step}");
    }
}
