//! WebP.

use super::{Codec, Rate, with_image_crate};
use crate::{Error, Result, Rgb8};

/// Lossy WebP at libwebp's slowest method.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebP;

impl Codec for WebP {
    fn name(&self) -> &str {
        "webp"
    }

    fn describe(&self) -> String {
        "libwebp (crate webp 0.3), lossy, method 6; decoded by image-webp".to_owned()
    }

    fn extension(&self) -> &str {
        "webp"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("q", &[0.0, 4.0, 12.0, 28.0, 50.0, 75.0])
    }

    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>> {
        let mut config = webp::WebPConfig::new().map_err(|()| Error::Failed("libwebp gave no settings".to_owned()))?;
        (config.quality, config.method) = (rate.value.clamp(0.0, 100.0) as f32, 6);
        let encoder = webp::Encoder::from_rgb(picture.data(), picture.width(), picture.height());
        let file = encoder.encode_advanced(&config).map_err(|error| Error::Failed(format!("libwebp: {error:?}")))?;
        Ok(file.to_vec())
    }

    fn decode(&mut self, file: &[u8]) -> Result<Rgb8> {
        with_image_crate(file, image::ImageFormat::WebP)
    }
}
