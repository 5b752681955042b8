//! Samples from a pipe: WAV or bare PCM, as they come.

use std::io::{self, Read};

use super::RATES;
use crate::error::{Error, Result};

/// Bytes read at once at most.
const BLOCK: usize = 1 << 14;
/// Bytes of chunks between the header and the samples that are passed over.
const MOST_SKIPPED: u64 = 1 << 24;

/// How the samples of a pipe are stored, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Samples {
    /// Unsigned bytes.
    U8,
    /// 16-bit integers.
    S16,
    /// 24-bit integers.
    S24,
    /// 32-bit integers.
    S32,
    /// 32-bit floating point.
    F32,
}

impl Samples {
    fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::S16 => 2,
            Self::S24 => 3,
            Self::S32 | Self::F32 => 4,
        }
    }

    fn value(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::S16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::S24, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
            (Self::S32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => 0.0,
        }
    }
}

/// Reads a pipe of samples and gives the mean of its channels, at once as bytes come.
#[derive(Debug)]
pub struct PcmReader<R> {
    from: R,
    rate: u32,
    channels: usize,
    samples: Samples,
    /// Bytes of samples still to come, where the header said.
    left: Option<u64>,
    /// Bytes of a frame that was cut.
    waiting: Vec<u8>,
}

impl<R: Read> PcmReader<R> {
    /// Bare samples, interleaved, until the end.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rate that is not read, or no channels, or more than 8.
    pub fn raw(from: R, rate: u32, channels: usize, samples: Samples) -> Result<Self> {
        if !RATES.contains(&rate) || !(1..=8).contains(&channels) {
            return Err(Error::parameter(format!(
                "{channels} channels of {rate} samples per second; 1 to 8 channels of {} to {} are read",
                RATES.start(),
                RATES.end()
            )));
        }
        Ok(Self { from, rate, channels, samples, left: None, waiting: Vec::new() })
    }

    /// A WAV file; lengths of 0 or 2^32 - 1 bytes, as programs write them into pipes, mean "until the end".
    ///
    /// # Errors
    /// [`Error::Sound`] if it is no WAV file of plain samples.
    pub fn wav(mut from: R) -> Result<Self> {
        let refused = |what: &str| Error::sound(format!("{what}; pipe WAV, or bare samples with --raw RATE"));
        let mut head = [0; 12];
        from.read_exact(&mut head).map_err(|_| refused("it is no WAV file: it ends before its header does"))?;
        if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
            return Err(refused("it is no WAV file"));
        }
        let (mut form, mut skipped) = (None, 0u64);
        loop {
            let mut chunk = [0; 8];
            from.read_exact(&mut chunk).map_err(|_| refused("the WAV file has no samples"))?;
            let len = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
            let padded = u64::from(len) + u64::from(len % 2);
            if &chunk[..4] == b"data" {
                let (rate, channels, samples) =
                    form.ok_or_else(|| refused("the WAV file does not say what it holds"))?;
                let mut reader = Self::raw(from, rate, channels, samples)
                    .map_err(|error| refused(&format!("the WAV file is not read ({error})")))?;
                reader.left = Some(u64::from(len)).filter(|_| len != 0 && len != u32::MAX);
                return Ok(reader);
            }
            skipped += padded;
            if skipped > MOST_SKIPPED {
                return Err(refused("the WAV file has megabytes before its samples"));
            }
            let mut body = Vec::new();
            let read = from.by_ref().take(padded).read_to_end(&mut body);
            if read.is_err() || (body.len() as u64) < padded {
                return Err(refused("the WAV file ends before its samples"));
            }
            if &chunk[..4] == b"fmt " {
                form = Some(format(&body).ok_or_else(|| refused("the WAV file holds other than plain samples"))?);
            }
        }
    }

    /// Samples per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The next samples, one channel; at most what one read of the pipe gives. `None` at the end.
    ///
    /// # Errors
    /// What the pipe said.
    pub fn next_samples(&mut self) -> io::Result<Option<Vec<f32>>> {
        let frame = self.channels * self.samples.bytes();
        let mut block = [0; BLOCK];
        loop {
            let most = self.left.map_or(BLOCK, |left| left.min(BLOCK as u64) as usize);
            let read = match self.from.read(&mut block[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Ok(None);
            }
            if let Some(left) = &mut self.left {
                *left -= read as u64;
            }
            self.waiting.extend_from_slice(&block[..read]);
            let whole = self.waiting.len() / frame * frame;
            if whole == 0 {
                continue;
            }
            let share = 1.0 / self.channels as f32;
            let value = |bytes: &[u8]| self.samples.value(bytes);
            let mix = |frame: &[u8]| frame.chunks_exact(self.samples.bytes()).map(value).sum::<f32>() * share;
            let samples = self.waiting[..whole].chunks_exact(frame).map(mix).collect();
            self.waiting.drain(..whole);
            return Ok(Some(samples));
        }
    }
}

