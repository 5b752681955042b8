//! The media shape of sounds.

use super::{MediaShape, positive};
use crate::container::bytes::{Bytes, put_varint};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};

const AUDIO_LIVE: u8 = 1 << 4;
const AUDIO_STEREO: u8 = 1 << 5;
const AUDIO_MID_SIDE: u8 = 1 << 6;
const AUDIO_SOURCE: u8 = 1 << 7;
const LIVE_PROTECTED: u8 = 1 << 5;
const LIVE_RATE: u8 = 1 << 7;
/// Most tokens of a live stream's packet, repeated ones included, and most frames of a group.
const MAX_PACKET_FRAMES: u32 = 4096;

/// What the tokens of a sound are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One channel.
    Mono,
    /// Left, then right.
    LeftRight,
    /// Half the sum of left and right, then half the difference.
    MidSide,
}

impl Channels {
    /// How many there are: 1 or 2.
    pub fn count(self) -> u8 {
        match self {
            Self::Mono => 1,
            Self::LeftRight | Self::MidSide => 2,
        }
    }
}

/// How long a sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duration {
    /// A whole file.
    Samples {
        /// Samples of a channel at the header's rate, at least 1.
        samples: u32,
        /// Rate and samples of a channel before the sound was resampled, each at least 1; `None` if it was not.
        source: Option<(u32, u32)>,
    },
    /// A live stream: it ends when its closing packet says so.
    Live(Live),
}

/// How the frames of a live stream are dealt to packets.
///
/// Frames come in groups of `interleave * packet_frames`. Packet j of a group holds its frames j, j + `interleave`, and so on, so
/// that the neighbours of a lost packet's frames are in others. The closing packet holds what is left, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Live {
    /// Frames of a packet, at least 1.
    pub packet_frames: u32,
    /// Packets of a group, at least 1. A group has at most 4,096 frames, those that a packet repeats counted once more.
    pub interleave: u32,
    /// Leading bits of the tokens of the packet before that every packet but the first repeats; 0 for none, at most the depth.
    pub repeat: u8,
    /// Bits a second that all of the stream takes at most, heads and headers included, if it was made to keep to that.
    pub bits_per_second: Option<u32>,
}

impl Live {
    /// Packets of consecutive frames that repeat nothing, and no rate announced.
    pub fn plain(packet_frames: u32) -> Self {
        Self { packet_frames, interleave: 1, repeat: 0, bits_per_second: None }
    }

    /// Frames of a group.
    pub fn group_frames(&self) -> u32 {
        self.packet_frames.saturating_mul(self.interleave)
    }

    pub(super) fn is_valid(&self, depth: u8) -> bool {
        let again = u32::from(self.repeat > 0);
        let most = u64::from(self.packet_frames) * (u64::from(self.interleave) + u64::from(again));
        self.packet_frames > 0
            && self.interleave > 0
            && most <= MAX_PACKET_FRAMES.into()
            && self.repeat <= depth
            && self.bits_per_second != Some(0)
    }
}

/// Appends the media shape of a sound; returns its flags.
pub(super) fn put_audio(out: &mut Vec<u8>, rate: u32, channels: Channels, duration: Duration, depth: u8) -> Result<u8> {
    let mut flags = match channels {
        Channels::Mono => 0,
        Channels::LeftRight => AUDIO_STEREO,
        Channels::MidSide => AUDIO_STEREO | AUDIO_MID_SIDE,
    };
    put_varint(out, rate);
    let bad = match duration {
        Duration::Samples { samples, source } => {
            put_varint(out, samples);
            if let Some((rate, samples)) = source {
                flags |= AUDIO_SOURCE;
                put_varint(out, rate);
                put_varint(out, samples);
            }
            samples == 0 || source.is_some_and(|(rate, samples)| rate == 0 || samples == 0)
        }
        Duration::Live(live) => {
            flags |= AUDIO_LIVE;
            put_varint(out, live.packet_frames);
            if live.interleave != 1 || live.repeat != 0 {
                flags |= LIVE_PROTECTED;
                put_varint(out, live.interleave);
                out.push(live.repeat);
            }
            if let Some(bits) = live.bits_per_second {
                flags |= LIVE_RATE;
                put_varint(out, bits);
            }
            !live.is_valid(depth) || channels != Channels::Mono
        }
    };
    if bad || rate == 0 {
        return Err(Error::parameter(format!("{channels:?} sound of {rate} Hz, {duration:?}")));
    }
    Ok(flags)
}

pub(super) fn parse_audio(bytes: &mut Bytes<'_>, flags: u8, limits: &Limits) -> Result<MediaShape> {
    let live = flags & AUDIO_LIVE != 0;
    let channels = match (!live && flags & AUDIO_STEREO != 0, flags & AUDIO_MID_SIDE != 0) {
        (false, false) => Channels::Mono,
        (true, false) => Channels::LeftRight,
        (true, true) => Channels::MidSide,
        (false, true) => return Err(Error::unsupported("unknown audio flags")),
    };
    let rate = positive(bytes, "sample rate")?;
    if live {
        return Ok(MediaShape::Audio { rate, channels, duration: Duration::Live(parse_live(bytes, flags)?) });
    }
    let samples = positive(bytes, "number of samples")?;
    limits::check("number of samples", samples.into(), limits.max_samples)?;
    let source = match flags & AUDIO_SOURCE {
        0 => None,
        _ => {
            let source = (positive(bytes, "source rate")?, positive(bytes, "source samples")?);
            limits::check("number of source samples", source.1.into(), limits.max_samples)?;
            Some(source)
        }
    };
    Ok(MediaShape::Audio { rate, channels, duration: Duration::Samples { samples, source } })
}

/// How a live stream is packed. Whether that makes sense is checked once the depth is known.
fn parse_live(bytes: &mut Bytes<'_>, flags: u8) -> Result<Live> {
    let mut live = Live::plain(positive(bytes, "frames of a packet")?);
    if flags & LIVE_PROTECTED != 0 {
        live.interleave = positive(bytes, "packets of a group")?;
        live.repeat = bytes.byte("repeated bits")?;
        if (live.interleave, live.repeat) == (1, 0) {
            return Err(Error::corrupt("a live stream's protection is none"));
        }
    }
    if flags & LIVE_RATE != 0 {
        live.bits_per_second = Some(positive(bytes, "announced rate")?);
    }
    Ok(live)
}
