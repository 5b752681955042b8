//! Encoding.

use std::io::Write;

use tessera_core::container::{Chunk, FULL_SCALE, Header, MediaShape, PriorKind, VideoShape};
use tessera_core::entropy::CodedGop;
use tessera_core::{LatentShape, Rung};

use super::analysis::{Analysts, Grouped};
use super::coding::{Choosing, Coded, choose, code};
use super::probe::{Ahead, Suggestion};
use super::rate::{self, Budget, Kept, Trial};
use super::writing::{Writing, Written};
use super::{EncodeOptions, GopTokens, Tally, Target, VideoCodec};
use crate::error::{Error, Result};
use crate::frame::{Source, StreamInfo};
use crate::gop::Gop;
use crate::pool::Pool;
use crate::side::SideSound;
use crate::store::{Scratch, Store};

/// Bits per pixel where nothing is known.
const UNKNOWN: f64 = 0.005;

/// An encoded video and where its bytes went.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Frames.
    pub frames: u64,
    /// Groups of pictures.
    pub gops: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Of these, bytes of the sound.
    pub sound_bytes: u64,
    /// Bits of the file without its sound per pixel of all frames.
    pub bpp: f64,
    /// Bits of the file without its sound per second.
    pub bits_per_second: f64,
    /// Seconds from the first frame to the end of the last.
    pub seconds: f64,
    /// Rung of the tokens.
    pub rung: Rung,
    /// Squared latent distance that a bit was worth.
    pub lambda: f32,
    /// Sides of the coded frames in eighths of those shown.
    pub eighths: u8,
    /// What its frames cost.
    pub tally: Tally,
    /// Mean squared error of the latents, per value.
    pub latent_error: f64,
    /// Times that all groups were coded.
    pub attempts: u32,
}

impl VideoCodec {
    /// Encodes a video to a `.tsr` file, group by group.
    ///
    /// Memory does not grow with the video: until it is known what a bit is worth, latents and coded groups wait in temporary files that have no name. The same frames, pack and options give the same bytes for any number of threads, on machines whose
    /// ONNX Runtime computes alike.
    ///
    /// # Errors
    /// [`Error::Video`](crate::Error::Video) if the source fails, has no frames or its times do not rise, or the file cannot be written;
    /// [`Error::TooSmall`](crate::Error::TooSmall) for an impossible [`Target::Size`]; [`Error::Parameter`](crate::Error::Parameter) for options out of
    /// range; [`Error::Image`](crate::Error::Image) if ONNX Runtime is missing or fails.
    pub fn encode(&self, source: &mut dyn Source, out: &mut dyn Write, options: &EncodeOptions) -> Result<Encoded> {
        self.encode_with(source, None, out, options)
    }

