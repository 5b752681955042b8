//! The media shape of videos.

use super::{MediaShape, positive};
use crate::container::bytes::{Bytes, put_varint};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};

const VIDEO_RATE: u8 = 1 << 4;
const VIDEO_SCALED: u8 = 1 << 5;
const VIDEO_UNKNOWN: u8 = 3 << 6;

/// Eighths of a side that frames are coded at when they are coded as they are.
pub const FULL_SCALE: u8 = 8;

/// Size and clock of a video. How many frames there are, their groups say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VideoShape {
    /// Columns of every frame as shown, at least 1.
    pub width: u32,
    /// Rows of every frame as shown, at least 1.
    pub height: u32,
    /// Seconds of a tick as a fraction, each part at least 1.
    pub tick: (u32, u32),
    /// Nominal frames a second as a fraction, each part at least 1.
    pub rate: Option<(u32, u32)>,
    /// Sides of the frames that the tokens stand for, in eighths of those shown, from 1 to 8, rounded up: see
    /// [`coded`](Self::coded).
    pub eighths: u8,
}

impl VideoShape {
    /// Columns and rows of the frames that the tokens stand for.
    pub fn coded(&self) -> (u32, u32) {
        let side = |side: u32| (u64::from(side) * u64::from(self.eighths)).div_ceil(8) as u32;
        (side(self.width), side(self.height))
    }

    fn is_valid(&self) -> bool {
        let fraction = |(num, den): (u32, u32)| num > 0 && den > 0;
        let sides = self.width > 0 && self.height > 0 && (1..=FULL_SCALE).contains(&self.eighths);
        sides && fraction(self.tick) && self.rate.is_none_or(fraction)
    }
}

/// Appends the media shape of a video; returns its flags.
pub(super) fn put_video(out: &mut Vec<u8>, video: &VideoShape) -> Result<u8> {
    if !video.is_valid() {
        return Err(Error::parameter(format!("{video:?}")));
    }
    let mut flags = 0;
    for value in [video.width, video.height, video.tick.0, video.tick.1] {
        put_varint(out, value);
    }
    if let Some((num, den)) = video.rate {
        flags |= VIDEO_RATE;
        put_varint(out, num);
        put_varint(out, den);
    }
    if video.eighths != FULL_SCALE {
        flags |= VIDEO_SCALED;
        out.push(video.eighths);
    }
    Ok(flags)
}

pub(super) fn parse_video(bytes: &mut Bytes<'_>, flags: u8, limits: &Limits) -> Result<MediaShape> {
    if flags & VIDEO_UNKNOWN != 0 {
        return Err(Error::unsupported("unknown video flags"));
    }
    let (width, height) = (positive(bytes, "width")?, positive(bytes, "height")?);
    limits::check("number of pixels", u64::from(width) * u64::from(height), limits.max_pixels)?;
    let tick = (positive(bytes, "time base")?, positive(bytes, "time base")?);
    let rate = match flags & VIDEO_RATE {
        0 => None,
        _ => Some((positive(bytes, "frame rate")?, positive(bytes, "frame rate")?)),
    };
    let eighths = match flags & VIDEO_SCALED {
        0 => FULL_SCALE,
        _ => match bytes.byte("scale")? {
            eighths @ 1..FULL_SCALE => eighths,
            other => return Err(Error::corrupt(format!("frames coded at {other} eighths of their size"))),
        },
    };
    Ok(MediaShape::Video(VideoShape { width, height, tick, rate, eighths }))
}
