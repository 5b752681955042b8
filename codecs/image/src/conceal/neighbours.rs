//! Lost latents from the nearest known ones, without a network.

use super::Known;

/// Lost latents `[y][x][dim]` become mixtures of the nearest known ones to the left, to the right, above and below, each weighed with one over its
/// distance. Where a position has none of them, it takes from what others got.
pub(crate) fn mean(latents: &mut [f32], known: &Known) {
    fill(latents, known, |found, latents, dim, out| {
        let weights = found.iter().flatten().map(|(_, distance)| 1.0 / *distance as f32);
        let total: f32 = weights.sum();
        for (place, distance) in found.iter().flatten() {
            let weight = 1.0 / *distance as f32 / total;
            for (value, near) in out.iter_mut().zip(&latents[place * dim..][..dim]) {
                *value += weight * near;
            }
        }
    });
}

/// Lost latents `[y][x][dim]` repeat the nearest known one in their row or column, the left one first among equals.
pub(crate) fn repeat(latents: &mut [f32], known: &Known) {
    fill(latents, known, |found, latents, dim, out| {
        if let Some((place, _)) = found.iter().flatten().min_by_key(|(_, distance)| *distance) {
            out.copy_from_slice(&latents[place * dim..][..dim]);
        }
    });
}

/// Left, right, above, below: the place of the nearest known latent and how far it is.
type Nearest = [Option<(usize, usize)>; 4];

fn fill(latents: &mut [f32], known: &Known, make: impl Fn(&Nearest, &[f32], usize, &mut [f32])) {
    let mut known = known.clone();
    let dim = latents.len() / known.positions.len();
    // The first round fills the row and the column of whatever is known; all other places have something in theirs then.
    for _ in 0..2 {
        if known.lost() == 0 || !known.positions.contains(&true) {
            return;
        }
        let found = nearest(&known);
        let mut made = Vec::new();
        for (place, found) in found.iter().enumerate() {
            if !known.positions[place] && found.iter().any(Option::is_some) {
                let mut value = vec![0.0; dim];
                make(found, latents, dim, &mut value);
                made.push((place, value));
            }
        }
        for (place, value) in made {
            latents[place * dim..][..dim].copy_from_slice(&value);
            known.positions[place] = true;
        }
    }
}

fn nearest(known: &Known) -> Vec<Nearest> {
    let (columns, count) = (known.columns, known.positions.len());
    let rows = count / columns;
    let mut found = vec![Nearest::default(); count];
    let mut sweep = |line: &mut dyn Iterator<Item = usize>, direction: usize| {
        let mut last = None;
        for place in line {
            if known.positions[place] {
                last = Some((place, 0));
            } else if let Some((_, distance)) = &mut last {
                *distance += 1;
                found[place][direction] = last;
            }
        }
    };
    for y in 0..rows {
        let row = y * columns..(y + 1) * columns;
        sweep(&mut row.clone(), 0);
        sweep(&mut row.rev(), 1);
    }
    for x in 0..columns {
        let column = (0..rows).map(|y| y * columns + x);
        sweep(&mut column.clone(), 2);
        sweep(&mut column.rev(), 3);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(rows: &[&str]) -> Known {
        let positions = rows.iter().flat_map(|row| row.bytes().map(|c| c == b'#')).collect();
        Known { positions, columns: rows[0].len() }
    }

    #[test]
    fn lost_rows_are_mixed_from_the_nearest_known_ones() {
        let mut latents = vec![9.0, 9.0, 1.0, 2.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 5.0, 6.0, 9.0, 9.0];
        mean(&mut latents, &known(&["..", "##", "..", "..", "..", "##", ".."]));
        let expected = [1.0, 2.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0, 5.0, 6.0];
        assert_eq!(latents, expected);
    }

    #[test]
    fn a_hole_takes_from_all_four_sides() {
        let mut latents = vec![0.0, 2.0, 0.0, 4.0, 99.0, 6.0, 0.0, 8.0, 0.0];
        mean(&mut latents, &known(&["###", "#.#", "###"]));
        assert_eq!(latents[4], 5.0);
        latents[4] = 99.0;
        repeat(&mut latents, &known(&["###", "#.#", "###"]));
        assert_eq!(latents[4], 4.0);
    }

    #[test]
    fn one_known_latent_fills_everything() {
        for fill in [mean, repeat] {
            let mut latents = vec![99.0; 12];
            latents[5] = 3.0;
            fill(&mut latents, &known(&["....", ".#..", "...."]));
            assert_eq!(latents, [3.0; 12]);
        }
    }

    #[test]
    fn what_is_known_stays() {
        for fill in [mean, repeat] {
            let mut latents = vec![1.0, 99.0, 3.0, 4.0];
            fill(&mut latents, &known(&["#.", "##"]));
            assert_eq!((latents[0], latents[2], latents[3]), (1.0, 3.0, 4.0));
            assert!(latents[1] < 5.0);
            let nothing = latents.clone();
            fill(&mut latents, &known(&["..", ".."]));
            assert_eq!(latents, nothing);
        }
    }
}
