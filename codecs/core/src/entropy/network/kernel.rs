//! The integer layers. Plain loops in the shape that compilers turn into multiply-add-pairs instructions, compiled once for every kind of processor that has wider ones.

use archmage::autoversion;

/// Operands are padded with zeros to a multiple of this.
pub(super) const STEP: usize = 32;

/// Length after padding.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(STEP)
}

/// A fully connected layer with a requantised, rectified output.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    inputs: usize,
    /// `[outputs, inputs]`, both padded.
    weights: Vec<i16>,
    bias: Vec<i32>,
    pub requantise: Requantise,
}

/// Multiplication by a rational of the form `multiplier / 2^shift`, rounded half up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Requantise {
    pub multiplier: i64,
    pub shift: u32,
}

impl Requantise {
    pub fn apply(self, sum: i32, low: i64, high: i64) -> i32 {
        let rounding = 1 << (self.shift - 1);
        ((i64::from(sum) * self.multiplier + rounding) >> self.shift).clamp(low, high) as i32
    }
}

impl Layer {
    /// `weights` is `[bias.len(), inputs]`.
    pub fn new(inputs: usize, weights: &[i8], bias: &[i32], requantise: Requantise) -> Self {
        let outputs = padded(bias.len());
        let width = padded(inputs);
        let mut wide = vec![0; outputs * width];
        for (to, from) in wide.chunks_exact_mut(width).zip(weights.chunks_exact(inputs)) {
            widen(from, &mut to[..inputs]);
        }
        let mut padded_bias = bias.to_vec();
        padded_bias.resize(outputs, 0);
        Self { inputs: width, weights: wide, bias: padded_bias, requantise }
    }

    /// Number of outputs, padded.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `clamp(round((bias + weights · input) * multiplier / 2^shift), 0, 127)`. Lengths are the padded ones.
    #[autoversion(v3, neon)]
    pub fn apply(&self, input: &[i16], output: &mut [i16]) {
        let rows = self.weights.chunks_exact(self.inputs);
        for ((row, bias), out) in rows.zip(&self.bias).zip(output) {
            let sum = bias + dot_wide(row, input);
            *out = self.requantise.apply(sum, 0, 127) as i16;
        }
    }
}

/// Product of a row with a vector, both padded.
///
/// A sum of fixed length is what makes compilers choose multiply-add-pairs instructions.
#[inline(always)]
fn dot_wide(row: &[i16], vector: &[i16]) -> i32 {
    let (row, _) = row.as_chunks::<STEP>();
    let (vector, _) = vector.as_chunks::<STEP>();
    let mut total = 0;
    for (row, vector) in row.iter().zip(vector) {
        let mut sum = 0;
        for n in 0..STEP {
            sum += i32::from(row[n]) * i32::from(vector[n]);
        }
        total += sum;
    }
    total
}

/// Product of a row of bytes with a vector, both padded.
#[autoversion(v3, neon)]
pub(super) fn dot(row: &[i8], vector: &[i16]) -> i32 {
    let (row, _) = row.as_chunks::<STEP>();
    let (vector, _) = vector.as_chunks::<STEP>();
    let mut total = 0;
    for (row, vector) in row.iter().zip(vector) {
        let row = row.map(i16::from);
        let mut sum = 0;
        for n in 0..STEP {
            sum += i32::from(row[n]) * i32::from(vector[n]);
        }
        total += sum;
    }
    total
}

/// Copies bytes into 16-bit lanes.
#[inline]
pub(super) fn widen(from: &[i8], to: &mut [i16]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i16::from(from);
    }
}
