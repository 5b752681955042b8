"""Trains the integer network prior over the tokens of a trained speech model.

    python train_speech_prior.py --data work/speech/train --weights work/speech-out/weights.safetensors --out prior.safetensors --minutes 5

All clips are encoded once; every step predicts random stretches of their tokens, at full depth or cut to a random one, from the tokens before.
Weights and activations are quantised as in `train_prior.py`, whose network and export this uses.
"""

import argparse
import math
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
import torch
from safetensors.torch import load_file

from speech_model import SpeechModel
from train_prior import LevelPrior, export
from vq import nearest

PAST = 12  # tokens before that the network sees
STRETCH = 200  # tokens of a training stretch


@torch.no_grad()
def latents(model: SpeechModel, wave: torch.Tensor) -> torch.Tensor:
    """Latent rows [T, dim] of one file's samples."""
    wave = wave[: len(wave) // model.spectrum.hop * model.spectrum.hop]
    return model.enc(model.spectrum.analyse(wave[None]))[0].float()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("speech.toml"), type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=40, metavar="STRETCHES")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(0)
    shape = tomllib.loads(args.config.read_text())["model"]
    model = SpeechModel(shape).to(args.device).eval().requires_grad_(False)
    model.load_state_dict({k: v.float() for k, v in load_file(args.weights).items()}, strict=False)
    book, started = model.vq.levels[0], time.time()
    with ThreadPoolExecutor() as pool:
        waves = pool.map(lambda path: torch.from_numpy(soundfile.read(path, dtype="float32")[0]), sorted(args.data.glob("*.opus")))
        rows = torch.cat([latents(model, wave.to(args.device)) for wave in waves])
    leaves = nearest(rows, book.table(book.depth))
    # The last hundredth of the stretches is never learnt from.
    learnt = int(len(rows) * 0.99)
    print(f"{len(rows)} tokens after {time.time() - started:.0f} s", flush=True)
    prior = LevelPrior(0, book, (192, 96), [(0, -k, 0, 0) for k in range(1, PAST + 1)]).to(args.device)
    optimiser = torch.optim.Adam(prior.parameters(), lr=args.rate, betas=(0.9, 0.98))
    grain = lambda: prior.embed.detach().abs().max() / 127

    def bits(start: torch.Tensor, depth: int) -> torch.Tensor:
        places = start[:, None] + torch.arange(STRETCH, device=args.device)
        index = leaves[places] if depth == book.depth else nearest(rows[places].flatten(0, 1), book.table(depth)).reshape(places.shape)
        embed = prior.embed + (torch.round(prior.embed / grain()) * grain() - prior.embed).detach()
        return prior([((1 << depth) + index)[:, None]], [embed])

    mark, step, shown = time.time(), 0, 0.0
    while (elapsed := time.time() - mark) < args.minutes * 60:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / (args.minutes * 60))))
        depth = int(torch.randint(shape["least_depth"], book.depth, ())) if torch.rand(()) < 0.25 else book.depth
        loss = bits(torch.randint(0, learnt - STRETCH, (args.batch,), device=args.device), depth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if time.time() - shown > 20:
            shown = time.time()
            with torch.no_grad():
                print(f"{step} {elapsed:.0f} s, unseen bits per token {bits(torch.arange(learnt, len(rows) - STRETCH, STRETCH, device=args.device), book.depth):.3f}", flush=True)
    export([prior], grain(), args.out)
    print(f"saved after {time.time() - started:.0f} s, {step} steps")


if __name__ == "__main__":
    main()
