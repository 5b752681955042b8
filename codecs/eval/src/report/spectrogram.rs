//! A sound as a picture: time to the right, frequency upwards, level as brightness.

use image::{Rgb, RgbImage};
use realfft::RealFftPlanner;

use crate::{Error, Result, Speech};

/// Samples of a frame: 32 ms.
const FRAME: usize = 512;
/// Levels in dB of a full-scale sine that are black and white.
const RANGE: (f64, f64) = (-95.0, -15.0);

/// A spectrogram of the given sides; rows are spread evenly over 0 to 8 kHz.
pub(super) fn spectrogram(sound: &Speech, width: u32, height: u32) -> Result<RgbImage> {
    let window: Vec<f64> =
        (0..FRAME).map(|n| 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / FRAME as f64).cos()).collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(FRAME);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let samples = sound.samples();
    let mut picture = RgbImage::new(width, height);
    for x in 0..width {
        let middle = (f64::from(x) + 0.5) / f64::from(width) * samples.len() as f64;
        for (n, value) in frame.iter_mut().enumerate() {
            let at = (middle as usize + n).checked_sub(FRAME / 2);
            let sample = at.and_then(|at| samples.get(at)).map_or(0.0, |&sample| f64::from(sample) / 32_768.0);
            *value = sample * window[n];
        }
        transform.process(&mut frame, &mut spectrum).map_err(|error| Error::Failed(error.to_string()))?;
        for y in 0..height {
            let bin = f64::from(height - 1 - y) / f64::from(height.max(2) - 1) * (FRAME / 2) as f64;
            // The louder of the two bins around the row.
            let power = spectrum[bin.floor() as usize].norm_sqr().max(spectrum[bin.ceil() as usize].norm_sqr());
            let level = 10.0 * (power / (FRAME as f64 / 4.0).powi(2)).max(1e-12).log10();
            picture.put_pixel(x, y, color((level - RANGE.0) / (RANGE.1 - RANGE.0)));
        }
    }
    Ok(picture)
}

/// Black over violet and orange to pale yellow, each step brighter than the last.
fn color(level: f64) -> Rgb<u8> {
    const STOPS: [[f64; 3]; 6] = [
        [0.0, 0.0, 4.0],
        [66.0, 10.0, 104.0],
        [147.0, 38.0, 103.0],
        [221.0, 81.0, 58.0],
        [252.0, 165.0, 10.0],
        [252.0, 255.0, 164.0],
    ];
    let place = level.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let from = (place as usize).min(STOPS.len() - 2);
    let part = place - from as f64;
    Rgb(std::array::from_fn(|c| (STOPS[from][c] * (1.0 - part) + STOPS[from + 1][c] * part).round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_bright_line_at_its_frequency() {
        let tone = |n: u32| (16_000.0 * (std::f64::consts::TAU * 2000.0 * f64::from(n) / 16_000.0).sin()) as i16;
        let sound = Speech::new((0..16_000).map(tone).collect()).expect("samples");
        let picture = spectrogram(&sound, 50, 81).expect("a picture");
        let bright = |y: u32| picture.get_pixel(25, y).0.map(u32::from).iter().sum::<u32>();
        // 2 kHz is a quarter of the way up.
        assert!((0..81_u32).filter(|&y| y.abs_diff(60) > 2).all(|y| bright(y) * 2 < bright(60)), "{}", bright(60));
    }
}
