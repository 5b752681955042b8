"""Makes interest.onnx: how much redder than the rest the reddest quarter of a picture is. Run with Python's onnx where the graph is to change.

    python interest.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = np.array([1.0, -0.5, -0.5], np.float32).reshape(1, 3, 1, 1)
nodes = [
    helper.make_node("Conv", ["picture", "weights"], ["redness"]),
    helper.make_node("AveragePool", ["redness"], ["scores"], kernel_shape=[16, 16], strides=[16, 16]),
]
graph = helper.make_graph(
    nodes,
    "interest",
    [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 32, 32])],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1, 2, 2])],
    [numpy_helper.from_array(weights, "weights")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)
Path(__file__).with_suffix(".onnx").write_bytes(model.SerializeToString())
