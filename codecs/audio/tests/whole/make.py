"""Makes the graphs beside it: a network for whole sounds as small as can be, whose tail looks back without bound and whose decoder sees all.

    pip install numpy onnx && python make.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
HOP, WINDOW, DIM = 16, 64, 4


def save(name, nodes, ports, **constants):
    rng = np.random.default_rng(len(name))
    tensors = [numpy_helper.from_array(value(rng) if callable(value) else value, key) for key, value in constants.items()]
    inputs, outputs = [[helper.make_tensor_value_info(port, TensorProto.FLOAT, sides)] for port, sides in ports]
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


def random(*sides, scale=1.0):
    return lambda rng: (scale * rng.standard_normal(sides)).astype(np.float32)


node = helper.make_node
# Frame t looks at the samples from 16t - 8 to 16t + 23: one frame for every 16 samples that begin.
save(
    "encoder",
    [
        node("Unsqueeze", ["samples", "axes"], ["x"]),
        node("Conv", ["x", "weight"], ["y"], kernel_shape=[2 * HOP], strides=[HOP], pads=[HOP // 2, HOP + HOP // 2 - 1]),
        node("Squeeze", ["y", "axes0"], ["z"]),
        node("Transpose", ["z"], ["features"], perm=[1, 0]),
    ],
    [("samples", [1, "n"]), ("features", ["t", DIM])],
    axes=np.array([1]), axes0=np.array([0]), weight=random(DIM, 1, 2 * HOP),
)  # fmt: skip
save(
    "tail",
    [
        node("CumSum", ["features", "axis"], ["sum"]),
        node("Sin", ["sum"], ["wave"]),
        node("Add", ["features", "wave"], ["latent"]),
    ],
    [("features", ["t", DIM]), ("latent", ["t", DIM])],
    axis=np.array(0),
)  # fmt: skip
save(
    "decoder",
    [
        node("ReduceMean", ["latent"], ["mean"], axes=[0], keepdims=1),
        node("Sub", ["latent", "mean"], ["x"]),
        node("MatMul", ["x", "weight"], ["spectrum"]),
    ],
    [("latent", ["t", DIM]), ("spectrum", ["t", WINDOW + 2])],
    weight=random(DIM, WINDOW + 2, scale=0.5),
)  # fmt: skip
