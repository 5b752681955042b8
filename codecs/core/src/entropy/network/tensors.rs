//! The network's parameters as a pack holds them, and what makes them valid.

use super::kernel::{Layer, Requantise, padded};
use crate::error::{Error, Result};
use crate::token::MAX_DEPTH;

/// Parameters of a trained prior, one entry per residual level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriorTensors {
    /// First level first.
    pub levels: Vec<LevelTensors>,
}

/// Parameters of the network of one level. All arrays are row-major.
///
/// With S slots, embeddings of E values, hidden layers of H1 and H2 units and a tree of depth D.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LevelTensors {
    /// `[S]` of `(dl, dt, dy, dx)`: where a neighbour is, relative to the token.
    pub slots: Vec<[i32; 4]>,
    /// `[2^(D+1), E]`: embedding of a token of this level known to any depth, in heap order; row 0 where there is no
    /// token, row 1 where there is one that is not decoded yet.
    pub embed: Vec<i8>,
    /// `[H1, S*E]`.
    pub w1: Vec<i8>,
    /// `[H1]`.
    pub b1: Vec<i32>,
    /// Multiplier (positive) and shift (1 to 62) after the first layer.
    pub q1: [i32; 2],
    /// `[H2, H1]`.
    pub w2: Vec<i8>,
    /// `[H2]`.
    pub b2: Vec<i32>,
    /// Multiplier and shift after the second layer.
    pub q2: [i32; 2],
    /// `[2^D, H2]`: weights of each heap node; row 0 unused.
    pub node: Vec<i8>,
    /// `[2^D]`.
    pub node_bias: Vec<i32>,
    /// Multiplier and shift of the log odds.
    pub q3: [i32; 2],
}

/// Greatest magnitude of an embedding.
const EMBED_MAX: i64 = 128;
/// Greatest hidden activation.
const HIDDEN_MAX: i64 = 127;

/// A level's network, validated and laid out for the kernels.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub depth: u8,
    pub slots: Vec<[i32; 4]>,
    pub embed_width: usize,
    pub embed: Vec<i8>,
    pub first: Layer,
    pub second: Layer,
    /// Length of a row of `node`: H2, padded.
    pub node_width: usize,
    pub node: Vec<i8>,
    pub node_bias: Vec<i32>,
    pub node_scale: Requantise,
}

impl Level {
    /// Row of the embedding.
    pub fn embedding(&self, row: usize) -> &[i8] {
        &self.embed[row * self.embed_width..][..self.embed_width]
    }
}

/// Validates all levels.
pub(super) fn validate(tensors: &PriorTensors) -> Result<Vec<Level>> {
    if tensors.levels.is_empty() || tensors.levels.len() > usize::from(u8::MAX) {
        return Err(Error::parameter("a prior has 1 to 255 levels"));
    }
    let levels: Vec<Level> = tensors
        .levels
        .iter()
        .enumerate()
        .map(|(n, level)| validate_level(n, level).map_err(|error| name_level(n, error)))
        .collect::<Result<_>>()?;
    for (n, level) in levels.iter().enumerate() {
        for slot in &level.slots {
            // `check_slot` keeps n + dl within the levels up to n.
            let seen = &levels[(n as i64 + i64::from(slot[0])) as usize];
            if seen.embed_width != level.embed_width {
                let error = Error::parameter("a slot refers to a level of another embedding width");
                return Err(name_level(n, error));
            }
        }
    }
    Ok(levels)
}

fn name_level(level: usize, error: Error) -> Error {
    match error {
        Error::Parameter { what } => Error::parameter(format!("prior level {level}: {what}")),
        other => other,
    }
}

