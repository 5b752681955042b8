//! How long frames are shown.

use crate::error::{Error, Result};
use crate::frame::StreamInfo;

/// Lengths of frames from their times.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    first: Option<i64>,
    last: Option<i64>,
    /// Length of the frame before the last.
    length: Option<u64>,
}

impl Clock {
    /// The length of the frame before, if there is one.
    pub fn frame(&mut self, time: i64) -> Result<Option<u64>> {
        self.first.get_or_insert(time);
        let Some(last) = self.last.replace(time) else { return Ok(None) };
        let length = time.checked_sub(last).filter(|&length| length > 0).ok_or_else(|| {
            Error::video(format!("the times of its frames do not rise at {time}; remux it, or give it new times"))
        })?;
        self.length = Some(length as u64);
        Ok(self.length)
    }

    /// The length of the last frame: up to where the source says that it ends, what is left of the video's, one of the nominal rate, or that of the frame
    /// before.
    pub fn end(&self, info: &StreamInfo, end: Option<i64>) -> Result<u64> {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return Err(Error::video("it has no frames; use a video with content"));
        };
        if let Some(left) = end.and_then(|end| end.checked_sub(last)).filter(|&left| left > 0) {
            return Ok(left as u64);
        }
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
        Ok(left.unwrap_or_else(|| nominal.unwrap_or(usual).max(1)))
    }
}
