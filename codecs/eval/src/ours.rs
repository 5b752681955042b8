//! The suite's own codecs on the ladder of an evaluation.

use std::sync::Arc;

use tessera_audio::AudioCodec;
use tessera_geometry::SurfaceCodec;
use tessera_image::{CodecOptions, DecodeOptions, EncodeOptions, ImageCodec, Picture, Target};
use tessera_models::Pack;
use tessera_video::VideoCodec;

use crate::{
    Clip, Error, Form, Result, Rgb8, Solid, Speech,
    anchors::{Codec, Rate},
    clip::{self, Collected},
};

/// Bits per pixel of the usual ladder.
pub const RATES: &[f64] = &[0.01, 0.015, 0.02, 0.03, 0.045, 0.07, 0.12];

/// Bits per pixel of all frames of the usual ladder for videos.
pub const CLIP_RATES: &[f64] = &[0.003, 0.005, 0.008, 0.012, 0.02, 0.03];

/// Bits of a token of the usual ladder for sounds.
pub const DEPTHS: &[u8] = &[6, 8, 10, 12];

/// Bytes of meshes on the usual ladder.
pub const MESH_BYTES: &[f64] = &[400.0, 1000.0, 2000.0, 4000.0];

/// Bits of a coordinate of clouds on the usual ladder.
pub const CLOUD_BITS: &[f64] = &[7.0, 8.0, 9.0, 10.0, 11.0];

/// Qualities of splats on the usual ladder.
pub const SPLAT_QUALITIES: &[f64] = &[10.0, 30.0, 50.0, 70.0, 90.0];

/// The geometry codec for shapes of one form.
pub struct Shapes {
    name: String,
    form: Form,
    steps: Vec<f64>,
    surfaces: Option<Arc<SurfaceCodec>>,
}

impl Shapes {
    /// At the given steps, or the usual ones where there are none: bytes of meshes, bits of a coordinate of clouds, qualities of splats.
    pub fn new(name: &str, form: Form, steps: &[f64]) -> Self {
        let usual = match form {
            Form::Mesh => MESH_BYTES,
            Form::Cloud => CLOUD_BITS,
            Form::Splats => SPLAT_QUALITIES,
        };
        let steps = if steps.is_empty() { usual } else { steps };
        Self { name: name.to_owned(), form, steps: steps.to_vec(), surfaces: None }
    }

    /// With a geometry pack for surfaces of meshes.
    pub fn with_surfaces(mut self, surfaces: Option<Arc<SurfaceCodec>>) -> Self {
        self.surfaces = surfaces.filter(|_| self.form == Form::Mesh);
        self
    }
}

impl Codec<Solid> for Shapes {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self) -> String {
        let by = match self.form {
            Form::Mesh => "by bytes",
            Form::Cloud => "by bits of a coordinate",
            Form::Splats => "by quality",
        };
        let pack = match &self.surfaces {
            Some(codec) => {
                let hash: String = codec.pack().hash8().iter().map(|byte| format!("{byte:02x}")).collect();
                format!("pack {} ({hash}) where that is nearer", codec.pack().id())
            }
            None => "without a pack".to_owned(),
        };
        format!("tessera {}, {} {pack}, {by}", env!("CARGO_PKG_VERSION"), self.form.name())
    }

    fn extension(&self) -> &str {
        "tsr"
    }

    fn ladder(&self) -> Vec<Rate> {
        let parameter = match self.form {
            Form::Mesh => "bytes",
            Form::Cloud => "bits",
            Form::Splats => "q",
        };
        Rate::ladder(parameter, &self.steps)
    }

    fn encode(&mut self, original: &Solid, rate: &Rate) -> Result<Vec<u8>> {
        use tessera_geometry::{EncodeOptions, Precision, Target};
        let usual = EncodeOptions::default();
        let options = match self.form {
            Form::Mesh => EncodeOptions { target: Target::Size(rate.value as u64), ..usual },
            Form::Cloud => EncodeOptions { precision: Precision::Bits(rate.value as u8), ..usual },
            Form::Splats => EncodeOptions { target: Target::Quality(rate.value), ..usual },
        };
        let encoded = tessera_geometry::encode_with(original.shape(), &options, self.surfaces.as_deref());
        Ok(encoded.map_err(|error| Error::Failed(error.to_string()))?.bytes)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Solid> {
        let options = tessera_geometry::DecodeOptions::default();
        let decoded = tessera_geometry::decode_with(file, &options, self.surfaces.as_deref());
        Solid::new(decoded.map_err(|error| Error::Failed(error.to_string()))?.shape)
    }
}

