"""Makes the graphs of the test's refiner and masked-token model: small enough to read, and what they do is plain.

    python make.py        # needs onnx and numpy

refiner.onnx: the clean picture is 0.7 of the decoded one, 0.2 of the present one blurred over 5 by 5 pixels, and 0.1 of the mean latent plus time
plus a tenth of the rate.
masked.onnx: the odds at every node are 3 times the mean over 3 by 3 tokens of the first component of the latent.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = Path(__file__).parent
DIM, DEPTH = 16, 12


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def write(name, nodes, inputs, output, constants):
    port = lambda name, channels: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, f"{name}_h", f"{name}_w"])
    graph = helper.make_graph(nodes, name, [port(*p) for p in inputs], [port(*output)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tessera")
    checker.check_model(model)
    save(model, HERE / f"{name}.onnx")


blur = np.zeros((3, 6, 5, 5), np.float32)
for c in range(3):
    blur[c, c] = 0.2 / 25
    blur[c, c + 3, 2, 2] = 0.7
say = np.concatenate([np.full(DIM, 0.1 / DIM), [0.1, 0.01]]).astype(np.float32).reshape(1, -1, 1, 1).repeat(3, 0)
write(
    "refiner",
    [
        helper.make_node("Conv", ["pictures", "blur"], ["mixed"], pads=[2, 2, 2, 2]),
        helper.make_node("Conv", ["condition", "say"], ["said"]),
        helper.make_node("Resize", ["said", "", "scales"], ["spread"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        helper.make_node("Add", ["mixed", "spread"], ["picture"]),
    ],
    [("pictures", 6), ("condition", DIM + 2)],
    ("picture", 3),
    [constant("blur", blur), constant("say", say), constant("scales", np.array([1, 1, 16, 16], np.float32))],
)

look = np.zeros((1, DIM + 2, 3, 3), np.float32)
look[0, 0] = 3 / 9
write(
    "masked",
    [
        helper.make_node("Conv", ["latent", "look"], ["one"], pads=[1, 1, 1, 1]),
        helper.make_node("Expand", ["one", "nodes_shape"], ["nodes"]),
    ],
    [("latent", DIM + 2)],
    ("nodes", 1 << DEPTH),
    [constant("look", look), constant("nodes_shape", np.array([1, 1 << DEPTH, 1, 1], np.int64))],
)
