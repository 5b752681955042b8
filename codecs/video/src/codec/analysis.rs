//! Frames to groups of latents.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tessera_core::Limits;
use tessera_core::container::VideoShape;
use tessera_image::{Picture, Tokenizer};

use super::{Networks, VideoCodec};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::frame::Source;
use crate::gop::{Analysed, Gop, Grouping, to_halves};
use crate::mark::marks;
use crate::pool::Pool;
use crate::scale::Scaler;

/// What turns frames into latents, its networks loaded once for all that is looked at: frames are tried at several sizes before all of them are coded at one.
pub(super) struct Analysts<'a> {
    codec: &'a VideoCodec,
    /// Whose siblings look.
    tokenizer: Tokenizer,
    idle: Mutex<Vec<Tokenizer>>,
}

/// How frames become groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouped {
    /// Seconds of a group at most.
    pub seconds: f64,
    /// Levels that its tokens may have.
    pub levels: u8,
}

impl<'a> Analysts<'a> {
    /// With the networks that were chosen.
    pub fn new(codec: &'a VideoCodec, encoder: Networks) -> Result<Self> {
        let tokenizer = codec.tokenizer.sibling(1);
        let of_frames = codec.frames.as_ref().and_then(|pack| pack.encoder.clone());
        let tokenizer = match (encoder, of_frames) {
            (Networks::Best | Networks::Video, Some(graph)) => tokenizer.with_encoder(graph),
            (Networks::Video, None) => {
                return Err(Error::parameter("a frame encoder needs a frame pack for the codec's pack that has one"));
            }
            (Networks::Best, None) | (Networks::Image, _) => tokenizer,
        };
        Ok(Self { codec, tokenizer, idle: Mutex::default() })
    }

    /// The latents and marks of a picture.
    fn look(&self, rgb: Vec<u8>, (width, height): (u32, u32)) -> Result<Analysed> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tokenizer = idle().pop().unwrap_or_else(|| self.tokenizer.sibling(1));
        let marks = marks(&rgb, (width, height), tokenizer.stride());
        let latents = tokenizer.analyse(&Picture::from_rgb(width, height, rgb)?)?;
        idle().push(tokenizer);
        Ok(Analysed { latents: to_halves(&latents), marks })
    }

    /// The latents of all frames, group by group; `known` are those of the first frames, as far as they were looked at.
    pub fn groups(
        &self,
        source: &mut dyn Source,
        shape: &VideoShape,
        known: Vec<Analysed>,
        how: Grouped,
        mut done: impl FnMut(Gop) -> Result<()>,
    ) -> Result<()> {
        let mut grouping = self.grouping(shape, how);
        self.frames(source, shape, known, |frame, ticks| grouping.put(frame, ticks).map_or(Ok(()), &mut done))?;
        grouping.take().map_or(Ok(()), done)
    }

    /// What collects frames into groups.
    pub fn grouping(&self, shape: &VideoShape, how: Grouped) -> Grouping {
        let (width, height) = shape.coded();
        let tokenizer = &self.tokenizer;
        let ticks = how.seconds * f64::from(shape.tick.1) / f64::from(shape.tick.0);
        let tokens = (Limits::default().max_tokens, how.levels);
        Grouping::new(ticks.max(1.0) as u64, tokenizer.grid(width, height), tokenizer.codebook().dim(), tokens)
    }

    /// The latents of all frames and how long each is shown.
    pub fn frames(
        &self,
        source: &mut dyn Source,
        shape: &VideoShape,
        known: Vec<Analysed>,
        mut done: impl FnMut(Analysed, u64) -> Result<()>,
    ) -> Result<()> {
        let info = source.info().clone();
        let size = shape.coded();
        let threads = self.codec.painters(u64::from(size.0) * u64::from(size.1));
        let scaler = &Scaler::new((info.width, info.height), size);
        let length = (info.width as usize) * (info.height as usize) * 3;
        std::thread::scope(|scope| {
            let work = move |(): &mut (), frame| match frame {
                Work::Done(analysed) => Ok(analysed),
                Work::Pixels(rgb) => self.look(scaler.scale(&rgb), size),
            };
            let mut analysts = Pool::new(scope, threads, threads + 2, || (), work);
            let mut known = known.into_iter();
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
                            analysts.put(known.next().map_or(Work::Pixels(frame.rgb), Work::Done));
                        }
                        None => {
                            lengths.push_back(clock.end(&info, source.end())?);
                            ended = true;
                        }
                    }
                }
                // A frame's length is known when the next one is; a full pool holds at least two.
                let Some(analysed) = analysts.take() else { break };
                let Some(ticks) = lengths.pop_front() else { break };
                done(analysed?, ticks)?;
            }
            Ok(())
        })
    }
}

/// A frame on its way to latents.
enum Work {
    Pixels(Vec<u8>),
    Done(Analysed),
}
