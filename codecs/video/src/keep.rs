//! Leaving out what shows nothing new: of a stretch of time without a change, or without anything of interest, no more than a frame is kept, which is shown until
//! something happens.

use crate::clock::Clock;
use crate::error::Result;
use crate::frame::{Frame, Source, StreamInfo};
use crate::mark::{Mark, is_steady, marks};

/// Pixels of a place along each side.
const STRIDE: u32 = 16;
/// Of so many places one may differ without anything having happened: noise that marks do not level out.
const STRAY: usize = 500;
/// Times that a stretch is looked at for something of interest.
const LOOKS: u64 = 8;

/// What tells whether a picture shows anything of interest.
pub trait Interest {
    /// Whether a picture `[y][x][3]`, columns and rows, does.
    ///
    /// # Errors
    /// Whatever keeps it from looking.
    fn is_of_interest(&mut self, rgb: &[u8], size: (u32, u32)) -> Result<bool>;
}

/// What became of the stretches of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretches {
    /// All of whose frames are kept.
    pub whole: u32,
    /// Of which some frames are kept.
    pub thinned: u32,
    /// Through all of which a frame from before is shown.
    pub dropped: u32,
}

/// The frames of a source that show something new.
///
/// Time is cut into stretches of one length. Of each, the frames from the first on are kept that differs from what is shown; where somebody says what is of interest,
/// from the first on that is, and before it only the first that differs. A frame that is left out lengthens the one before it.
pub struct Changes<'a> {
    source: &'a mut dyn Source,
    interest: Option<&'a mut dyn Interest>,
    /// Ticks of a stretch.
    ticks: i64,
    clock: Clock,
    /// Begin of the first stretch, and number of the one at hand.
    begin: Option<i64>,
    number: i64,
    stretch: Stretch,
    /// What the frame that is shown looks like.
    shown: Vec<Mark>,
    last: i64,
    end: Option<i64>,
    counts: Stretches,
}

/// What is known of a stretch so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stretch {
    kept: u32,
    left_out: u32,
    /// From here on all frames are kept.
    is_open: bool,
    /// When it was last looked at for something of interest.
    looked: Option<i64>,
}

impl<'a> Changes<'a> {
    /// Stretches of so many seconds; without somebody to say what is of interest, every change is.
    pub fn new(source: &'a mut dyn Source, seconds: f64, interest: Option<&'a mut dyn Interest>) -> Self {
        let base = source.info().time_base;
        let ticks = (seconds * f64::from(base.den) / f64::from(base.num)).max(1.0) as i64;
        Self {
            source,
            interest,
            ticks,
            clock: Clock::default(),
            begin: None,
            number: 0,
            stretch: Stretch::default(),
            shown: Vec::new(),
            last: 0,
            end: None,
            counts: Stretches::default(),
        }
    }

    /// What became of the stretches so far that are over.
    pub fn stretches(&self) -> Stretches {
        self.counts
    }

    fn close(&mut self) {
        let count = match self.stretch {
            Stretch { kept: 0, left_out: 0, .. } => return,
            Stretch { kept: 0, .. } => &mut self.counts.dropped,
            Stretch { left_out: 0, .. } => &mut self.counts.whole,
            _ => &mut self.counts.thinned,
        };
        *count += 1;
        self.stretch = Stretch::default();
    }

    /// Whether a frame is kept.
    fn keeps(&mut self, frame: &Frame) -> Result<bool> {
        let size = (self.source.info().width, self.source.info().height);
        let marks = marks(&frame.rgb, size, STRIDE);
        if self.stretch.is_open {
            self.shown = marks;
            return Ok(true);
        }
        let differing = self.shown.iter().zip(&marks).filter(|(one, other)| !is_steady(one, other)).count();
        if marks.len() == self.shown.len() && differing <= marks.len() / STRAY {
            return Ok(false);
        }
        let first = self.stretch.kept == 0;
        match &mut self.interest {
            None => self.stretch.is_open = true,
            Some(interest) => {
                let due = |looked| frame.time >= looked + self.ticks / LOOKS as i64;
                if self.stretch.looked.is_none_or(due) {
                    self.stretch.looked = Some(frame.time);
                    self.stretch.is_open = interest.is_of_interest(&frame.rgb, size)?;
                }
            }
        }
        let keeps = self.stretch.is_open || first;
        if keeps {
            self.shown = marks;
        }
        Ok(keeps)
    }
}

impl Source for Changes<'_> {
    fn info(&self) -> &StreamInfo {
        self.source.info()
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            let Some(frame) = self.source.next_frame()? else {
                self.close();
                if self.begin.is_some() && self.end.is_none() {
                    let length = self.clock.end(self.source.info(), self.source.end())?;
                    self.end = self.last.checked_add_unsigned(length);
                }
                return Ok(None);
            };
            self.clock.frame(frame.time)?;
            self.last = frame.time;
            let number = frame.time.saturating_sub(*self.begin.get_or_insert(frame.time)) / self.ticks;
            if number != self.number {
                self.close();
                self.number = number;
            }
            if self.keeps(&frame)? {
                self.stretch.kept += 1;
                return Ok(Some(frame));
            }
            self.stretch.left_out += 1;
        }
    }

    fn end(&self) -> Option<i64> {
        self.end
    }

    fn notes(&self) -> Vec<String> {
        self.source.notes()
    }
}
