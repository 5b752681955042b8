"""Trains the integer network prior over the tokens of a trained surface model.

    python train_surface_prior.py --data work/shapes/parts --weights work/surface/out/weights.safetensors --out prior.safetensors --minutes 4

As train_prior.py, but tokens are scattered: a slot is a place around the block, where there may be none, one that is decoded, or one of which
only that it is there is known yet. Batches are encoded once and kept (`--bank`); `--renew` of them are replaced at every step.
"""

import argparse
import math
import time
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from shapes import Shapes
from surface_model import SurfaceModel
from train_prior import LevelPrior, export
from vq import nearest

FACES = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]


def slots(level: int) -> list[tuple[int, int, int, int]]:
    """Places (dl, dt, dy, dx) that a level's tokens look at."""
    if level == 0:
        around = [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
        return [(0, *place) for place in around if place != (0, 0, 0)]
    return [(0, *place) for place in FACES] + [(-1, 0, 0, 0)] + [(-1, *place) for place in FACES] + [(-k, 0, 0, 0) for k in range(2, level + 1)]


def seen(prior: LevelPrior, heaps: list[torch.Tensor], around: torch.Tensor, embeds: list[torch.Tensor]) -> torch.Tensor:
    """What the slots of a level hold: embeddings [N,slots·dim] of heap rows [N] per level, given neighbours [N,27] (N for none)."""
    inputs, count = [], len(around)
    own = torch.arange(count, device=around.device)
    for dl, dt, dy, dx in prior.slots:
        there = around[:, (dt + 1) * 9 + (dy + 1) * 3 + dx + 1]
        rows = torch.cat([heaps[prior.level + dl], heaps[0].new_zeros(1)])[there]
        if dl == 0:
            rows = torch.where((there > own) & (there < count), 1, rows)
        inputs.append(embeds[prior.level + dl][rows])
    return torch.cat(inputs, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("surface.toml"), type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--fields", type=int, help="read at most this many fields of a part")
    parser.add_argument("--blocks", type=int, default=4096, help="of a batch")
    parser.add_argument("--bank", type=int, default=48, help="batches to learn from")
    parser.add_argument("--renew", type=float, default=0.1, help="batches of the bank replaced at every step, in the mean")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(0)
    started, config = time.time(), tomllib.loads(args.config.read_text())
    model = SurfaceModel(config["model"]).to(args.device).requires_grad_(False)
    model.load_state_dict({k: v.float() for k, v in load_file(args.weights).items()}, strict=False)
    books, data = list(model.vq.levels), config["data"]
    priors = nn.ModuleList(LevelPrior(i, b, (96, 48) if i == 0 else (64, 32), slots(i)) for i, b in enumerate(books)).to(args.device)
    optimiser = torch.optim.Adam(priors.parameters(), lr=args.rate, betas=(0.9, 0.98))
    shapes = Shapes(args.data, config["model"]["side"], data["most_offset"], args.device)
    shapes.new(args.fields)

    @torch.no_grad()
    def encoded():
        """Latents, full-depth tokens and neighbours of a new batch."""
        blocks, around, _ = shapes.batch(args.blocks, (data["least_offset"], data["most_offset"]))
        latents = model.enc(blocks, around)
        rest, tokens = latents, []
        for book in books:
            tokens.append(nearest(rest, book.table(book.depth)))
            rest = rest - book.table(book.depth)[tokens[-1]]
        return latents, tokens, around

    bank = [encoded() for _ in range(args.bank)]
    print(f"{sum(len(b[0]) for b in bank)} blocks ready after {time.time() - started:.0f} s", flush=True)
    mark, step, shown, average = time.time(), 0, 0.0, [float(b.depth) for b in books]
    while (elapsed := time.time() - mark) < args.minutes * 60:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / (args.minutes * 60))))
        if torch.rand(()) < args.renew:
            bank[step % len(bank)] = encoded()
        latents, tokens, around = bank[int(torch.randint(len(bank), ()))]
        rest, full, cut = latents, [], []
        for book, index in zip(books, tokens):
            depth = int(torch.randint(3, book.depth, ())) if torch.rand(()) < 0.35 else book.depth
            full.append((1 << book.depth) + index)
            cut.append((1 << depth) + (index if depth == book.depth else nearest(rest, book.table(depth))))
            rest = rest - book.table(book.depth)[index]
        # All embeddings share one step, so that slots of different levels add up in one accumulator.
        grain = max(p.embed.detach().abs().max() for p in priors) / 127
        embeds = [p.embed + (torch.round(p.embed / grain) * grain - p.embed).detach() for p in priors]
        losses = []
        for i, prior in enumerate(priors):
            heaps = [*full[:i], cut[i]]
            losses.append(prior.bits(seen(prior, heaps, around, embeds), cut[i]))
        optimiser.zero_grad(set_to_none=True)
        sum(losses).backward()
        optimiser.step()
        for i, loss in enumerate(losses):
            if int(cut[i][0]).bit_length() - 1 == books[i].depth:
                average[i] += 0.02 * (loss.item() - average[i]) if step > 50 else loss.item() - average[i]
        step += 1
        if time.time() - shown > 15:
            shown = time.time()
            print(f"{step} {elapsed:.0f} s, bits per full-depth token {[round(a, 3) for a in average]}", flush=True)
    export(list(priors), max(p.embed.detach().abs().max() for p in priors) / 127, args.out)
    print(f"saved after {time.time() - started:.0f} s: {step} steps, bits per full-depth token {[round(a, 3) for a in average]}")


if __name__ == "__main__":
    main()
