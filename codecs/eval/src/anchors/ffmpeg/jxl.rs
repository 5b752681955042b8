//! JPEG XL.

use ffmpeg_next::{color, format::Pixel, frame};

use super::still;
use crate::anchors::{Codec, Rate};
use crate::{Error, Result, Rgb8};

/// Lossy JPEG XL by libjxl, by Butteraugli distance.
pub struct JpegXl {
    encoder: ffmpeg_next::Codec,
    decoder: ffmpeg_next::Codec,
}

impl JpegXl {
    /// # Errors
    /// [`Error::Missing`] where FFmpeg was built without libjxl.
    pub fn new() -> Result<Self> {
        Ok(Self { encoder: still::find_encoder("libjxl")?, decoder: still::find_decoder("libjxl")? })
    }
}

impl Codec for JpegXl {
    fn name(&self) -> &str {
        "jxl"
    }

    fn describe(&self) -> String {
        format!("libjxl through {}, effort 7, by distance, RGB 8 bit; decoded by libjxl", still::version())
    }

    fn extension(&self) -> &str {
        "jxl"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("distance", &[15.0, 11.0, 8.0, 5.5, 3.5, 2.0])
    }

    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>> {
        let options = [("distance", rate.value.to_string()), ("effort", "7".to_owned())];
        let size = (picture.width(), picture.height());
        let mut encoder = still::open(self.encoder, size, Pixel::RGB24, color::Space::RGB, &options)?;
        let mut frame = frame::Video::new(Pixel::RGB24, size.0, size.1);
        still::fill(&mut frame, 0, picture.data(), 3 * size.0 as usize);
        let packets = still::encode(&mut encoder, frame)?;
        Ok(packets.iter().filter_map(|packet| packet.data()).flatten().copied().collect())
    }

    fn decode(&mut self, file: &[u8]) -> Result<Rgb8> {
        let frame = still::decode(self.decoder, file)?;
        if frame.format() != Pixel::RGB24 {
            return Err(Error::Failed(format!("libjxl gave {:?} instead of 8-bit RGB", frame.format())));
        }
        let (width, height) = (frame.width(), frame.height());
        Rgb8::new(width, height, still::rows(&frame, 0, 3 * width as usize, height as usize))
    }
}