/// The image codec with one pack.
pub struct Image {
    codec: ImageCodec,
    name: String,
    rates: Vec<f64>,
    effort: u8,
    /// Steps of the refiner, and what it is.
    refine: (u8, String),
}

impl Image {
    /// For a pack at the given bits per pixel, from few to many.
    ///
    /// # Errors
    /// The pack cannot be used.
    pub fn new(name: &str, pack: Arc<Pack>, threads: usize, rates: &[f64], effort: u8) -> Result<Self> {
        let codec = ImageCodec::new(pack, CodecOptions { threads }).map_err(failed)?;
        Ok(Self { codec, name: name.to_owned(), rates: rates.to_vec(), effort, refine: (0, String::new()) })
    }

    /// With so many steps of a refiner after decoding.
    ///
    /// # Errors
    /// The pack is no refiner for the codec's.
    pub fn refined(mut self, refiner: &Pack, steps: u8) -> Result<Self> {
        self.codec.add(refiner).map_err(failed)?;
        self.refine = (steps, format!(", {steps} steps of {} ({})", refiner.id(), refiner.hash_text()));
        Ok(self)
    }

    fn options(&self, rate: &Rate) -> EncodeOptions {
        EncodeOptions { target: Target::Bpp(rate.value), effort: self.effort, ..EncodeOptions::default() }
    }
}

/// The video codec with one image pack, and with what adds to it.
pub struct Video {
    codec: VideoCodec,
    name: String,
    rates: Vec<f64>,
    effort: u8,
    /// What the frame pack is.
    frames: String,
    /// Frames a second of the last encoded clip.
    rate: (u32, u32),
}

impl Video {
    /// For an image pack at the given bits per pixel, from few to many.
    ///
    /// # Errors
    /// The pack cannot be used.
    pub fn new(name: &str, pack: Arc<Pack>, threads: usize, rates: &[f64], effort: u8) -> Result<Self> {
        let codec = VideoCodec::new(pack, tessera_video::CodecOptions { threads }).map_err(clip::failed)?;
        let (name, rates) = (name.to_owned(), rates.to_vec());
        Ok(Self { codec, name, rates, effort, frames: String::new(), rate: (25, 1) })
    }

    /// With a frame pack, which paints, and where it has an encoder, sees the frames.
    ///
    /// # Errors
    /// The pack is no frame pack for the codec's.
    pub fn with_frames(mut self, frames: &Pack) -> Result<Self> {
        self.codec.add(frames).map_err(clip::failed)?;
        self.frames = format!(" with {} ({})", frames.id(), frames.hash_text());
        Ok(self)
    }

    /// A file with base layers where they are better, as `tessera encode` makes them where FFmpeg is at hand.
    #[cfg(feature = "ffmpeg")]
    fn with_base(&self, file: Vec<u8>, clip: &Clip) -> Result<Vec<u8>> {
        if !tessera_video::base_at_hand() {
            return Ok(file);
        }
        let switched = self.codec.with_base(&file, &mut clip.source(), &mut tessera_video::Detail);
        Ok(switched.map_err(clip::failed)?.bytes)
    }

    /// Without FFmpeg there are tokens alone.
    #[cfg(not(feature = "ffmpeg"))]
    #[expect(clippy::unnecessary_wraps, reason = "as with FFmpeg")]
    fn with_base(&self, file: Vec<u8>, _: &Clip) -> Result<Vec<u8>> {
        Ok(file)
    }
}

