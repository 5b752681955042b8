//! Codecs at a ladder of rates: the suite's own and those that a user would pick instead.
//!
//! JPEG and WebP are always built in. AVIF (libaom, SVT-AV1), JPEG XL, Opus, Codec2, x264, x265 and SVT-AV1 come from FFmpeg's libraries with the
//! cargo feature `ffmpeg`, Draco from its own programs; what is not at hand is an [`Error::Missing`] that says how to get it.

mod draco;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod jpeg;
mod pcm;
mod spz;
mod webp;

pub use draco::Draco;
pub use jpeg::Jpeg;
pub use pcm::Pcm;
pub use spz::Spz;
pub use webp::WebP;

#[cfg(feature = "ffmpeg")]
pub use ffmpeg::{Av1Encoder, Avif, Codec2, JpegXl, Opus, Stream, VideoAnchor};

use crate::{Clip, Error, Form, Result, Rgb8, Solid, Speech};

/// One setting on a codec's ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// As the codec's users write it: `q 35`, `crf 55`, `0.03 bpp`.
    pub name: String,
    /// The number behind it.
    pub value: f64,
}

impl Rate {
    /// Rates of one parameter, in the order given.
    pub fn ladder(parameter: &str, values: &[f64]) -> Vec<Self> {
        values.iter().map(|&value| Self { name: format!("{parameter} {value}"), value }).collect()
    }
}

/// A codec of a medium: of still pictures unless it says otherwise.
pub trait Codec<M = Rgb8>: Send {
    /// Short name, the key in reports: `jpeg`, `webp`, `avif-aom`, `opus`, `tessera`, …
    fn name(&self) -> &str;
    /// Library with its version and all fixed settings, in one line, printed in reports.
    fn describe(&self) -> String;
    /// Extension of its files, without a dot.
    fn extension(&self) -> &str;
    /// Its ladder, from the fewest bytes up.
    fn ladder(&self) -> Vec<Rate>;
    /// A whole file.
    ///
    /// # Errors
    /// What the encoder said.
    fn encode(&mut self, original: &M, rate: &Rate) -> Result<Vec<u8>>;
    /// What is in a file.
    ///
    /// # Errors
    /// What the decoder said.
    fn decode(&mut self, file: &[u8]) -> Result<M>;
}

/// Names of all anchors for still pictures, whether they are at hand or not.
pub const NAMES: &[&str] = &["jpeg", "webp", "avif-aom", "avif-svt", "jxl"];

/// An anchor by its name.
///
/// # Errors
/// [`Error::Parameter`] for a name that is not among [`NAMES`], [`Error::Missing`] for an encoder that is not at hand.
pub fn by_name(name: &str) -> Result<Box<dyn Codec>> {
    match name {
        "jpeg" => Ok(Box::new(Jpeg)),
        "webp" => Ok(Box::new(WebP)),
        #[cfg(feature = "ffmpeg")]
        "avif-aom" => Ok(Box::new(Avif::new(Av1Encoder::Aom)?)),
        #[cfg(feature = "ffmpeg")]
        "avif-svt" => Ok(Box::new(Avif::new(Av1Encoder::Svt)?)),
        #[cfg(feature = "ffmpeg")]
        "jxl" => Ok(Box::new(JpegXl::new()?)),
        name => Err(not_at_hand(name, NAMES)),
    }
}

/// Names of all anchors for speech, whether they are at hand or not.
pub const SPEECH_NAMES: &[&str] = &["opus", "codec2", "pcm"];

/// An anchor for speech by its name.
///
/// # Errors
/// [`Error::Parameter`] for a name that is not among [`SPEECH_NAMES`], [`Error::Missing`] for an encoder that is not at hand.
pub fn speech_by_name(name: &str) -> Result<Box<dyn Codec<Speech>>> {
    match name {
        #[cfg(feature = "ffmpeg")]
        "opus" => Ok(Box::new(Opus::new()?)),
        #[cfg(feature = "ffmpeg")]
        "codec2" => Ok(Box::new(Codec2::new()?)),
        "pcm" => Ok(Box::new(Pcm)),
        name => Err(not_at_hand(name, SPEECH_NAMES)),
    }
}

/// Names of all anchors for videos, whether they are at hand or not.
pub const CLIP_NAMES: &[&str] = &["x264", "x265", "svt-av1", "half-svt-av1"];

