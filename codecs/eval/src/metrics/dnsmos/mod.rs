//! DNSMOS.

mod features;

use tessera_models::{ArraySession, MetricInput, MetricSection, Pack, SoundFeatures, SoundInput, Store};

use self::features::Levels;
use super::{Metric, from_pack, same_length};
use crate::{Error, Result, Speech, speech::RATE};

/// Names of the metrics that are found in packs of this kind.
pub(super) const NAMES: [&str; 2] = ["dnsmos", "dnsmos-p808"];

/// Deep noise suppression mean opinion score: what listeners would say of a sound, predicted by a trained network that hears the sound alone.
///
/// `dnsmos` is the overall opinion of Reddy, Gopal and Cutler, *DNSMOS P.835: a non-intrusive perceptual objective speech quality metric to
/// evaluate noise suppressors*, ICASSP 2022; `dnsmos-p808` that of their *DNSMOS: …*, ICASSP 2021. Which network is up to the metric pack:
/// the suite ships none, `models/training/metric_pack.py` makes one from the PyPI package speechmos. The mean over windows, one a second; a
/// sound shorter than a window is repeated. The reference counts for nothing but its length: a fluent sentence of other words would please as well.
#[derive(Debug)]
pub struct Dnsmos {
    name: &'static str,
    section: MetricSection,
    input: SoundInput,
    pack: String,
    session: ArraySession,
    levels: Levels,
}

impl Dnsmos {
    /// The first metric pack in `store` that measures `name`, `dnsmos` or `dnsmos-p808`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for another name; [`Error::Missing`] where there is no such pack, or no ONNX Runtime; [`Error::Failed`]
    /// where the pack is damaged.
    pub fn find(name: &str, store: &Store) -> Result<Self> {
        let known = NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| Error::Parameter(format!("{name} is no kind of DNSMOS")))?;
        let explain = |error| from_pack(name, error);
        Self::new(name, &*store.metric(name).map_err(explain)?)
    }

    fn new(name: &'static str, pack: &Pack) -> Result<Self> {
        let explain = |error| from_pack(name, error);
        let (section, graph) = pack.metric().map_err(explain)?;
        let MetricInput::Sound { sound } = section.input.clone() else {
            return Err(Error::Failed(format!("{name}: metric pack {} does not measure sounds", pack.id())));
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let session = ArraySession::load(&graph, threads).map_err(explain)?;
        let pack = format!("{} {}", pack.id(), pack.hash_text());
        Ok(Self { name, section: section.clone(), input: sound, pack, session, levels: Levels::new() })
    }

    /// The opinion of one window.
    fn opinion(&mut self, window: &[f64]) -> Result<f64> {
        let (shape, values) = match self.input.features {
            SoundFeatures::Samples => (vec![1, window.len()], window.iter().map(|&sample| sample as f32).collect()),
            SoundFeatures::Mel => {
                let levels = self.levels.of(window)?;
                (vec![1, levels.len() / features::BANDS, features::BANDS], levels)
            }
        };
        let (_, opinions) = self.session.run(&shape, &values).map_err(|error| from_pack(self.name, error))?;
        let raw = opinions.get(self.input.output).filter(|value| value.is_finite());
        let raw = raw.ok_or_else(|| Error::Failed(format!("{}: the network gave no opinion", self.name)))?;
        Ok(self.input.curve.iter().rev().fold(0.0, |sum, coefficient| sum * f64::from(*raw) + coefficient))
    }
}

impl Metric<Speech> for Dnsmos {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> String {
        format!("{} (metric pack {})", self.section.describe, self.pack)
    }

    fn higher_is_better(&self) -> bool {
        self.section.higher_is_better
    }

    fn measure(&mut self, reference: &Speech, distorted: &Speech) -> Result<f64> {
        same_length(reference, distorted)?;
        let mut samples: Vec<f64> = distorted.samples().iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
        let rate = f64::from(RATE);
        let window = (self.input.seconds * rate) as usize;
        while samples.len() < window {
            samples.extend_from_within(..);
        }
        // The reference program rounds the ends of its windows down, and leaves out those that rounding made a sample too short: so here.
        let last = ((samples.len() as f64 / rate).floor() - self.input.seconds) as usize;
        let windows = (0..=last).filter_map(|second| {
            let (start, end) = (second * RATE as usize, ((second as f64 + self.input.seconds) * rate) as usize);
            samples.get(start..end).filter(|samples| samples.len() == window)
        });
        let windows: Vec<&[f64]> = windows.collect();
        let mut sum = 0.0;
        for window in &windows {
            sum += self.opinion(window)?;
        }
        Ok(sum / windows.len() as f64)
    }
}
