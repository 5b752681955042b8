//! Frames as bare coded streams: an encoder's packets one after the other, without container and times.

use std::io::Cursor;

use ffmpeg_next::format::context::StreamIo;

use super::ffmpeg::audio::Memory;
use super::ffmpeg::encode::Encoder;
use super::ffmpeg::read::Reader;
use super::{Coding, IoLimits, ReadOptions, ffmpeg};
use crate::error::{Error, Result};
use crate::frame::{Frame, Source, StreamInfo};

/// Codecs whose streams need no container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// H.264 with start codes (ITU-T H.264, annex B).
    H264,
    /// HEVC with start codes (ITU-T H.265, annex B).
    Hevc,
    /// AV1 in low-overhead units (AV1 specification, section 5.2).
    Av1,
}

impl Stream {
    fn container(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "obu",
        }
    }
}

/// Whether FFmpeg has an encoder of this name.
pub fn has_encoder(name: &str) -> bool {
    ffmpeg::start().is_ok() && ffmpeg_next::encoder::find_by_name(name).is_some()
}

/// The stream of frames, whose times matter to the encoder's rate control alone.
///
/// # Errors
/// [`Error::Video`] if there are no frames, or FFmpeg has no such encoder.
pub fn encode(frames: &[Frame], info: &StreamInfo, coding: &Coding, stream: Stream) -> Result<Vec<u8>> {
    let Some(last) = frames.last() else {
        return Err(Error::video("there are no frames to code; give at least one"));
    };
    let mut encoder = Encoder::new(coding, info, false)?;
    let memory = Memory::new(u64::MAX);
    let mut output = memory.output(stream.container())?;
    let bad = ffmpeg::failed("a bare stream");
    output.add_stream_with(encoder.context()).map_err(&bad)?.set_time_base(encoder.base());
    output.write_header().map_err(&bad)?;
    let mut drain = |encoder: &mut Encoder| -> Result<()> {
        while let Some(mut packet) = encoder.pull()? {
            packet.set_stream(0);
            packet.write_interleaved(&mut output).map_err(&bad)?;
        }
        Ok(())
    };
    for frame in frames {
        encoder.push(frame)?;
        drain(&mut encoder)?;
    }
    encoder.finish(last.time.saturating_add(1))?;
    drain(&mut encoder)?;
    output.write_trailer().map_err(&bad)?;
    drop(output);
    memory.into_bytes(true)?.ok_or_else(|| Error::video("a bare stream was not written; report this"))
}

/// Width and height, and pictures of that size.
pub type Pictures = ((u32, u32), Vec<Vec<u8>>);

/// The frames of a stream, `[y][x][3]` each, with its size in columns and rows. No more than `most` are decoded.
///
/// # Errors
/// [`Error::Video`] if nothing can be decoded, or a frame is damaged or above the limits.
pub fn decode(bytes: &[u8], stream: Stream, limits: &IoLimits, most: usize) -> Result<Pictures> {
    ffmpeg::start()?;
    let io = StreamIo::from_read_seek(Cursor::new(bytes.to_vec())).map_err(ffmpeg::failed("FFmpeg"))?;
    let name = format!("stream.{}", stream.container());
    let options = ReadOptions { limits: *limits, frame_rate: None };
    let mut reader = Reader::of(ffmpeg::from_stream(io, Some(&name))?, &options)?;
    let size = (reader.info().width, reader.info().height);
    let mut frames = Vec::new();
    while frames.len() < most
        && let Some(frame) = reader.next_frame()?
    {
        frames.push(frame.rgb);
    }
    Ok((size, frames))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Rational;

    #[test]
    fn frames_come_back_in_order_from_every_kind_of_stream() {
        let time_base = Rational { num: 1, den: 25 };
        let info = StreamInfo { width: 72, height: 66, time_base, frame_rate: None, frames: None, duration: None };
        let shade = |n: i64| 40 + 20 * n as u8;
        let frames: Vec<Frame> = (0..8).map(|n| Frame { rgb: vec![shade(n); 72 * 66 * 3], time: n }).collect();
        for (stream, coding) in [
            (Stream::H264, Coding::new("libx264", &[("crf", "20")])),
            (Stream::Hevc, Coding::new("libx265", &[("crf", "20"), ("x265-params", "log-level=none")])),
            (Stream::Av1, Coding::new("libsvtav1", &[("crf", "25"), ("preset", "8")])),
        ] {
            let bytes = encode(&frames, &info, &coding, stream).unwrap();
            let (size, back) = decode(&bytes, stream, &IoLimits::default(), 100).unwrap();
            assert_eq!((size, back.len()), ((72, 66), 8), "{stream:?}");
            for (n, rgb) in (0..).zip(&back) {
                assert!(rgb[3000].abs_diff(shade(n)) < 6, "{stream:?}, frame {n}: {}", rgb[3000]);
            }
            assert_eq!(decode(&bytes, stream, &IoLimits::default(), 3).unwrap().1.len(), 3);
        }
        assert!(decode(b"no stream at all", Stream::Av1, &IoLimits::default(), 1).is_err());
        assert!(encode(&[], &info, &Coding::new("libx264", &[]), Stream::H264).is_err());
    }
}
