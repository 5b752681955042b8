//! `pack.toml`.

use serde::Deserialize;
use tessera_core::container::Modality;

use super::addition::{MaskedSection, RefinerSection, VideoSection};
use super::geometry::GeometrySection;

/// Version of the manifest that this crate reads.
const FORMAT: u32 = 1;
/// Longest part that a manifest may list, bytes.
const MAX_PART: u64 = 1 << 31;
/// The modality of packs that measure.
const METRIC: &str = "metric";
/// The modality of packs that say what is of interest.
const INTEREST: &str = "interest";
/// The modalities of packs that add to an image pack.
const REFINER: &str = "refiner";
const MASKED: &str = "masked";
const VIDEO: &str = "video";

/// The manifest of a pack.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Version of the manifest's own form: 1.
    pub format: u32,
    /// Lower-case letters, digits, `.` and `-`.
    pub id: String,
    /// Version of the pack.
    pub version: String,
    modality: String,
    /// SPDX expression of the weights' licence.
    pub licence: String,
    /// One sentence about the pack.
    pub summary: String,
    /// File name of the model card.
    pub card: String,
    /// What an image pack adds.
    pub image: Option<ImageSection>,
    /// What an audio pack adds.
    pub audio: Option<AudioSection>,
    /// What a geometry pack adds.
    pub geometry: Option<GeometrySection>,
    /// What a metric pack adds.
    pub metric: Option<MetricSection>,
    /// What a pack adds that says which pictures are of interest.
    pub interest: Option<InterestSection>,
    /// What a refiner pack adds.
    pub refiner: Option<RefinerSection>,
    /// What a masked-token pack adds.
    pub masked: Option<MaskedSection>,
    /// What a pack of a frame decoder adds.
    pub video: Option<VideoSection>,
    /// Every other file of the pack.
    #[serde(rename = "part", default)]
    pub parts: Vec<Part>,
}

/// One file of a pack.
#[derive(Clone, Debug, Deserialize)]
pub struct Part {
    /// Plain file name.
    pub file: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// Shape and files of an image pack.
#[derive(Clone, Debug, Deserialize)]
pub struct ImageSection {
    /// Pixels per token along each side.
    pub stride: u32,
    /// Components of a latent vector.
    pub dim: usize,
    /// Residual levels of the codebook.
    pub levels: u8,
    /// Bits of a token at full depth.
    pub depth: u8,
    /// Least depth that the decoder was trained for.
    pub min_depth: u8,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
    /// Graph: image f32 [1,3,H,W] in [-1,1], sides multiples of `stride`, → latent f32 [1,dim,H/stride,W/stride].
    pub encoder: String,
    /// Graph: latent → image.
    pub decoder: String,
    /// Tensors `level{l}` [2^(depth+1), dim] f16 or f32 in heap order.
    pub codebook: String,
    /// Integer tensors of the trained prior (FORMAT.md).
    pub prior: String,
    /// What a pack adds whose networks look at all of a picture; those of a pack without it look at a few positions around.
    pub whole: Option<WholePictures>,
}

/// How pictures go through networks that look at all of a picture, so that windows of it are an approximation.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct WholePictures {
    /// Most positions that are seen at once.
    pub exact_tokens: u64,
    /// Longest side of a window, where there are more.
    pub window_tokens: u32,
    /// What of a window is cut away at each edge inside of the picture.
    pub margin_tokens: u32,
}

/// Shape and files of an audio pack.
#[derive(Clone, Debug, Deserialize)]
pub struct AudioSection {
    /// Samples per second.
    pub sample_rate: u32,
    /// Samples per token.
    pub hop: usize,
    /// Samples that a frame covers.
    pub window: usize,
    /// Frames after its own that a token waits for.
    #[serde(default)]
    pub lookahead: usize,
    /// Components of a latent vector.
    pub dim: usize,
    /// Residual levels of the codebook.
    pub levels: u8,
    /// Bits of a token at full depth.
    pub depth: u8,
    /// Least depth of the first level that the decoder was trained for.
    pub min_depth: u8,
    /// Bits of a frame's tokens, by default; all that there are if absent.
    pub bits: Option<u8>,
    /// Squared latent error that one bit is worth in the entropy-constrained search, by default.
    pub search_lambda: f32,
    /// Step graph: features → latent.
    pub encoder: String,
    /// Step graph: latent → log magnitudes and phases.
    pub decoder: String,
    /// Tensors `level{l}` [2^(depth+1), dim] f16 or f32 in heap order.
    pub codebook: String,
    /// Integer tensors of the trained prior (FORMAT.md); a pack may come without one.
    pub prior: Option<String>,
    /// What a pack adds whose networks run on whole sounds; a pack without it has step graphs.
    pub whole: Option<WholeSection>,
}

