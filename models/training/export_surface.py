"""Writes a trained surface model as a geometry pack: a folder and a .tpack archive.

    python export_surface.py --weights work/surface/out/weights.safetensors [--prior prior.safetensors] --card packs/surface-8.md
        --id surface-8-1 --version 1.0.0 --archive ../packs/surface-8.tpack
"""

import argparse
import io
import tomllib
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file

import pack
import weights
from export_image import OPSET
from surface_model import SurfaceModel

AROUND = 27
SUMMARY = "Surfaces of meshes as tokens: one nested vector for each block of {side} steps that a surface goes through."


def graph(module: torch.nn.Module, names: tuple[str, str], shape: tuple[int, ...]) -> onnx.ModelProto:
    """A module of blocks and what lies around them, as ONNX for any number of blocks."""
    buffer = io.BytesIO()
    example = (torch.randn(5, *shape), torch.randint(0, 6, (5, AROUND)))
    axes = {name: {0: "blocks"} for name in (*names, "around")}
    torch.onnx.export(module, example, buffer, input_names=[names[0], "around"], output_names=[names[1]], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("surface.toml"), type=Path)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--prior", type=Path)
    parser.add_argument("--card", required=True, type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--search-lambda", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--archive", type=Path)
    args = parser.parse_args()
    shape, state = tomllib.loads(args.config.read_text())["model"], load_file(args.weights)
    model = SurfaceModel(shape).eval()
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    if unexpected or any(not k.endswith((".count", ".total")) for k in missing):
        raise SystemExit(f"{args.weights}: weights of another architecture: {unexpected or missing}")
    parts, wide = {}, shape["side"] + 1
    for name, module, ports, size in (
        ("encoder.onnx", model.enc, ("blocks", "latent"), (wide, wide, wide)),
        ("decoder.onnx", model.dec, ("latent", "blocks"), (shape["dim"],)),
    ):
        exported = graph(module, ports, size)
        errors = weights.shrink(exported)
        parts[name] = exported.SerializeToString()
        print(f"{name}: {len(parts[name])} bytes, worst relative weight error {max(errors.values()):.4f}")
    parts["codebook.safetensors"] = weights.codebook(state, shape["levels"])
    if args.prior:
        parts["prior.safetensors"] = args.prior.read_bytes()
    parts["MODEL_CARD.md"] = args.card.read_bytes()
    manifest = {
        "format": 1, "id": args.id, "version": args.version, "modality": "geometry", "licence": "MIT OR Apache-2.0",
        "summary": SUMMARY.format(side=shape["side"]), "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "side": shape["side"], "dim": shape["dim"], "levels": shape["levels"], "depth": shape["depth"], "min_depth": 3, "search_lambda": args.search_lambda,
        "encoder": "encoder.onnx", "decoder": "decoder.onnx", "codebook": "codebook.safetensors",
    } | ({"prior": "prior.safetensors"} if args.prior else {})  # fmt: skip
    pack.write(manifest, {"geometry": section}, parts, args.out, args.archive)


if __name__ == "__main__":
    main()