    /// As [`encode`](Self::encode), with sound. Rates are those of the frames alone; a [`Target::Size`] is that of the whole file.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_with(
        &self,
        source: &mut dyn Source,
        sound: Option<&SideSound>,
        out: &mut dyn Write,
        options: &EncodeOptions,
    ) -> Result<Encoded> {
        options.check()?;
        let side = sound.map(SideSound::chunks).transpose()?.unwrap_or_default();
        let mut frames_alone = *options;
        if let Target::Size(bytes) = options.target {
            let beside: usize = side.iter().map(|chunk| chunk.payload.len()).sum();
            frames_alone.target = Target::Size(bytes.saturating_sub(beside as u64));
        }
        let Some((eighths, choosing)) = self.choosing(options) else {
            return self.encode_within(source, &side, out, &frames_alone);
        };
        let shape = shape_of(source.info(), options.eighths.unwrap_or(eighths));
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let header = self.header(&shape, choosing.rung);
        let written = self.each_group(self.coder(grid, choosing), |coders| {
            let mut file = Writing::new(out, &header, grid.len())?;
            file.side(&side)?;
            let grouped = Grouped { seconds: options.gop_seconds, levels: choosing.rung.levels };
            Analysts::new(self, options.encoder)?.groups(source, &shape, Vec::new(), grouped, |gop| {
                if coders.is_full()
                    && let Some(coded) = coders.take()
                {
                    file.put(&coded?)?;
                }
                coders.put(gop);
                Ok(())
            })?;
            while let Some(coded) = coders.take() {
                file.put(&coded?)?;
            }
            file.finish()
        })?;
        Ok(self.encoded(written, &shape, choosing, 1))
    }

    /// Encodes to a number of bytes.
    fn encode_within(
        &self,
        source: &mut dyn Source,
        side: &[Chunk],
        out: &mut dyn Write,
        options: &EncodeOptions,
    ) -> Result<Encoded> {
        let mut source = Ahead::new(source)?;
        let analysts = Analysts::new(self, options.encoder)?;
        let Suggestion { eighths, rung: first, factor, known } =
            self.suggest(&analysts, &source, wanted_bpp(source.info(), options.target), options)?;
        let shape = &shape_of(source.info(), eighths);
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let ladder = self.tokenizer.ladder(grid.len());
        let mut store = Store::new()?;
        let levels = ladder.rungs().last().map_or(1, |rung| rung.levels);
        let grouped = Grouped { seconds: options.gop_seconds, levels };
        analysts.groups(&mut source, shape, known, grouped, |gop| store.put(&gop))?;
        drop(analysts);
        let frames = store.frames();
        let pixels = f64::from(shape.width) * f64::from(shape.height) * frames as f64;
        let seconds = store.ticks() as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
        let budget = match options.target {
            Target::Size(bytes) => Budget { bytes, strict: true },
            Target::BitsPerSecond(bits) => Budget { bytes: (f64::from(bits) * seconds / 8.0) as u64, strict: false },
            Target::Bpp(bpp) => Budget { bytes: (bpp * pixels / 8.0) as u64, strict: false },
            Target::Quality(_) | Target::Rung { .. } => Budget { bytes: 0, strict: false },
        };
        let (mut attempts, mut scratch) = (0, Scratch::new()?);
        let how = |rung, lambda| Choosing { rung, lambda, candidates: options.candidates(), sticky: options.sticky };
        let trial = rate::fit(&ladder, budget, (first, factor), |rung, lambda| {
            attempts += 1;
            let mut sink = std::io::sink();
            let mut file = Writing::new(&mut sink, &self.header(shape, rung), grid.len())?;
            // A size is that of the whole file, a rate that of the frames.
            file.side(if budget.strict { side } else { &[] })?;
            let coded = self.each_group(self.coder(grid, how(rung, lambda)), |coders| {
                let mut all = Vec::with_capacity(store.len());
                let mut keep = |coded: Coded| -> Result<()> {
                    file.put(&coded)?;
                    all.push(Kept::new(coded, &mut scratch)?);
                    Ok(())
                };
                for n in 0..store.len() {
                    if coders.is_full()
                        && let Some(coded) = coders.take()
                    {
                        keep(coded?)?;
                    }
                    coders.put(store.get(n)?);
                }
                while let Some(coded) = coders.take() {
                    keep(coded?)?;
                }
                Ok(all)
            })?;
            Ok(Trial { rung, lambda, bytes: file.finish()?.bytes, coded })
        })?;
        let mut file = Writing::new(out, &self.header(shape, trial.rung), grid.len())?;
        file.side(side)?;
        trial.coded.iter().try_for_each(|kept| file.put(&kept.whole(&mut scratch)?))?;
        Ok(self.encoded(file.finish()?, shape, how(trial.rung, trial.lambda), attempts))
    }

    fn coder(&self, grid: LatentShape, how: Choosing) -> impl Fn(Gop) -> Result<Coded> + Send + Sync {
        move |gop| code(&self.tokenizer, &gop, grid, &how)
    }

    /// Runs what hands groups to workers and takes what they make of them.
    fn each_group<O: Send, T>(
        &self,
        work: impl Fn(Gop) -> Result<O> + Send + Sync,
        run: impl FnOnce(&mut Pool<Gop, O>) -> Result<T>,
    ) -> Result<T> {
        let work = &work;
        std::thread::scope(|scope| {
            run(&mut Pool::new(scope, self.threads, self.threads + 1, || (), move |(): &mut (), gop| work(gop)))
        })
    }

    /// The tokens of a source, group by group: those that [`encode`](Self::encode) writes with the same options, which name a quality or a rung.
    ///
    /// # Errors
    /// As [`encode`](Self::encode); [`Error::Parameter`] for a target of bytes; those of `each`.
    pub fn tokenise(
        &self,
        source: &mut dyn Source,
        options: &EncodeOptions,
        mut each: impl FnMut(GopTokens) -> Result<()>,
    ) -> Result<VideoShape> {
        options.check()?;
        let (eighths, choosing) = self.choosing(options).ok_or_else(|| {
            Error::parameter("bare tokens take a quality or a rung; what a number of bytes comes to is a file's")
        })?;
        let shape = shape_of(source.info(), options.eighths.unwrap_or(eighths));
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let choose = |gop: Gop| {
            let CodedGop { grid, tally, .. } = choose(&self.tokenizer, &gop, grid, &choosing)?.coded;
            Ok(GopTokens { number: gop.number, times: gop.times, grid, bits: tally.bits, changed: tally.changed })
        };
        self.each_group(choose, |workers| {
            let grouped = Grouped { seconds: options.gop_seconds, levels: choosing.rung.levels };
            Analysts::new(self, options.encoder)?.groups(source, &shape, Vec::new(), grouped, |gop| {
                if workers.is_full()
                    && let Some(done) = workers.take()
                {
                    each(done?)?;
                }
                workers.put(gop);
                Ok(())
            })?;
            while let Some(done) = workers.take() {
                each(done?)?;
            }
            Ok(())
        })?;
        Ok(shape)
    }

    /// Eighths of a side and how tokens are chosen, where a target says so without a look at the video.
    fn choosing(&self, options: &EncodeOptions) -> Option<(u8, Choosing)> {
        let ladder = self.tokenizer.ladder(1);
        let (eighths, rung, lambda) = match options.target {
            Target::Quality(quality) => {
                let (eighths, rung, factor) = rate::of_quality(&ladder, quality);
                (eighths, rung, rate::usual_lambda(&ladder, rung) * factor)
            }
            Target::Rung { rung, lambda } => {
                (FULL_SCALE, rung, lambda.unwrap_or_else(|| rate::usual_lambda(&ladder, rung)))
            }
            Target::Bpp(_) | Target::BitsPerSecond(_) | Target::Size(_) => return None,
        };
        Some((eighths, Choosing { rung, lambda, candidates: options.candidates(), sticky: options.sticky }))
    }

    fn header(&self, shape: &VideoShape, rung: Rung) -> Header {
        Header { pack: self.pack_ref(), rung, prior: PriorKind::Trained, media: MediaShape::Video(*shape) }
    }

    fn encoded(&self, written: Written, shape: &VideoShape, how: Choosing, attempts: u32) -> Encoded {
        let (width, height) = shape.coded();
        let values = self.tokenizer.grid(width, height).len() as usize * self.tokenizer.codebook().dim();
        let seconds = written.ticks as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
        let (frames, bits) = (written.frames as f64, 8.0 * (written.bytes - written.side) as f64);
        Encoded {
            frames: written.frames,
            gops: written.gops,
            bytes: written.bytes,
            sound_bytes: written.side,
            bpp: bits / (f64::from(shape.width) * f64::from(shape.height) * frames),
            bits_per_second: bits / seconds,
            seconds,
            rung: how.rung,
            lambda: how.lambda,
            eighths: shape.eighths,
            tally: written.tally,
            latent_error: written.error / (values as f64 * frames),
            attempts,
        }
    }
}

