"""Writes an image pack: ONNX graphs, codebook, prior, manifest, model card, as a folder and as one .tpack archive.

    python export.py --weights 'work/image/out/weights-*.safetensors' --prior work/image/out/prior.safetensors
        --card packs/image-f16.md --id image-f16-1 --version 1.0.0 --out work/packs/image-f16 [--archive ../packs/image-f16.tpack]

Convolution weights are stored as 8-bit integers with one scale per output channel, behind DequantizeLinear nodes that the
runtime folds away when it loads the graph; the first and the last layer of each graph stay in 32 bits.
"""

import argparse
import glob
import hashlib
import io
import json
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save

from image_model import Decoder, Encoder

OPSET = 17


def graph(module: torch.nn.Module, channels: int, names: tuple[str, str], side: int) -> onnx.ModelProto:
    """The module as ONNX with a dynamic height and width."""
    buffer = io.BytesIO()
    axes = {names[0]: {2: "height", 3: "width"}, names[1]: {2: "out_height", 3: "out_width"}}
    example = torch.zeros(1, channels, side, side + side // 2 // 16 * 16 if channels == 3 else side + 3)
    torch.onnx.export(module, (example,), buffer, input_names=[names[0]], output_names=[names[1]], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def shrink(model: onnx.ModelProto) -> dict[str, float]:
    """Replaces convolution weights by int8 with per-channel scales, in place; returns the relative error of each."""
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    initialisers = {t.name: t for t in model.graph.initializer}
    errors, nodes = {}, []
    for node in convolutions[1:-1]:
        name = node.input[1]
        weight = numpy_helper.to_array(initialisers[name]).astype(np.float32)
        scale = (np.abs(weight).reshape(len(weight), -1).max(1) / 127).clip(1e-12).astype(np.float32)
        whole = np.clip(np.rint(weight / scale[:, None, None, None]), -127, 127).astype(np.int8)
        errors[name] = float(np.linalg.norm(whole * scale[:, None, None, None] - weight) / np.linalg.norm(weight))
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("image.toml"), type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--prior", required=True, type=Path)
    parser.add_argument("--card", required=True, type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--search-lambda", type=float, default=0.01)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--archive", type=Path)
    args = parser.parse_args()
    shape, state = tomllib.loads(args.config.read_text())["model"], {}
    for name in sorted(glob.glob(args.weights)):
        state |= load_file(name)
    encoder, decoder = Encoder(shape["dim"]).eval(), Decoder(shape["dim"]).eval()
    for module, prefix in ((encoder, "enc."), (decoder, "dec.")):
        module.load_state_dict({k.removeprefix(prefix): v.float() for k, v in state.items() if k.startswith(prefix)})
    parts = {}
    for name, module, channels, ports, side in (
        ("encoder.onnx", encoder, 3, ("image", "latent"), 64), ("decoder.onnx", decoder, shape["dim"], ("latent", "image"), 5)
    ):  # fmt: skip
        model = graph(module, channels, ports, side)
        errors = shrink(model)
        parts[name] = model.SerializeToString()
        print(f"{name}: {len(parts[name])} bytes, worst relative weight error {max(errors.values()):.4f}")
    parts["codebook.safetensors"] = codebook(state, shape["levels"])
    parts["prior.safetensors"] = args.prior.read_bytes()
    parts["MODEL_CARD.md"] = args.card.read_bytes()
    manifest = {
        "format": 1, "id": args.id, "version": args.version, "modality": "image", "licence": "MIT OR Apache-2.0",
        "summary": "Photos at 0.01 to 0.2 bits per pixel: stride 16, four residual levels of nested 4096-entry codebooks.", "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "stride": 16, "dim": shape["dim"], "levels": shape["levels"], "depth": shape["depth"], "min_depth": 3, "search_lambda": args.search_lambda,
        "encoder": "encoder.onnx", "decoder": "decoder.onnx", "codebook": "codebook.safetensors", "prior": "prior.safetensors",
    }  # fmt: skip
    lines = [f"{k} = {toml_text(v)}" for k, v in manifest.items()] + ["", "[image]"] + [f"{k} = {toml_text(v)}" for k, v in section.items()]
    for name, data in parts.items():
        lines += ["", "[[part]]", f'file = "{name}"', f"bytes = {len(data)}", f'sha256 = "{hashlib.sha256(data).hexdigest()}"']
    files = {"pack.toml": ("\n".join(lines) + "\n").encode(), **parts}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (args.out / name).write_bytes(data)
    if args.archive:
        with zipfile.ZipFile(args.archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
        print(f"{args.archive}: {args.archive.stat().st_size} bytes")
    print(f"{args.id}: {hashlib.sha256(files['pack.toml']).hexdigest()[:16]}")


if __name__ == "__main__":
    main()
