"""Weights as packs hold them: 8-bit integers in graphs, half precision in codebooks.

Weights of graphs are stored as 8-bit integers with one scale per output channel, behind DequantizeLinear nodes that the runtime folds
away when it loads the graph; those of the first and the last layer of each graph in half precision, behind Cast nodes.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper
from safetensors.torch import save


def shrink(model: onnx.ModelProto) -> dict[str, float]:
    """Replaces the weights of convolutions and linear layers by int8 with per-channel scales, in place; returns the relative error of each."""
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    initialisers = {t.name: t for t in model.graph.initializer}
    errors, nodes = {}, []
    for node in layers[1:-1]:
        name = node.input[1]
        weight = numpy_helper.to_array(initialisers[name]).astype(np.float32)
        scale = (np.abs(weight).reshape(len(weight), -1).max(1) / 127).clip(1e-12).astype(np.float32)
        column = scale.reshape(-1, *[1] * (weight.ndim - 1))
        whole = np.clip(np.rint(weight / column), -127, 127).astype(np.int8)
        errors[name] = float(np.linalg.norm(whole * column - weight) / np.linalg.norm(weight))
        model.graph.initializer.remove(initialisers[name])
        model.graph.initializer.extend([
            numpy_helper.from_array(whole, name + ".q"), numpy_helper.from_array(scale, name + ".scale"),
            numpy_helper.from_array(np.zeros(len(scale), np.int8), name + ".zero"),
        ])  # fmt: skip
        nodes.append(helper.make_node("DequantizeLinear", [name + ".q", name + ".scale", name + ".zero"], [name], axis=0))
    for node in (layers[0], layers[-1]):
        name = node.input[1]
        half = numpy_helper.to_array(initialisers[name]).astype(np.float16)
        model.graph.initializer.remove(initialisers[name])
        model.graph.initializer.append(numpy_helper.from_array(half, name + ".h"))
        nodes.append(helper.make_node("Cast", [name + ".h"], [name], to=onnx.TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes + rest)
    model.doc_string, model.producer_name = "", "tessera"
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model)
    return errors


def codebook(state: dict, levels: int) -> bytes:
    tables = {}
    for level in range(levels):
        table = state[f"vq.levels.{level}.nodes"].float().clone()
        table[0] = 0
        tables[f"level{level}"] = table.half().contiguous()
    return save(tables)
