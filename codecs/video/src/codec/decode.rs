//! Decoding.

use std::sync::Arc;

use tessera_core::container::{
    self, Chunk, ChunkKind, FULL_SCALE, GopIndex, GopTimes, Header, PriorKind, VideoShape, chunk_at, header_of,
};
use tessera_core::entropy::{TokenPrior, UniformPrior, decode_gop};
use tessera_core::{Error as Core, GridShape, Limits, TokenGrid};
use tessera_image::{Canvas, Patch, Tokenizer};
use tessera_models::VideoPack;

use super::inspect::{is_base, shape_of};
use super::{DecodeOptions, Networks, Tally, VideoCodec};
use crate::enlarge::Enlarger;
use crate::error::{Error, Result};
use crate::frame::{Frame, Sink};
use crate::paint::{Painter, Reach};
use crate::pool::Pool;
use crate::scale::Scaler;

/// What came of decoding.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Frames written.
    pub frames: u64,
    /// Time of the first frame that was written, in ticks of the video; the sink saw it as 0.
    pub start: u64,
    /// Seconds from the first frame that was written to the end of the last.
    pub seconds: f64,
    /// What was lost of a damaged file, one sentence each. Empty unless salvaging.
    pub losses: Vec<String>,
}

/// The tokens of a group of pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct GopTokens {
    /// Its number.
    pub number: u32,
    /// When its frames are shown.
    pub times: GopTimes,
    /// `[level][t][y][x]`.
    pub grid: TokenGrid,
    /// Bits of each frame, the key frame first.
    pub bits: Vec<f64>,
    /// Places of each frame whose tokens were coded.
    pub changed: Vec<u32>,
}

/// The groups of a file, checked against pack and limits.
struct Groups {
    header: Header,
    shape: VideoShape,
    chunks: Vec<Chunk>,
    /// What was lost of a damaged file.
    losses: Vec<String>,
}

/// A group as it was read.
enum Read {
    Tokens(GopTokens),
    Base(GopTimes, Base),
}

/// The base layer of a group.
#[derive(Default)]
pub(super) struct Base {
    /// Share of enhancement.
    pub share: u8,
    /// Size of the pictures.
    pub size: (u32, u32),
    pub pictures: Vec<Vec<u8>>,
}

/// A frame on its way.
enum Job {
    Painting(Painting),
    Enlarging(Enlarging),
}

/// A frame of a base layer that is to be enlarged, with a share of enhancement.
struct Enlarging {
    rgb: Vec<u8>,
    from: (u32, u32),
    share: u8,
    time: i64,
}

/// What became of it.
enum Done {
    Patches(Vec<Patch>, i64),
    Ready(Vec<u8>, i64),
}

/// A frame that is to be painted.
struct Painting {
    /// Of the whole group, `[t][y][x][dim]`.
    latents: Arc<Vec<f32>>,
    t: usize,
    /// Whether nothing of the frame before is there to be kept.
    fresh: bool,
    time: i64,
}

/// What makes painters.
enum Brush<'a> {
    Image(&'a Tokenizer),
    Frame { pack: &'a VideoPack, double: bool },
}

impl Brush<'_> {
    fn reach(&self) -> Reach {
        match self {
            Self::Image(tokenizer) => Reach::of_image(tokenizer),
            Self::Frame { pack, double } => Reach::of_pack(pack, *double),
        }
    }

    fn painter(&self) -> Result<Painter> {
        match self {
            Self::Image(tokenizer) => Ok(Painter::Image(Box::new(tokenizer.sibling(1)))),
            Self::Frame { pack, double } => Painter::frame(pack, *double),
        }
    }
}

impl VideoCodec {
    /// Decodes a file made with this codec's pack, frame by frame, in memory that does not grow with it. The first frame goes to the sink with time 0.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] if the file was made with another pack, [`Error::Core`] if it is truncated, damaged, exceeds the limits or holds no
    /// video, [`Error::Image`] if ONNX Runtime is missing or fails, and those of the sink. When salvaging, damage is an error only if no group
    /// of pictures survives.
    pub fn decode(&self, bytes: &[u8], sink: &mut dyn Sink, options: &DecodeOptions) -> Result<Decoded> {
        self.decode_every(1, bytes, sink, options)
    }

