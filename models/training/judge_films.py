"""Judges the networks of the video codec on films: LPIPS, steadiness and PSNR of what they make of the same tokens.

    python judge_films.py --clips work/clips/heldout --lpips lpips_alex.onnx [--decoder work/video/out/weights.safetensors]
        [--encoder work/encoder/out/weights.safetensors] [--refiner work/refiner/out/weights.safetensors] [--frames 24] [--longest 640]

Tokens are of 12 bits, one level, and stick to those of the frame before where that costs little, as the recipes draw them. LPIPS is that of every second frame;
*flicker* is the mean difference between how a picture and how the film moved from one frame to the next, in steps of 255. Frames larger than `--longest` are scaled down.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
import tomllib
from safetensors.torch import load_file

from frozen import FrozenImage
from refiner_model import Refiner, refine
from video_model import FrameDecoder, FrameEncoder

# How much farther than the nearest code the one before may be and still be kept.
STICKINESS = 1.75


def model(file: str) -> dict:
    return tomllib.loads(Path(__file__).with_name(file).read_text())["model"]


def trained(network: torch.nn.Module, weights: Path) -> torch.nn.Module:
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items() if ":" not in name})
    return network.eval()


def frames(path: Path, count: int, longest: int):
    """The first frames [1,3,h,w] in [-1,1], sides multiples of 16."""
    with av.open(str(path)) as film:
        for _, frame in zip(range(count), film.decode(video=0)):
            picture = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)[None].float() / 127.5 - 1
            scale = min(1.0, longest / max(picture.shape[2:]))
            h, w = (int(side * scale) // 16 * 16 for side in picture.shape[2:])
            if scale < 1:
                picture = F.interpolate(picture, (h, w), mode="bicubic", antialias=True).clamp(-1, 1)
            yield picture[:, :, :h, :w]


def sticky(image: FrozenImage, latent, before):
    coded = image.quantize(latent, 1, image.depth)[0]
    if before is None:
        return coded
    far = lambda codes: (latent - codes).pow(2).sum(1, keepdim=True)
    return torch.where(far(before) < far(coded) * STICKINESS, before, coded)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", required=True, type=Path)
    parser.add_argument("--lpips", required=True, type=Path, help="LPIPS as ONNX: two inputs f32 [N,3,H,W] in [-1,1], one distance")
    parser.add_argument("--pack", default=str(Path(__file__).parent.parent / "packs" / "image-f16.tpack"))
    parser.add_argument("--decoder", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--refiner", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--longest", type=int, default=640)
    args = parser.parse_args()
    image = FrozenImage(args.pack, "cpu")
    image.costs = [[torch.zeros(1 << depth) for depth in range(image.depth + 1)] for _ in range(image.levels)]
    score = onnxruntime.InferenceSession(args.lpips)
    ports = [port.name for port in score.get_inputs()]
    shape, noised = model("video.toml"), model("video_refiner.toml")
    encoders = {"": image.encode}
    if args.encoder:
        encoders[", frame encoder"] = trained(FrameEncoder(image.dim, model("video_encoder.toml")["widths"]), args.encoder)
    decoder = trained(FrameDecoder(image.dim, shape["widths"], shape["double"]), args.decoder) if args.decoder else None
    refiner = trained(Refiner(image.dim, noised["widths"], pictures=3), args.refiner) if args.refiner else None
    for path in sorted(p for p in args.clips.iterdir() if p.suffix in (".mp4", ".avi", ".mkv", ".webm", ".y4m")):
        rows, last = defaultdict(lambda: ([], [], [])), {}
        for number, film in enumerate(frames(path, args.frames, args.longest)):
            noise = torch.randn(film.shape, generator=torch.Generator().manual_seed(1)) * noised["noise"]
            shown, kept = {}, {"film": film}
            for name, encoder in encoders.items():
                now = sticky(image, encoder(film), last.get(f"tokens{name}"))
                before = last.get(f"tokens{name}", now)
                kept[f"tokens{name}"] = now
                shown[f"image decoder{name}"] = decoded = image.decoder(now)
                if decoder:
                    shown[f"frame decoder{name}"] = decoder(now, before, 1)
                if refiner and not name:
                    for steps in (1, 2):
                        told = f"image decoder, refined in {steps}"
                        shown[told] = refine(refiner, decoded, noise, now, torch.zeros(1), steps, before=(last.get(told, decoded),))
            for name, picture in shown.items():
                kept[name] = picture = ((picture.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
                distances, flicker, errors = rows[name]
                errors.append(float((picture - film).pow(2).mean()))
                if number % 2 == 0:
                    distances.append(float(np.mean(score.run(None, {ports[0]: picture.numpy(), ports[1]: film.numpy()})[0])))
                if name in last:
                    flicker.append(float(((picture - last[name]) - (film - last["film"])).abs().mean()) * 127.5)
            last = kept
        print(f"{path.name} {film.shape[3]}x{film.shape[2]}")
        for name, (distances, flicker, errors) in rows.items():
            print(f"  {name:32} LPIPS {np.mean(distances):.4f}  flicker {np.mean(flicker):.3f}  PSNR {10 * np.log10(4 / np.mean(errors)):.2f}", flush=True)


if __name__ == "__main__":
    main()
