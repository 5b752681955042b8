//! Networks that run on whole sounds: what they look at reaches beyond any window.
//!
//! ```text
//! samples ──encoder──▶ features ──tail──▶ latents          latents ──decoder──▶ rows ──overlap-add──▶ samples
//!           cut, exact            whole                              whole, or cut: approximate
//! ```

mod decoder;
mod synthesis;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use tessera_models::{ArraySession, AudioPack, Graph, WholeSection};

use crate::error::{Error, Result};
pub(crate) use decoder::WholeDecoder;

/// Sessions and how sounds are cut.
#[derive(Debug)]
pub(crate) struct Whole {
    section: WholeSection,
    hop: usize,
    dim: usize,
    /// Values of a row of the decoder.
    columns: usize,
    encoder: Network,
    tail: Network,
    decoder: Network,
}

impl Whole {
    /// For a pack that has such networks; `threads` are those of a run.
    pub fn of(parts: &AudioPack, threads: usize) -> Option<Self> {
        let whole = parts.whole.as_ref()?;
        let network = |graph: &Graph| Network { graph: graph.clone(), threads, session: Mutex::new(None) };
        Some(Self {
            section: whole.section.clone(),
            hop: parts.hop,
            dim: parts.codebook.dim(),
            columns: parts.window + 2,
            encoder: network(&parts.encoder),
            tail: network(&whole.tail),
            decoder: network(&parts.decoder),
        })
    }

    /// Tokens of a sound.
    pub fn frames(&self, samples: u64) -> u64 {
        samples.div_ceil(self.hop as u64)
    }

    /// The latents `[frames, dim]` of a sound. However long it is, they are those that the networks give for all of it: features look only
    /// [`local_tokens`](WholeSection::local_tokens) to either side, so they may be made in pieces.
    pub fn latents(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let frames = samples.len().div_ceil(self.hop);
        let (mut features, mut width) = (Vec::new(), 0);
        for piece in pieces(frames, self.section.window_tokens) {
            let seen = widened(&piece, self.section.local_tokens, frames);
            let mut input = samples[seen.start * self.hop..(seen.end * self.hop).min(samples.len())].to_vec();
            // Shorter than the network can mirror.
            input.resize(input.len().max(self.section.local_tokens * self.hop), 0.0);
            let made = self.encoder.run([1, input.len()], &input)?;
            width = made.width;
            features.extend(made.only(seen.start, &piece)?);
        }
        let latents = self.tail.run([frames, width], &features)?;
        if latents.width != self.dim || !latents.values.iter().all(|value| value.is_finite()) {
            return Err(odd("its encoder did not return finite latents of the codebook's size"));
        }
        latents.only(0, &(0..frames))
    }

    /// Whether so many tokens are decoded in windows rather than whole.
    pub fn is_cut(&self, frames: usize, windowed: bool) -> bool {
        frames > if windowed { self.section.window_tokens } else { self.section.exact_tokens }
    }

    /// Hands rows of log magnitudes and phases of all latents `[frames, dim]` to `take`, some at a time, in their order.
    fn rows(&self, latents: &[f32], windowed: bool, mut take: impl FnMut(&[f32])) -> Result<()> {
        let frames = latents.len() / self.dim;
        let longest = if self.is_cut(frames, windowed) { self.section.window_tokens } else { frames };
        for piece in pieces(frames, longest) {
            let seen = widened(&piece, self.section.reach_tokens, frames);
            let input = &latents[seen.start * self.dim..seen.end * self.dim];
            let made = self.decoder.run([seen.len(), self.dim], input)?;
            if made.width != self.columns {
                return Err(odd("its decoder did not return rows of a spectrum"));
            }
            take(&made.only(seen.start, &piece)?);
        }
        Ok(())
    }
}

/// Pieces of at most `longest`, all about as long.
fn pieces(frames: usize, longest: usize) -> impl Iterator<Item = Range<usize>> {
    let count = frames.div_ceil(longest.max(1));
    (0..count).map(move |n| n * frames / count..(n + 1) * frames / count)
}

/// A piece with more to either side, within all frames.
fn widened(piece: &Range<usize>, by: usize, frames: usize) -> Range<usize> {
    piece.start.saturating_sub(by)..(piece.end + by).min(frames)
}

/// A network, its session made when first needed.
#[derive(Debug)]
struct Network {
    graph: Graph,
    threads: usize,
    session: Mutex<Option<ArraySession>>,
}

/// Rows that a network returned.
struct Rows {
    width: usize,
    values: Vec<f32>,
}

impl Network {
    fn run(&self, shape: [usize; 2], values: &[f32]) -> Result<Rows> {
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *slot {
            Some(session) => session,
            empty => empty.insert(ArraySession::load(&self.graph, self.threads)?),
        };
        match session.run(&shape, values)? {
            (shape, values) if shape.len() == 2 && !values.is_empty() => Ok(Rows { width: shape[1], values }),
            _ => Err(odd("a network returned something else than rows")),
        }
    }
}

impl Rows {
    /// The rows of a piece, of those from token `start` on. There may be more at the end, of a sound that was padded to the least length.
    fn only(mut self, start: usize, piece: &Range<usize>) -> Result<Vec<f32>> {
        let end = (piece.end - start) * self.width;
        if self.values.len() < end {
            return Err(odd("a network did not return a row for every token"));
        }
        self.values.truncate(end);
        self.values.drain(..(piece.start - start) * self.width);
        Ok(self.values)
    }
}

fn odd(what: &str) -> Error {
    Error::Pack { what: what.to_owned() }
}
