//! At which size and how finely frames are coded: tried on the first of them.

use std::collections::VecDeque;

use tessera_core::Rung;
use tessera_core::container::{FULL_SCALE, VideoShape};

use super::coding::{Choosing, code};
use super::{EncodeOptions, Tally, VideoCodec, rate};
use crate::error::Result;
use crate::frame::{Frame, Source, StreamInfo};

/// Frames that are looked at, and bytes of them, at most.
const FRAMES: usize = 16;
const BYTES: usize = 1 << 26;
/// Eighths of a side that are tried, in this order, as long as there are bits for more.
const SCALES: [u8; 3] = [4, 6, FULL_SCALE];
/// What is left where half the sides are too much.
const SMALLEST: u8 = 3;
/// How much of the wanted bits may be exceeded: a greater lambda makes up for it.
const OVER: f64 = 1.4;

/// A source whose first frames were looked at, from its begin.
pub(super) struct Ahead<'a> {
    head: VecDeque<Frame>,
    source: &'a mut dyn Source,
}

impl<'a> Ahead<'a> {
    /// Looks at the first frames.
    pub fn new(source: &'a mut dyn Source) -> Result<Self> {
        let (mut head, mut bytes) = (VecDeque::new(), 0);
        while head.len() < FRAMES && bytes < BYTES {
            let Some(frame) = source.next_frame()? else { break };
            bytes += frame.rgb.len();
            head.push_back(frame);
        }
        Ok(Self { head, source })
    }

    fn head(&self) -> Head<'_> {
        Head { info: self.source.info(), frames: self.head.iter() }
    }
}

impl Source for Ahead<'_> {
    fn info(&self) -> &StreamInfo {
        self.source.info()
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        match self.head.pop_front() {
            Some(frame) => Ok(Some(frame)),
            None => self.source.next_frame(),
        }
    }
}

/// The frames that were looked at, alone.
struct Head<'a> {
    info: &'a StreamInfo,
    frames: std::collections::vec_deque::Iter<'a, Frame>,
}

impl Source for Head<'_> {
    fn info(&self) -> &StreamInfo {
        self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        Ok(self.frames.next().cloned())
    }
}

impl VideoCodec {
    /// Eighths of a side and the rung at which about so many bits a pixel are taken at a usual lambda.
    pub(super) fn suggest(&self, ahead: &Ahead<'_>, bpp: f64, options: &EncodeOptions) -> Result<(u8, Rung)> {
        let scales = options.eighths.map_or(SCALES.to_vec(), |eighths| vec![eighths]);
        let mut found = None;
        for eighths in scales {
            let taken = self.taken(ahead, eighths, options)?;
            if found.is_some() && taken > OVER * bpp {
                break;
            }
            let enough = taken <= OVER * bpp || options.eighths.is_some();
            found = Some((if enough { eighths } else { SMALLEST }, taken));
            if !enough {
                break;
            }
        }
        let (eighths, taken) = found.unwrap_or((FULL_SCALE, bpp));
        let full = self.tokenizer.codebook().full_depth();
        let ladder = self.tokenizer.ladder(1);
        // More levels only where one level at full size leaves bits over.
        let bits = f64::from(full) * (bpp / taken).max(1.0);
        let within = ladder.rungs().iter().rev().find(|rung| ladder.bits(**rung) <= bits);
        Ok((eighths, within.copied().unwrap_or(Rung { levels: 1, depth: full })))
    }

    /// Bits a pixel that the frames at hand take at a scale, with one level at full depth.
    fn taken(&self, ahead: &Ahead<'_>, eighths: u8, options: &EncodeOptions) -> Result<f64> {
        let shape = VideoShape { eighths, ..super::encode::shape_of(ahead.info(), FULL_SCALE) };
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let rung = Rung { levels: 1, depth: self.tokenizer.codebook().full_depth() };
        let lambda = rate::usual_lambda(&self.tokenizer.ladder(grid.len()), rung);
        let how = Choosing { rung, lambda, candidates: options.candidates(), sticky: options.sticky };
        let mut tally = Tally::default();
        self.analyse(&mut ahead.head(), &shape, options.gop_seconds, 1, |gop| {
            let coded = code(&self.tokenizer, &gop, grid, &how)?;
            tally.add(&coded.tally.bits, &coded.tally.changed, grid.len());
            Ok(())
        })?;
        let tally = tally.means();
        let rate = shape.rate.map_or(25.0, |(num, den)| f64::from(num) / f64::from(den));
        let frames = (options.gop_seconds * rate).clamp(1.0, 128.0);
        let pixels = f64::from(shape.width) * f64::from(shape.height);
        Ok((tally.key_bits + (frames - 1.0) * tally.inter_bits) / frames / pixels)
    }
}
