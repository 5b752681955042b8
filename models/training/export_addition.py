"""Writes a refiner or a masked-token model as a pack that names the image pack it adds to.

    python export_addition.py --kind refiner --weights work/refiner/out/weights.safetensors --card packs/image-f16-refiner.md
        --id image-f16-refiner-1 --version 1.0.0 --archive ../packs/image-f16-refiner.tpack
    python export_addition.py --kind masked --weights work/masked/out/weights.safetensors --card packs/image-f16-masked.md
        --id image-f16-masked-1 --version 1.0.0 --archive ../packs/image-f16-masked.tpack
"""

import argparse
import hashlib
import io
import tomllib
import zipfile
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file

import pack
import weights
from export_image import OPSET
from masked_model import PLANES, MaskedModel
from refiner_model import Refiner

SUMMARIES = {
    "refiner": "Residual refiner: removes noise and coding residual together, in 1, 2 or 5 steps, without a bit more.",
    "masked": "Masked-token model: what lost or coarse tokens are likely to have been.",
}


def graph(module: torch.nn.Module, shapes: dict[str, tuple[int, ...]], output: str) -> onnx.ModelProto:
    """The module as ONNX with dynamic heights and widths."""
    buffer = io.BytesIO()
    axes = {name: {2: f"{name}_height", 3: f"{name}_width"} for name in [*shapes, output]}
    examples = tuple(torch.zeros(shape) for shape in shapes.values())
    torch.onnx.export(module, examples, buffer, input_names=list(shapes), output_names=[output], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", required=True, choices=SUMMARIES)
    parser.add_argument("--config", type=Path, help="default: refiner.toml or masked.toml")
    parser.add_argument("--pack", default=Path(__file__).parent.parent / "packs" / "image-f16.tpack", type=Path, help="the image pack it was trained for")
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--card", required=True, type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--archive", type=Path)
    args = parser.parse_args()
    with zipfile.ZipFile(args.pack) as archive:
        manifest = archive.read("pack.toml")
    base, image = hashlib.sha256(manifest).hexdigest()[:16], tomllib.loads(manifest.decode())["image"]
    shape = tomllib.loads((args.config or Path(__file__).with_name(f"{args.kind}.toml")).read_text())["model"]
    section = {"base": base, "dim": image["dim"], "depth": image["depth"], "graph": f"{args.kind}.onnx"}
    told = image["dim"] + PLANES
    if args.kind == "refiner":
        module = Refiner(image["dim"], shape["widths"])
        shapes, output = {"pictures": (1, 6, 64, 96), "condition": (1, told, 4, 6)}, "picture"
        section |= {"stride": image["stride"], "noise": shape["noise"], "noise_halves": shape["noise_halves"]}
    else:
        module = MaskedModel(image["dim"], image["depth"], shape["width"], shape["blocks"], shape["features"])
        shapes, output = {"latent": (1, told, 5, 8)}, "nodes"
    state = load_file(args.weights)
    module.load_state_dict({name: tensor.float() for name, tensor in state.items() if ":" not in name})
    model = graph(module.eval(), shapes, output)
    errors = weights.shrink(model, last=args.kind == "masked")
    parts = {section["graph"]: model.SerializeToString(), "MODEL_CARD.md": args.card.read_bytes()}
    print(f"{section['graph']}: {len(parts[section['graph']])} bytes, worst relative weight error {max(errors.values()):.4f}")
    head = {
        "format": 1, "id": args.id, "version": args.version, "modality": args.kind, "licence": "MIT OR Apache-2.0",
        "summary": SUMMARIES[args.kind], "card": "MODEL_CARD.md",
    }  # fmt: skip
    pack.write(head, {args.kind: section}, parts, args.out, args.archive)


if __name__ == "__main__":
    main()
