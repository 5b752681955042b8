//! LPIPS.

use ndarray::Array4;
use tessera_models::{Error as PackError, MetricInput, MetricSection, Pack, PairSession, PictureInput, Store};

use super::{Metric, at_least, from_pack, same_size};
use crate::{Error, Result, Rgb8};

/// Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman and Wang, *The unreasonable effectiveness of deep
/// features as a perceptual metric*, CVPR 2018), a distance.
///
/// Differences of the activations of a trained network at several depths. Which network is up to the metric pack: the suite
/// ships none, `models/training/metric_pack.py` makes one from an ONNX graph. 0 for equal pictures; below about 0.1 close; the
/// value depends on the size of the picture, so compare pictures at the size they are seen. Symmetric. sRGB code values,
/// scaled to the pack's range. The picture goes through the network whole, so memory grows with its pixels.
///
/// # Errors
/// [`Error::Parameter`] where a side is below the pack's least; [`Error::Failed`] where the runtime fails.
#[derive(Debug)]
pub struct Lpips {
    section: MetricSection,
    input: PictureInput,
    pack: String,
    session: PairSession,
}

impl Lpips {
    /// The first metric pack in `store` that measures `lpips`.
    ///
    /// # Errors
    /// [`Error::Missing`] where there is none, or no ONNX Runtime; [`Error::Failed`] where the pack is damaged.
    pub fn find(store: &Store) -> Result<Self> {
        Self::new(&*store.metric("lpips").map_err(explain)?)
    }

    /// The metric of one pack.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn new(pack: &Pack) -> Result<Self> {
        let (section, graph) = pack.metric().map_err(explain)?;
        let MetricInput::Pictures(input) = section.input.clone() else {
            return Err(Error::Failed(format!("lpips: metric pack {} does not measure pictures", pack.id())));
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let session = PairSession::load(&graph, threads).map_err(explain)?;
        Ok(Self { section: section.clone(), input, pack: format!("{} {}", pack.id(), pack.hash_text()), session })
    }

    /// f32 [1,3,H,W] in the pack's range.
    fn tensor(&self, picture: &Rgb8) -> Array4<f32> {
        let [black, white] = self.input.range;
        let (height, width) = (picture.height() as usize, picture.width() as usize);
        Array4::from_shape_fn((1, 3, height, width), |(_, channel, y, x)| {
            let value = picture.data()[(y * width + x) * 3 + channel];
            black + (white - black) * (f32::from(value) / 255.0)
        })
    }
}

impl Metric for Lpips {
    fn name(&self) -> &'static str {
        "lpips"
    }

    fn describe(&self) -> String {
        format!("{} (metric pack {})", self.section.describe, self.pack)
    }

    fn higher_is_better(&self) -> bool {
        self.section.higher_is_better
    }

    fn measure(&mut self, reference: &Rgb8, distorted: &Rgb8) -> Result<f64> {
        same_size(reference, distorted)?;
        at_least(self.name(), self.input.least_side as usize, reference)?;
        let (reference, distorted) = (self.tensor(reference), self.tensor(distorted));
        let values = self.session.run(reference.view(), distorted.view()).map_err(explain)?;
        match values.as_slice() {
            [value] => Ok(f64::from(*value)),
            _ => Err(Error::Failed(format!("lpips: {} values for one picture", values.len()))),
        }
    }
}

fn explain(error: PackError) -> Error {
    from_pack("lpips", error)
}
