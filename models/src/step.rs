//! A graph that is run a few frames at a time, with everything that it remembers in an explicit state.

use ort::{
    session::Session as OrtSession,
    value::{Outlet, TensorElementType, TensorRef},
};

use crate::{Error, Graph, Result, session::open};

/// Fewest rows of a run: matrices of one row go another way through the runtime, with other rounding.
const LEAST_ROWS: usize = 2;

/// A causal graph: rows f32 `[frames, inputs]`, count i64 `[1]`, state f32 `[S]` → rows f32 `[frames, outputs]`, next state f32 `[S]`.
///
/// The first `count` rows are real. A row's result depends on the rows before it and the state, not on how many are run at once:
/// one thread, fixed options, and at least two rows (zeros after the real ones) see to that.
#[derive(Debug)]
pub struct StepSession {
    name: String,
    session: OrtSession,
    inputs: usize,
    outputs: usize,
    state: usize,
    /// Rows of the input, padded.
    rows: Vec<f32>,
}

impl StepSession {
    /// Prepares a graph of rows of `inputs` to rows of `outputs` values. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::RuntimeMissing`], [`Error::RuntimeBroken`]; [`Error::Graph`] where the graph is not valid or its
    /// ports are others.
    pub fn load(graph: &Graph, inputs: usize, outputs: usize) -> Result<Self> {
        let session = open(graph, 1, (3, 2))?;
        let wrong = |what: &str| Error::Graph { graph: graph.name.clone(), what: what.to_owned() };
        let (given, made) = (session.inputs(), session.outputs());
        let state = match shape(&given[2], TensorElementType::Float32)[..] {
            [size] if size > 0 => size as usize,
            _ => return Err(wrong("its third input is not a state, f32 [S]")),
        };
        let is_rows = |port: &Outlet, width: usize| matches!(shape(port, TensorElementType::Float32)[..], [_, last] if last == width as i64 || last < 0);
        if !is_rows(&given[0], inputs) || !is_rows(&made[0], outputs) {
            return Err(wrong(&format!("it does not turn rows of {inputs} values into rows of {outputs}")));
        }
        if shape(&given[1], TensorElementType::Int64) != [1] {
            return Err(wrong("its second input is not a count, i64 [1]"));
        }
        Ok(Self { name: graph.name.clone(), session, inputs, outputs, state, rows: Vec::new() })
    }

    /// Values of the state. A stream begins with zeros.
    pub fn state_len(&self) -> usize {
        self.state
    }

    /// Runs rows `[count, inputs]` and moves the state on; returns `[count, outputs]`.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime fails or returns something that does not fit. The state is then unchanged.
    ///
    /// # Panics
    /// If `rows` is not whole rows, or `state` not of [`state_len`](Self::state_len) values.
    pub fn run(&mut self, rows: &[f32], state: &mut [f32]) -> Result<Vec<f32>> {
        assert!(rows.len().is_multiple_of(self.inputs) && state.len() == self.state, "rows and a state of this graph");
        let count = rows.len() / self.inputs;
        if count == 0 {
            return Ok(Vec::new());
        }
        let frames = count.max(LEAST_ROWS);
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.rows.resize(frames * self.inputs, 0.0);
        let failed = |what: String| Error::Graph { graph: self.name.clone(), what };
        let count_value = [count as i64];
        let run = |session: &mut OrtSession| -> ort::Result<(Vec<f32>, Vec<f32>)> {
            let outputs = session.run(ort::inputs![
                TensorRef::from_array_view(([frames, self.inputs], &self.rows[..]))?,
                TensorRef::from_array_view(([1usize], &count_value[..]))?,
                TensorRef::from_array_view(([self.state], &state[..]))?,
            ])?;
            let values = |n: usize| Ok::<_, ort::Error>(outputs[n].try_extract_tensor::<f32>()?.1.to_vec());
            Ok((values(0)?, values(1)?))
        };
        let (mut made, next) = run(&mut self.session).map_err(|error| failed(error.to_string()))?;
        if made.len() != frames * self.outputs || next.len() != self.state {
            return Err(failed(format!("it returned {} and {} values for {frames} rows", made.len(), next.len())));
        }
        made.truncate(count * self.outputs);
        state.copy_from_slice(&next);
        Ok(made)
    }
}

/// The axes of a port of the given type, -1 where they are free; empty for another type.
fn shape(port: &Outlet, element: TensorElementType) -> Vec<i64> {
    match port.dtype() {
        dtype if dtype.tensor_type() == Some(element) => {
            dtype.tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
