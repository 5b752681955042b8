//! Sample rates, converted as samples come.

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::SequentialSlice};

use super::RATES;
use crate::{
    Sound,
    error::{Error, Result},
};

/// Samples that the converter works on at once, at the input's rate, at least: 20 ms at 48 kHz, so that pipes wait no longer.
const BLOCK: usize = 960;

/// One channel from one sample rate to another, as the samples come. The output does not depend on how the input is cut.
///
/// `n` samples become `ceil(n · to / from)`, in place: the converter's own delay is cut off.
pub struct Resampler {
    /// `None` where both rates are equal.
    engine: Option<Engine>,
}

struct Engine {
    fft: Fft<f32>,
    from: u64,
    to: u64,
    waiting: Vec<f32>,
    /// Samples of the converter's delay still to be cut off.
    skip: usize,
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rates = self.engine.as_ref().map(|engine| (engine.from, engine.to));
        f.debug_struct("Resampler").field("rates", &rates).finish()
    }
}

impl Resampler {
    /// From `from` to `to` samples per second.
    ///
    /// # Errors
    /// [`Error::Parameter`] for rates that are not among [`RATES`].
    pub fn new(from: u32, to: u32) -> Result<Self> {
        for rate in [from, to] {
            if !RATES.contains(&rate) {
                return Err(Error::parameter(format!(
                    "{rate} samples per second; from {} to {} are converted",
                    RATES.start(),
                    RATES.end()
                )));
            }
        }
        if from == to {
            return Ok(Self { engine: None });
        }
        // Blocks of an even number of samples: then the converter's delay, half a block, is a whole number of them.
        let pair = 2 * (from / gcd(from, to)) as usize;
        let block = BLOCK.next_multiple_of(pair);
        let fft = Fft::new(from as usize, to as usize, block, 1, FixedSync::Both).map_err(|error| fault(&error))?;
        let skip = fft.output_delay();
        let (from, to) = (u64::from(from), u64::from(to));
        Ok(Self { engine: Some(Engine { fft, from, to, waiting: Vec::new(), skip, taken: 0, given: 0 }) })
    }

    /// Takes samples; returns those that they complete.
    ///
    /// # Errors
    /// [`Error::Parameter`] where the converter refuses its input; it has no reason to.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        match &mut self.engine {
            None => Ok(samples.to_vec()),
            Some(engine) => {
                engine.taken += samples.len() as u64;
                engine.run(samples)
            }
        }
    }

    /// Ends the sound: returns its last samples, and starts again as new.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<Vec<f32>> {
        let Some(engine) = &mut self.engine else { return Ok(Vec::new()) };
        let due = (engine.taken * engine.to).div_ceil(engine.from);
        let silence = vec![0.0; engine.fft.input_frames_next()];
        let mut rest = Vec::new();
        while engine.given < due {
            rest.extend(engine.run(&silence)?);
        }
        let extra = engine.given - due;
        rest.truncate(rest.len().saturating_sub(extra as usize));
        engine.fft.reset();
        engine.waiting.clear();
        (engine.skip, engine.taken, engine.given) = (engine.fft.output_delay(), 0, 0);
        Ok(rest)
    }

    /// Most samples, at the rate that comes out, that an output sample waits for.
    pub fn delay_samples(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.fft.output_delay() + engine.fft.output_frames_next())
    }
}

impl Engine {
    fn run(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        self.waiting.extend_from_slice(samples);
        let (need, gives) = (self.fft.input_frames_next(), self.fft.output_frames_next());
        let blocks = self.waiting.len() / need;
        let mut out = vec![0.0; blocks * gives];
        for (input, output) in self.waiting.chunks_exact(need).zip(out.chunks_exact_mut(gives)) {
            let input = SequentialSlice::new(input, 1, need).map_err(|error| fault(&error))?;
            let mut output = SequentialSlice::new_mut(output, 1, gives).map_err(|error| fault(&error))?;
            self.fft.process_into_buffer(&input, &mut output, None).map_err(|error| fault(&error))?;
        }
        self.waiting.drain(..blocks * need);
        let skipped = self.skip.min(out.len());
        out.drain(..skipped);
        self.skip -= skipped;
        self.given += out.len() as u64;
        Ok(out)
    }
}

/// All channels of a sound at another rate.
///
/// # Errors
/// As [`Resampler::new`].
pub fn resample(sound: Sound, rate: u32) -> Result<Sound> {
    if sound.rate == rate {
        return Ok(sound);
    }
    let mut converter = Resampler::new(sound.rate, rate)?;
    let mut channels = Vec::with_capacity(sound.channels.len());
    for channel in sound.channels {
        let mut made = converter.push(&channel)?;
        made.extend(converter.finish()?);
        channels.push(made);
    }
    Ok(Sound { rate, channels })
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn fault(error: &dyn std::fmt::Display) -> Error {
    Error::parameter(format!("the sample rate cannot be converted ({error})"))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn tone(rate: u32, hertz: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| 0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    #[test]
    fn a_tone_stays_where_it_is() {
        for (from, to) in [(44_100, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 44_100), (11_025, 16_000)] {
            let sound = resample(Sound::mono(from, tone(from, 440.0, from as usize)), to).unwrap();
            let wanted = tone(to, 440.0, to as usize);
            assert_eq!(sound.len(), wanted.len(), "{from} to {to}");
            // Away from the ends, where the tone starts and stops at once.
            let inner = 600..wanted.len() - 600;
            let worst = inner.map(|n| (sound.channels[0][n] - wanted[n]).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{from} to {to}: {worst}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let sound = resample(Sound::mono(48_000, tone(48_000, 11_000.0, 48_000)), 16_000).unwrap();
        let loudest = sound.channels[0][600..15_400].iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        assert!(loudest < 1e-4, "{loudest}");
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for (from, to) in [(0, 16_000), (16_000, 0), (999, 16_000), (u32::MAX, 16_000)] {
            assert!(matches!(Resampler::new(from, to), Err(Error::Parameter { .. })), "{from} {to}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_output_does_not_depend_on_the_cuts(cuts in prop::collection::vec(0usize..3000, 0..12), from in prop::sample::select(vec![8_000u32, 22_050, 44_100, 48_000])) {
            let samples: Vec<f32> = tone(from, 700.0, cuts.iter().sum());
            let mut converter = Resampler::new(from, 16_000).unwrap();
            let mut whole = converter.push(&samples).unwrap();
            whole.extend(converter.finish().unwrap());
            prop_assert_eq!(whole.len() as u64, (samples.len() as u64 * 16_000).div_ceil(u64::from(from)));
            let (mut pieces, mut rest) = (Vec::new(), samples.as_slice());
            for cut in cuts {
                let (piece, others) = rest.split_at(cut);
                pieces.extend(converter.push(piece).unwrap());
                rest = others;
            }
            pieces.extend(converter.finish().unwrap());
            prop_assert_eq!(pieces, whole);
        }
    }
}
