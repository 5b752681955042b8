//! One graph, ready to run.

use ndarray::{Array4, ArrayView4, Ix4};
use ort::{
    session::{Session as OrtSession, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use crate::{Error, Graph, Result, runtime};

/// A graph with one f32 NCHW input and one f32 NCHW output.
///
/// The options are fixed so that the same library gives the same numbers on every run: sequential execution, deterministic
/// kernels, a given number of threads, no telemetry. Weights that the pack stores as 8-bit integers are widened once, when the
/// session is made.
#[derive(Debug)]
pub struct Session {
    name: String,
    session: OrtSession,
}

impl Session {
    /// Prepares a graph to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::RuntimeMissing`], [`Error::RuntimeBroken`]; [`Error::Graph`] where the graph is not valid.
    pub fn load(graph: &Graph, threads: usize) -> Result<Self> {
        let session = open(graph, threads, (1, 1))?;
        Ok(Self { name: graph.name.clone(), session })
    }

    /// Runs the graph: f32 [N,C,H,W] in, f32 [N,C',H',W'] out.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the input or the output is not f32 NCHW.
    pub fn run(&mut self, input: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let failed = |what: String| Error::Graph { graph: self.name.clone(), what };
        let input = input.as_standard_layout();
        let tensor = TensorRef::from_array_view(&input).map_err(|error| failed(error.to_string()))?;
        let outputs = self.session.run(ort::inputs![tensor]).map_err(|error| failed(error.to_string()))?;
        let output = outputs[0].try_extract_array::<f32>().map_err(|error| failed(error.to_string()))?;
        let output = output.into_dimensionality::<Ix4>().map_err(|_| failed("its output is not NCHW".to_owned()))?;
        Ok(output.to_owned())
    }
}

/// A graph that compares: two f32 NCHW inputs of one shape, one number per picture.
///
/// The options are those of [`Session`].
#[derive(Debug)]
pub struct PairSession {
    name: String,
    session: OrtSession,
}

impl PairSession {
    /// Prepares a graph to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub fn load(graph: &Graph, threads: usize) -> Result<Self> {
        let session = open(graph, threads, (2, 1))?;
        Ok(Self { name: graph.name.clone(), session })
    }

    /// Compares two f32 `[N,C,H,W]`: N numbers.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the inputs or the output is not f32 with N elements.
    pub fn run(&mut self, one: ArrayView4<'_, f32>, other: ArrayView4<'_, f32>) -> Result<Vec<f32>> {
        let failed = |what: String| Error::Graph { graph: self.name.clone(), what };
        let (one, other) = (one.as_standard_layout(), other.as_standard_layout());
        let tensor = |array| TensorRef::from_array_view(array).map_err(|error| failed(error.to_string()));
        let inputs = ort::inputs![tensor(&one)?, tensor(&other)?];
        let outputs = self.session.run(inputs).map_err(|error| failed(error.to_string()))?;
        let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(|error| failed(error.to_string()))?;
        if values.len() != one.shape()[0] {
            return Err(failed(format!(
                "its output has shape {shape}, not one number for each of {} pictures",
                one.shape()[0]
            )));
        }
        Ok(values.to_vec())
    }
}

/// A graph of two f32 NCHW inputs, of which the second says something about the first, to one f32 NCHW output.
///
/// The options are those of [`Session`].
#[derive(Debug)]
pub struct ConditionedSession {
    name: String,
    session: OrtSession,
}

impl ConditionedSession {
    /// Prepares a graph to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub fn load(graph: &Graph, threads: usize) -> Result<Self> {
        let session = open(graph, threads, (2, 1))?;
        Ok(Self { name: graph.name.clone(), session })
    }

    /// Runs the graph: f32 `[N,C,H,W]` and f32 `[N,D,h,w]` in, f32 `[N,C',H',W']` out.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the inputs or the output is not f32 NCHW.
    pub fn run(&mut self, input: ArrayView4<'_, f32>, condition: ArrayView4<'_, f32>) -> Result<Array4<f32>> {
        let failed = |what: String| Error::Graph { graph: self.name.clone(), what };
        let (input, condition) = (input.as_standard_layout(), condition.as_standard_layout());
        let tensor = |array| TensorRef::from_array_view(array).map_err(|error| failed(error.to_string()));
        let inputs = ort::inputs![tensor(&input)?, tensor(&condition)?];
        let outputs = self.session.run(inputs).map_err(|error| failed(error.to_string()))?;
        let output = outputs[0].try_extract_array::<f32>().map_err(|error| failed(error.to_string()))?;
        let output = output.into_dimensionality::<Ix4>().map_err(|_| failed("its output is not NCHW".to_owned()))?;
        Ok(output.to_owned())
    }
}

/// A graph of one f32 array to another.
///
/// The options are those of [`Session`].
#[derive(Debug)]
pub struct ArraySession {
    name: String,
    session: OrtSession,
}

impl ArraySession {
    /// Prepares a graph to run on `threads` threads. Loads the runtime if it is not loaded yet.
    ///
    /// # Errors
    /// As [`Session::load`].
    pub fn load(graph: &Graph, threads: usize) -> Result<Self> {
        let session = open(graph, threads, (1, 1))?;
        Ok(Self { name: graph.name.clone(), session })
    }

    /// Runs the graph on an array of the given shape, in C order; returns another.
    ///
    /// # Errors
    /// [`Error::Graph`] where the runtime refuses the input or the output is not f32.
    ///
    /// # Panics
    /// If the values are not as many as the shape says.
    pub fn run(&mut self, shape: &[usize], values: &[f32]) -> Result<(Vec<usize>, Vec<f32>)> {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "values of this shape");
        let failed = |error: ort::Error| Error::Graph { graph: self.name.clone(), what: error.to_string() };
        let tensor = TensorRef::from_array_view((shape.to_vec(), values)).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![tensor]).map_err(failed)?;
        let (shape, values) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        // Sides of an output are not negative.
        Ok((shape.iter().map(|&side| side as usize).collect(), values.to_vec()))
    }
}

/// A graph with as many inputs and outputs as `expected`.
pub(crate) fn open(graph: &Graph, threads: usize, expected: (usize, usize)) -> Result<OrtSession> {
    let session = open_any(graph, threads)?;
    let ports = (session.inputs().len(), session.outputs().len());
    if ports != expected {
        let (inputs, outputs) = expected;
        let error = format!("{} inputs and {} outputs where {inputs} and {outputs} belong", ports.0, ports.1);
        return Err(does_not_load(graph, &error));
    }
    Ok(session)
}

/// A graph that cannot be used.
pub(crate) fn does_not_load(graph: &Graph, error: &dyn std::fmt::Display) -> Error {
    Error::Graph { graph: graph.name.clone(), what: format!("it does not load ({error})") }
}

/// A graph of any number of inputs and outputs.
pub(crate) fn open_any(graph: &Graph, threads: usize) -> Result<OrtSession> {
    let runtime = runtime::load(None)?;
    let build = || -> ort::Result<OrtSession> {
        OrtSession::builder(runtime.environment())?
            .with_optimization_level(GraphOptimizationLevel::Level3)?
            .with_intra_threads(threads.max(1))?
            .with_deterministic_compute(true)?
            .with_quant_qdq(false)?
            .commit_from_memory(&graph.bytes)
    };
    build().map_err(|error| does_not_load(graph, &error))
}
