//! JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{Codec, Rate, with_image_crate};
use crate::{Error, Result, Rgb8};

/// Progressive JPEG with optimised Huffman tables and 4:2:0 chroma.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jpeg;

impl Codec for Jpeg {
    fn name(&self) -> &str {
        "jpeg"
    }

    fn describe(&self) -> String {
        "jpeg-encoder 0.7, progressive, optimised Huffman tables, 4:2:0; decoded by image (zune-jpeg)".to_owned()
    }

    fn extension(&self) -> &str {
        "jpg"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("q", &[1.0, 8.0, 16.0, 28.0, 45.0, 68.0])
    }

    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>> {
        let side = |side: u32| {
            u16::try_from(side).map_err(|_| Error::Parameter(format!("{side} pixels are too many for a JPEG")))
        };
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, rate.value.clamp(1.0, 100.0) as u8);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_progressive(true);
        encoder.set_optimized_huffman_tables(true);
        encoder
            .encode(picture.data(), side(picture.width())?, side(picture.height())?, ColorType::Rgb)
            .map_err(|error| Error::Failed(error.to_string()))?;
        Ok(file)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Rgb8> {
        with_image_crate(file, image::ImageFormat::Jpeg)
    }
}
