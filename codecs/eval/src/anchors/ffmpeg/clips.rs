//! Codecs of videos.

use image::imageops::FilterType;
use tessera_video::Frame;
use tessera_video::io::{Coding, IoLimits, bare};

use super::still;
use crate::anchors::{Codec, Rate};
use crate::clip::{MOST_FRAMES, failed};
use crate::{Clip, Error, Result, Rgb8};

/// Which encoder, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoAnchor {
    /// H.264 by x264.
    X264,
    /// HEVC by x265.
    X265,
    /// AV1 by SVT-AV1.
    SvtAv1,
    /// AV1 by SVT-AV1 at half the sides, scaled up again after decoding.
    HalfSvtAv1,
}

/// A bare stream of 8-bit 4:2:0 in limited range, by crf.
pub struct Stream {
    kind: VideoAnchor,
    /// Sides of the last encoded clip, and its rate, which a bare stream does not tell.
    last: ((u32, u32), (u32, u32)),
}

impl Stream {
    /// # Errors
    /// [`Error::Missing`] where FFmpeg was built without the encoder.
    pub fn new(kind: VideoAnchor) -> Result<Self> {
        let stream = Self { kind, last: ((0, 0), (25, 1)) };
        still::find_encoder(&stream.coding(30.0).encoder)?;
        Ok(stream)
    }

    fn coding(&self, crf: f64) -> Coding {
        let crf = crf.to_string();
        match self.kind {
            VideoAnchor::X264 => Coding::new("libx264", &[("preset", "veryslow"), ("crf", &crf)]),
            VideoAnchor::X265 => {
                Coding::new("libx265", &[("preset", "slow"), ("crf", &crf), ("x265-params", "log-level=none")])
            }
            VideoAnchor::SvtAv1 | VideoAnchor::HalfSvtAv1 => {
                Coding::new("libsvtav1", &[("preset", "5"), ("crf", &crf)])
            }
        }
    }

    fn stream(&self) -> bare::Stream {
        match self.kind {
            VideoAnchor::X264 => bare::Stream::H264,
            VideoAnchor::X265 => bare::Stream::Hevc,
            VideoAnchor::SvtAv1 | VideoAnchor::HalfSvtAv1 => bare::Stream::Av1,
        }
    }
}

impl Codec<Clip> for Stream {
    fn name(&self) -> &str {
        match self.kind {
            VideoAnchor::X264 => "x264",
            VideoAnchor::X265 => "x265",
            VideoAnchor::SvtAv1 => "svt-av1",
            VideoAnchor::HalfSvtAv1 => "half-svt-av1",
        }
    }

    fn describe(&self) -> String {
        let encoder = match self.kind {
            VideoAnchor::X264 => "x264, preset veryslow",
            VideoAnchor::X265 => "x265, preset slow",
            VideoAnchor::SvtAv1 => "SVT-AV1, preset 5",
            VideoAnchor::HalfSvtAv1 => "half the sides (Lanczos), SVT-AV1, preset 5, scaled up again (Lanczos)",
        };
        format!("{encoder}, by crf, 8 bit 4:2:0, bare stream without container, through {}", still::version())
    }

    fn extension(&self) -> &str {
        match self.stream() {
            bare::Stream::H264 => "264",
            bare::Stream::Hevc => "265",
            bare::Stream::Av1 => "obu",
        }
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder(
            "crf",
            match self.kind {
                VideoAnchor::X264 | VideoAnchor::X265 => &[51.0, 47.0, 43.0, 39.0, 35.0, 31.0],
                VideoAnchor::SvtAv1 => &[63.0, 58.0, 52.0, 45.0],
                VideoAnchor::HalfSvtAv1 => &[63.0, 57.0, 50.0, 43.0, 36.0, 28.0],
            },
        )
    }

    fn encode(&mut self, original: &Clip, rate: &Rate) -> Result<Vec<u8>> {
        self.last = (original.size(), original.rate());
        let small;
        let clip = match self.kind {
            VideoAnchor::HalfSvtAv1 => {
                let half = |side: u32| side.div_ceil(2).next_multiple_of(2);
                let (width, height) = original.size();
                small = original.resized((half(width), half(height)), FilterType::Lanczos3)?;
                &small
            }
            _ => original,
        };
        let frames = clip.frames().iter().zip(0..).map(|(frame, time)| Frame { rgb: frame.data().to_vec(), time });
        let frames: Vec<Frame> = frames.collect();
        bare::encode(&frames, &clip.info(), &self.coding(rate.value), self.stream()).map_err(failed)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Clip> {
        let (size, frames) = bare::decode(file, self.stream(), &IoLimits::default(), MOST_FRAMES).map_err(failed)?;
        let (whole, rate) = self.last;
        let frames = frames.into_iter().map(|rgb| Rgb8::new(size.0, size.1, rgb)).collect::<Result<Vec<_>>>()?;
        let clip = Clip::new(frames, rate)?;
        match self.kind {
            VideoAnchor::HalfSvtAv1 => clip.resized(whole, FilterType::Lanczos3),
            // An odd side was coded a pixel longer.
            _ if size != whole => cut(&clip, whole),
            _ => Ok(clip),
        }
    }
}

fn cut(clip: &Clip, size: (u32, u32)) -> Result<Clip> {
    let (width, height) = clip.size();
    if size.0 > width || size.1 > height {
        return Err(Error::Failed(format!("decoded to {width} x {height} instead of {} x {}", size.0, size.1)));
    }
    let row = |frame: &Rgb8| -> Vec<u8> {
        let rows = frame.data().chunks(3 * width as usize).take(size.1 as usize);
        rows.flat_map(|row| &row[..3 * size.0 as usize]).copied().collect()
    };
    Clip::new(
        clip.frames().iter().map(|frame| Rgb8::new(size.0, size.1, row(frame))).collect::<Result<_>>()?,
        clip.rate(),
    )
}
