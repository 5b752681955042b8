//! Codebook and prior from safetensors.

use half::f16;
use safetensors::{Dtype, SafeTensors};
use tessera_core::{
    entropy::{LevelTensors, NetworkPrior, PriorTensors},
    vq::{NestedCodebook, ResidualCodebook},
};

type Outcome<T> = Result<T, String>;

/// `level{l}` f16 or f32 [2^(depth+1), dim] for l in 0..levels.
pub(super) fn codebook(bytes: &[u8], levels: u8, depth: u8, dim: usize) -> Outcome<ResidualCodebook> {
    let file = open(bytes)?;
    let level = |l: u8| {
        let name = format!("level{l}");
        let view = file.tensor(&name).map_err(|_| format!("tensor {name} is missing"))?;
        if view.shape() != [2usize << depth, dim] {
            return Err(format!("{name} has shape {:?} where [{}, {dim}] belongs", view.shape(), 2usize << depth));
        }
        let values: Vec<f32> = match view.dtype() {
            Dtype::F16 => view.data().as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::F32 => view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            other => return Err(format!("{name} is {other:?}, not F16 or F32")),
        };
        NestedCodebook::new(dim, depth, values).map_err(|error| error.to_string())
    };
    let books = (0..levels).map(level).collect::<Outcome<Vec<_>>>()?;
    ResidualCodebook::new(books).map_err(|error| error.to_string())
}

/// The integer network prior of every level.
pub(super) fn prior(bytes: &[u8], levels: u8) -> Outcome<NetworkPrior> {
    let file = open(bytes)?;
    let i8s = |l: u8, name: &str| -> Outcome<Vec<i8>> {
        Ok(raw(&file, l, name, Dtype::I8)?.iter().map(|b| b.cast_signed()).collect())
    };
    let i32s = |l: u8, name: &str| -> Outcome<Vec<i32>> {
        Ok(raw(&file, l, name, Dtype::I32)?.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect())
    };
    let pair = |l: u8, name: &str| -> Outcome<[i32; 2]> {
        i32s(l, name)?.try_into().map_err(|_| format!("l{l}.{name} is not a pair"))
    };
    let level = |l: u8| -> Outcome<LevelTensors> {
        Ok(LevelTensors {
            slots: i32s(l, "slots")?.as_chunks().0.to_vec(),
            embed: i8s(l, "embed")?,
            w1: i8s(l, "w1")?,
            b1: i32s(l, "b1")?,
            q1: pair(l, "q1")?,
            w2: i8s(l, "w2")?,
            b2: i32s(l, "b2")?,
            q2: pair(l, "q2")?,
            node: i8s(l, "node")?,
            node_bias: i32s(l, "node_bias")?,
            q3: pair(l, "q3")?,
        })
    };
    let levels = (0..levels).map(level).collect::<Outcome<_>>()?;
    NetworkPrior::from_tensors(&PriorTensors { levels }).map_err(|error| error.to_string())
}

fn open(bytes: &[u8]) -> Outcome<SafeTensors<'_>> {
    SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))
}

fn raw<'a>(file: &SafeTensors<'a>, level: u8, name: &str, dtype: Dtype) -> Outcome<&'a [u8]> {
    let view = file.tensor(&format!("l{level}.{name}")).map_err(|_| format!("tensor l{level}.{name} is missing"))?;
    if view.dtype() != dtype {
        return Err(format!("l{level}.{name} is {:?}, not {dtype:?}", view.dtype()));
    }
    Ok(view.data())
}
