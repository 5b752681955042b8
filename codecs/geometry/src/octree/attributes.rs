//! Colours and normals, predicted from the points before.

use tessera_core::Result;
use tessera_core::entropy::{BitCoder, table_bits};

use super::morton::place_of;
use super::values::Numbers;

/// Points before a point, in Morton order, that it is predicted from.
const WINDOW: usize = 24;
/// Weight of the nearest of them, and the least that counts.
const NEAREST: u64 = 256;
const LEAST: u64 = 24;

/// Codes the colours of points, whose codes ascend. The decoder ignores `colors`.
pub(crate) fn code_colors(
    coder: &mut impl BitCoder,
    codes: &[u64],
    colors: Option<&[[u8; 3]]>,
) -> Result<Vec<[u8; 3]>> {
    let colors: Option<Vec<[i32; 3]>> = colors.map(|colors| colors.iter().map(|color| color.map(i32::from)).collect());
    let coded = code_lumas(coder, codes, 512, colors.as_deref())?;
    Ok(coded.into_iter().map(|color| color.map(|c| c.clamp(0, 255) as u8)).collect())
}

/// Codes red, green and blue of points, whose codes ascend, as luma and two differences of colour, each below `most` in size.
pub(crate) fn code_lumas(
    coder: &mut impl BitCoder,
    codes: &[u64],
    most: i32,
    colors: Option<&[[i32; 3]]>,
) -> Result<Vec<[i32; 3]>> {
    let mut numbers = Numbers::new(table_bits(codes.len() as u64));
    let mut coded: Vec<[i32; 3]> = Vec::new();
    let mut near = Near::default();
    for n in 0..codes.len() {
        let wanted = colors.map_or([0; 3], |colors| to_luma(colors[n]));
        let (guess, spread) = near.predict(codes[n], &coded);
        let mut color = [0; 3];
        let mut before = [bucket(spread[0]), bucket(spread[1] + spread[2])];
        for channel in 0..3 {
            let contexts = [
                (channel as u64) << 20 | before[0] << 8 | before[1],
                (channel as u64) << 20 | 1 << 16 | bucket(spread[channel]),
            ];
            let set = channel * 16 + bucket(spread[channel]) as usize;
            let difference =
                numbers.code_signed(coder, wanted[channel] - guess[channel], contexts, set)?.clamp(1 - most, most - 1);
            color[channel] = (guess[channel] + difference).clamp(-most, most - 1);
            before = [bucket(difference.unsigned_abs()), before[usize::from(channel == 0)]];
        }
        near.push(codes[n]);
        coded.push(color);
    }
    Ok(coded.into_iter().map(from_luma).collect())
}

/// Codes the halves of octahedral normals of `bits` bits each. The decoder ignores `normals`.
pub(crate) fn code_normals(
    coder: &mut impl BitCoder,
    codes: &[u64],
    bits: u8,
    normals: Option<&[[u16; 2]]>,
) -> Result<Vec<[u16; 2]>> {
    let mut numbers = Numbers::new(table_bits(codes.len() as u64));
    let greatest = (1 << bits) - 1;
    let mut coded: Vec<[u16; 2]> = Vec::new();
    let mut vectors: Vec<[i32; 3]> = Vec::new();
    let mut near = Near::default();
    for n in 0..codes.len() {
        let wanted = normals.map_or([0; 2], |normals| normals[n]);
        let (guess, spread) = near.predict(codes[n], &vectors);
        let guess = fold(guess, greatest);
        let spread = spread.iter().sum::<u32>();
        let mut normal = [0u16; 2];
        let mut before = 0;
        for half in 0..2 {
            let contexts = [(half as u64) << 20 | bucket(spread) << 8 | before, (half as u64) << 20 | 1 << 16 | before];
            let difference = i32::from(wanted[half]) - guess[half];
            let difference = numbers.code_signed(coder, difference, contexts, half * 16 + bucket(spread) as usize)?;
            normal[half] = guess[half].saturating_add(difference).clamp(0, greatest) as u16;
            before = bucket(difference.unsigned_abs());
        }
        near.push(codes[n]);
        vectors.push(unfold(normal, greatest));
        coded.push(normal);
    }
    Ok(coded)
}

/// The places of the last points.
#[derive(Default)]
pub(crate) struct Near {
    places: Vec<[u32; 3]>,
}

impl Near {
    pub fn push(&mut self, code: u64) {
        self.places.push(place_of(code));
    }