    /// As [`decode`](Self::decode), but of each group the first of every so many frames alone.
    pub(super) fn decode_every(
        &self,
        every: usize,
        bytes: &[u8],
        sink: &mut dyn Sink,
        options: &DecodeOptions,
    ) -> Result<Decoded> {
        let groups = self.groups(bytes, options)?;
        let shape = groups.shape;
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let dim = self.tokenizer.codebook().dim();
        let brush = self.brush(&shape, options)?;
        let reach = brush.reach();
        let times = reach.stride / self.tokenizer.stride();
        let canvas = Canvas { width: width * times, height: height * times, gray: false };
        let seconds = |ticks: u64| ticks as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
        let (from, to) = options.span.unwrap_or((0.0, f64::INFINITY));
        let scaler = Scaler::new((canvas.width, canvas.height), (shape.width, shape.height));
        let mut decoded = Decoded { frames: 0, start: 0, seconds: 0.0, losses: groups.losses.clone() };
        let threads = self.painters(u64::from(canvas.width) * u64::from(canvas.height));
        let mut first = None;
        let mut end = 0;
        std::thread::scope(|scope| {
            let (base, groups, brush) = (&self.tokenizer, &groups, &brush);
            let limits = options.limits;
            let readers = &mut Pool::new(
                scope,
                self.threads.min(2),
                2,
                || (),
                move |(), chunk: &Chunk| match is_base(chunk) {
                    true => pictures(chunk, (shape.width, shape.height)),
                    false => tokens(base, groups, chunk, &limits).map(Read::Tokens),
                },
            );
            let frames = self.frames.as_ref();
            let paint = move |(painter, enlarger): &mut (Option<Painter>, Option<Enlarger>), job: Job| {
                let job = match job {
                    Job::Painting(job) => job,
                    Job::Enlarging(Enlarging { rgb, from, share, time }) => {
                        let enlarger = match enlarger.take_if(|one| one.is_for(from)) {
                            Some(one) => enlarger.insert(one),
                            None => enlarger.insert(Enlarger::new(from, (shape.width, shape.height), frames)?),
                        };
                        return Ok(Done::Ready(enlarger.enlarge(&rgb, share > 0)?.with(share), time));
                    }
                };
                let values = grid.len() as usize * dim;
                let at = |t: usize| &job.latents[t * values..][..values];
                let pair = |t: usize| (at(t), at(t.saturating_sub(1)));
                let vector = |of: &[f32], place: usize| of[place * dim..][..dim].to_vec();
                let differs = |place: usize| {
                    let ((now, before), (old, older)) = (pair(job.t), pair(job.t.saturating_sub(1)));
                    vector(now, place) != vector(old, place)
                        || reach.before && vector(before, place) != vector(older, place)
                };
                let windows = reach.windows(grid, job.fresh, differs);
                let painter = match painter {
                    Some(painter) => painter,
                    None => painter.insert(brush.painter()?),
                };
                let patches = painter.paint(pair(job.t), (grid.x, dim), (canvas, reach.stride), &windows)?;
                Ok(Done::Patches(patches, job.time))
            };
            let mut painters = Pool::new(scope, threads, threads + 2, || (None, None), paint);
            let mut picture = vec![0; canvas.width as usize * canvas.height as usize * 3];
            let mut frame = Frame { rgb: Vec::new(), time: 0 };
            let mut write = |painters: &mut Pool<Job, Done>| {
                let Some(done) = painters.take() else { return Ok(false) };
                let (patches, time) = match done? {
                    Done::Patches(patches, time) => (patches, time),
                    Done::Ready(rgb, time) => {
                        frame = Frame { rgb, time };
                        return sink.write_frame(&frame).map(|()| true);
                    }
                };
                frame.time = time;
                if !patches.is_empty() {
                    patches.iter().for_each(|patch| patch.put(&mut picture, canvas.width as usize));
                    frame.rgb = scaler.scale(&picture);
                }
                sink.write_frame(&frame).map(|()| true)
            };
            let mut chunks = groups.chunks.iter();
            loop {
                while !readers.is_full()
                    && let Some(chunk) = chunks.next()
                {
                    readers.put(chunk);
                }
                let Some(group) = readers.take() else { break };
                let group = match group {
                    Err(error) if options.salvage => {
                        decoded.losses.push(format!("a group of pictures is lost: {error}"));
                        continue;
                    }
                    group => group?,
                };
                let (times, latents, mut layer) = match group {
                    Read::Tokens(group) => {
                        (group.times, Arc::new(base.codebook().dequantize(&group.grid)?), Base::default())
                    }
                    Read::Base(times, layer) => (times, Arc::default(), layer),
                };
                let mut time = times.start;
                let mut fresh = true;
                for (t, &ticks) in times.ticks.iter().enumerate() {
                    let (begin, finish) = (time, time + ticks);
                    time = finish;
                    if seconds(finish) <= from || seconds(begin) >= to || !t.is_multiple_of(every) {
                        continue;
                    }
                    let start = *first.get_or_insert(begin);
                    end = finish;
                    decoded.frames += 1;
                    if painters.is_full() {
                        write(&mut painters)?;
                    }
                    let shown = (begin - start) as i64;
                    if let Some(picture) = layer.pictures.get_mut(t) {
                        let (rgb, from, share) = (std::mem::take(picture), layer.size, layer.share);
                        painters.put(Job::Enlarging(Enlarging { rgb, from, share, time: shown }));
                        continue;
                    }
                    let latents = Arc::clone(&latents);
                    painters.put(Job::Painting(Painting { latents, t, fresh, time: shown }));
                    fresh = options.whole_frames || every > 1;
                }
            }
            while write(&mut painters)? {}
            Ok::<(), Error>(())
        })?;
        let Some(start) = first else {
            return Err(match options.span {
                Some(_) => Error::parameter(
                    "the video has no frame in the part that was asked for; 'tessera info' says how long it is",
                ),
                None => Error::corrupt(format!("no group of pictures survives: {}", decoded.losses.join("; "))),
            });
        };
        sink.finish((end - start) as i64)?;
        (decoded.start, decoded.seconds) = (start, seconds(end - start));
        Ok(decoded)
    }

