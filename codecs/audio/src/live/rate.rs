//! Keeping to a rate.

use std::ops::RangeInclusive;

/// Packets over which a surplus is spent and a debt is paid.
const HORIZON: f64 = 2.0;
/// Bits that the last packet, which closes the stream, has beyond others: they are laid aside from the beginning.
const CLOSING: f64 = 80.0;
/// Bits of a frame that are tried beyond the best before it stands.
const PATIENCE: u32 = 3;
/// Seconds of unused bits that are kept for later.
const SAVED: f64 = 10.0;

/// A leaky bucket of bits, and the bits of a frame that stay within it.
///
/// Bits come in with time and go out with packets. A packet may take what came in with its frames and a share of what is left from
/// before; the last one all of it. It gets the frames that come nearest to that, mostly of as many bits as those of the packet before.
#[derive(Debug, Clone)]
pub(super) struct RateControl {
    bits_per_frame: f64,
    most_saved: f64,
    saved: f64,
    range: RangeInclusive<u8>,
    bits: u8,
}

impl RateControl {
    pub fn new(bits_per_second: f64, frames_per_second: f64, range: RangeInclusive<u8>) -> Self {
        Self {
            bits_per_frame: bits_per_second / frames_per_second,
            most_saved: SAVED * bits_per_second,
            saved: -CLOSING,
            bits: *range.end(),
            range,
        }
    }

    /// The packet for `frames` frames of sound among those that `make` makes, which takes the bits of a frame and returns a packet and
    /// its bits.
    pub fn choose<T, E>(
        &mut self,
        frames: f64,
        is_last: bool,
        mut make: impl FnMut(u8) -> Result<(T, f64), E>,
    ) -> Result<T, E> {
        let income = frames * self.bits_per_frame;
        let allowed = income + if is_last { self.saved + CLOSING } else { self.saved / HORIZON };
        let mut chosen = make(self.bits)?;
        let deeper = chosen.1 < allowed;
        let (mut next, mut worse) = (self.bits, 0);
        loop {
            next = if deeper { next + 1 } else { next - 1 };
            if chosen.1 == allowed || !self.range.contains(&next) {
                break;
            }
            let made = make(next)?;
            let beyond = (made.1 < allowed) != deeper;
            if (made.1 - allowed).abs() < (chosen.1 - allowed).abs() {
                self.bits = next;
                chosen = made;
                worse = 0;
            } else {
                worse += 1;
            }
            // A bit a frame more or less may round to the same bytes, or by chance to more: what comes behind that may still be nearer.
            if beyond || worse == PATIENCE {
                break;
            }
        }
        self.saved = (self.saved + income - chosen.1).min(self.most_saved);
        Ok(chosen.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 40 frames whose tokens cost a share of their depth, which `share` gives for each packet.
    fn rate(bits_per_second: f64, share: impl Fn(usize) -> f64) -> f64 {
        let mut control = RateControl::new(bits_per_second, 80.0, 6..=12);
        let mut bits = 0.0;
        let count = 40;
        for n in 0..count {
            let cost = |depth: u8| (40.0 * f64::from(depth) * share(n) / 8.0).ceil() * 8.0 + 32.0;
            bits += control
                .choose(40.0, n + 1 == count, |depth| {
                    let cost = cost(depth) + if n + 1 == count { CLOSING } else { 0.0 };
                    Ok::<_, ()>((cost, cost))
                })
                .unwrap_or_default();
        }
        bits / (count as f64 / 2.0)
    }

    #[test]
    fn the_rate_is_kept_whatever_tokens_cost() {
        for target in [450.0, 500.0, 555.0] {
            for share in
                [|_| 0.7, |n: usize| 0.6 + 0.02 * (n % 10) as f64, |n: usize| if n % 7 < 2 { 0.1 } else { 0.8 }]
            {
                let rate = rate(target, share);
                assert!((rate / target - 1.0).abs() < 0.02, "{rate} for {target}");
            }
        }
    }

    #[test]
    fn steps_that_round_to_the_same_bytes_are_passed_over() {
        let mut control = RateControl::new(800.0, 80.0, 6..=16);
        let packet = |bits: u8| f64::from(bits / 3 * 3) * 8.0;
        let spent: f64 =
            (0..100).filter_map(|_| control.choose(8.0, false, |b| Ok::<_, ()>((packet(b), packet(b)))).ok()).sum();
        assert!((spent / 8000.0 - 1.0).abs() < 0.03, "{spent} of 8000");
    }

    #[test]
    fn what_cannot_be_reached_is_come_near() {
        assert_eq!(rate(2000.0, |_| 0.7), (336.0 + 32.0) * 2.0 + CLOSING / 20.0);
        assert_eq!(rate(100.0, |_| 0.7), (168.0 + 32.0) * 2.0 + CLOSING / 20.0);
    }
}
