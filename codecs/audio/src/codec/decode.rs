//! Decoding.

use tessera_core::container::{self, Channels, Chunk, ChunkKind, Duration, Header, MediaShape, live};
use tessera_core::entropy::TokenPrior;
use tessera_core::entropy::bands::{Band, decode_band};
use tessera_core::{Error as CoreError, Limits};

use super::options::{DecodeOptions, Source, Span};
use super::tokens::{Tokens, to_left_right};
use super::{AudioCodec, segments};
use crate::error::{Error, Result};
use crate::frames;
use crate::sound::Sound;

/// Bytes of a live stream that are decoded at once.
const PIECE: usize = 1 << 12;

/// Seconds of sound before a part that are decoded too, so that the decoder has heard enough.
const RUN_UP: u64 = 2;

/// A decoded sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The sound, at the model's rate.
    pub sound: Sound,
    /// What the sound was before it was resampled to the model's rate.
    pub source: Option<Source>,
    /// What was lost of a damaged file, one sentence each. Empty unless salvaging.
    pub losses: Vec<String>,
    /// Whether networks that look at all of a sound saw it in windows: then the sound is an approximation.
    pub windowed: bool,
}

/// What a whole file says of its tokens, checked against the pack and the limits.
struct Plan<'a> {
    bits: u8,
    /// Bits of a frame's tokens, first level first.
    depths: Vec<u8>,
    layout: Channels,
    samples: u64,
    source: Option<Source>,
    segments: Vec<Band>,
    prior: &'a dyn TokenPrior,
    limits: &'a Limits,
}

impl AudioCodec {
    /// Decodes a file, or a live stream that was kept, made with this codec's pack.
    ///
    /// # Errors
    /// [`Error::PackMismatch`] if the file was made with another pack, [`Error::Core`] if it is truncated,
    /// damaged, exceeds the limits or needs a newer version, [`Error::Models`] if ONNX Runtime is missing
    /// or fails. When salvaging, damage is an error only if no tokens survive.
    pub fn decode(&self, bytes: &[u8], options: &DecodeOptions) -> Result<Decoded> {
        if container::is_live(bytes, &options.limits) {
            return self.decode_live(bytes, options);
        }
        let (header, chunks, mut losses) = read(bytes, options)?;
        let plan = self.plan(&header, &options.limits)?;
        let span = options.span.unwrap_or(Span { start: 0, end: u64::MAX });
        let span = Span { start: span.start, end: span.end.min(plan.samples) };
        self.check_span(span, plan.samples)?;
        // Networks that look at all of a sound need all of its tokens.
        let (frames, end) = match self.is_live() {
            true => (self.run_up(span), span.end),
            false => (0..self.frame_count(plan.samples), plan.samples),
        };
        let before = frames.start * self.hop() as u64;
        let mut channels = Vec::new();
        let mut found = 0;
        for channel in 0..plan.layout.count() {
            let mut decoder = self.channel_decoder(plan.bits, end - before, options.windowed)?;
            let mut end = 0;
            for (n, segment) in plan.segments.iter().enumerate() {
                let start = end;
                end += u64::from(segment.shape.t);
                let needed = frames.start.clamp(start, end)..frames.end.clamp(start, end);
                if needed.is_empty() {
                    continue;
                }
                match plan.tokens(&chunks, n, channel) {
                    Ok(tokens) => {
                        found += 1;
                        // A segment has at most 4,096 frames.
                        let place = |frame: u64| (frame - start) as usize * plan.depths.len();
                        let needed = place(needed.start)..place(needed.end);
                        decoder.push(&tokens[needed])?;
                    }
                    Err(error) if options.salvage => {
                        let at = needed.start as f64 / self.frames_per_second();
                        let length = (needed.end - needed.start) as f64 / self.frames_per_second();
                        losses.push(format!("{length:.1} s from {at:.1} s on are lost and concealed: {error}"));
                        decoder.conceal(needed.end - needed.start)?;
                    }
                    Err(error) => return Err(error),
                }
            }
            channels.push(cut(decoder.finish()?, before, span));
        }
        if found == 0 {
            return Err(Error::corrupt("no tokens survive"));
        }
        let sound = Sound { rate: self.rate(), channels: to_left_right(plan.layout, channels) };
        let windowed = self.is_cut(plan.samples, options.windowed);
        Ok(Decoded { sound, source: plan.source, losses, windowed })
    }

