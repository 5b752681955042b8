//! At which size and how finely frames are coded: tried on the first of them.

use std::collections::VecDeque;

use tessera_core::Rung;
use tessera_core::container::{FULL_SCALE, VideoShape};

use super::analysis::{Analysts, Grouped};
use super::coding::{Choosing, code};
use super::{EncodeOptions, Tally, VideoCodec, rate};
use crate::error::Result;
use crate::frame::{Frame, Source, StreamInfo};
use crate::gop::{Analysed, Gop};

/// Frames that are looked at, and bytes of them, at most.
const FRAMES: usize = 8;
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

    fn end(&self) -> Option<i64> {
        self.source.end()
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

/// How frames are coded at first.
pub(super) struct Suggestion {
    /// Eighths of a side.
    pub eighths: u8,
    /// The rung, and the factor on its usual lambda at which about as many bits are taken as are wanted.
    pub rung: Rung,
    pub factor: f32,
    /// The first frames at that size, if they were looked at.
    pub known: Vec<Analysed>,
}

/// The first frames at a size.
struct Probe {
    eighths: u8,
    known: Vec<Analysed>,
    /// Bits a pixel that they take with one level at full depth and its usual lambda.
    bpp: f64,
}

impl VideoCodec {
    /// At which size, on which rung and with which lambda about so many bits a pixel are taken.
    pub(super) fn suggest(
        &self,
        analysts: &Analysts<'_>,
        ahead: &Ahead<'_>,
        bpp: f64,
        options: &EncodeOptions,
    ) -> Result<Suggestion> {
        let scales = options.eighths.map_or(SCALES.to_vec(), |eighths| vec![eighths]);
        let mut found: Option<Probe> = None;
        for eighths in scales {
            let probe = self.probe(analysts, ahead, eighths, options)?;
            let enough = probe.bpp <= OVER * bpp || options.eighths.is_some();
            if !enough {
                // Half the sides are too much.
                found = found.or_else(|| {
                    let shrunk = (f64::from(SMALLEST) / f64::from(eighths)).powi(2);
                    Some(Probe { eighths: SMALLEST, known: Vec::new(), bpp: probe.bpp * shrunk })
                });
                break;
            }
            found = Some(probe);
        }
        let found = found.unwrap_or(Probe { eighths: FULL_SCALE, known: Vec::new(), bpp });
        let full = self.tokenizer.codebook().full_depth();
        let ladder = self.tokenizer.ladder(1);
        // More levels only where one level at full size leaves bits over.
        let bits = f64::from(full) * (bpp / found.bpp).max(1.0);
        let within = ladder.rungs().iter().rev().find(|rung| ladder.bits(**rung) <= bits);
        let rung = within.copied().unwrap_or_else(|| self.whole_level());
        let taken = found.bpp * ladder.bits(rung) / f64::from(full);
        Ok(Suggestion { eighths: found.eighths, rung, factor: rate::factor(bpp / taken), known: found.known })
    }

    fn probe(&self, analysts: &Analysts<'_>, ahead: &Ahead<'_>, eighths: u8, options: &EncodeOptions) -> Result<Probe> {
        let shape = VideoShape { eighths, ..super::encode::shape_of(ahead.info(), FULL_SCALE) };
        let (width, height) = shape.coded();
        let grid = self.tokenizer.grid(width, height);
        let rung = self.whole_level();
        let lambda = rate::usual_lambda(&self.tokenizer.ladder(grid.len()), rung);
        let how = Choosing { rung, lambda, candidates: options.candidates(), sticky: options.sticky };
        let (mut tally, mut known) = (Tally::default(), Vec::new());
        let mut grouping = analysts.grouping(&shape, Grouped { seconds: options.gop_seconds, levels: 1 });
        let mut count = |gop: Gop| -> Result<()> {
            let coded = code(&self.tokenizer, &gop, grid, &how)?;
            tally.add(&coded.tally.bits, &coded.tally.changed, grid.len());
            Ok(())
        };
        analysts.frames(&mut ahead.head(), &shape, Vec::new(), |frame, ticks| {
            known.push(frame.clone());
            grouping.put(frame, ticks).map_or(Ok(()), &mut count)
        })?;
        grouping.take().map_or(Ok(()), count)?;
        let tally = tally.means();
        let rate = shape.rate.map_or(25.0, |(num, den)| f64::from(num) / f64::from(den));
        let frames = (options.gop_seconds * rate).clamp(1.0, 128.0);
        let pixels = f64::from(shape.width) * f64::from(shape.height);
        let bpp = (tally.key_bits + (frames - 1.0) * tally.inter_bits) / frames / pixels;
        Ok(Probe { eighths, known, bpp })
    }
}
