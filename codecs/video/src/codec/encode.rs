//! Encoding.

use std::collections::VecDeque;
use std::io::Write;

use tessera_core::container::{
    Chunk, ChunkKind, FULL_SCALE, FileWriter, GopEntry, GopIndex, Header, MediaShape, PriorKind, VideoShape,
};
use tessera_core::entropy::{Search, Stickiness, Tally as GopTally, search_gop};
use tessera_core::{LatentShape, Limits, Rung};
use tessera_image::{Picture, Tokenizer};

use super::{EncodeOptions, Tally, Target, VideoCodec};
use crate::error::{Error, Result};
use crate::frame::{Source, StreamInfo};
use crate::gop::{Analysed, Gop, Grouping};
use crate::mark::{is_steady, marks};
use crate::pool::Pool;
use crate::scale::Scaler;

/// An encoded video and where its bytes went.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Frames.
    pub frames: u64,
    /// Groups of pictures.
    pub gops: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bits of the file per pixel of all frames.
    pub bpp: f64,
    /// Bits of the file per second.
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
}

/// What tokens are chosen by.
#[derive(Debug, Clone, Copy)]
struct Choosing {
    rung: Rung,
    lambda: f32,
    candidates: usize,
    sticky: bool,
}

/// A coded group.
struct Coded {
    chunk: Chunk,
    entry: GopEntry,
    end: u64,
    tally: GopTally,
    /// Squared latent error.
    error: f64,
}

impl VideoCodec {
    /// Encodes a video to a `.tsr` file, group by group, in memory that does not grow with it.
    ///
    /// The same frames, pack and options give the same bytes for any number of threads, on machines whose ONNX Runtime computes alike.
    ///
    /// # Errors
    /// [`Error::Video`] if the source fails, has no frames or its times do not rise, or the file cannot be written;
    /// [`Error::Parameter`] for options out of range; [`Error::Image`] if ONNX Runtime is missing or fails.
    pub fn encode(&self, source: &mut dyn Source, out: &mut dyn Write, options: &EncodeOptions) -> Result<Encoded> {
        options.check()?;
        let info = source.info().clone();
        let eighths = options.eighths.unwrap_or(FULL_SCALE);
        let shape = VideoShape {
            width: info.width,
            height: info.height,
            tick: (info.time_base.num, info.time_base.den),
            rate: info.frame_rate.map(|rate| (rate.num, rate.den)),
            eighths,
        };
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let ladder = self.tokenizer.ladder(grid.len());
        let (rung, lambda) = match options.target {
            Target::Quality(quality) => (ladder.of_quality(quality), None),
            Target::Rung { rung, lambda } => (rung, lambda),
        };
        let lambda = lambda.unwrap_or_else(|| ladder.lambda(rung));
        let choosing = Choosing { rung, lambda, candidates: options.candidates(), sticky: options.sticky };
        std::thread::scope(|scope| {
            let tokenizer = &self.tokenizer;
            let mut coders = Pool::new(
                scope,
                self.threads,
                self.threads + 1,
                || (),
                move |(), gop: Gop| code(tokenizer, &gop, grid, &choosing),
            );
            let header =
                Header { pack: self.pack_ref(), rung, prior: PriorKind::Trained, media: MediaShape::Video(shape) };
            let mut file = Writing::new(out, &header, grid.len())?;
            let coded = |pool: &mut Pool<Gop, Coded>, file: &mut Writing<'_>| match pool.take() {
                Some(result) => file.put(result?).map(|()| true),
                None => Ok(false),
            };
            self.analyse(source, &shape, options.gop_seconds, rung.levels, |gop| {
                if coders.is_full() {
                    coded(&mut coders, &mut file)?;
                }
                coders.put(gop);
                Ok(())
            })?;
            while coded(&mut coders, &mut file)? {}
            file.finish(&shape, choosing, tokenizer.codebook().dim())
        })
    }

    /// The latents of all frames, group by group.
    fn analyse(
        &self,
        source: &mut dyn Source,
        shape: &VideoShape,
        gop_seconds: f64,
        levels: u8,
        mut done: impl FnMut(Gop) -> Result<()>,
    ) -> Result<()> {
        let info = source.info().clone();
        let size = shape.coded();
        let grid = self.tokenizer.grid(size.0, size.1);
        let ticks = gop_seconds * f64::from(shape.tick.1) / f64::from(shape.tick.0);
        let tokens = (Limits::default().max_tokens, levels);
        let mut grouping = Grouping::new(ticks.max(1.0) as u64, grid, self.tokenizer.codebook().dim(), tokens);
        let threads = self.painters(u64::from(size.0) * u64::from(size.1));
        let scaler = &Scaler::new((info.width, info.height), size);
        let length = (info.width as usize) * (info.height as usize) * 3;
        std::thread::scope(|scope| {
            let base = &self.tokenizer;
            let work = move |tokenizer: &mut Tokenizer, rgb: Vec<u8>| {
                let rgb = scaler.scale(rgb);
                let marks = marks(&rgb, size, tokenizer.stride());
                let latents = tokenizer.analyse(&Picture::from_rgb(size.0, size.1, rgb)?)?;
                Ok(Analysed { latents, marks })
            };
            let mut analysts = Pool::new(scope, threads, threads + 2, move || base.sibling(1), work);
            let mut clock = Clock::default();
            let mut lengths = VecDeque::new();
            let mut ended = false;
            loop {
                while !ended && !analysts.is_full() {
                    match source.next_frame()? {
                        Some(frame) if frame.rgb.len() != length => {
                            return Err(Error::video("a frame has another size than the video; scale it first"));
                        }
                        Some(frame) => {
                            lengths.extend(clock.frame(frame.time)?);
                            analysts.put(frame.rgb);
                        }
                        None => {
                            lengths.extend(clock.end(&info)?);
                            ended = true;
                        }
                    }
                }
                // A frame's length is known when the next one is; a full pool holds at least two.
                let Some(analysed) = analysts.take() else { break };
                let Some(ticks) = lengths.pop_front() else { break };
                if let Some(gop) = grouping.put(analysed?, ticks) {
                    done(gop)?;
                }
            }
            grouping.take().map_or(Ok(()), done)
        })
    }
}

