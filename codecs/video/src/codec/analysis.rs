//! Frames to groups of latents.

use std::collections::VecDeque;

use tessera_core::Limits;
use tessera_core::container::VideoShape;
use tessera_image::{Picture, Tokenizer};

use super::VideoCodec;
use crate::error::{Error, Result};
use crate::frame::{Source, StreamInfo};
use crate::gop::{Analysed, Gop, Grouping, to_halves};
use crate::mark::marks;
use crate::pool::Pool;
use crate::scale::Scaler;

impl VideoCodec {
    /// The latents of all frames, group by group.
    pub(super) fn analyse(
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
                let rgb = scaler.scale(&rgb);
                let marks = marks(&rgb, size, tokenizer.stride());
                let latents = tokenizer.analyse(&Picture::from_rgb(size.0, size.1, rgb)?)?;
                Ok(Analysed { latents: to_halves(&latents), marks })
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