    /// What paints the frames of a file.
    fn brush(&self, shape: &VideoShape, options: &DecodeOptions) -> Result<Brush<'_>> {
        match (&self.frames, options.decoder) {
            (Some(pack), Networks::Best | Networks::Video) => {
                Ok(Brush::Frame { pack, double: shape.eighths * 2 <= FULL_SCALE })
            }
            (None, Networks::Video) => {
                Err(Error::parameter("painting with a frame decoder needs one for the codec's pack"))
            }
            (None, Networks::Best) | (_, Networks::Image) => Ok(Brush::Image(&self.tokenizer)),
        }
    }

    /// The tokens of a file, group by group in order of time.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and those of `each`.
    pub fn tokens(
        &self,
        bytes: &[u8],
        options: &DecodeOptions,
        mut each: impl FnMut(GopTokens) -> Result<()>,
    ) -> Result<Vec<String>> {
        let groups = self.groups(bytes, options)?;
        let mut losses = groups.losses.clone();
        for chunk in &groups.chunks {
            if is_base(chunk) {
                losses.push(format!("group {} carries AV1, which has no tokens", chunk.sequence));
                continue;
            }
            match tokens(&self.tokenizer, &groups, chunk, &options.limits) {
                Err(error) if options.salvage => losses.push(format!("a group of pictures is lost: {error}")),
                group => each(group?)?,
            }
        }
        Ok(losses)
    }

    /// What the frames of a whole file cost.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    pub fn tally(&self, bytes: &[u8], limits: &Limits) -> Result<Tally> {
        let mut tally = Tally::default();
        self.tokens(bytes, &DecodeOptions { limits: *limits, ..DecodeOptions::default() }, |gop| {
            let shape = gop.grid.shape().positions();
            tally.add(&gop.bits, &gop.changed, u64::from(shape.y) * u64::from(shape.x));
            Ok(())
        })?;
        Ok(tally.means())
    }

    /// The groups that are asked for.
    fn groups(&self, bytes: &[u8], options: &DecodeOptions) -> Result<Groups> {
        options.check()?;
        let limits = &options.limits;
        let (header, mut chunks, losses) = match options.span {
            _ if options.salvage => {
                let found = container::salvage(bytes, limits)?;
                let losses = found
                    .losses
                    .iter()
                    .map(|loss| format!("{} bytes at byte {} are lost: {}", loss.bytes, loss.offset, loss.error));
                (found.header, found.chunks, losses.collect())
            }
            Some(span) if let Some(index) = GopIndex::of_file(bytes, limits) => {
                let header = header_of(bytes, limits)?;
                let chunks = indexed(bytes, &index, shape_of(&header)?.tick, span, limits)?;
                (header, chunks, Vec::new())
            }
            _ => {
                let file = container::read(bytes, limits)?;
                (file.header, file.chunks, Vec::new())
            }
        };
        let shape = shape_of(&header)?;
        self.check(&header, &shape, limits)?;
        chunks.retain(|chunk| chunk.kind == ChunkKind::Gop);
        chunks.sort_by_key(|chunk| chunk.sequence);
        if !options.salvage {
            let first = chunks.first().map_or(0, |chunk| chunk.sequence);
            if let Some((n, _)) = (first..).zip(&chunks).find(|(n, chunk)| chunk.sequence != *n) {
                return Err(Error::corrupt(format!("the chunk of group {n} is missing")));
            }
            if options.span.is_none() && (chunks.is_empty() || first > 0) {
                return Err(Error::corrupt("the chunk of group 0 is missing"));
            }
        }
        Ok(Groups { header, shape, chunks, losses })
    }

    fn check(&self, header: &Header, shape: &VideoShape, limits: &Limits) -> Result<()> {
        if header.pack.hash != self.pack.hash8() {
            let hex = |hash: [u8; 8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let name = |id: Option<&str>, hash| id.map_or(hex(hash), |id| format!("{id} ({})", hex(hash)));
            return Err(Error::PackMismatch {
                needed: name(header.pack.id.as_deref(), header.pack.hash),
                have: name(Some(self.pack.id()), self.pack.hash8()),
            });
        }
        let (rung, codebook) = (header.rung, self.tokenizer.codebook());
        if rung.levels > codebook.max_levels() || rung.depth > codebook.full_depth() {
            return Err(Error::corrupt(format!(
                "tokens of {} levels and {} bits are beyond the model pack",
                rung.levels, rung.depth
            )));
        }
        let (width, height) = shape.coded();
        self.tokenizer.grid(width, height).grid(rung.levels).check(limits)?;
        Ok(())
    }
}