/// Networks that run on whole sounds: encoder, samples f32 `[1,N]` → features f32 `[⌈N/hop⌉,F]`; tail, features → latents f32 `[T,dim]`;
/// decoder, latents → log magnitudes and phases f32 `[T,2·(window/2+1)]`.
#[derive(Clone, Debug, Deserialize)]
pub struct WholeSection {
    /// Graph: features → latents, each of which may depend on all features.
    pub tail: String,
    /// How far features look to either side, tokens; the encoder's least input too.
    pub local_tokens: usize,
    /// Most tokens that are decoded at once.
    pub exact_tokens: usize,
    /// Tokens of a window, where there are more.
    pub window_tokens: usize,
    /// Tokens more that a window is given at either side.
    pub reach_tokens: usize,
}

/// The one graph of a metric pack.
#[derive(Clone, Debug, Deserialize)]
pub struct MetricSection {
    /// Name in the registry of metrics, such as `lpips`.
    pub name: String,
    /// The graph; what it takes is up to `input`.
    pub graph: String,
    /// Whether a larger value is a better picture or sound.
    pub higher_is_better: bool,
    /// Unit and definition in one line, printed in reports.
    pub describe: String,
    /// What the graph measures.
    #[serde(flatten)]
    pub input: MetricInput,
}

/// What the graph of a metric pack measures.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum MetricInput {
    /// Two pictures.
    Pictures(PictureInput),
    /// One sound.
    Sound {
        /// How.
        sound: SoundInput,
    },
}

/// A graph of two pictures: reference and distorted f32 `[N,3,H,W]` in sRGB code values scaled to `range` → f32, one number per picture.
#[derive(Clone, Debug, Deserialize)]
pub struct PictureInput {
    /// What the graph's inputs call black and white.
    pub range: [f32; 2],
    /// Least side of a picture, pixels.
    pub least_side: u32,
}

/// A graph of one window of a sound at 16 kHz → f32 `[1,N]`, N opinions.
#[derive(Clone, Debug, Deserialize)]
pub struct SoundInput {
    /// What the graph sees of the window.
    pub features: SoundFeatures,
    /// Length of the window; one begins every second.
    pub seconds: f64,
    /// Which opinion counts.
    pub output: usize,
    /// Coefficients of the polynomial that the opinion goes through, constant term first.
    pub curve: Vec<f64>,
}

/// What a graph sees of a window of sound.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SoundFeatures {
    /// Samples f32 `[1,N]`, full scale −1 to 1.
    Samples,
    /// Levels in 120 mel bands every 10 ms f32 `[1,T,120]`, the loudest 1, 80 dB below it −1.
    Mel,
}

impl WholePictures {
    /// Whether the numbers make sense: the memory of a window is that of a picture which is seen whole, or less.
    pub(super) fn fits(&self) -> bool {
        (1..=1 << 16).contains(&self.exact_tokens)
            && (1..=256).contains(&self.window_tokens)
            && u64::from(self.window_tokens).pow(2) <= self.exact_tokens
            && self.margin_tokens < self.window_tokens.div_ceil(2)
    }
}

/// What says whether a picture is of interest.
#[derive(Clone, Debug, Deserialize)]
pub struct InterestSection {
    /// Graph: picture f32 `[1,3,H,W]` in sRGB code values scaled to `range` → f32 `[1,N,H',W']`, scores, the greatest of which counts.
    pub graph: String,
    /// Columns and rows that pictures are scaled to.
    pub size: [u32; 2],
    /// What the graph's input calls black and white.
    pub range: [f32; 2],
    /// The score from which a picture is of interest.
    pub threshold: f32,
    /// What is of interest, in one line.
    pub describe: String,
}

impl InterestSection {
    /// Longest side that pictures are scaled to.
    const MAX_SIDE: u32 = 4096;

    fn fits(&self) -> bool {
        let [black, white] = self.range;
        self.size.iter().all(|side| (1..=Self::MAX_SIDE).contains(side))
            && black.is_finite()
            && white.is_finite()
            && black < white
            && self.threshold.is_finite()
    }
}

impl Manifest {
    /// Reads and checks a manifest; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| format!("pack.toml: {}", error.message()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What the pack's codec codes; `None` for a pack that codes nothing.
    pub fn modality(&self) -> Option<Modality> {
        modality(&self.modality)
    }

    /// What the pack is, in a word: its medium, `metric`, `interest`, `refiner`, `masked` or `video` for a frame decoder.
    pub fn kind(&self) -> &str {
        &self.modality
    }

