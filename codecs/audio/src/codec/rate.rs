//! The best file of at most so many bytes.

use super::AudioCodec;
use super::encode::Attempt;
use crate::error::{Error, Result};

/// Share of the bytes that may be left unused without another attempt.
const CLOSE: f64 = 0.01;
/// Attempts at most, beside those that look for the bits of a frame.
const ATTEMPTS: u32 = 10;
/// Strongest search: what a bit is worth, in units of what a frame's last bit saves, as a power of 2.
const STRONGEST: f32 = 4.0;
/// Weakest search, likewise.
const WEAKEST: f32 = -8.0;

/// The attempt that comes nearest to `budget` bytes from below.
///
/// The frames of most bits that fit are a step of eight per cent at most below it; those of one bit more, their tokens chosen with an eye
/// on what they cost, lie between.
pub(super) fn fit(budget: f64, codec: &AudioCodec, attempt: impl Fn(u8, f32) -> Result<Attempt>) -> Result<Attempt> {
    let is_close = |made: &Attempt| made.bytes.len() as f64 >= budget * (1.0 - CLOSE);
    let mut best: Option<Attempt> = None;
    let (least, most) = codec.bits().into_inner();
    // Frames of fewer bits than `bits` fit, those of `above` do not.
    let (mut bits, mut above) = (least, most + 1);
    while bits < above {
        let middle = bits + (above - bits) / 2;
        let made = attempt(middle, 0.0)?;
        if made.bytes.len() as f64 > budget {
            above = middle;
        } else {
            bits = middle + 1;
            best = Some(made);
        }
    }
    if bits > most || best.as_ref().is_some_and(is_close) {
        return best.ok_or_else(|| out_of_reach(0.0));
    }
    let unit = codec.last_bit(bits);
    let (mut weak, mut strong) = (WEAKEST, STRONGEST);
    let mut smallest = f64::INFINITY;
    for n in 0..ATTEMPTS {
        // First the strongest, to see whether there is an answer at all.
        let power = if n == 0 { strong } else { (weak + strong) / 2.0 };
        let made = attempt(bits, unit * power.exp2())?;
        let bytes = made.bytes.len() as f64;
        smallest = smallest.min(bytes);
        if bytes > budget {
            weak = power;
            if n == 0 {
                break;
            }
            continue;
        }
        strong = power;
        if best.as_ref().is_none_or(|best| best.bytes.len() < made.bytes.len()) {
            best = Some(made);
        }
        if best.as_ref().is_some_and(is_close) {
            break;
        }
    }
    best.ok_or_else(|| out_of_reach(smallest))
}

fn out_of_reach(least: f64) -> Error {
    Error::parameter(format!("this sound takes {least:.0} bytes at least with this pack; allow a higher rate"))
}