fn validate_level(number: usize, t: &LevelTensors) -> Result<Level> {
    let nodes = t.node_bias.len();
    let depth = nodes.checked_ilog2().unwrap_or(0) as u8;
    if !nodes.is_power_of_two() || depth == 0 || depth > MAX_DEPTH {
        return Err(Error::parameter(format!("{nodes} tree nodes are not 2^D with D from 1 to {MAX_DEPTH}")));
    }
    for slot in &t.slots {
        check_slot(number, *slot)?;
    }
    let (h1, h2) = (t.b1.len(), t.b2.len());
    let embed_width = t.embed.len() / (2 * nodes);
    let inputs = t.slots.len().saturating_mul(embed_width);
    if inputs == 0 || h1 == 0 || h2 == 0 {
        return Err(Error::parameter("a layer is empty"));
    }
    check_len("embed", t.embed.len(), 2 * nodes, embed_width)?;
    check_len("w1", t.w1.len(), h1, inputs)?;
    check_len("w2", t.w2.len(), h2, h1)?;
    check_len("node", t.node.len(), nodes, h2)?;
    check_bound("w1", &t.w1, &t.b1, inputs, EMBED_MAX)?;
    check_bound("w2", &t.w2, &t.b2, h1, HIDDEN_MAX)?;
    check_bound("node", &t.node, &t.node_bias, h2, HIDDEN_MAX)?;
    let mut node = vec![0; nodes * padded(h2)];
    for (to, from) in node.chunks_exact_mut(padded(h2)).zip(t.node.chunks_exact(h2)) {
        to[..h2].copy_from_slice(from);
    }
    Ok(Level {
        depth,
        slots: t.slots.clone(),
        embed_width,
        embed: t.embed.clone(),
        first: Layer::new(inputs, &t.w1, &t.b1, requantise("q1", t.q1)?),
        second: Layer::new(padded(h1), &pad_columns(&t.w2, h1), &t.b2, requantise("q2", t.q2)?),
        node_width: padded(h2),
        node,
        node_bias: t.node_bias.clone(),
        node_scale: requantise("q3", t.q3)?,
    })
}

/// Rows of `width` values, each padded with zeros.
fn pad_columns(rows: &[i8], width: usize) -> Vec<i8> {
    let mut padded_rows = Vec::with_capacity(rows.len() / width * padded(width));
    for row in rows.chunks_exact(width) {
        padded_rows.extend_from_slice(row);
        padded_rows.resize(padded_rows.len().next_multiple_of(padded(width)), 0);
    }
    padded_rows
}

/// A slot must be of this level or one before it, and not the token itself.
fn check_slot(level: usize, slot: [i32; 4]) -> Result<()> {
    let [dl, dt, dy, dx] = slot;
    let precedes = dl < 0 || (dl == 0 && (dt, dy, dx) != (0, 0, 0));
    let exists = level as i64 + i64::from(dl) >= 0;
    if precedes && exists {
        return Ok(());
    }
    Err(Error::parameter(format!(
        "slot ({dl}, {dt}, {dy}, {dx}) is the token itself or of a level that is not decoded before it"
    )))
}

fn check_len(name: &str, len: usize, rows: usize, columns: usize) -> Result<()> {
    if rows.checked_mul(columns) == Some(len) {
        return Ok(());
    }
    Err(Error::parameter(format!("{name} has {len} values, not {rows} x {columns}")))
}

/// No sum may leave 32 bits, whatever the inputs and the order of the additions.
fn check_bound(name: &str, weights: &[i8], bias: &[i32], inputs: usize, input_max: i64) -> Result<()> {
    for (row, &bias) in weights.chunks_exact(inputs).zip(bias) {
        let magnitude: i64 = row.iter().map(|&w| i64::from(w).abs()).sum();
        if magnitude * input_max + i64::from(bias).abs() > i64::from(i32::MAX) {
            return Err(Error::parameter(format!("a sum of {name} can exceed 32 bits")));
        }
    }
    Ok(())
}

fn requantise(name: &str, [multiplier, shift]: [i32; 2]) -> Result<Requantise> {
    if multiplier <= 0 || !(1..=62).contains(&shift) {
        return Err(Error::parameter(format!(
            "{name} is ({multiplier}, {shift}), not a positive multiplier and a shift from 1 to 62"
        )));
    }
    Ok(Requantise { multiplier: i64::from(multiplier), shift: shift as u32 })
}
