//! How far a mean over files may be trusted.

const RESAMPLES: usize = 2000;
const SEED: u64 = 0x7465_7373_6572_6121;

/// The 95 % percentile interval of the mean under resampling of the values with replacement (B. Efron, "Bootstrap
/// methods: another look at the jackknife", Ann. Statist. 7(1), 1979). The same values give the same interval.
///
/// `None` for fewer than two values. With a handful of them the interval is too narrow, as every bootstrap is.
pub(super) fn interval(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let mut state = SEED;
    let mut mean = || {
        let sum: f64 = (0..values.len()).map(|_| values[below(&mut state, values.len())]).sum();
        sum / values.len() as f64
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| mean()).collect();
    means.sort_by(f64::total_cmp);
    Some((quantile(&means, 0.025), quantile(&means, 0.975)))
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (low, part) = (place as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

/// A number below `n`.
fn below(state: &mut u64, n: usize) -> usize {
    ((u128::from(split_mix(state)) * n as u128) >> 64) as usize
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same draws in every version of this crate.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_the_published_generator() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn interval_holds_the_mean_and_has_about_the_width_of_theory() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 20)).collect();
        let (low, high) = interval(&values).expect("many values");
        let error = 5.77 / 200f64.sqrt();
        assert!(low < 9.5 && 9.5 < high);
        assert!(((high - low) / (2.0 * 1.96 * error) - 1.0).abs() < 0.1, "{low} {high}");
        assert_eq!(interval(&values), Some((low, high)));
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(interval(&[3.0]), None);
    }
}