/// Lengths of frames from their times.
#[derive(Debug, Default)]
struct Clock {
    first: Option<i64>,
    last: Option<i64>,
    /// Length of the frame before the last.
    length: Option<u64>,
}

impl Clock {
    /// The length of the frame before, if there is one.
    fn frame(&mut self, time: i64) -> Result<Option<u64>> {
        self.first.get_or_insert(time);
        let Some(last) = self.last.replace(time) else { return Ok(None) };
        let length = time.checked_sub(last).filter(|&length| length > 0).ok_or_else(|| {
            Error::video(format!("the times of its frames do not rise at {time}; remux it, or give it new times"))
        })?;
        self.length = Some(length as u64);
        Ok(self.length)
    }

    /// The length of the last frame: what is left of the video's, one of the nominal rate, or that of the frame before.
    fn end(&mut self, info: &StreamInfo) -> Result<Option<u64>> {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return Err(Error::video("it has no frames; use a video with content"));
        };
        let nominal = info.frame_rate.and_then(|rate| {
            let num = u128::from(rate.den) * u128::from(info.time_base.den);
            let den = u128::from(rate.num) * u128::from(info.time_base.num);
            u64::try_from((num + den / 2) / den.max(1)).ok()
        });
        let usual = self.length.or(nominal).unwrap_or(1).max(1);
        let left = info.duration.and_then(|duration| duration.checked_sub(last.checked_sub(first)?));
        // A duration that is far off says something else.
        let left =
            left.and_then(|left| u64::try_from(left).ok()).filter(|left| (1..=usual.saturating_mul(4)).contains(left));
        Ok(Some(left.unwrap_or_else(|| nominal.unwrap_or(usual).max(1))))
    }
}

/// Chooses and codes the tokens of a group.
fn code(tokenizer: &Tokenizer, gop: &Gop, grid: LatentShape, how: &Choosing) -> Result<Coded> {
    let shape = LatentShape { t: gop.times.ticks.len() as u32, ..grid };
    let places = grid.len() as usize;
    let steady = |from: usize, to: usize, place: usize| {
        how.sticky && is_steady(&gop.marks[from * places + place], &gop.marks[to * places + place])
    };
    let search = Search { lambda: how.lambda, candidates: how.candidates };
    let stickiness = Stickiness { search, steady: &steady, sticky: how.sticky };
    let (codebook, prior) = (tokenizer.codebook(), tokenizer.prior());
    let coded = search_gop(&gop.latents, shape, how.rung, codebook, prior, &stickiness)?;
    let decoded = codebook.dequantize(&coded.grid)?;
    let error = gop.latents.iter().zip(&decoded).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let mut payload = Vec::with_capacity(coded.bytes.len() + 16);
    gop.times.put(&mut payload)?;
    payload.extend(coded.bytes);
    Ok(Coded {
        chunk: Chunk { kind: ChunkKind::Gop, sequence: gop.number, token_crc: Some(coded.grid.crc()), payload },
        entry: GopEntry { frames: shape.t, start: gop.times.start, offset: 0 },
        end: gop.times.end(),
        tally: coded.tally,
        error,
    })
}

/// A file on its way out.
struct Writing<'a> {
    out: &'a mut dyn Write,
    file: FileWriter,
    index: GopIndex,
    tally: Tally,
    /// Places of a frame.
    places: u64,
    error: f64,
}

impl<'a> Writing<'a> {
    fn new(out: &'a mut dyn Write, header: &Header, places: u64) -> Result<Self> {
        let (file, bytes) = FileWriter::new(header)?;
        let mut writing = Self { out, file, index: GopIndex::default(), tally: Tally::default(), places, error: 0.0 };
        writing.write(&bytes)?;
        Ok(writing)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| {
            Error::video(format!("cannot write it ({error}); check the disk and the folder's permissions"))
        })
    }

    fn put(&mut self, coded: Coded) -> Result<()> {
        let entry = GopEntry { offset: self.file.offset(), ..coded.entry };
        let bytes = self.file.chunk(&coded.chunk)?;
        self.write(&bytes)?;
        self.index.entries.push(entry);
        self.index.end = coded.end;
        self.error += coded.error;
        self.tally.add(&coded.tally.bits, &coded.tally.changed, self.places);
        Ok(())
    }

    fn finish(mut self, shape: &VideoShape, how: Choosing, dim: usize) -> Result<Encoded> {
        let offset = self.file.offset();
        let last = self.file.clone().last(&self.index.chunk()?)?;
        self.write(&last)?;
        self.out.flush().map_err(|error| Error::video(format!("cannot write it ({error}); check the disk")))?;
        let (frames, bytes) = (self.index.frames(), offset + last.len() as u64);
        let seconds = self.index.end as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
        let pixels = f64::from(shape.width) * f64::from(shape.height) * frames as f64;
        Ok(Encoded {
            frames,
            gops: self.index.entries.len() as u32,
            bytes,
            bpp: 8.0 * bytes as f64 / pixels,
            bits_per_second: 8.0 * bytes as f64 / seconds,
            seconds,
            rung: how.rung,
            lambda: how.lambda,
            eighths: shape.eighths,
            tally: self.tally.means(),
            latent_error: self.error / (self.places as f64 * dim as f64 * frames as f64),
        })
    }
}