    /// The tokens of a whole file made with this codec's pack. Needs no ONNX Runtime.
    ///
    /// # Errors
    /// As [`decode`](Self::decode) without salvaging; [`Error::Sound`] for a live stream.
    pub fn tokens_of(&self, bytes: &[u8], limits: &Limits) -> Result<Tokens> {
        if container::is_live(bytes, limits) {
            return Err(Error::sound("the file is a live stream; decode it"));
        }
        let (header, chunks, _) = read(bytes, &DecodeOptions { limits: *limits, ..DecodeOptions::default() })?;
        let plan = self.plan(&header, limits)?;
        let channel = |channel: u8| {
            let segments = (0..plan.segments.len()).map(|n| plan.tokens(&chunks, n, channel));
            Ok(segments.collect::<Result<Vec<_>>>()?.concat())
        };
        let channels = (0..plan.layout.count()).map(channel).collect::<Result<_>>()?;
        Ok(Tokens { bits: plan.bits, samples: plan.samples, layout: plan.layout, channels })
    }

    fn plan<'a>(&'a self, header: &Header, limits: &'a Limits) -> Result<Plan<'a>> {
        self.model.check_pack(&header.pack)?;
        let MediaShape::Audio { rate, channels: layout, duration: Duration::Samples { samples, source } } =
            header.media
        else {
            return Err(CoreError::Unsupported { what: "the file holds no sound".to_owned() }.into());
        };
        let Some(bits) = self.model.bits(header.rung).filter(|_| rate == self.rate()) else {
            return Err(Error::corrupt("the file's rate, levels or depth are not those of its model pack"));
        };
        let levels = header.rung.levels;
        Ok(Plan {
            bits,
            depths: self.model.depths(bits)?,
            layout,
            samples: samples.into(),
            source: source.map(|(rate, samples)| Source { rate, samples }),
            segments: segments::split(self.frame_count(samples.into()), levels, layout.count(), limits)?,
            prior: self.model.prior(header.prior)?,
            limits,
        })
    }

    /// Checks that a part begins within the sound and is not empty.
    fn check_span(&self, span: Span, samples: u64) -> Result<()> {
        if span.start < span.end && span.start < samples {
            return Ok(());
        }
        let seconds = |samples: u64| samples as f64 / f64::from(self.rate());
        Err(Error::sound(format!(
            "the sound has {:.2} s, and nothing from {:.2} s on; ask for an earlier part",
            seconds(samples),
            seconds(span.start)
        )))
    }

    /// The frames that a part takes, those that come before it included.
    fn run_up(&self, span: Span) -> std::ops::Range<u64> {
        let hop = self.hop() as u64;
        let from = span.start.saturating_sub(RUN_UP * u64::from(self.rate())) / hop;
        from..self.frame_count(span.end)
    }

