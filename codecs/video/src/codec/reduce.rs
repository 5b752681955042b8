//! Token reduction: a codebook of a few latents made for one clip, and which of them stands at each place and time.
//!
//! After VQToken (Zhang and Fu, 2025, arXiv:2503.16980): what tells a clip is a handful of vectors and a volume of labels that keeps where and when each of them is seen.
//! There tokens of a vision network are clustered by the angle between them; here it is the latents of the codec, by Euclidean distance, which its decoder was trained for.

use tessera_core::LatentShape;
use tessera_core::container::{FULL_SCALE, GopTimes, VideoShape};

use super::VideoCodec;
use super::analysis::{Analysts, Grouped};
use super::encode::shape_of;
use super::{DecodeOptions, EncodeOptions};
use crate::error::{Error, Result};
use crate::frame::Source;
use crate::gop::{Gop, to_halves};
use crate::means::Means;
use crate::pool::Pool;
use crate::store::Store;

/// Vectors that clusters are made of, at most: so many of the clip, at even distances.
const SEEN: u64 = 1 << 15;
/// Numbers of clusters that are tried where the clip decides.
const LADDER: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/// Clusters of a clip at most.
pub const MOST_CLUSTERS: usize = 1024;

/// How many vectors stand for a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clusters {
    /// So many, from 1 to [`MOST_CLUSTERS`]; fewer where the clip has fewer different ones.
    Fixed(usize),
    /// As many as the clip's variance asks for, from 1 to 128: of the share of variance that is explained over the logarithm of the number, where the curve is highest
    /// above the line between its ends (the knee of Satopää et al., 2011).
    Knee,
}

/// The latents of a clip, on disk.
pub struct Latents {
    store: Store,
    /// Of a frame.
    grid: LatentShape,
    dim: usize,
}

/// A clip's codebook, before its labels are given.
#[derive(Debug, Clone)]
pub struct Codebook {
    means: Means,
}

/// What a reduction kept, measured over all latents of the clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reduced {
    /// Vectors of the codebook that stand anywhere: the tokens that are kept.
    pub kept: usize,
    /// Places times frames: the tokens that there were.
    pub tokens: u64,
    /// Mean squared error of the latents, per value.
    pub error: f64,
    /// Their mean variance, per value: the error if one vector, their mean, stood for all.
    pub variance: f64,
}

impl Reduced {
    /// Tokens that there were for each that is kept.
    pub fn ratio(&self) -> f64 {
        self.tokens as f64 / self.kept.max(1) as f64
    }

    /// The share of variance that is explained.
    pub fn explained(&self) -> f64 {
        if self.variance > 0.0 { 1.0 - self.error / self.variance } else { 1.0 }
    }

    /// Explained variance in per cent for each token that is kept: VQToken's TokDense, with what can be measured without a task in place of a task's accuracy.
    pub fn density(&self) -> f64 {
        100.0 * self.explained() / self.kept.max(1) as f64
    }
}

impl Latents {
    /// Frames.
    pub fn frames(&self) -> u64 {
        self.store.frames()
    }

    /// Ticks from the first frame to the end of the last.
    pub fn ticks(&self) -> u64 {
        self.store.ticks()
    }

    /// Rows and columns of a frame.
    pub fn places(&self) -> (u32, u32) {
        (self.grid.y, self.grid.x)
    }

    /// Values of a latent.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors that stand for the clip, the most frequent first. The same for any number of threads.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a number of clusters out of range, [`Error::Video`] if the temporary file fails.
    pub fn codebook(&mut self, clusters: Clusters) -> Result<Codebook> {
        if let Clusters::Fixed(count) = clusters
            && !(1..=MOST_CLUSTERS).contains(&count)
        {
            return Err(Error::parameter(format!("a clip is reduced to 1 to {MOST_CLUSTERS} tokens")));
        }
        let seen = self.seen()?;
        let means = match clusters {
            Clusters::Fixed(count) => Means::of(&seen, self.dim, count),
            Clusters::Knee => knee(LADDER.iter().map(|&count| Means::of(&seen, self.dim, count)).collect()),
        };
        Ok(Codebook { means })
    }

    /// Vectors at even distances.
    fn seen(&mut self) -> Result<Vec<f32>> {
        let all = self.frames() * self.grid.len();
        let step = all.div_ceil(SEEN).max(1);
        // A step that shares nothing with a row or a frame, so that no column is looked at alone.
        let step = (step..).find(|step| gcd(*step, self.grid.len()) == 1).unwrap_or(step);
        let (mut seen, mut next, mut begin) = (Vec::new(), 0, 0);
        for n in 0..self.store.len() {
            let latents = crate::gop::from_halves(&self.store.get(n)?.latents);
            let count = (latents.len() / self.dim) as u64;
            while next < begin + count {
                seen.extend_from_slice(&latents[(next - begin) as usize * self.dim..][..self.dim]);
                next += step;
            }
            begin += count;
        }
        Ok(seen)
    }

