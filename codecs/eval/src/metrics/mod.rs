//! Distances and similarities between a picture, a sound or a shape and what a codec made of it.
//!
//! | name | better | equal pictures | least side | needs |
//! |---|---|---|---|---|
//! | [`psnr`](Psnr) | higher | ∞ | 1 | |
//! | [`ssim`](Ssim) | higher | 1 | 11 | |
//! | [`ms-ssim`](MsSsim) | higher | 1 | 161 | |
//! | [`ssimulacra2`](Ssimulacra2) | higher | 100 | 8 | |
//! | [`butteraugli`](Butteraugli) | lower | 0 | 8 | |
//! | [`lpips`](Lpips) | lower | 0 | its pack's | ONNX Runtime, a metric pack |
//!
//! And for speech:
//!
//! | name | better | equal sounds | least duration |
//! |---|---|---|---|
//! | [`pesq`](Pesq) | higher | 4.64 | 0.25 s |
//! | [`stoi`](Stoi), [`estoi`](Stoi) | higher | 1 | 0.4 s of speech |
//! | [`mel`](Mel) | lower | 0 | |
//! | [`dnsmos`, `dnsmos-p808`](Dnsmos) | higher | the sound's own | |
//!
//! DNSMOS needs ONNX Runtime and a metric pack, and hears the distorted sound alone.
//!
//! And for videos ([`CLIPS`]): PSNR, SSIM and LPIPS of frames, and [`flicker` and `change`](Temporal), where lower is better.
//!
//! And for shapes of a form ([`shape_names`]):
//!
//! | form | name | better | equal shapes |
//! |---|---|---|---|
//! | meshes | `f-score`, `normals` | higher | 1 |
//! | meshes | `distance`, `hausdorff` | lower | 0 |
//! | clouds | `d1`, `d2` | higher | 120 |
//! | clouds | `chamfer`, `hausdorff` | lower | 0 |
//! | clouds | `f-score` | higher | 1 |
//! | splats | `view-psnr` | higher | 120 |

mod butteraugli;
mod clips;
mod dnsmos;
mod lpips;
mod mel;
mod ms_ssim;
mod pesq;
mod psnr;
mod quiet;
mod shapes;
mod ssim;
mod ssimulacra2;
mod stoi;
mod window;

use tessera_models::{Error as PackError, Store};

use crate::{Error, Result, Rgb8, Speech};

pub use butteraugli::Butteraugli;
pub use clips::{CLIPS, OfFrames, Temporal, clip_by_name_in};
pub use dnsmos::Dnsmos;
pub use lpips::Lpips;
pub use mel::Mel;
pub use ms_ssim::MsSsim;
pub use pesq::Pesq;
pub use psnr::Psnr;
pub use shapes::{OfShapes, shape_by_name, shape_names};
pub use ssim::Ssim;
pub use ssimulacra2::Ssimulacra2;
pub use stoi::Stoi;

/// One metric of a medium: of pictures unless it says otherwise.
pub trait Metric<M = Rgb8>: Send {
    /// Short name, the key in reports: `psnr`, `ssim`, `pesq`, …
    fn name(&self) -> &'static str;
    /// Unit and definition in one line, printed in reports.
    fn describe(&self) -> String;
    /// Whether a larger value is a better picture, sound or shape.
    fn higher_is_better(&self) -> bool;
    /// The value for two pictures of one size, or two sounds of one length.
    ///
    /// # Errors
    /// The sizes differ, or there is too little for the metric.
    fn measure(&mut self, reference: &M, distorted: &M) -> Result<f64>;

    /// The value, and the values of the frames that it is the mean of; none where it is no such mean.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    fn measure_frames(&mut self, reference: &M, distorted: &M) -> Result<(f64, Vec<f64>)> {
        Ok((self.measure(reference, distorted)?, Vec::new()))
    }
}

/// The metrics of speech that need nothing beside the program.
pub const SPEECH: [&str; 4] = ["pesq", "stoi", "estoi", "mel"];

/// Every name that [`speech_by_name`] knows.
pub fn speech_names() -> Vec<&'static str> {
    SPEECH.into_iter().chain(dnsmos::NAMES).collect()
}