/// An anchor for videos by its name.
///
/// # Errors
/// [`Error::Parameter`] for a name that is not among [`CLIP_NAMES`], [`Error::Missing`] for an encoder that is not at hand.
pub fn clip_by_name(name: &str) -> Result<Box<dyn Codec<Clip>>> {
    match name {
        #[cfg(feature = "ffmpeg")]
        "x264" => Ok(Box::new(Stream::new(VideoAnchor::X264)?)),
        #[cfg(feature = "ffmpeg")]
        "x265" => Ok(Box::new(Stream::new(VideoAnchor::X265)?)),
        #[cfg(feature = "ffmpeg")]
        "svt-av1" => Ok(Box::new(Stream::new(VideoAnchor::SvtAv1)?)),
        #[cfg(feature = "ffmpeg")]
        "half-svt-av1" => Ok(Box::new(Stream::new(VideoAnchor::HalfSvtAv1)?)),
        name => Err(not_at_hand(name, CLIP_NAMES)),
    }
}

/// Names of all anchors for shapes of a form, whether they are at hand or not.
pub fn shape_names(form: Form) -> &'static [&'static str] {
    match form {
        Form::Mesh => &["decimate-draco"],
        Form::Cloud => &["draco"],
        Form::Splats => &["spz"],
    }
}

/// An anchor for shapes of a form by its name.
///
/// # Errors
/// [`Error::Parameter`] for a name that is not among [`shape_names`], [`Error::Missing`] for a program that is not installed.
pub fn shape_by_name(form: Form, name: &str) -> Result<Box<dyn Codec<Solid>>> {
    match (form, name) {
        (Form::Mesh, "decimate-draco") | (Form::Cloud, "draco") => Ok(Box::new(Draco::new(form)?)),
        (Form::Splats, "spz") => Ok(Box::new(Spz)),
        _ => Err(Error::Parameter(format!(
            "there is no anchor {name} for {}; the anchors are {}",
            form.name(),
            shape_names(form).join(", ")
        ))),
    }
}

/// A codec at those steps of its ladder that have one of the given numbers.
pub struct AtRates<M> {
    codec: Box<dyn Codec<M>>,
    values: Vec<f64>,
}

impl<M> AtRates<M> {
    /// `codec` at `values`, or at its whole ladder where they are none.
    ///
    /// # Errors
    /// [`Error::Parameter`] where no step has one of them.
    pub fn new(codec: Box<dyn Codec<M>>, values: &[f64]) -> Result<Self> {
        let chosen = Self { codec, values: values.to_vec() };
        if chosen.ladder().is_empty() {
            let steps: Vec<String> = chosen.codec.ladder().into_iter().map(|rate| rate.name).collect();
            return Err(Error::Parameter(format!("no step of its ladder was chosen; they are {}", steps.join(", "))));
        }
        Ok(chosen)
    }
}

impl<M> Codec<M> for AtRates<M> {
    fn name(&self) -> &str {
        self.codec.name()
    }

    fn describe(&self) -> String {
        self.codec.describe()
    }

    fn extension(&self) -> &str {
        self.codec.extension()
    }

    fn ladder(&self) -> Vec<Rate> {
        let chosen = |rate: &Rate| self.values.is_empty() || self.values.contains(&rate.value);
        self.codec.ladder().into_iter().filter(chosen).collect()
    }

    fn encode(&mut self, original: &M, rate: &Rate) -> Result<Vec<u8>> {
        self.codec.encode(original, rate)
    }

    fn decode(&mut self, file: &[u8]) -> Result<M> {
        self.codec.decode(file)
    }
}

fn not_at_hand(name: &str, names: &[&str]) -> Error {
    match names.contains(&name) {
        true => Error::Missing(format!(
            "{name} is not built in; build with FFmpeg's libraries: cargo build --release -p tessera-cli --features ffmpeg"
        )),
        false => Error::Parameter(format!("there is no anchor {name}; the anchors are {}", names.join(", "))),
    }
}

/// A whole file decoded by the `image` crate.
fn with_image_crate(file: &[u8], format: image::ImageFormat) -> Result<Rgb8> {
    let picture =
        image::load_from_memory_with_format(file, format).map_err(|error| Error::Failed(error.to_string()))?;
    let picture = picture.to_rgb8();
    Rgb8::new(picture.width(), picture.height(), picture.into_raw())
}