    /// The label of every place, frame by frame, `[y][x]`, and what was kept.
    ///
    /// # Errors
    /// [`Error::Video`] if the temporary file fails, and those of `each`.
    pub fn labels(
        &mut self,
        codebook: &Codebook,
        threads: usize,
        mut each: impl FnMut(&[u16]) -> Result<()>,
    ) -> Result<Reduced> {
        let (dim, places) = (self.dim, self.grid.len() as usize);
        let means = &codebook.means;
        let mut used = vec![false; means.len()];
        let (mut error, mut sums, mut squares) = (0.0, vec![0.0; dim], 0.0);
        let mut take = |labelled: Labelled| -> Result<()> {
            labelled.labels.iter().for_each(|&label| used[usize::from(label)] = true);
            error += labelled.error;
            squares += labelled.squares;
            sums.iter_mut().zip(&labelled.sums).for_each(|(sum, more)| *sum += more);
            labelled.labels.chunks_exact(places).try_for_each(&mut each)
        };
        std::thread::scope(|scope| {
            let label = move |(): &mut (), gop: Gop| Ok(labelled(&crate::gop::from_halves(&gop.latents), means, dim));
            let mut pool = Pool::new(scope, threads, threads + 1, || (), label);
            for n in 0..self.store.len() {
                if pool.is_full()
                    && let Some(done) = pool.take()
                {
                    take(done?)?;
                }
                pool.put(self.store.get(n)?);
            }
            while let Some(done) = pool.take() {
                take(done?)?;
            }
            Ok::<(), Error>(())
        })?;
        let tokens = self.frames() * self.grid.len();
        let count = tokens as f64;
        let means: f64 = sums.iter().map(|sum| (sum / count).powi(2)).sum();
        Ok(Reduced {
            kept: used.iter().filter(|&&used| used).count(),
            tokens,
            error: error / count / dim as f64,
            variance: (squares / count - means).max(0.0) / dim as f64,
        })
    }
}

impl Codebook {
    /// Vectors.
    pub fn len(&self) -> usize {
        self.means.len()
    }

    /// Whether there are none; a clip has at least one.
    pub fn is_empty(&self) -> bool {
        self.means.len() == 0
    }

    /// `[label][dim]`.
    pub fn vectors(&self) -> &[f32] {
        self.means.vectors()
    }
}

/// A group, labelled.
struct Labelled {
    labels: Vec<u16>,
    error: f64,
    sums: Vec<f64>,
    squares: f64,
}

fn labelled(latents: &[f32], means: &Means, dim: usize) -> Labelled {
    let mut labelled =
        Labelled { labels: Vec::with_capacity(latents.len() / dim), error: 0.0, sums: vec![0.0; dim], squares: 0.0 };
    for vector in latents.chunks_exact(dim) {
        let (label, distance) = means.nearest(vector);
        labelled.labels.push(label as u16);
        labelled.error += f64::from(distance);
        for (sum, &value) in labelled.sums.iter_mut().zip(vector) {
            *sum += f64::from(value);
            labelled.squares += f64::from(value) * f64::from(value);
        }
    }
    labelled
}

/// Where the curve of explained variance over the logarithm of the number is highest above the line between its ends.
fn knee(tried: Vec<Means>) -> Means {
    let whole = tried.first().map_or(0.0, Means::error).max(f64::MIN_POSITIVE);
    let points: Vec<(f64, f64)> =
        tried.iter().map(|means| ((means.len() as f64).ln(), 1.0 - means.error() / whole)).collect();
    let (last, end) = points.last().copied().unwrap_or_default();
    let above = |&(x, y): &(f64, f64)| y - if last > 0.0 { end * x / last } else { 0.0 };
    let mut best = (f64::NEG_INFINITY, 0);
    for (n, point) in points.iter().enumerate() {
        if above(point) > best.0 {
            best = (above(point), n);
        }
    }
    tried.into_iter().nth(best.1).unwrap_or_default()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl VideoCodec {
    /// The latents of all frames of a source, at `eighths` of its sides, full size where `None`; [`Networks::Best`](super::Networks::Best) see them.
    ///
    /// # Errors
    /// Those of the source; [`Error::Image`] if ONNX Runtime is missing or fails; [`Error::Video`] if the temporary file fails.
    pub fn latents(&self, source: &mut dyn Source, eighths: Option<u8>) -> Result<(Latents, VideoShape)> {
        let options = EncodeOptions { eighths, ..EncodeOptions::default() };
        options.check()?;
        let shape = shape_of(source.info(), eighths.unwrap_or(FULL_SCALE));
        let (width, height) = shape.coded();
        let mut store = Store::new()?;
        let grouped = Grouped { seconds: options.gop_seconds, levels: 1 };
        Analysts::new(self, options.encoder)?.groups(source, &shape, Vec::new(), grouped, |gop| store.put(&gop))?;
        let (grid, dim) = (self.tokenizer.grid(width, height), self.tokenizer.codebook().dim());
        Ok((Latents { store, grid, dim }, shape))
    }

    /// The latents that the tokens of a file stand for, and what was lost of it. Needs no ONNX Runtime.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    pub fn latents_of(&self, bytes: &[u8], options: &DecodeOptions) -> Result<(Latents, Vec<String>)> {
        let mut store = Store::new()?;
        let mut grid = None;
        let losses = self.tokens(bytes, options, |group| {
            grid = Some(LatentShape { t: 1, ..group.grid.shape().positions() });
            let latents = to_halves(&self.tokenizer.codebook().dequantize(&group.grid)?);
            let times: GopTimes = group.times;
            store.put(&Gop { number: group.number, times, latents, marks: Vec::new() })
        })?;
        let grid =
            grid.ok_or_else(|| Error::video("none of its groups has tokens; decode it, and encode what comes of it"))?;
        Ok((Latents { store, grid, dim: self.tokenizer.codebook().dim() }, losses))
    }
}