/// The chunks of the groups that have frames in a span of seconds; the rest of the file is not looked at.
fn indexed(
    bytes: &[u8],
    index: &GopIndex,
    tick: (u32, u32),
    (from, to): (f64, f64),
    limits: &Limits,
) -> Result<Vec<Chunk>> {
    let seconds = |ticks: u64| ticks as f64 * f64::from(tick.0) / f64::from(tick.1);
    let ends = index.entries.iter().skip(1).map(|entry| entry.start).chain([index.end]);
    let inside =
        index.entries.iter().zip(ends).filter(|(entry, end)| seconds(entry.start) < to && seconds(*end) > from);
    inside
        .map(|(entry, _)| {
            let chunk = chunk_at(bytes, entry.offset, limits)?;
            match chunk.kind {
                ChunkKind::Gop => Ok(chunk),
                _ => Err(Error::corrupt("the index points at something else than a group of pictures")),
            }
        })
        .collect()
}

/// Decodes the base layer of a group.
#[cfg(feature = "ffmpeg")]
fn pictures(chunk: &Chunk, size: (u32, u32)) -> Result<Read> {
    let (times, payload) = GopTimes::split(&chunk.payload)?;
    let base = super::base::decode(payload, size, times.ticks.len())?;
    Ok(Read::Base(times, base))
}

/// Without FFmpeg there is no decoder for it.
#[cfg(not(feature = "ffmpeg"))]
fn pictures(chunk: &Chunk, _: (u32, u32)) -> Result<Read> {
    let _ = Read::Base;
    Err(Error::video(format!(
        "group {} carries AV1, which needs FFmpeg's libraries; build with the feature ffmpeg, or ask for another --time",
        chunk.sequence
    )))
}

/// Decodes the tokens of a group and checks them.
fn tokens(tokenizer: &Tokenizer, groups: &Groups, chunk: &Chunk, limits: &Limits) -> Result<GopTokens> {
    let (times, payload) = GopTimes::split(&chunk.payload)?;
    let (width, height) = groups.shape.coded();
    let rung = groups.header.rung;
    let grid = GridShape { t: times.ticks.len() as u32, ..tokenizer.grid(width, height).grid(rung.levels) };
    let depths = rung.depths(tokenizer.codebook().full_depth());
    let prior: &dyn TokenPrior = match groups.header.prior {
        PriorKind::Trained => tokenizer.prior(),
        PriorKind::Uniform => &UniformPrior,
    };
    let (grid, tally) = decode_gop(payload, grid, &depths, prior, limits)?;
    match chunk.token_crc {
        Some(crc) if crc == grid.crc() => {
            Ok(GopTokens { number: chunk.sequence, times, grid, bits: tally.bits, changed: tally.changed })
        }
        Some(_) => Err(Error::Core(Core::Mismatch {
            what: "the tokens do not match their checksum, so they were coded with another model pack".to_owned(),
        })),
        None => Err(Error::corrupt("a group of pictures has no token checksum")),
    }
}
