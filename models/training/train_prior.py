"""Trains the integer network prior over the tokens of a trained image model.

    python train_prior.py --data work/corpus/parts --weights 'work/image/out/weights-*.safetensors' --out prior.safetensors --minutes 3

Every token is a path through its level's codebook tree; the network predicts each binary decision from the neighbours already
coded. Weights and activations are quantised during training exactly as the decoder's integers are (FORMAT.md), so the exported
tensors lose nothing. Photos are re-cut, re-scaled and mirrored. On a GPU every batch is made of new crops; where encoding them
costs more than learning from them, `--bank` keeps that many encoded crops and `--renew` of them are replaced at every step.
"""

import argparse
import glob
import math
import time
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from data import CropBank, PhotoFolder
from image_model import Encoder, flatten
from vq import NestedCodebook, nearest

# Neighbours (dy, dx) of the first level, nearest first; later levels see fewer of their own and those of the level below.
FIRST = [(0, -1), (-1, 0), (-1, 1), (-1, -1), (0, -2), (-2, 0), (-1, 2), (-1, -2), (-2, 1), (-2, -1), (0, -3), (-3, 0), (-2, 2), (-2, -2), (-1, 3), (-1, -3), (-3, 1), (-3, -1)]
SAME, BELOW = [(0, -1), (-1, 0), (-1, 1), (-1, -1)], [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)]
RANGE = 4.0  # activations are clamped to [0, RANGE] in steps of RANGE/127


def slots(level: int) -> list[tuple[int, int, int, int]]:
    """Neighbour offsets (dl, dt, dy, dx) of one level."""
    if level == 0:
        return [(0, 0, y, x) for y, x in FIRST]
    lower = [(-1, 0, y, x) for y, x in BELOW]
    deeper = [(-k, 0, 0, 0) for k in range(2, level + 1)]
    return [(0, 0, y, x) for y, x in SAME] + lower + deeper


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(weight rounded to int8 steps with a straight-through gradient, step)."""
    step = weight.detach().abs().max().clamp_min(1e-6) / 127
    return weight + (torch.round(weight / step) * step - weight).detach(), step


def activation(x: torch.Tensor) -> torch.Tensor:
    """Clamped to [0, RANGE] and rounded to RANGE/127 with a straight-through gradient."""
    x = x.clamp(0, RANGE)
    return x + (torch.round(x * (127 / RANGE)) * (RANGE / 127) - x).detach()


class LevelPrior(nn.Module):
    """The network of one level: neighbour embeddings → two hidden layers → one logit per tree node."""

    def __init__(self, level: int, book: NestedCodebook, hidden: tuple[int, int], slots: list[tuple[int, int, int, int]]):
        super().__init__()
        self.level, self.depth, self.slots = level, book.depth, slots
        dim = book.nodes.shape[1]
        scale = book.table(book.depth).std(0).clamp_min(1e-6)
        embed = (book.nodes / scale).clamp(-4, 4)
        embed[0] = 0
        self.embed = nn.Parameter(embed)
        wide = len(self.slots) * dim
        self.w1 = nn.Parameter(torch.randn(hidden[0], wide) / math.sqrt(wide))
        self.b1 = nn.Parameter(torch.zeros(hidden[0]))
        self.w2 = nn.Parameter(torch.randn(hidden[1], hidden[0]) / math.sqrt(hidden[0]))
        self.b2 = nn.Parameter(torch.zeros(hidden[1]))
        self.node = nn.Parameter(torch.randn(1 << book.depth, hidden[1]) * 0.02)
        self.node_bias = nn.Parameter(torch.zeros(1 << book.depth))

    def forward(self, heaps: list[torch.Tensor], embeds: list[torch.Tensor]) -> torch.Tensor:
        """heaps: per level heap rows [N,h,w] of the tokens (this level last) → bits per token of this level, mean.

        Where time is the only axis, it is w.
        """
        own = heaps[self.level]
        n, h, w = own.shape
        inputs = []
        for dl, dt, dy, dx in self.slots:
            dx += dt
            rows = torch.zeros_like(own)
            source = heaps[self.level + dl]
            ys, xs = max(0, -dy), max(0, -dx)
            ye, xe = min(h, h - dy), min(w, w - dx)
            rows[:, ys:ye, xs:xe] = source[:, ys + dy : ye + dy, xs + dx : xe + dx]
            inputs.append(embeds[self.level + dl][rows.reshape(-1)])
        return self.bits(torch.cat(inputs, 1), own.reshape(-1))

    def bits(self, x: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        """Neighbours' embeddings [N,slots·dim] and heap rows [N] of the tokens, all of one depth → bits per token, mean."""
        a1 = activation(torch.nn.functional.linear(x, quantised(self.w1)[0], self.b1))
        a2 = activation(torch.nn.functional.linear(a1, quantised(self.w2)[0], self.b2))
        bits = int(row[0]).bit_length() - 1
        shifts = torch.arange(bits, 0, -1, device=row.device)
        path = row[:, None] >> shifts[None]
        turn = (row[:, None] >> (shifts - 1)[None]) & 1
        logit = (quantised(self.node)[0][path] * a2[:, None]).sum(2) + self.node_bias[path]
        logit = logit.clamp(-2047 / 256, 2047 / 256)
        return nn.functional.binary_cross_entropy_with_logits(logit, turn.float(), reduction="sum") / len(row) / math.log(2)


