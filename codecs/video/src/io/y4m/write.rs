//! Frames to YUV4MPEG2.

use std::io::Write;

use crate::error::{Error, Result};
use crate::frame::{Frame, Rational, Sink, StreamInfo};
use crate::io::ReadOptions;
use crate::io::chroma::Siting;
use crate::io::colour::{Colour, Planes};

/// Frames that a pause may be filled with.
const LONGEST_PAUSE: i64 = 1 << 16;

/// Writes YUV4MPEG2 to a file or a pipe: 8-bit 4:2:0, limited range, BT.709 from 720 rows up and BT.601 below.
///
/// The format knows one frame rate, so frames are repeated or left out where their times ask for it: the nominal rate's grid keeps time.
pub struct Writer<W: Write> {
    bytes: W,
    info: StreamInfo,
    rate: Rational,
    colour: Colour,
    /// Time of the first frame.
    start: Option<i64>,
    /// The last frame, not yet written, as it lies in the file.
    waiting: Option<Vec<u8>>,
    /// Frames written.
    written: i64,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::Video`] if it cannot be written.
    pub fn new(mut bytes: W, info: &StreamInfo) -> Result<Self> {
        let rate = info.frame_rate.unwrap_or(ReadOptions::USUAL_RATE);
        let (width, height) = (info.width, info.height);
        writeln!(
            bytes,
            "YUV4MPEG2 W{width} H{height} F{}:{} Ip A1:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=LIMITED",
            rate.num, rate.den
        )
        .map_err(|error| unwritable(&error))?;
        let colour = Colour { matrix: Colour::usual_matrix(height), full: false, siting: Siting::Left };
        Ok(Self { bytes, info: info.clone(), rate, colour, start: None, waiting: None, written: 0 })
    }

    /// The place on the grid of a time since the first frame.
    fn place(&self, time: i64) -> i64 {
        let base = self.info.time_base;
        let grid = i128::from(base.num) * i128::from(self.rate.num);
        let unit = i128::from(base.den) * i128::from(self.rate.den);
        let since = i128::from(time) - i128::from(self.start.unwrap_or(time));
        let place = since.saturating_mul(2 * grid).saturating_add(unit).div_euclid(2 * unit);
        i64::try_from(place).unwrap_or(i64::MAX)
    }

    /// Writes the waiting frame at every place before `place`.
    fn fill(&mut self, place: i64) -> Result<()> {
        let Some(frame) = &self.waiting else { return Ok(()) };
        if place.saturating_sub(self.written) > LONGEST_PAUSE {
            return Err(Error::video(format!(
                "frame {} is shown for more than {LONGEST_PAUSE} frames of the nominal rate; write MP4 or MKV, which keep times",
                self.written + 1
            )));
        }
        while self.written < place {
            self.bytes
                .write_all(b"FRAME\n")
                .and_then(|()| self.bytes.write_all(frame))
                .map_err(|error| unwritable(&error))?;
            self.written += 1;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Writer<W> {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        let place = self.place(frame.time);
        self.start.get_or_insert(frame.time);
        self.fill(place)?;
        let (width, height) = (self.info.width as usize, self.info.height as usize);
        let planes = Planes::from_rgb(&frame.rgb, width, height, self.colour)?;
        let mut bytes = planes.luma;
        planes.chroma.iter().for_each(|plane| bytes.extend_from_slice(plane));
        self.waiting = Some(bytes);
        Ok(())
    }

    fn finish(&mut self, end: i64) -> Result<()> {
        // A frame is shown at least once, wherever the end is said to be.
        let end = self.place(end).max(self.written + 1);
        self.fill(end)?;
        self.waiting = None;
        self.bytes.flush().map_err(|error| unwritable(&error))
    }
}

fn unwritable(error: &std::io::Error) -> Error {
    Error::video(format!("cannot write it ({error}); check the disk or what reads the pipe"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::Source;
    use crate::io::y4m::Reader;

    fn info(width: u32, height: u32) -> StreamInfo {
        StreamInfo {
            width,
            height,
            time_base: Rational { num: 1, den: 1000 },
            frame_rate: Some(Rational { num: 25, den: 1 }),
            frames: None,
            duration: None,
        }
    }

    fn written(info: &StreamInfo, times: &[i64], end: i64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, info)?;
        for (n, &time) in times.iter().enumerate() {
            let rgb = [10 * n as u8, 100, 200].repeat((info.width * info.height) as usize);
            writer.write_frame(&Frame { rgb, time })?;
        }
        writer.finish(end)?;
        drop(writer);
        Ok(bytes)
    }

    /// The red of every frame, to tens.
    fn shades(bytes: &[u8]) -> Vec<u8> {
        let mut reader = Reader::new(bytes, &ReadOptions::default()).unwrap();
        std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| (frame.rgb[0] + 5) / 10).collect()
    }

    #[test]
    fn a_constant_rate_gives_every_frame_once() {
        assert_eq!(shades(&written(&info(6, 4), &[500, 540, 580, 620], 660).unwrap()), [0, 1, 2, 3]);
    }

    #[test]
    fn pauses_are_filled_and_crowds_thinned() {
        assert_eq!(shades(&written(&info(5, 3), &[0, 120, 160], 240).unwrap()), [0, 0, 0, 1, 2, 2]);
        assert_eq!(shades(&written(&info(5, 3), &[0, 10, 40], 80).unwrap()), [1, 2]);
    }

    #[test]
    fn an_absurd_pause_is_refused() {
        let error = written(&info(2, 2), &[0, i64::MAX], i64::MAX).unwrap_err();
        assert!(error.to_string().contains("MP4"), "{error}");
        assert!(written(&info(2, 2), &[i64::MIN, i64::MAX], i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn pictures_come_back(width in 1u32..12, height in 1u32..12, corner: [u8; 3], count in 1usize..4) {
            let info = info(width, height);
            let (w, h) = (width as usize, height as usize);
            let rgb: Vec<u8> = corner.repeat(w * h);
            let mut bytes = Vec::new();
            let mut writer = Writer::new(&mut bytes, &info).unwrap();
            for n in 0..count {
                writer.write_frame(&Frame { rgb: rgb.clone(), time: 40 * n as i64 }).unwrap();
            }
            writer.finish(40 * count as i64).unwrap();
            drop(writer);
            let mut reader = Reader::new(&bytes[..], &ReadOptions::default()).unwrap();
            prop_assert_eq!((reader.info().width, reader.info().height), (width, height));
            for n in 0..count {
                let frame = reader.next_frame().unwrap().unwrap();
                prop_assert_eq!(frame.time, n as i64);
                prop_assert!(frame.rgb.iter().zip(&rgb).all(|(a, b)| a.abs_diff(*b) <= 3));
            }
            prop_assert_eq!(reader.next_frame().unwrap(), None);
        }
    }
}
