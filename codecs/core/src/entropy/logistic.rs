//! The logistic function in integers.

/// Fractional bits of a log odds in nats.
pub(super) const NAT_BITS: u32 = 16;
/// Least and greatest probability of a decision, times 2^16.
pub(super) const P_MIN: i32 = 32;
pub(super) const P_MAX: i32 = 65_536 - P_MIN;

/// Knots per nat, as a power of two.
const KNOT_BITS: u32 = 4;
const FRACTION_BITS: u32 = NAT_BITS - KNOT_BITS;
/// Greatest log odds that the table covers: 8 nats.
const LIMIT: i32 = 8 << NAT_BITS;

/// `65536 / (1 + exp(-i / 16))`, rounded. The literals are the specification: see FORMAT.md.
#[rustfmt::skip]
const KNOTS: [u16; 129] = [
    32768, 33792, 34813, 35831, 36843, 37847, 38841, 39824, 40793, 41748, 42687, 43608,
    44511, 45393, 46254, 47094, 47911, 48704, 49474, 50220, 50941, 51638, 52310, 52957,
    53581, 54179, 54754, 55306, 55834, 56339, 56822, 57284, 57724, 58144, 58544, 58925,
    59287, 59632, 59959, 60270, 60565, 60844, 61109, 61360, 61598, 61823, 62036, 62238,
    62428, 62608, 62778, 62938, 63090, 63233, 63368, 63495, 63615, 63728, 63835, 63935,
    64030, 64119, 64203, 64283, 64357, 64427, 64494, 64556, 64614, 64669, 64721, 64770,
    64816, 64859, 64900, 64938, 64974, 65008, 65039, 65069, 65097, 65124, 65149, 65172,
    65194, 65215, 65234, 65252, 65269, 65285, 65300, 65315, 65328, 65341, 65352, 65364,
    65374, 65384, 65393, 65402, 65410, 65417, 65425, 65431, 65438, 65444, 65449, 65454,
    65459, 65464, 65468, 65472, 65476, 65480, 65483, 65486, 65489, 65492, 65495, 65497,
    65500, 65502, 65504, 65506, 65508, 65509, 65511, 65513, 65514,
];

/// Probability, times 2^16, of log odds in units of 2^-16 nat: linear between knots that are 1/16 nat apart.
#[inline]
pub(super) fn squash(log_odds: i32) -> u16 {
    let x = log_odds.unsigned_abs().min(LIMIT as u32 - 1);
    let knot = (x >> FRACTION_BITS) as usize;
    let fraction = (x & ((1 << FRACTION_BITS) - 1)) as i32;
    let (low, high) = (i32::from(KNOTS[knot]), i32::from(KNOTS[knot + 1]));
    let rounding = 1 << (FRACTION_BITS - 1);
    let p = low + (((high - low) * fraction + rounding) >> FRACTION_BITS);
    let p = if log_odds < 0 { 65_536 - p } else { p };
    p.clamp(P_MIN, P_MAX) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_follows_the_logistic_function() {
        for log_odds in (-600_000..=600_000).step_by(37) {
            let nats = f64::from(log_odds) / 65_536.0;
            let exact = 65_536.0 / (1.0 + (-nats).exp());
            let exact = exact.clamp(f64::from(P_MIN), f64::from(P_MAX));
            let error = (f64::from(squash(log_odds)) - exact).abs();
            assert!(error < 4.6, "{log_odds}: off by {error}");
        }
    }

    #[test]
    fn squash_is_symmetric_and_never_falls() {
        for log_odds in -530_000..530_000 {
            assert!(squash(log_odds) <= squash(log_odds + 1));
        }
        for log_odds in 1..530_000 {
            assert_eq!(65_536 - u32::from(squash(log_odds)), u32::from(squash(-log_odds)));
        }
        assert_eq!(squash(0), 1 << 15);
        assert_eq!(squash(i32::MIN), P_MIN as u16);
        assert_eq!(squash(i32::MAX), P_MAX as u16);
    }
}
