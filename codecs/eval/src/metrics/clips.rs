//! Metrics of videos: those of pictures over the frames, and what moves that should not.

use tessera_models::Store;

use super::{Metric, Psnr, Ssim, by_name_in};
use crate::{Clip, Error, Result, Rgb8};

/// Every name that [`clip_by_name_in`] knows.
pub const CLIPS: [&str; 5] = ["psnr", "ssim", "lpips", "flicker", "change"];

/// Of so many frames LPIPS sees one.
const LPIPS_EVERY: usize = 4;

/// Code values that a sample of the source changes by at most where it is static.
const STATIC: u8 = 4;

/// The metric of videos of a name; packs are looked for in `store`.
///
/// # Errors
/// As [`by_name_in`].
pub fn clip_by_name_in(name: &str, store: &Store) -> Result<Box<dyn Metric<Clip>>> {
    Ok(match name {
        "psnr" => Box::new(OfFrames { metric: Box::new(Psnr), every: 1 }),
        "ssim" => Box::new(OfFrames { metric: Box::new(Ssim), every: 1 }),
        "lpips" => Box::new(OfFrames { metric: by_name_in("lpips", store)?, every: LPIPS_EVERY }),
        "flicker" => Box::new(Temporal::Flicker),
        "change" => Box::new(Temporal::Change),
        _ => {
            return Err(Error::Parameter(format!(
                "there is no metric {name:?}; known for videos are {}",
                CLIPS.join(", ")
            )));
        }
    })
}

/// A metric of pictures, the mean over frames.
pub struct OfFrames {
    metric: Box<dyn Metric>,
    /// One frame of so many is measured, from the first.
    every: usize,
}

impl Metric<Clip> for OfFrames {
    fn name(&self) -> &'static str {
        self.metric.name()
    }

    fn describe(&self) -> String {
        match self.every {
            1 => format!("{}; mean over frames", self.metric.describe()),
            every => format!("{}; mean over one frame of {every}", self.metric.describe()),
        }
    }

    fn higher_is_better(&self) -> bool {
        self.metric.higher_is_better()
    }

    fn measure(&mut self, reference: &Clip, distorted: &Clip) -> Result<f64> {
        Ok(self.measure_frames(reference, distorted)?.0)
    }

    fn measure_frames(&mut self, reference: &Clip, distorted: &Clip) -> Result<(f64, Vec<f64>)> {
        let pairs = pairs(reference, distorted)?;
        let values = pairs.step_by(self.every).map(|(a, b)| self.metric.measure(a, b));
        let values: Vec<f64> = values.collect::<Result<_>>()?;
        Ok((values.iter().sum::<f64>() / values.len().max(1) as f64, values))
    }
}

/// What moves that should not, in sRGB code values, 0 to 255. Both are 0 for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    /// Where the source is static, how much the decoded frames change: the mean of |d(t) − d(t − 1)| over the samples with |s(t) − s(t − 1)| ≤ 4, of all
    /// frames but the first. The source's own change there is noise that a codec need not keep.
    Flicker,
    /// How much the change differs from the source's everywhere: the mean of |(d(t) − d(t − 1)) − (s(t) − s(t − 1))|. No motion is estimated, so texture
    /// that moves and is not kept counts too; what is wrong but stands still does not.
    Change,
}

impl Metric<Clip> for Temporal {
    fn name(&self) -> &'static str {
        match self {
            Self::Flicker => "flicker",
            Self::Change => "change",
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Flicker => {
                format!(
                    "mean change of decoded samples from frame to frame where the source changes by at most {STATIC} of 255"
                )
            }
            Self::Change => "mean difference of the change from frame to frame to the source's, of 255".to_owned(),
        }
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn measure(&mut self, reference: &Clip, distorted: &Clip) -> Result<f64> {
        let pairs: Vec<_> = pairs(reference, distorted)?.collect();
        let (mut sum, mut count) = (0u64, 0u64);
        for window in pairs.windows(2) {
            let [(s0, d0), (s1, d1)] = [window[0], window[1]];
            let source = s0.data().iter().zip(s1.data());
            let decoded = d0.data().iter().zip(d1.data());
            for ((&s0, &s1), (&d0, &d1)) in source.zip(decoded) {
                match self {
                    Self::Flicker if s0.abs_diff(s1) > STATIC => {}
                    Self::Flicker => (sum, count) = (sum + u64::from(d0.abs_diff(d1)), count + 1),
                    Self::Change => {
                        let change = |a: u8, b: u8| i32::from(b) - i32::from(a);
                        sum += u64::from(change(d0, d1).abs_diff(change(s0, s1)));
                        count += 1;
                    }
                }
            }
        }
        Ok(if count == 0 { 0.0 } else { sum as f64 / count as f64 })
    }
}

fn pairs<'a>(reference: &'a Clip, distorted: &'a Clip) -> Result<impl Iterator<Item = (&'a Rgb8, &'a Rgb8)>> {
    let (one, other) = (reference.frames(), distorted.frames());
    if one.len() != other.len() || reference.size() != distorted.size() {
        return Err(Error::Parameter(format!(
            "a clip of {} frames cannot be compared with one of {} of another length or size; find out why they differ",
            one.len(),
            other.len()
        )));
    }
    Ok(one.iter().zip(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(frames: &[&[u8]]) -> Clip {
        let side = frames[0].len() as u32 / 3;
        Clip::new(frames.iter().map(|rgb| Rgb8::new(side, 1, rgb.to_vec()).unwrap()).collect(), (25, 1)).unwrap()
    }

    #[test]
    fn only_what_is_static_flickers() {
        // The first pixel stands, the second moves.
        let source = clip(&[&[10, 10, 10, 50, 50, 50], &[12, 10, 10, 90, 90, 90]]);
        let decoded = clip(&[&[10, 10, 10, 50, 50, 50], &[16, 13, 10, 0, 0, 0]]);
        assert_eq!(Temporal::Flicker.measure(&source, &decoded).unwrap(), (6.0 + 3.0) / 3.0);
        assert_eq!(Temporal::Change.measure(&source, &decoded).unwrap(), (4.0 + 3.0 + 3.0 * 90.0) / 6.0);
        for metric in [Temporal::Flicker, Temporal::Change] {
            let mut metric = metric;
            assert!(metric.measure(&source, &source).unwrap() <= 2.0 / 3.0);
            assert_eq!(metric.measure(&clip(&[&[1, 2, 3]]), &clip(&[&[9, 9, 9]])).unwrap(), 0.0);
        }
        assert_eq!(Temporal::Change.measure(&source, &source).unwrap(), 0.0);
    }

    #[test]
    fn an_error_that_stands_still_does_not_count_as_change() {
        let source = clip(&[&[10, 20, 30], &[40, 20, 30], &[70, 20, 30]]);
        let decoded = clip(&[&[15, 25, 35], &[45, 25, 35], &[75, 25, 35]]);
        assert_eq!(Temporal::Change.measure(&source, &decoded).unwrap(), 0.0);
        let psnr = OfFrames { metric: Box::new(Psnr), every: 1 }.measure(&source, &decoded).unwrap();
        assert!((psnr - 10.0 * (255.0f64 * 255.0 / 25.0).log10()).abs() < 1e-9);
        assert!(Temporal::Flicker.measure(&source, &clip(&[&[1, 2, 3]])).is_err());
    }
}