    /// Hash of the image pack that a refiner, a masked-token model or a frame decoder adds to, 16 hexadecimal digits.
    pub fn base(&self) -> Option<&str> {
        let refiner = self.refiner.as_ref().map(|section| &section.base);
        let masked = self.masked.as_ref().map(|section| &section.base);
        let video = self.video.as_ref().map(|section| &section.base);
        refiner.or(masked).or(video).map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("pack.toml has format {}, this program reads {FORMAT}", self.format));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(plain) {
            return Err("the id must be 1 to 64 lower-case letters, digits, '.' and '-'".to_owned());
        }
        // Every kind has its table, and no other kind has it.
        let kinds = [
            ("image", self.image.is_some()),
            ("audio", self.audio.is_some()),
            ("geometry", self.geometry.is_some()),
            (METRIC, self.metric.is_some()),
            (INTEREST, self.interest.is_some()),
            (REFINER, self.refiner.is_some()),
            (MASKED, self.masked.is_some()),
            (VIDEO, self.video.is_some()),
        ];
        if self.modality().is_none() && !kinds.iter().any(|(kind, _)| *kind == self.modality) {
            return Err(format!("unknown modality {:?}", self.modality));
        }
        if let Some((kind, _)) = kinds.iter().find(|(kind, has)| (self.modality == *kind) != *has) {
            return Err(format!("a pack of modality {kind:?}, and no other, has a table [{kind}]"));
        }
        let out_of_range = [
            ("geometry", self.geometry.as_ref().is_none_or(GeometrySection::fits)),
            (INTEREST, self.interest.as_ref().is_none_or(InterestSection::fits)),
            (REFINER, self.refiner.as_ref().is_none_or(RefinerSection::fits)),
            (MASKED, self.masked.as_ref().is_none_or(MaskedSection::fits)),
            (VIDEO, self.video.as_ref().is_none_or(VideoSection::fits)),
        ];
        if let Some((kind, _)) = out_of_range.iter().find(|(_, fits)| !fits) {
            return Err(format!("a number in [{kind}] is out of range"));
        }
        for part in &self.parts {
            if !is_plain_name(&part.file) {
                return Err(format!("{:?} is not a plain file name", part.file));
            }
            if part.bytes > MAX_PART {
                return Err(format!("{} claims {} bytes, more than {MAX_PART}", part.file, part.bytes));
            }
        }
        if let Some(image) = &self.image {
            // Without a table of its own a pack gets windows that are measured for stride 16.
            let stride = if image.whole.is_some() { &[4, 8, 16, 32][..] } else { &[16] };
            let fits =
                stride.contains(&image.stride) && (1..=256).contains(&image.dim) && (1..=16).contains(&image.levels);
            let depths =
                image.min_depth >= 1 && image.min_depth <= image.depth && image.depth <= tessera_core::MAX_DEPTH;
            if !fits || !depths || !image.search_lambda.is_finite() || image.search_lambda < 0.0 {
                return Err("a number in [image] is out of range".to_owned());
            }
            if !image.whole.as_ref().is_none_or(WholePictures::fits) {
                return Err("a number in [image.whole] is out of range".to_owned());
            }
        }
        if let Some(audio) = &self.audio {
            let rate = (1_000..=384_000).contains(&audio.sample_rate);
            let frame = (16..=4096).contains(&audio.window)
                && audio.window.is_multiple_of(2)
                && audio.hop >= 8
                && audio.hop * 2 <= audio.window
                && audio.lookahead <= 64
                && (audio.lookahead == 0 || audio.whole.is_none());
            let code = (1..=1024).contains(&audio.dim) && (1..=15).contains(&audio.levels);
            let depths =
                audio.min_depth >= 1 && audio.min_depth <= audio.depth && audio.depth <= tessera_core::MAX_DEPTH;
            let most = u32::from(audio.levels) * u32::from(audio.depth);
            let bits = most <= 255 && audio.bits.is_none_or(|bits| u32::from(bits) <= most && bits >= audio.min_depth);
            let search = audio.search_lambda.is_finite() && audio.search_lambda >= 0.0;
            if !(rate && frame && code && depths && bits && search) {
                return Err("a number in [audio] is out of range".to_owned());
            }
            let tokens = |tokens: usize| (1..=1 << 16).contains(&tokens);
            let fits = |whole: &WholeSection| {
                tokens(whole.local_tokens)
                    && tokens(whole.window_tokens)
                    && tokens(whole.reach_tokens)
                    && whole.exact_tokens >= whole.window_tokens
                    && tokens(whole.exact_tokens)
                    && (audio.window - audio.hop).is_multiple_of(2)
            };
            if !audio.whole.as_ref().is_none_or(fits) {
                return Err("a number in [audio.whole] is out of range".to_owned());
            }
        }
        if let Some(metric) = &self.metric {
            let fits = match &metric.input {
                MetricInput::Pictures(PictureInput { range: [black, white], least_side }) => {
                    black.is_finite() && white.is_finite() && black < white && *least_side > 0
                }
                MetricInput::Sound { sound } => {
                    (0.1..=60.0).contains(&sound.seconds) && sound.curve.iter().all(|value| value.is_finite())
                }
            };
            if !fits {
                return Err("a number in [metric] is out of range".to_owned());
            }
        }
        Ok(())
    }
}

fn modality(name: &str) -> Option<Modality> {
    Some(match name {
        "image" => Modality::Image,
        "audio" => Modality::Audio,
        "video" => Modality::Video,
        "geometry" => Modality::Geometry,
        _ => return None,
    })
}

/// Whether a name stays inside the pack: letters, digits, `.`, `-`, `_`, and not starting with a dot.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain)
}
