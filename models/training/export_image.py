"""Writes an image pack: ONNX graphs, codebook, prior, manifest, model card, as a folder and as one .tpack archive.

    python export_image.py --weights 'work/image/out/weights-*.safetensors' --prior work/image/out/prior.safetensors
        --card packs/image-f16.md --id image-f16-1 --version 1.0.0 --out work/packs/image-f16 [--archive ../packs/image-f16.tpack]
"""

import argparse
import glob
import io
import tomllib
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file

import pack
import weights
from image_model import Decoder, Encoder

OPSET = 17


def graph(module: torch.nn.Module, channels: int, names: tuple[str, str], side: int) -> onnx.ModelProto:
    """The module as ONNX with a dynamic height and width."""
    buffer = io.BytesIO()
    axes = {names[0]: {2: "height", 3: "width"}, names[1]: {2: "out_height", 3: "out_width"}}
    example = torch.zeros(1, channels, side, side + side // 2 // 16 * 16 if channels == 3 else side + 3)
    torch.onnx.export(module, (example,), buffer, input_names=[names[0]], output_names=[names[1]], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


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
        errors = weights.shrink(model)
        parts[name] = model.SerializeToString()
        print(f"{name}: {len(parts[name])} bytes, worst relative weight error {max(errors.values()):.4f}")
    parts["codebook.safetensors"] = weights.codebook(state, shape["levels"])
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
    pack.write(manifest, {"image": section}, parts, args.out, args.archive)


if __name__ == "__main__":
    main()
