//! Distances and similarities between a picture and what a codec made of it.
//!
//! | name | better | equal pictures | least side | needs |
//! |---|---|---|---|---|
//! | [`psnr`](Psnr) | higher | ∞ | 1 | |
//! | [`ssim`](Ssim) | higher | 1 | 11 | |
//! | [`ms-ssim`](MsSsim) | higher | 1 | 161 | |
//! | [`ssimulacra2`](Ssimulacra2) | higher | 100 | 8 | |
//! | [`butteraugli`](Butteraugli) | lower | 0 | 8 | |
//! | [`lpips`](Lpips) | lower | 0 | its pack's | ONNX Runtime, a metric pack |

mod butteraugli;
mod lpips;
mod ms_ssim;
mod psnr;
mod ssim;
mod ssimulacra2;
mod window;

use tessera_models::Store;

use crate::{Error, Result, Rgb8};

pub use butteraugli::Butteraugli;
pub use lpips::Lpips;
pub use ms_ssim::MsSsim;
pub use psnr::Psnr;
pub use ssim::Ssim;
pub use ssimulacra2::Ssimulacra2;

/// One metric.
pub trait Metric: Send {
    /// Short name, the key in reports: `psnr`, `ssim`, `ms-ssim`, `ssimulacra2`, `butteraugli`, `lpips`.
    fn name(&self) -> &'static str;
    /// Unit and definition in one line, printed in reports.
    fn describe(&self) -> String;
    /// Whether a larger value is a better picture.
    fn higher_is_better(&self) -> bool;
    /// The value for two pictures of one size.
    ///
    /// # Errors
    /// The sizes differ, or the pictures are too small for the metric.
    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64>;
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
