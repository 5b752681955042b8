"""Writes a refiner, a masked-token model or a frame decoder, with a frame encoder and an enhancer if they are named, as a pack that names the image pack it adds to.

    python export_addition.py --kind refiner --weights work/refiner/out/weights.safetensors --card packs/image-f16-refiner.md
        --id image-f16-refiner-1 --version 1.0.0 --archive ../packs/image-f16-refiner.tpack
    python export_addition.py --kind masked --weights work/masked/out/weights.safetensors --card packs/image-f16-masked.md
        --id image-f16-masked-1 --version 1.0.0 --archive ../packs/image-f16-masked.tpack
    python export_addition.py --kind video --weights work/video/out/weights.safetensors --encoder work/encoder/out/weights.safetensors
        --enhancer work/enhancer/out/weights.safetensors --card packs/video-f16.md --id video-f16-4 --version 4.0.0 --archive ../packs/video-f16.tpack
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
from video_model import BLOCK, BLOCK_MARGIN, MARGIN, Enhancer, FrameDecoder, FrameEncoder

SUMMARIES = {
    "refiner": "Residual refiner: removes noise and coding residual together, in 1, 2 or 5 steps, without a bit more.",
    "masked": "Masked-token model: what lost or coarse tokens are likely to have been.",
    "video": "Frame decoder: tokens of a video's frame and of the one before to its picture, at the size that was coded or twice that.",
}
CONFIGURATIONS = {"refiner": "refiner.toml", "masked": "masked.toml", "video": "video.toml"}
FRAME_ENCODER = ("video_encoder.toml", " Frame encoder: a frame to its latents.")
ENHANCER = ("enhancer.toml", " Enhancer: a decoded frame of a base layer to the picture at twice its sides.")


def graph(module: torch.nn.Module, shapes: dict[str, tuple[int, ...]], output: str) -> onnx.ModelProto:
    """The module as ONNX with dynamic heights and widths."""
    buffer = io.BytesIO()
    axes = {name: {2: f"{name}_height", 3: f"{name}_width"} for name in [*shapes, output]}
    examples = tuple(torch.zeros(shape) for shape in shapes.values())
    torch.onnx.export(module, examples, buffer, input_names=list(shapes), output_names=[output], dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def shape_of(config: Path) -> dict:
    return tomllib.loads(config.read_text())["model"]


def fill(module: torch.nn.Module, path: Path):
    """Puts averaged weights into the module."""
    module.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items() if ":" not in name})
    module.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", required=True, choices=SUMMARIES)
    parser.add_argument("--config", type=Path, help="default: that of the kind")
    parser.add_argument("--pack", default=Path(__file__).parent.parent / "packs" / "image-f16.tpack", type=Path, help="the image pack it was trained for")
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--encoder", type=Path, help="with --kind video: weights of a frame encoder")
    parser.add_argument("--enhancer", type=Path, help="with --kind video: weights of an enhancer")
    parser.add_argument("--card", required=True, type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--archive", type=Path)
    args = parser.parse_args()
    if (args.encoder or args.enhancer) and args.kind != "video":
        parser.error("--encoder and --enhancer are for --kind video")
    with zipfile.ZipFile(args.pack) as archive:
        manifest = archive.read("pack.toml")
    base, image = hashlib.sha256(manifest).hexdigest()[:16], tomllib.loads(manifest.decode())["image"]
    shape = shape_of(args.config or Path(__file__).with_name(CONFIGURATIONS[args.kind]))
    section, told = {"base": base, "dim": image["dim"]}, image["dim"] + PLANES
    if args.kind == "refiner":
        module = Refiner(image["dim"], shape["widths"])
        graphs = {"graph": ("refiner.onnx", module, {"pictures": (1, 6, 64, 96), "condition": (1, told, 4, 6)}, "picture")}
        section |= {"depth": image["depth"], "stride": image["stride"], "noise": shape["noise"], "noise_halves": shape["noise_halves"]}
    elif args.kind == "masked":
        module = MaskedModel(image["dim"], image["depth"], shape["width"], shape["blocks"], shape["features"])
        graphs = {"graph": ("masked.onnx", module, {"latent": (1, told, 5, 8)}, "nodes")}
        section |= {"depth": image["depth"]}
    else:
        module = FrameDecoder(image["dim"], shape["widths"], shape["double"])
        latent, features = (1, image["dim"], 5, 8), {"features": (1, shape["widths"][-1], 20, 32)}
        graphs = {
            "trunk": ("trunk.onnx", module.trunk, {"latent": latent, "previous": latent}, "features"),
            "head": ("head.onnx", module.head, features, "image"),
            "double": ("head-double.onnx", module.head_double, features, "image"),
        }
        section |= {"depth": image["depth"], "stride": image["stride"], "margin": MARGIN}
    fill(module, args.weights)
    summary = SUMMARIES[args.kind]
    if args.encoder:
        config, more = FRAME_ENCODER
        encoder = FrameEncoder(image["dim"], shape_of(Path(__file__).with_name(config))["widths"])
        fill(encoder, args.encoder)
        graphs["encoder"] = ("encoder.onnx", encoder, {"image": (1, 3, 64, 96)}, "latent")
        summary += more
    if args.enhancer:
        config, more = ENHANCER
        config = shape_of(Path(__file__).with_name(config))
        enhancer = Enhancer(config["widths"], config["depths"])
        fill(enhancer, args.enhancer)
        graphs["enhancer"] = ("enhancer.onnx", enhancer, {"blocks": (1, 3 * BLOCK**2, 10, 12)}, "image")
        section["enhancer_margin"] = BLOCK_MARGIN
        summary += more
    parts = {}
    for key, (file, part, shapes, output) in graphs.items():
        model = graph(part, shapes, output)
        errors = weights.shrink(model, last=args.kind == "masked", bits=6 if key == "encoder" else 8)
        section[key], parts[file] = file, model.SerializeToString()
        print(f"{file}: {len(parts[file])} bytes, worst relative weight error {max(errors.values(), default=0):.4f}")
    parts["MODEL_CARD.md"] = args.card.read_bytes()
    head = {
        "format": 1, "id": args.id, "version": args.version, "modality": args.kind, "licence": "MIT OR Apache-2.0",
        "summary": summary, "card": "MODEL_CARD.md",
    }  # fmt: skip
    pack.write(head, {args.kind: section}, parts, args.out, args.archive)


if __name__ == "__main__":
    main()