/// Rate, channels and form of samples in a `fmt ` chunk.
fn format(body: &[u8]) -> Option<(u32, usize, Samples)> {
    let word = |at: usize| Some(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
    let rate = u32::from(word(4)?) | u32::from(word(6)?) << 16;
    // An extensible header keeps the tag in the first bytes of a longer code.
    let tag = if word(0)? == 0xfffe { word(24)? } else { word(0)? };
    let samples = match (tag, word(14)?) {
        (1, 8) => Samples::U8,
        (1, 16) => Samples::S16,
        (1, 24) => Samples::S24,
        (1, 32) => Samples::S32,
        (3, 32) => Samples::F32,
        _ => return None,
    };
    let channels = usize::from(word(2)?);
    (usize::from(word(12)?) == channels * samples.bytes()).then_some((rate, channels, samples))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Sound,
        io::{Depth, wav_header, write_wav},
    };

    /// A pipe that gives `step` bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn all(mut reader: PcmReader<Drip<'_>>) -> Vec<f32> {
        let mut samples = Vec::new();
        while let Some(more) = reader.next_samples().unwrap() {
            samples.extend(more);
        }
        samples
    }

    #[test]
    fn a_piped_wav_gives_the_samples_of_the_file_however_it_drips() {
        let left: Vec<f32> = (0..500).map(|n| n as f32 / 1024.0).collect();
        let right: Vec<f32> = left.iter().map(|sample| -sample / 2.0).collect();
        let mixed: Vec<f32> = left.iter().map(|sample| sample / 4.0).collect();
        let sound = Sound { rate: 22_050, channels: vec![left, right] };
        for depth in [Depth::Pcm16, Depth::Float32] {
            let file = write_wav(&sound, depth).unwrap();
            let mut endless = wav_header(22_050, 2, None, depth).unwrap();
            endless.extend(&file[endless.len()..]);
            for (bytes, step) in [(&file, 1), (&file, 1000), (&endless, 7)] {
                let reader = PcmReader::wav(Drip(bytes, step)).unwrap();
                assert_eq!(reader.rate(), 22_050);
                assert_eq!(all(reader), mixed);
            }
        }
    }

    #[test]
    fn every_sample_form_reaches_full_scale() {
        let forms: [(Samples, &[u8], f32); 5] = [
            (Samples::U8, &[0, 128, 192], 0.5),
            (Samples::S16, &[0, 128, 0, 0, 0, 64], 0.5),
            (Samples::S24, &[0, 0, 128, 0, 0, 0, 0, 0, 64], 0.5),
            (Samples::S32, &[0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 64], 0.5),
            (Samples::F32, &[0, 0, 128, 191, 0, 0, 0, 0, 0, 0, 0, 63], 0.5),
        ];
        for (samples, bytes, last) in forms {
            let reader = PcmReader::raw(Drip(bytes, 5), 16_000, 1, samples).unwrap();
            assert_eq!(all(reader), [-1.0, 0.0, last], "{samples:?}");
        }
    }

    #[test]
    fn what_follows_the_samples_and_a_cut_frame_are_left_out() {
        let mut file = write_wav(&Sound::mono(8000, vec![0.5; 10]), Depth::Pcm16).unwrap();
        file.extend(b"LIST....");
        assert_eq!(all(PcmReader::wav(Drip(&file, 3)).unwrap()), [0.5; 10]);
        assert_eq!(all(PcmReader::raw(Drip(&[0, 64, 0], 8), 8000, 1, Samples::S16).unwrap()), [0.5]);
    }

    #[test]
    fn headers_that_lie_are_refused_without_reading_on() {
        let good = write_wav(&Sound::mono(8000, vec![0.5; 10]), Depth::Pcm16).unwrap();
        for len in 0..44 {
            assert!(PcmReader::wav(Drip(&good[..len], 100)).is_err(), "{len}");
        }
        for (at, value) in [(20, 2), (22, 0), (22, 40), (26, 200), (34, 17), (16, 255), (19, 255)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(PcmReader::wav(Drip(&bad, 100)).is_err(), "byte {at} as {value}");
        }
    }
}
