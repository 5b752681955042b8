"""Trains the integer network prior over the tokens of a trained model of sounds.

    python train_speech_prior.py --data work/speech/train --weights work/speech-out/weights.safetensors --out prior.safetensors --minutes 5

All clips are encoded once; every step predicts random stretches of their tokens, at full depth or with the last level cut to a random one: the first level from
the tokens before, further ones from those of the level below, beside and before them, too.
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
from torch import nn

from speech_model import SpeechModel
from train_prior import LevelPrior, export
from vq import nearest

PAST = 12  # tokens before that the first level's network sees
STRETCH = 200  # frames of a training stretch


def slots(level: int) -> list[tuple[int, int, int, int]]:
    """Neighbour offsets (dl, dt, dy, dx) of one level, nearest first."""
    if level == 0:
        return [(0, -k, 0, 0) for k in range(1, PAST + 1)]
    below = [(-1, k, 0, 0) for k in (0, -1, 1, -2)]
    return [(0, -k, 0, 0) for k in range(1, 5)] + below + [(-k, 0, 0, 0) for k in range(2, level + 1)]


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
    books, started = list(model.vq.levels), time.time()
    with ThreadPoolExecutor() as pool:
        waves = pool.map(lambda path: torch.from_numpy(soundfile.read(path, dtype="float32")[0]), sorted(args.data.glob("*.opus")))
        rests = [torch.cat([latents(model, wave.to(args.device)) for wave in waves])]
    leaves = []
    for book in books:
        leaves.append(nearest(rests[-1], book.table(book.depth)))
        rests.append(rests[-1] - book.table(book.depth)[leaves[-1]])
    # The last hundredth of the stretches is never learnt from.
    count = len(leaves[0])
    learnt = min(int(count * 0.99), count - 2 * STRETCH)
    print(f"{count} frames after {time.time() - started:.0f} s", flush=True)
    hidden = lambda level: (192, 96) if level == 0 else (96, 32)
    priors = nn.ModuleList(LevelPrior(i, book, hidden(i), slots(i)) for i, book in enumerate(books)).to(args.device)
    optimiser = torch.optim.Adam(priors.parameters(), lr=args.rate, betas=(0.9, 0.98))
    grain = lambda: max(prior.embed.detach().abs().max() for prior in priors) / 127

    def bits(start: torch.Tensor, cut: bool) -> list[torch.Tensor]:
        """Bits per token of every level in stretches; `cut`: of tokens of random depths above levels of full depth."""
        places = start[:, None] + torch.arange(STRETCH, device=args.device)
        step = grain()
        embeds = [prior.embed + (torch.round(prior.embed / step) * step - prior.embed).detach() for prior in priors]
        full, found = [], []
        for level, (book, prior) in enumerate(zip(books, priors)):
            depth = int(torch.randint(shape["least_depth"] if level == 0 else 1, book.depth, ())) if cut else book.depth
            index = leaves[level][places]
            own = nearest(rests[level][places].flatten(0, 1), book.table(depth)).reshape(places.shape) if cut else index
            found.append(prior([*full, ((1 << depth) + own)[:, None]], embeds))
            full.append(((1 << book.depth) + index)[:, None])
        return found

    mark, step, shown = time.time(), 0, 0.0
    while (elapsed := time.time() - mark) < args.minutes * 60:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / (args.minutes * 60))))
        loss = sum(bits(torch.randint(0, learnt - STRETCH, (args.batch,), device=args.device), bool(torch.rand(()) < 0.35)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        if time.time() - shown > 20:
            shown = time.time()
            with torch.no_grad():
                unseen = bits(torch.arange(learnt, count - STRETCH, STRETCH, device=args.device), False)
                print(f"{step} {elapsed:.0f} s, unseen bits per token {[round(b.item(), 3) for b in unseen]}", flush=True)
    export(list(priors), grain(), args.out)
    print(f"saved after {time.time() - started:.0f} s, {step} steps")


if __name__ == "__main__":
    main()
