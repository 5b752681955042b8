//! Keeping to a rate.

/// Packets over which a surplus is spent and a debt is paid.
const HORIZON: f64 = 4.0;
/// Seconds of unused bits that are kept for later.
const SAVED: f64 = 10.0;
/// Strengths of the search beside none.
const STRENGTHS: u8 = 24;
/// The strength at which a bit is worth what a token's last bit saves.
const LAST_BIT: u8 = 8;

/// A leaky bucket of bits, and how hard tokens must be searched to stay within it.
///
/// Bits come in with time and go out with packets. A packet may take what came in with its frames and a share of what is left from
/// before; the last one all of it. The search trades distortion for bits at strengths a factor of √2 apart, and the least one is
/// taken whose packet fits; it mostly is that of the packet before.
#[derive(Debug, Clone)]
pub(super) struct RateControl {
    bits_per_frame: f64,
    most_saved: f64,
    saved: f64,
    strength: u8,
}

impl RateControl {
    pub fn new(bits_per_second: f64, tokens_per_second: f64) -> Self {
        Self {
            bits_per_frame: bits_per_second / tokens_per_second,
            most_saved: SAVED * bits_per_second,
            saved: 0.0,
            strength: LAST_BIT,
        }
    }

    /// The best packet for `frames` frames of sound among those that `make` makes, which takes what a bit is worth, in units of
    /// what a token's last bit saves, and returns a packet and its bits.
    pub fn choose<T, E>(
        &mut self,
        frames: f64,
        is_last: bool,
        mut make: impl FnMut(f32) -> Result<(T, f64), E>,
    ) -> Result<T, E> {
        let income = frames * self.bits_per_frame;
        let allowed = income + if is_last { self.saved } else { self.saved / HORIZON };
        let mut chosen = make(lambda(self.strength))?;
        if chosen.1 <= allowed {
            while self.strength > 0 {
                let better = make(lambda(self.strength - 1))?;
                if better.1 > allowed {
                    break;
                }
                self.strength -= 1;
                chosen = better;
            }
        } else {
            while chosen.1 > allowed && self.strength < STRENGTHS {
                self.strength += 1;
                chosen = make(lambda(self.strength))?;
            }
        }
        self.saved = (self.saved + income - chosen.1).min(self.most_saved);
        Ok(chosen.0)
    }
}

fn lambda(strength: u8) -> f32 {
    match strength {
        0 => 0.0,
        strength => ((f32::from(strength) - f32::from(LAST_BIT)) / 2.0).exp2(),
    }
}
