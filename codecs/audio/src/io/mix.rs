//! Channels to one.

use crate::Sound;

/// The mean of all channels, so that nothing exceeds full scale that did not before.
pub fn mono(sound: Sound) -> Sound {
    let Sound { rate, mut channels } = sound;
    if channels.len() < 2 {
        return Sound { rate, channels };
    }
    let share = 1.0 / channels.len() as f32;
    let rest = channels.split_off(1);
    let mut sum = channels.pop().unwrap_or_default();
    for channel in &rest {
        for (total, sample) in sum.iter_mut().zip(channel) {
            *total += sample;
        }
    }
    sum.iter_mut().for_each(|sample| *sample *= share);
    Sound::mono(rate, sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_channels_is_kept() {
        let sound = Sound { rate: 8000, channels: vec![vec![1.0, 0.0, -1.0], vec![0.0, 0.5, -1.0]] };
        assert_eq!(mono(sound), Sound::mono(8000, vec![0.5, 0.25, -1.0]));
    }
}
