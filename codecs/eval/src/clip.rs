//! What is measured of a video: a number of 8-bit sRGB frames.

use std::{fs, path::Path};

use image::{RgbImage, imageops};
use tessera_video::{
    Frame, Rational, Sink, Source, StreamInfo,
    io::{ReadOptions, open},
};

use crate::{Error, Result, Rgb8};

/// Frames of a video that are coded and measured at most: the first ones.
pub const MOST_FRAMES: usize = 96;
/// Columns and rows that they have at most; larger ones are scaled down.
pub const MOST_SIZE: (u32, u32) = (640, 360);

/// First bytes of the files that a run keeps frames in while it measures them.
const MAGIC: &[u8; 8] = b"rgbclip\n";
const HEAD: usize = MAGIC.len() + 5 * 4;

/// The first frames of a video, all of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    frames: Vec<Rgb8>,
    /// Frames a second.
    rate: (u32, u32),
}

impl Clip {
    /// Frames of one size at a constant rate, a fraction.
    ///
    /// # Errors
    /// [`Error::Parameter`] where there are none, they differ in size or the rate is none.
    pub fn new(frames: Vec<Rgb8>, rate: (u32, u32)) -> Result<Self> {
        let sides = |frame: &Rgb8| (frame.width(), frame.height());
        let first = frames.first().map(sides);
        if first.is_none() || frames.iter().any(|frame| Some(sides(frame)) != first) || rate.0 == 0 || rate.1 == 0 {
            return Err(Error::Parameter("a clip has frames, of one size and at a rate".to_owned()));
        }
        Ok(Self { frames, rate })
    }

