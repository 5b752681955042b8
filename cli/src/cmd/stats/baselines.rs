//! What general methods need for the same tokens. All of them adapt as they go and pay for what they
//! learn: an empirical entropy over a few thousand tokens from an alphabet of 4096 would flatter
//! itself by leaving the cost of its tables out.

use std::{collections::HashMap, io::Write};

use flate2::{Compression, write::ZlibEncoder};

use crate::failure::{Exit, Failure, Result};

/// Smoothing constants tried for the adaptive models; each method is reported at its best.
const SMOOTHING: [f64; 5] = [1.0, 0.3, 0.1, 0.03, 0.01];

/// Weights tried for how strongly the order-1 model leans on the order-0 one.
const BACKOFF: [f64; 4] = [1.0, 4.0, 16.0, 64.0];

/// Bits that each method needs for a run of tokens of one depth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Baselines {
    /// Tokens times depth: what log2 K costs.
    pub raw: f64,
    pub zlib: f64,
    pub zstd: f64,
    /// Adaptive frequencies.
    pub order0: f64,
    /// Adaptive frequencies after the previous token, backing off to order 0.
    pub order1: f64,
}

impl Baselines {
    /// Measures tokens below `2^depth` in coding order.
    pub fn of(tokens: &[u16], depth: u8) -> Result<Self> {
        let bytes: Vec<u8> = if depth > 8 {
            tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
        } else {
            tokens.iter().map(|&token| token as u8).collect()
        };
        let alphabet = f64::from(1u32 << depth);
        let best = |bits: &mut dyn Iterator<Item = f64>| bits.fold(f64::INFINITY, f64::min);
        Ok(Self {
            raw: tokens.len() as f64 * f64::from(depth),
            zlib: 8.0 * zlib(&bytes)? as f64,
            zstd: 8.0 * zstd(&bytes)? as f64,
            order0: best(&mut SMOOTHING.iter().map(|&a| adaptive(tokens, alphabet, a, None))),
            order1: best(&mut SMOOTHING.iter().flat_map(|&a| BACKOFF.map(|b| adaptive(tokens, alphabet, a, Some(b))))),
        })
    }

    pub fn add(&mut self, other: &Self) {
        self.raw += other.raw;
        self.zlib += other.zlib;
        self.zstd += other.zstd;
        self.order0 += other.order0;
        self.order1 += other.order1;
    }
}

fn zlib(bytes: &[u8]) -> Result<usize> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .map(|out| out.len())
        .map_err(|error| failed("zlib", &error))
}

fn zstd(bytes: &[u8]) -> Result<usize> {
    zstd::bulk::compress(bytes, 19).map(|out| out.len()).map_err(|error| failed("zstd", &error))
}

fn failed(method: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{method} failed ({error})"), "")
}

/// Ideal code length, in bits, of an adaptive model with additive smoothing; with `backoff`, of one
/// that looks at the previous token first.
fn adaptive(tokens: &[u16], alphabet: f64, smoothing: f64, backoff: Option<f64>) -> f64 {
    let mut counts: HashMap<u16, f64> = HashMap::new();
    let mut pairs: HashMap<(u16, u16), f64> = HashMap::new();
    let mut contexts: HashMap<u16, f64> = HashMap::new();
    let mut previous = 0;
    let mut bits = 0.0;
    for (seen, &token) in tokens.iter().enumerate() {
        let count = counts.entry(token).or_default();
        let mut p = (*count + smoothing) / (seen as f64 + smoothing * alphabet);
        *count += 1.0;
        if let Some(backoff) = backoff {
            let pair = pairs.entry((previous, token)).or_default();
            let context = contexts.entry(previous).or_default();
            p = (*pair + backoff * p) / (*context + backoff);
            *pair += 1.0;
            *context += 1.0;
            previous = token;
        }
        bits -= p.log2();
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, depth: u8) -> Vec<u16> {
        let mut state = 1u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16 & ((1 << depth) - 1)
        };
        std::iter::repeat_with(next).take(n).collect()
    }

    #[test]
    fn no_method_beats_log2_k_on_noise() {
        let b = Baselines::of(&noise(3000, 12), 12).unwrap();
        assert_eq!(b.raw, 36_000.0);
        assert!([b.zlib, b.zstd, b.order0, b.order1].iter().all(|&bits| bits > 0.99 * b.raw), "{b:?}");
    }

    #[test]
    fn order_1_sees_what_order_0_cannot() {
        let cycle: Vec<u16> = (0..4000).map(|i| i % 50).collect();
        let b = Baselines::of(&cycle, 8).unwrap();
        assert!(b.order1 < 0.2 * b.order0, "{b:?}");
        assert!(b.order0 < b.raw, "{b:?}");
    }
}
