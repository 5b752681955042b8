//! What readers and writers of videos exchange with the codec: upright 8-bit pictures at points in time.

use crate::error::Result;

/// A fraction, such as a time base in seconds. Both parts are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rational {
    /// Above the line.
    pub num: u32,
    /// Below the line.
    pub den: u32,
}

/// One picture of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// sRGB, rows from the top, three bytes a pixel: 3 · width · height of its [`StreamInfo`], rotation applied.
    pub rgb: Vec<u8>,
    /// When it is shown, in units of [`StreamInfo::time_base`]; rises strictly from frame to frame.
    pub time: i64,
}

/// What is known of a video before its first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Columns of every frame as shown, at least 1.
    pub width: u32,
    /// Rows of every frame as shown, at least 1.
    pub height: u32,
    /// Seconds of one unit of [`Frame::time`].
    pub time_base: Rational,
    /// Nominal frames a second, if the file names them; frames may come at other times.
    pub frame_rate: Option<Rational>,
    /// Number of frames, if the file names it. A hint.
    pub frames: Option<u64>,
    /// Time from the first frame to the end of the last in units of the time base, if the file names it. A hint.
    pub duration: Option<i64>,
}

/// Where frames come from, one by one, so that a long video never lies in memory.
pub trait Source {
    /// What is known of the video.
    fn info(&self) -> &StreamInfo;

    /// The next frame, or `None` after the last.
    ///
    /// # Errors
    /// Whatever is wrong with the source. Frames before stay good; a call after an error returns `Ok(None)`.
    fn next_frame(&mut self) -> Result<Option<Frame>>;

    /// When the last frame ends, in units of the time base, if that is known better than by [`StreamInfo::duration`]; asked after the last frame.
    fn end(&self) -> Option<i64> {
        None
    }

    /// What was odd so far but no reason to stop, a sentence each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Where frames go, in order of time.
pub trait Sink {
    /// Takes the next frame.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write_frame(&mut self, frame: &Frame) -> Result<()>;

    /// Ends the file. `end` is when the last frame ends, in units of the time base.
    ///
    /// # Errors
    /// If the end cannot be written.
    fn finish(&mut self, end: i64) -> Result<()>;

    /// What was not written as it came, a sentence each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
