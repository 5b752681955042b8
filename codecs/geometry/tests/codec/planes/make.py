"""Makes the graphs of the pack for tests: a block is a plane, its distance at the middle and its slopes.

    python make.py        # needs numpy and onnx; writes encoder.onnx and decoder.onnx beside this file

The encoder is the linear map that finds those four numbers best, in the mean over random planes, from distances that are cut at 2 steps.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CUT = 8, 2.0
line = np.arange(SIDE + 1) - SIDE / 2
places = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
basis = np.concatenate([np.ones((len(places), 1)), places], 1)


def write(name: str, nodes, inputs, output: str, weights: dict[str, np.ndarray]):
    tensors = [numpy_helper.from_array(value, key) for key, value in weights.items()]
    around = helper.make_tensor_value_info("around", TensorProto.INT64, ["blocks", 27])
    made = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["blocks", None])
    graph = helper.make_graph(nodes, name, [inputs, around], [made], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (Path(__file__).parent / f"{name}.onnx").write_bytes(model.SerializeToString())


def main():
    rng = np.random.default_rng(1)
    slopes = rng.normal(size=(6000, 3))
    slopes /= np.linalg.norm(slopes, axis=1, keepdims=True)
    planes = np.concatenate([rng.uniform(-5, 5, (6000, 1)), slopes], 1)
    found, *_ = np.linalg.lstsq((planes @ basis.T).clip(-CUT, CUT), planes, rcond=1e-3)
    rows = [helper.make_node("Flatten", ["samples"], ["flat"], axis=1), helper.make_node("MatMul", ["flat", "map"], ["latent"])]
    samples = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["blocks", SIDE + 1, SIDE + 1, SIDE + 1])
    write("encoder", rows, samples, "latent", {"map": found.astype(np.float32)})
    rows = [helper.make_node("MatMul", ["latent", "planes"], ["uncut"]), helper.make_node("Clip", ["uncut", "low", "high"], ["samples"])]
    latent = helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["blocks", 4])
    cuts = {"low": np.float32(-CUT), "high": np.float32(CUT)}
    write("decoder", rows, latent, "samples", {"planes": basis.T.astype(np.float32), **{k: np.array(v) for k, v in cuts.items()}})


if __name__ == "__main__":
    main()
