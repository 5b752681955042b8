//! A graph over scattered blocks, each of which sees what lies around it.

use ort::{session::Session as OrtSession, value::TensorRef};

use crate::{Error, Graph, Result, session::open};

/// Places around a block, itself among them.
pub const AROUND: usize = 27;

/// A graph of N blocks of f32 values and i64 `[N,27]`, which block is at each place around each (N for none), to N blocks of f32 values.
///
/// The options are those of [`Session`](crate::Session).
#[derive(Debug)]
pub struct SurroundSession {
    name: String,
    session: OrtSession,
}

impl SurroundSession {
    /// Prepares a graph to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// As [`Session::load`](crate::Session::load).
    pub fn load(graph: &Graph, threads: usize) -> Result<Self> {
        let session = open(graph, threads, (2, 1))?;
        Ok(Self { name: graph.name.clone(), session })
    }

    /// Runs the graph on blocks of the given shape, in C order; returns as many values per block as `outputs` says.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the input or the output is not f32 of that many values.
    ///
    /// # Panics
    /// If `values` or `around` are not those of whole blocks.
    pub fn run(&mut self, shape: &[usize], values: &[f32], around: &[i64], outputs: usize) -> Result<Vec<f32>> {
        let size: usize = shape.iter().product();
        let count = around.len() / AROUND;
        assert!(
            values.len() == count * size && around.len() == count * AROUND,
            "values and neighbours of whole blocks"
        );
        let failed = |what: String| Error::Graph { graph: self.name.clone(), what };
        let shape = [&[count][..], shape].concat();
        let run = |session: &mut OrtSession| -> ort::Result<Vec<f32>> {
            let made = session.run(ort::inputs![
                TensorRef::from_array_view((shape, values))?,
                TensorRef::from_array_view(([count, AROUND], around))?,
            ])?;
            Ok(made[0].try_extract_tensor::<f32>()?.1.to_vec())
        };
        let made = run(&mut self.session).map_err(|error| failed(error.to_string()))?;
        match made.len() == count * outputs {
            true => Ok(made),
            false => Err(failed(format!("it returned {} values for {count} blocks of {outputs}", made.len()))),
        }
    }
}