    /// The mean of the values of the points before, the near ones counting for more, and how far these are from it.
    pub fn predict(&self, code: u64, values: &[[i32; 3]]) -> ([i32; 3], [u32; 3]) {
        let place = place_of(code);
        let start = self.places.len().saturating_sub(WINDOW);
        let mut distances = [0u64; WINDOW];
        let mut least = u64::MAX;
        for (distance, other) in distances.iter_mut().zip(&self.places[start..]) {
            let squares = (0..3).map(|axis| u64::from(place[axis].abs_diff(other[axis])).pow(2));
            *distance = squares.sum::<u64>() + 1;
            least = least.min(*distance);
        }
        let (mut sum, mut weights) = ([0i64; 3], 0i64);
        let weigh = |distance: u64| match NEAREST * least / distance {
            weight if weight >= LEAST => weight as i64,
            _ => 0,
        };
        let values = &values[start..];
        for (value, &distance) in values.iter().zip(&distances) {
            let weight = weigh(distance);
            for axis in 0..3 {
                sum[axis] += weight * i64::from(value[axis]);
            }
            weights += weight;
        }
        if weights == 0 {
            return ([0; 3], [255; 3]);
        }
        let mean = sum.map(|sum| (sum + weights / 2).div_euclid(weights) as i32);
        let mut spread = [0i64; 3];
        for (value, &distance) in values.iter().zip(&distances) {
            for axis in 0..3 {
                spread[axis] += weigh(distance) * i64::from(value[axis].abs_diff(mean[axis]));
            }
        }
        // In halves, so that small ones are told apart.
        (mean, spread.map(|spread| (2 * spread / weights) as u32))
    }
}

/// 0 to 15: the number of bits, and the one below the highest.
pub(crate) fn bucket(value: u32) -> u64 {
    match value {
        0..=3 => u64::from(value),
        _ => u64::from(2 * value.ilog2() + (value >> (value.ilog2() - 1) & 1)).min(15),
    }
}

/// Luma and two differences of colour, without loss (YCoCg-R, Malvar and Sullivan, 2003).
fn to_luma([r, g, b]: [i32; 3]) -> [i32; 3] {
    let orange = r - b;
    let t = b + (orange >> 1);
    let green = g - t;
    [t + (green >> 1), orange, green]
}

fn from_luma([luma, orange, green]: [i32; 3]) -> [i32; 3] {
    let t = luma - (green >> 1);
    let g = green + t;
    let b = t - (orange >> 1);
    [b + orange, g, b]
}

/// The vector of an octahedral normal, its coordinates' sizes summing to `greatest` (Meyer et al., 2010).
pub(crate) fn unfold([u, v]: [u16; 2], greatest: i32) -> [i32; 3] {
    let (x, y) = (2 * i32::from(u) - greatest, 2 * i32::from(v) - greatest);
    let z = greatest - x.abs() - y.abs();
    let side = |value: i32| if value < 0 { -1 } else { 1 };
    match z < 0 {
        true => [(greatest - y.abs()) * side(x), (greatest - x.abs()) * side(y), z],
        false => [x, y, z],
    }
}

/// The octahedral normal nearest to a vector, its halves from 0 to `greatest`.
pub(crate) fn fold([x, y, z]: [i32; 3], greatest: i32) -> [i32; 2] {
    let sum = (x.abs() + y.abs() + z.abs()).max(1);
    let side = |value: i32| if value < 0 { -1 } else { 1 };
    let (x, y) = match z < 0 {
        true => ((sum - y.abs()) * side(x), (sum - x.abs()) * side(y)),
        false => (x, y),
    };
    let half = |value: i32| {
        let wide = (i64::from(value) + i64::from(sum)) * i64::from(greatest);
        ((wide + i64::from(sum)).div_euclid(2 * i64::from(sum)) as i32).clamp(0, greatest)
    };
    [half(x), half(y)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn colours_survive_their_transform(color in prop::array::uniform3(-1i32 << 14..1 << 14)) {
            prop_assert_eq!(from_luma(to_luma(color)), color);
        }

        #[test]
        fn normals_fold_to_what_they_were_unfolded_from(u in 0u16..1024, v in 0u16..1024) {
            let vector = unfold([u, v], 1023);
            prop_assert_eq!(unfold(fold(vector, 1023).map(|half| half as u16), 1023), vector);
        }
    }
}