impl Codec<Clip> for Video {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self) -> String {
        let pack = self.codec.pack();
        let hash: String = pack.hash8().iter().map(|byte| format!("{byte:02x}")).collect();
        let (version, frames) = (env!("CARGO_PKG_VERSION"), &self.frames);
        format!("tessera {version}, pack {} ({hash}){frames}, effort {}, by bpp, whole files", pack.id(), self.effort)
    }

    fn extension(&self) -> &str {
        "tsr"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("bpp", &self.rates)
    }

    fn encode(&mut self, clip: &Clip, rate: &Rate) -> Result<Vec<u8>> {
        self.rate = clip.rate();
        let options = tessera_video::EncodeOptions {
            target: tessera_video::Target::Bpp(rate.value),
            effort: self.effort,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        self.codec.encode(&mut clip.source(), &mut bytes, &options).map_err(clip::failed)?;
        self.with_base(bytes, clip)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Clip> {
        let options = tessera_video::DecodeOptions::default();
        let info = tessera_video::inspect(file, &options.limits, false).map_err(clip::failed)?.info;
        let mut frames = Collected::default();
        self.codec.decode(file, &mut frames, &options).map_err(clip::failed)?;
        let frames = frames.0.into_iter().map(|rgb| Rgb8::new(info.width, info.height, rgb));
        Clip::new(frames.collect::<Result<_>>()?, self.rate)
    }
}

fn failed(error: tessera_image::Error) -> Error {
    Error::Failed(error.to_string())
}

impl Codec for Image {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self) -> String {
        let pack = self.codec.pack();
        let hash: String = pack.hash8().iter().map(|byte| format!("{byte:02x}")).collect();
        let version = env!("CARGO_PKG_VERSION");
        format!("tessera {version}, pack {} ({hash}), effort {}, by bpp{}", pack.id(), self.effort, self.refine.1)
    }

    fn extension(&self) -> &str {
        "tsr"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("bpp", &self.rates)
    }

    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>> {
        let source = Picture::from_rgb(picture.width(), picture.height(), picture.data().to_vec()).map_err(failed)?;
        let options = self.options(rate);
        Ok(self.codec.encode(&source, &options).map_err(failed)?.bytes)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Rgb8> {
        let options = DecodeOptions { refine: self.refine.0, ..DecodeOptions::default() };
        let decoded = self.codec.decode(file, &options).map_err(failed)?;
        Rgb8::new(decoded.picture.width, decoded.picture.height, decoded.picture.rgb)
    }
}

/// The audio codec with one pack.
pub struct Voice {
    codec: AudioCodec,
    name: String,
    depths: Vec<u8>,
}

impl Voice {
    /// For a pack at the given bits of a frame, from few to many.
    ///
    /// # Errors
    /// The pack cannot be used, or has no frames of so many bits.
    pub fn new(name: &str, pack: Arc<Pack>, threads: usize, depths: &[u8]) -> Result<Self> {
        let codec = AudioCodec::new(pack, tessera_audio::CodecOptions { threads }).map_err(unheard)?;
        if let Some(depth) = depths.iter().find(|depth| !codec.bits().contains(depth)) {
            let (least, most) = codec.bits().into_inner();
            return Err(Error::Parameter(format!("the pack has no frames of {depth} bits; it has {least} to {most}")));
        }
        Ok(Self { codec, name: name.to_owned(), depths: depths.to_vec() })
    }
}

fn unheard(error: tessera_audio::Error) -> Error {
    Error::Failed(error.to_string())
}

impl Codec<Speech> for Voice {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self) -> String {
        let pack = self.codec.pack();
        let hash: String = pack.hash8().iter().map(|byte| format!("{byte:02x}")).collect();
        let delay = match self.codec.is_live() {
            true => format!("delay {} ms", 1000.0 * self.codec.delay_samples() as f64 / f64::from(self.codec.rate())),
            false => "whole sounds".to_owned(),
        };
        format!(
            "tessera {}, pack {} ({hash}), by bits of a frame, {} frames a second, {delay}",
            env!("CARGO_PKG_VERSION"),
            pack.id(),
            self.codec.frames_per_second()
        )
    }

    fn extension(&self) -> &str {
        "tsr"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("depth", &self.depths.iter().map(|&depth| f64::from(depth)).collect::<Vec<_>>())
    }

    fn encode(&mut self, original: &Speech, rate: &Rate) -> Result<Vec<u8>> {
        let options = tessera_audio::EncodeOptions {
            bits: Some(rate.value as u8),
            lambda: self.codec.search_lambda(),
            ..Default::default()
        };
        let sound = tessera_audio::io::resample(original.to_sound(), self.codec.rate()).map_err(unheard)?;
        Ok(self.codec.encode(&sound, &options).map_err(unheard)?.bytes)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Speech> {
        let decoded = self.codec.decode(file, &Default::default()).map_err(unheard)?;
        Speech::from_sound(decoded.sound)
    }
}