/// Size, clock and scale of what is coded.
pub(super) fn shape_of(info: &StreamInfo, eighths: u8) -> VideoShape {
    VideoShape {
        width: info.width,
        height: info.height,
        tick: (info.time_base.num, info.time_base.den),
        rate: info.frame_rate.map(|rate| (rate.num, rate.den)),
        eighths,
    }
}

/// Bits per pixel that a target comes to, as far as a source says how much there is.
fn wanted_bpp(info: &StreamInfo, target: Target) -> f64 {
    // Of a video without a nominal rate, as if it had 25 frames.
    let rate = info.frame_rate.map_or(25.0, |rate| f64::from(rate.num) / f64::from(rate.den));
    let pixels = f64::from(info.width) * f64::from(info.height);
    let tick = f64::from(info.time_base.num) / f64::from(info.time_base.den);
    match target {
        Target::Bpp(bpp) => bpp,
        Target::BitsPerSecond(bits) => f64::from(bits) / (pixels * rate),
        Target::Size(bytes) => {
            let frames = info.frames.map(|frames| frames as f64);
            let frames = frames.or_else(|| info.duration.map(|ticks| ticks as f64 * tick * rate));
            // Of a video of unknown length, what most sizes come to.
            frames.map_or(UNKNOWN, |frames| 8.0 * bytes as f64 / (pixels * frames.max(1.0)))
        }
        Target::Quality(_) | Target::Rung { .. } => UNKNOWN,
    }
}