    fn decode_live(&self, bytes: &[u8], options: &DecodeOptions) -> Result<Decoded> {
        let mut reader = self.live_reader(options.limits);
        let (mut samples, mut losses) = (Vec::new(), Vec::new());
        let hop = self.hop() as u64;
        let span = options.span.unwrap_or(Span { start: 0, end: u64::MAX });
        let bytes = &bytes[self.join(bytes, span, &options.limits)?..];
        for piece in bytes.chunks(PIECE).map(Some).chain([None]) {
            let received = match piece {
                Some(piece) => reader.push(piece)?,
                None => reader.finish()?,
            };
            let at = reader.joined_at() + samples.len() as u64;
            samples.extend(received.samples);
            if samples.len() as u64 > options.limits.max_samples {
                return Err(CoreError::Limit {
                    what: "number of samples".to_owned(),
                    claimed: samples.len() as u64,
                    limit: options.limits.max_samples,
                }
                .into());
            }
            let seconds = |samples: u64| samples as f64 / f64::from(self.rate());
            let (concealed, skipped) = (seconds(received.concealed * hop), seconds(received.skipped * hop));
            if received.concealed + received.skipped + received.damaged_bytes > 0 {
                losses.push(format!(
                    "{} bytes after {:.1} s are damaged: {concealed:.1} s are lost and concealed, {skipped:.1} s left out",
                    received.damaged_bytes,
                    seconds(at)
                ));
            }
            if reader.joined_at() + samples.len() as u64 >= span.end {
                break;
            }
        }
        let end = reader.joined_at() + samples.len() as u64;
        if !reader.has_ended() && end < span.end {
            losses.push("the live stream ends without its closing packet".to_owned());
        }
        match losses.first() {
            Some(loss) if !options.salvage => return Err(Error::corrupt(loss.clone())),
            _ if samples.is_empty() => return Err(Error::corrupt("no tokens survive")),
            _ => self.check_span(span, end)?,
        }
        let samples = cut(samples, reader.joined_at(), Span { end: span.end.min(end), ..span });
        Ok(Decoded { sound: Sound::mono(self.rate(), samples), source: None, losses, windowed: false })
    }

    /// Offset of the last place at which a live stream may be joined in time for a part.
    fn join(&self, bytes: &[u8], span: Span, limits: &Limits) -> Result<usize> {
        let frames = self.run_up(Span { end: span.start, ..span });
        if frames.start == 0 {
            return Ok(0);
        }
        let header = live::header(bytes, limits)?;
        let MediaShape::Audio { duration: Duration::Live(packing), .. } = header.media else { return Ok(0) };
        let begin = |point: &live::JoiningPoint| u64::from(point.packet) * u64::from(packing.packet_frames);
        let in_time = |point: &live::JoiningPoint| begin(point) <= frames.start;
        let point = live::joining_points(bytes, limits)?.into_iter().take_while(in_time).last();
        Ok(point.map_or(0, |point| point.offset as usize))
    }
}

/// The part of samples that begin with sample `first` of a sound.
fn cut(mut samples: Vec<f32>, first: u64, span: Span) -> Vec<f32> {
    // Both are at most the number of samples that there are.
    samples.truncate(span.end.saturating_sub(first) as usize);
    samples.split_off((span.start.saturating_sub(first) as usize).min(samples.len()))
}

impl Plan<'_> {
    /// The tokens of one segment of one channel, frame by frame.
    fn tokens(&self, chunks: &[Chunk], segment: usize, channel: u8) -> Result<Vec<u16>> {
        let sequence = segment * usize::from(self.layout.count()) + usize::from(channel);
        // Chunks mostly are in order; a salvaged file lacks some.
        let is_it = |chunk: &&Chunk| chunk.kind == ChunkKind::Tokens && chunk.sequence as usize == sequence;
        let chunk = chunks.get(sequence).filter(is_it).or_else(|| chunks.iter().find(is_it));
        let chunk = chunk.ok_or_else(|| Error::corrupt(format!("the chunk of segment {sequence} is missing")))?;
        let tokens = decode_band(&self.segments[segment], &chunk.band()?, &self.depths, self.prior, self.limits)?;
        Ok(frames::interleaved(&tokens))
    }
}

/// Header, chunks and, when salvaging, losses.
fn read(bytes: &[u8], options: &DecodeOptions) -> Result<(Header, Vec<Chunk>, Vec<String>)> {
    if !options.salvage {
        let file = container::read(bytes, &options.limits)?;
        return Ok((file.header, file.chunks, Vec::new()));
    }
    let found = container::salvage(bytes, &options.limits)?;
    let describe = |loss: &container::Loss| format!("{} bytes at {} are lost: {}", loss.bytes, loss.offset, loss.error);
    let losses = found.losses.iter().map(describe).collect();
    Ok((found.header, found.chunks, losses))
}