class TokenBank:
    """Latents [count,dim,h,w] of crops with their full-depth tokens [count,levels,h,w], a few renewed at every step."""

    def __init__(self, crops: CropBank, encoder: Encoder, books: list[NestedCodebook], count: int, batch: int, bf16: bool):
        self.crops, self.encoder, self.books, self.bf16 = crops, encoder, books, bf16
        self.next = 0
        side = crops.crop // 16
        self.latents = torch.empty(count, books[0].nodes.shape[1], side, side, device=crops.device)
        self.tokens = torch.empty(count, len(books), side, side, dtype=torch.long, device=crops.device)
        while self.next < count:
            self.renew(min(batch, count - self.next))

    @torch.no_grad()
    def renew(self, count: int):
        """Replaces the oldest `count` crops."""
        if count == 0:
            return
        with torch.autocast(self.crops.device, dtype=torch.bfloat16, enabled=self.bf16):
            latent = self.encoder(self.crops.batch(count, fresh=2, jitter=0.1)).float()
        n, _, h, w = latent.shape
        rest, tokens = flatten(latent), []
        for book in self.books:
            table = book.table(book.depth)
            index = nearest(rest, table)
            tokens.append(index.reshape(n, h, w))
            rest = rest - table[index]
        start = self.next % len(self.latents)
        slots = torch.arange(start, start + count, device=latent.device) % len(self.latents)
        self.latents[slots], self.tokens[slots] = latent, torch.stack(tokens, 1)
        self.next += count

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents and tokens of `count` crops drawn at random."""
        pick = torch.randperm(len(self.latents), device=self.latents.device)[:count]
        return self.latents[pick], self.tokens[pick]


def ratio(value: float) -> torch.Tensor:
    """(m, r) with m/2^r nearest to value, m < 2^15."""
    r = 0
    while value * 2 ** (r + 1) < 32767 and r < 40:
        r += 1
    return torch.tensor([round(value * 2**r), r], dtype=torch.int32)


@torch.no_grad()
def export(priors: list[LevelPrior], embed_step: torch.Tensor, path: Path):
    """Writes the integer tensors FORMAT.md defines."""
    out, act = {}, RANGE / 127
    i8 = lambda w, step: torch.round(w / step).clamp(-127, 127).to(torch.int8).cpu().contiguous()
    i32 = lambda b, step: torch.round(b / step).to(torch.int32).cpu().contiguous()
    for level, prior in enumerate(priors):
        s1, s2, s3 = (quantised(w)[1] for w in (prior.w1, prior.w2, prior.node))
        out |= {
            f"l{level}.slots": torch.tensor(prior.slots, dtype=torch.int32), f"l{level}.embed": i8(prior.embed, embed_step),
            f"l{level}.w1": i8(prior.w1, s1), f"l{level}.b1": i32(prior.b1, embed_step * s1), f"l{level}.q1": ratio(float(embed_step * s1 / act)),
            f"l{level}.w2": i8(prior.w2, s2), f"l{level}.b2": i32(prior.b2, act * s2), f"l{level}.q2": ratio(float(s2)),
            f"l{level}.node": i8(prior.node, s3), f"l{level}.node_bias": i32(prior.node_bias, act * s3), f"l{level}.q3": ratio(float(act * s3 * 256)),
        }  # fmt: skip
    save_file(out, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("image.toml"), type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", required=True, help="glob of the image model's weight files")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--photos", type=int)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--slots", type=int, default=1536)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--bank", type=int, help="encoded crops to learn from; default: one batch")
    parser.add_argument("--renew", type=int, help="crops of the bank replaced at every step; default: one batch")
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="16-bit arithmetic in the encoder; default: on GPUs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(0)
    started, shape = time.time(), tomllib.loads(args.config.read_text())["model"]
    state = {}
    for name in sorted(glob.glob(args.weights)):
        state |= load_file(name)
    encoder = Encoder(shape["dim"]).to(args.device, memory_format=torch.channels_last).requires_grad_(False)
    encoder.load_state_dict({k[4:]: v.float() for k, v in state.items() if k.startswith("enc.")})
    books = []
    for level in range(shape["levels"]):
        book = NestedCodebook(shape["depth"], shape["dim"]).to(args.device)
        book.nodes.copy_(state[f"vq.levels.{level}.nodes"].float())
        books.append(book)
    priors = nn.ModuleList(LevelPrior(i, b, (192, 96) if i == 0 else (96, 32), slots(i)) for i, b in enumerate(books)).to(args.device)
    optimiser = torch.optim.Adam(priors.parameters(), lr=args.rate, betas=(0.9, 0.98))
    crops = CropBank(PhotoFolder(args.data).new(args.photos), args.crop, args.slots, args.device, 7)
    bf16 = args.device == "cuda" if args.bf16 is None else args.bf16
    bank = TokenBank(crops, encoder, books, args.bank or args.batch, args.batch, bf16)
    print(f"ready after {time.time() - started:.0f} s", flush=True)
    mark, step, shown, average = time.time(), 0, 0.0, [12.0] * len(books)
    while (elapsed := time.time() - mark) < args.minutes * 60:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / (args.minutes * 60))))
        bank.renew(args.batch if args.renew is None else args.renew)
        latent, tokens = bank.batch(args.batch)
        n, _, h, w = latent.shape
        rest, full, cut = flatten(latent), [], []
        for level, book in enumerate(books):
            depth = int(torch.randint(3, book.depth, ())) if torch.rand(()) < 0.35 else book.depth
            index = tokens[:, level]
            partial = index if depth == book.depth else nearest(rest, book.table(depth)).reshape(n, h, w)
            full.append((1 << book.depth) + index)
            cut.append((1 << depth) + partial)
            rest = rest - book.table(book.depth)[index.reshape(-1)]
        # All embeddings share one step, so that slots of different levels add up in one accumulator.
        grain = max(p.embed.detach().abs().max() for p in priors) / 127
        embeds = [p.embed + (torch.round(p.embed / grain) * grain - p.embed).detach() for p in priors]
        losses = [prior([*full[:i], cut[i]], embeds) for i, prior in enumerate(priors)]
        optimiser.zero_grad(set_to_none=True)
        sum(losses).backward()
        optimiser.step()
        for i, loss in enumerate(losses):
            if int(cut[i].flatten()[0]).bit_length() - 1 == books[i].depth:
                average[i] += 0.02 * (loss.item() - average[i]) if step > 50 else loss.item() - average[i]
        step += 1
        if time.time() - shown > 15:
            shown = time.time()
            print(f"{step} {elapsed:.0f} s, bits per full-depth token {[round(a, 3) for a in average]}", flush=True)
    export(list(priors), max(p.embed.detach().abs().max() for p in priors) / 127, args.out)
    print(f"saved after {time.time() - started:.0f} s: {step} steps, bits per full-depth token {[round(a, 3) for a in average]}")


if __name__ == "__main__":
    main()