    /// The first frames of a video file as everything here sees them: see [`MOST_FRAMES`] and [`MOST_SIZE`].
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Failed`] where it is no readable video.
    pub fn read(path: &Path) -> Result<Self> {
        if path.extension().is_some_and(|ending| ending == "rgb") {
            return Self::from_bytes(&fs::read(path).map_err(Error::at(path))?);
        }
        let mut source = open(path, &ReadOptions::default()).map_err(failed)?;
        let info = source.info().clone();
        let size = fitting((info.width, info.height));
        let mut frames = Vec::new();
        while frames.len() < MOST_FRAMES
            && let Some(frame) = source.next_frame().map_err(failed)?
        {
            frames.push(scaled(frame.rgb, (info.width, info.height), size)?);
        }
        let rate = info.frame_rate.unwrap_or(ReadOptions::USUAL_RATE);
        Self::new(frames, (rate.num, rate.den))
    }

    /// Frames and rate as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (width, height) = self.size();
        let mut bytes = MAGIC.to_vec();
        for number in [width, height, self.frames.len() as u32, self.rate.0, self.rate.1] {
            bytes.extend(number.to_le_bytes());
        }
        self.frames.iter().for_each(|frame| bytes.extend_from_slice(frame.data()));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let broken = || Error::Failed("the frames that a worker left are broken; run it again".to_owned());
        let (head, rest) = bytes.split_at_checked(HEAD).ok_or_else(broken)?;
        let numbers: Vec<u32> =
            head[MAGIC.len()..].as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
        let &[width, height, count, num, den] = &numbers[..] else { return Err(broken()) };
        let length = 3 * width as usize * height as usize;
        if !head.starts_with(MAGIC) || length == 0 || rest.len() != length * count as usize {
            return Err(broken());
        }
        let frames = rest.chunks_exact(length).map(|rgb| Rgb8::new(width, height, rgb.to_vec()));
        Self::new(frames.collect::<Result<_>>()?, (num, den))
    }

    /// Frames, at least one.
    pub fn frames(&self) -> &[Rgb8] {
        &self.frames
    }

    /// Columns and rows.
    pub fn size(&self) -> (u32, u32) {
        self.frames.first().map_or((0, 0), |frame| (frame.width(), frame.height()))
    }

    /// Frames a second, a fraction.
    pub fn rate(&self) -> (u32, u32) {
        self.rate
    }

    /// The clip at another size, by a filter.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a size without pixels.
    pub fn resized(&self, size: (u32, u32), filter: imageops::FilterType) -> Result<Self> {
        let frames = self.frames.iter().map(|frame| {
            let picture = RgbImage::from_raw(frame.width(), frame.height(), frame.data().to_vec());
            let picture = picture.ok_or_else(|| Error::Parameter("a frame has no pixels".to_owned()))?;
            Rgb8::new(size.0, size.1, imageops::resize(&picture, size.0, size.1, filter).into_raw())
        });
        Self::new(frames.collect::<Result<_>>()?, self.rate)
    }

    /// What a source of its frames announces: one unit of time a frame.
    pub fn info(&self) -> StreamInfo {
        let (width, height) = self.size();
        StreamInfo {
            width,
            height,
            time_base: Rational { num: self.rate.1, den: self.rate.0 },
            frame_rate: Some(Rational { num: self.rate.0, den: self.rate.1 }),
            frames: Some(self.frames.len() as u64),
            duration: Some(self.frames.len() as i64),
        }
    }

    /// Its frames as a source.
    pub fn source(&self) -> impl Source + '_ {
        Frames { info: self.info(), frames: self.frames.iter(), time: 0 }
    }
}

struct Frames<'a> {
    info: StreamInfo,
    frames: std::slice::Iter<'a, Rgb8>,
    time: i64,
}

impl Source for Frames<'_> {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next_frame(&mut self) -> tessera_video::Result<Option<Frame>> {
        let time = self.time;
        self.time += 1;
        Ok(self.frames.next().map(|frame| Frame { rgb: frame.data().to_vec(), time }))
    }
}

/// Collects frames.
#[derive(Default)]
pub(crate) struct Collected(pub Vec<Vec<u8>>);

impl Sink for Collected {
    fn write_frame(&mut self, frame: &Frame) -> tessera_video::Result<()> {
        self.0.push(frame.rgb.clone());
        Ok(())
    }

    fn finish(&mut self, _: i64) -> tessera_video::Result<()> {
        Ok(())
    }
}

/// The largest even size of the same shape within [`MOST_SIZE`], or the size itself where it fits.
fn fitting(size: (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(MOST_SIZE.0) / f64::from(size.0)).min(f64::from(MOST_SIZE.1) / f64::from(size.1));
    if scale >= 1.0 {
        return size;
    }
    let even = |side: u32| 2 * ((f64::from(side) * scale / 2.0).round() as u32).max(1);
    (even(size.0), even(size.1))
}

fn scaled(rgb: Vec<u8>, from: (u32, u32), to: (u32, u32)) -> Result<Rgb8> {
    if from == to {
        return Rgb8::new(from.0, from.1, rgb);
    }
    let picture = RgbImage::from_raw(from.0, from.1, rgb);
    let picture = picture.ok_or_else(|| Error::Failed("a frame does not have its size".to_owned()))?;
    Rgb8::new(to.0, to.1, imageops::resize(&picture, to.0, to.1, imageops::FilterType::Lanczos3).into_raw())
}

pub(crate) fn failed(error: tessera_video::Error) -> Error {
    Error::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_from_bytes_and_broken_ones_are_refused() {
        let frame = |shade| Rgb8::new(4, 3, vec![shade; 36]).unwrap();
        let clip = Clip::new(vec![frame(1), frame(2)], (30_000, 1001)).unwrap();
        let bytes = clip.to_bytes();
        assert_eq!(Clip::from_bytes(&bytes).unwrap(), clip);
        for cut in [0, 7, HEAD, bytes.len() - 1] {
            assert!(Clip::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(Clip::new(vec![], (25, 1)).is_err());
    }

    #[test]
    fn large_videos_are_brought_to_360_rows() {
        assert_eq!(fitting((1280, 720)), (640, 360));
        assert_eq!(fitting((768, 576)), (480, 360));
        assert_eq!(fitting((640, 272)), (640, 272));
    }
}