/// The metric of speech of a name; packs are looked for where every command looks ([`Store::standard`]).
///
/// # Errors
/// As [`by_name`].
pub fn speech_by_name(name: &str) -> Result<Box<dyn Metric<Speech>>> {
    speech_by_name_in(name, &Store::standard(None))
}

/// As [`speech_by_name`], with packs from `store`.
///
/// # Errors
/// As [`by_name`].
pub fn speech_by_name_in(name: &str, store: &Store) -> Result<Box<dyn Metric<Speech>>> {
    Ok(match name {
        "pesq" => Box::new(Pesq),
        "stoi" => Box::new(Stoi { extended: false }),
        "estoi" => Box::new(Stoi { extended: true }),
        "mel" => Box::new(Mel),
        name if dnsmos::NAMES.contains(&name) => Box::new(Dnsmos::find(name, store)?),
        _ => {
            return Err(Error::Parameter(format!(
                "there is no metric {name:?}; known for sounds are {}",
                speech_names().join(", ")
            )));
        }
    })
}

/// What an error of a metric pack or of the runtime means to whoever wants to measure.
fn from_pack(metric: &str, error: PackError) -> Error {
    match error {
        PackError::PackMissing { .. } => Error::Missing(format!(
            "{metric} needs a metric pack, and none was found; make one with models/training/metric_pack.py and put it into a folder named by \
             --models or TESSERA_MODELS, or leave {metric} out"
        )),
        PackError::RuntimeMissing { .. } | PackError::RuntimeBroken { .. } => {
            Error::Missing(format!("{metric}: {error}"))
        }
        error => Error::Failed(format!("{metric}: {error}")),
    }
}

/// Refuses sounds of two lengths.
fn same_length(reference: &Speech, distorted: &Speech) -> Result<()> {
    let (one, other) = (reference.samples().len(), distorted.samples().len());
    if one != other {
        return Err(Error::Parameter(format!(
            "a sound of {one} samples cannot be compared with one of {other}; cut neither, find out why they differ"
        )));
    }
    Ok(())
}

/// The metrics that are measured unless others are named: all that need nothing beside the program.
pub const DEFAULT: [&str; 5] = ["psnr", "ssim", "ms-ssim", "ssimulacra2", "butteraugli"];

/// Every name that [`by_name`] knows.
pub fn names() -> Vec<&'static str> {
    DEFAULT.into_iter().chain(["lpips"]).collect()
}

/// The metric of a name; packs are looked for where every command looks ([`Store::standard`]).
///
/// # Errors
/// [`Error::Parameter`] lists the known names where this is none of them; [`Error::Missing`] says what to do where the metric
/// needs a pack or a runtime that is not installed.
pub fn by_name(name: &str) -> Result<Box<dyn Metric>> {
    by_name_in(name, &Store::standard(None))
}

/// As [`by_name`], with packs from `store`.
///
/// # Errors
/// As [`by_name`].
pub fn by_name_in(name: &str, store: &Store) -> Result<Box<dyn Metric>> {
    Ok(match name {
        "psnr" => Box::new(Psnr),
        "ssim" => Box::new(Ssim),
        "ms-ssim" => Box::new(MsSsim),
        "ssimulacra2" => Box::new(Ssimulacra2),
        "butteraugli" => Box::new(Butteraugli),
        "lpips" => Box::new(Lpips::find(store)?),
        _ => return Err(Error::Parameter(format!("there is no metric {name:?}; known are {}", names().join(", ")))),
    })
}

/// Refuses pictures of two sizes.
fn same_size(reference: &Rgb8, distorted: &Rgb8) -> Result<()> {
    let sides = |picture: &Rgb8| (picture.width(), picture.height());
    let (one, other) = (sides(reference), sides(distorted));
    if one != other {
        return Err(Error::Parameter(format!(
            "a picture of {} x {} cannot be compared with one of {} x {}; scale neither, find out why they differ",
            one.0, one.1, other.0, other.1
        )));
    }
    Ok(())
}

/// Refuses pictures with a side below `least` pixels.
fn at_least(metric: &str, least: usize, picture: &Rgb8) -> Result<()> {
    let (width, height) = (picture.width(), picture.height());
    if (width.min(height) as usize) < least {
        return Err(Error::Parameter(format!(
            "{metric} needs sides of at least {least} pixels, the picture has {width} x {height}; leave {metric} out"
        )));
    }
    Ok(())
}
