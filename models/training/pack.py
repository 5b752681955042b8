"""What every pack has in common: 8-bit weights, codebook tables, the manifest, and one archive of it all.

Weights are stored as 8-bit integers with one scale per output channel, behind DequantizeLinear nodes that the runtime folds
away when it loads the graph; the first and the last layer of each graph stay in 32 bits.
"""

import hashlib
import json
import zipfile
from pathlib import Path

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


def toml_text(value) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def write(manifest: dict, media: str, section: dict, parts: dict[str, bytes], out: Path, archive: Path | None):
    """Writes the parts with their manifest as a folder and, where asked, as one .tpack archive."""
    lines = [f"{k} = {toml_text(v)}" for k, v in manifest.items()] + ["", f"[{media}]"] + [f"{k} = {toml_text(v)}" for k, v in section.items()]
    for name, data in parts.items():
        lines += ["", "[[part]]", f'file = "{name}"', f"bytes = {len(data)}", f'sha256 = "{hashlib.sha256(data).hexdigest()}"']
    files = {"pack.toml": ("\n".join(lines) + "\n").encode(), **parts}
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
    if archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as pack:
            for name, data in files.items():
                pack.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
        print(f"{archive}: {archive.stat().st_size} bytes")
    print(f"{manifest['id']}: {hashlib.sha256(files['pack.toml']).hexdigest()[:16]}")
