"""Makes the graphs of the tests' refiners and masked-token model: small enough to read, and what they do is plain.

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
    shape = lambda name, channels: [1, channels, f"{name}_h", f"{name}_w"] if channels else [1]
    port = lambda name, channels: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape(name, channels))
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

# A refiner of latents: the latent to begin with is the first four components of what the tokens say, the hint the fifth; the correction is half the hint
# and a thousandth of the time; noise is a tenth of the latent, blurred, and the correction; the picture is three components, each 8 by 8 pixels.
double = constant("double", np.array([1, 1, 2, 2], np.float32))
spread = lambda source, scales, made: helper.make_node("Resize", [source, "", scales], [made], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
kernel = np.zeros((4, 4, 3, 3), np.float32)
for c in range(4):
    kernel[c, c] = 0.1 / 9
write(
    "start",
    [spread("tokens", "double", "wide"), helper.make_node("Conv", ["wide", "first"], ["began"])],
    [("tokens", DIM)], ("began", 5), [double, constant("first", np.eye(5, DIM, dtype=np.float32)[:, :, None, None])],
)  # fmt: skip
write(
    "control",
    [
        helper.make_node("Conv", ["hint", "half"], ["said"]), helper.make_node("Mul", ["time", "thousandth"], ["little"]),
        helper.make_node("Mul", ["latent", "nothing"], ["ignored"]), helper.make_node("Sum", ["said", "little", "ignored"], ["correction"]),
    ],
    [("latent", 4), ("hint", 1), ("time", None)], ("correction", 4),
    [constant("half", np.full((4, 1, 1, 1), 0.5, np.float32)), constant("thousandth", np.float32(0.001)), constant("nothing", np.float32(0))],
)  # fmt: skip
write(
    "unet",
    [
        helper.make_node("Conv", ["latent", "kernel"], ["blurred"], pads=[1, 1, 1, 1]), helper.make_node("Mul", ["time", "nothing"], ["ignored"]),
        helper.make_node("Sum", ["blurred", "correction", "ignored"], ["noise"]),
    ],
    [("latent", 4), ("time", None), ("correction", 4)], ("noise", 4), [constant("kernel", kernel), constant("nothing", np.float32(0))],
)  # fmt: skip
write(
    "paint",
    [helper.make_node("Conv", ["latent", "colours"], ["small"]), spread("small", "eight", "picture")],
    [("latent", 4)], ("picture", 3), [constant("colours", np.eye(3, 4, dtype=np.float32)[:, :, None, None]), constant("eight", np.array([1, 1, 8, 8], np.float32))],
)  # fmt: skip
