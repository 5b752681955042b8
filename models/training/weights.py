"""Weights as packs hold them: 8-bit integers in graphs, half precision in codebooks.

Weights of graphs are stored as 8-bit integers with one scale per output channel, behind DequantizeLinear nodes that the runtime folds
away when it loads the graph; those of the first and, mostly, the last layer of each graph in half precision, behind Cast nodes.
"""

import zipfile

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from safetensors.torch import load, save


def shrink(model: onnx.ModelProto, last: bool = False, bits: int = 8) -> dict[str, float]:
    """Replaces the weights of convolutions and linear layers, with `last` of the last one too, by integers of that many bits (stored as int8, which compress to
    about as many) with per-channel scales, in place; returns the relative error of each."""
    most = 2 ** (bits - 1) - 1
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    initialisers = {t.name: t for t in model.graph.initializer}
    errors, nodes = {}, []
    for node in layers[1 : None if last else -1]:
        name = node.input[1]
        weight = numpy_helper.to_array(initialisers[name]).astype(np.float32)
        column, whole = to_integers(weight, most)
        scale = column.reshape(-1)
        errors[name] = float(np.linalg.norm(whole * column - weight) / np.linalg.norm(weight))
        model.graph.initializer.remove(initialisers[name])
        model.graph.initializer.extend([
            numpy_helper.from_array(whole, name + ".q"), numpy_helper.from_array(scale, name + ".scale"),
            numpy_helper.from_array(np.zeros(len(scale), np.int8), name + ".zero"),
        ])  # fmt: skip
        nodes.append(helper.make_node("DequantizeLinear", [name + ".q", name + ".scale", name + ".zero"], [name], axis=0))
    for node in layers[:1] + ([] if last else layers[1:][-1:]):
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


def to_integers(weight: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Per-channel scales and integers up to `most`; where those are few, scales that cut off the greatest weights are tried too."""
    channels = weight.reshape(len(weight), -1)
    found, least = np.zeros((len(weight), 1), np.float32), np.full((len(weight), 1), np.inf)
    for share in (1.0,) if most > 100 else (1.0, 0.9, 0.8, 0.7):
        scale = (np.abs(channels).max(1, keepdims=True) * share / most).clip(1e-12).astype(np.float32)
        error = np.square(np.clip(np.rint(channels / scale), -most, most) * scale - channels).sum(1, keepdims=True)
        found, least = np.where(error < least, scale, found), np.minimum(error, least)
    whole = np.clip(np.rint(channels / found), -most, most).astype(np.int8)
    return found.reshape(-1, *[1] * (weight.ndim - 1)), whole.reshape(weight.shape)


def codebook(state: dict, levels: int) -> bytes:
    tables = {}
    for level in range(levels):
        table = state[f"vq.levels.{level}.nodes"].float().clone()
        table[0] = 0
        tables[f"level{level}"] = table.half().contiguous()
    return save(tables)


def read_pack(path: str) -> dict[str, torch.Tensor]:
    """Weights of an image pack under the model's names, its short weights widened."""
    state = {}
    with zipfile.ZipFile(path) as pack:
        for prefix in ("enc", "dec"):
            graph = onnx.load_from_string(pack.read({"enc": "encoder.onnx", "dec": "decoder.onnx"}[prefix])).graph
            found = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
            for name, tensor in found.items():
                if name.endswith(".q"):
                    name = name.removesuffix(".q")
                    state[f"{prefix}.{name}"] = tensor.float() * found[name + ".scale"][:, None, None, None]
                elif not name.endswith((".scale", ".zero")):
                    state[f"{prefix}.{name.removesuffix('.h')}"] = tensor.float()
        for name, nodes in load(pack.read("codebook.safetensors")).items():
            state[f"vq.levels.{name.removeprefix('level')}.nodes"] = nodes
    return state
