//! The integer layers. Plain loops in the shape that compilers turn into multiply-add-pairs instructions.

/// Operands are padded with zeros to a multiple of this.
pub(super) const STEP: usize = 16;

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
        for (to, from) in wide
            .chunks_exact_mut(width)
            .zip(weights.chunks_exact(inputs))
        {
            widen(from, &mut to[..inputs]);
        }
        let mut padded_bias = bias.to_vec();
        padded_bias.resize(outputs, 0);
        Self {
            inputs: width,
            weights: wide,
            bias: padded_bias,
            requantise,
        }
    }

    /// Number of outputs, padded.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `clamp(round((bias + weights · input) * multiplier / 2^shift), 0, 127)`. Lengths are the padded ones.
    pub fn apply(&self, input: &[i16], output: &mut [i16]) {
        let rows = self.weights.chunks_exact(4 * self.inputs);
        let (biases, _) = self.bias.as_chunks::<4>();
        let (outputs, _) = output.as_chunks_mut::<4>();
        for ((rows, bias), out) in rows.zip(biases).zip(outputs) {
            let sums = dot4(rows, input);
            for n in 0..4 {
                out[n] = self.requantise.apply(bias[n] + sums[n], 0, 127) as i16;
            }
        }
    }
}

/// Products of four consecutive rows with one vector.
#[inline]
fn dot4(rows: &[i16], vector: &[i16]) -> [i32; 4] {
    let len = vector.len();
    let (a, rows) = rows.split_at(len);
    let (b, rows) = rows.split_at(len);
    let (c, d) = rows.split_at(len);
    let mut sums = [0; 4];
    for n in 0..len.min(d.len()) {
        let v = i32::from(vector[n]);
        sums[0] += i32::from(a[n]) * v;
        sums[1] += i32::from(b[n]) * v;
        sums[2] += i32::from(c[n]) * v;
        sums[3] += i32::from(d[n]) * v;
    }
    sums
}

/// Product of a row of bytes with a vector.
#[inline]
pub(super) fn dot(row: &[i8], vector: &[i16]) -> i32 {
    let mut sum = 0;
    for (&w, &v) in row.iter().zip(vector) {
        sum += i32::from(i16::from(w)) * i32::from(v);
    }
    sum
}

/// Copies bytes into 16-bit lanes.
#[inline]
pub(super) fn widen(from: &[i8], to: &mut [i16]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = i16::from(from);
    }
}
