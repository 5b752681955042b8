"""Makes encoder.onnx, whose latents are sums of a token's mean colours, and encoder-fine.onnx, which has four times too many of them. Run with Python's onnx where
the graphs are to change.

    python encoder.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = np.array([[[[np.cos(c * (k + 1))]] for k in range(3)] for c in range(16)], np.float32)
for name, side in (("encoder.onnx", 16), ("encoder-fine.onnx", 8)):
    nodes = [
        helper.make_node("AveragePool", ["image"], ["means"], kernel_shape=[side, side], strides=[side, side]),
        helper.make_node("Conv", ["means", "weights"], ["latent"]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, [1, 16, "out_height", "out_width"])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    Path(__file__).with_name(name).write_bytes(model.SerializeToString())
