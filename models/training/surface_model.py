"""The surface tokenizer: blocks of a distance field near the surface, each one vector, around a nested, residual codebook.

A block is a cube of `side` steps, 8 or 16, with the samples at both of its ends: 9³ or 17³. Only blocks that the surface goes through
are there; what lies around one is gathered from its 26 neighbours, so that all products are dense. A missing neighbour is a row of zeros.
"""

import torch
import torch.nn.functional as F
from torch import nn

from vq import ResidualQuantizer


class Surround(nn.Module):
    """A linear map of each block's vector and those around it: [N,c], neighbours [N,27] (N where there is none) → [N,out]."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.f = nn.Linear(27 * width, out)

    def forward(self, x, neighbours):
        rows = torch.cat([x, torch.zeros_like(x[:1])])
        around = rows[neighbours.reshape(-1)]
        return self.f(around.reshape(-1, 27 * x.shape[1]))


class Context(nn.Module):
    """x + what a narrow map of it and of what lies around adds."""

    def __init__(self, width: int, narrow: int):
        super().__init__()
        self.a, self.s = nn.Linear(width, narrow), Surround(narrow, width)
        self.b = nn.Linear(width, width)
        self.g = nn.Parameter(torch.full((1, width), 0.3))

    def forward(self, x, neighbours):
        return x + self.g * self.b(F.silu(self.s(F.silu(self.a(x)), neighbours)))


class ResidualBlock(nn.Module):
    """x + gain · conv(silu(conv(silu(x)))) at constant width."""

    def __init__(self, width: int):
        super().__init__()
        self.a, self.b = nn.Conv3d(width, width, 3, 1, 1), nn.Conv3d(width, width, 3, 1, 1)
        self.g = nn.Parameter(torch.full((1, width, 1, 1, 1), 0.2))

    def forward(self, x):
        return x + self.g * self.b(F.silu(self.a(F.silu(x))))


class Finer(nn.Module):
    """Samples halfway between those of a cube: [N,c,k,k,k] → [N,c,2k-1,2k-1,2k-1], as one product."""

    def __init__(self, side: int):
        super().__init__()
        line = torch.zeros(2 * side - 1, side)
        for n in range(2 * side - 1):
            line[n, n // 2] += 0.5
            line[n, (n + 1) // 2] += 0.5
        self.side = side
        self.register_buffer("m", line, persistent=False)

    def forward(self, x):
        for _ in range(3):
            # The last axis becomes finer and the first of the three.
            x = (x @ self.m.t()).permute(0, 1, 4, 2, 3)
        return x


class Encoder(nn.Module):
    """Blocks [N,side+1,side+1,side+1], distances in steps, and neighbours [N,27] → latents [N,dim]."""

    def __init__(self, dim: int, widths: list[int], width: int, narrow: int):
        super().__init__()
        layers, below = [nn.Conv3d(1, widths[0], 3, 1, 1)], widths[0]
        for w in widths[1:]:
            layers += [nn.SiLU(), nn.Conv3d(below, w, 3, 2, 1), ResidualBlock(w)]
            below = w
        self.net = nn.Sequential(*layers, nn.SiLU(), nn.Conv3d(below, width, 3))
        self.context = Context(width, narrow)
        self.out = nn.Linear(width, dim)

    def forward(self, blocks, neighbours):
        x = self.net(blocks[:, None] / 2).flatten(1)
        return self.out(F.silu(self.context(x, neighbours)))


class Decoder(nn.Module):
    """Latents [N,dim] and neighbours [N,27] → blocks [N,side+1,side+1,side+1], about what the encoder is given."""

    def __init__(self, dim: int, widths: list[int], width: int, narrow: int, contexts: int):
        super().__init__()
        self.first = Surround(dim + 1, width)
        self.contexts = nn.ModuleList(Context(width, narrow) for _ in range(contexts))
        down = widths[::-1]
        self.start, self.open = down[0], nn.Linear(width, down[0] * 27)
        layers, side = [ResidualBlock(down[0])], 3
        for above, w in zip(down, down[1:]):
            layers += [Finer(side), nn.SiLU(), nn.Conv3d(above, w, 3, 1, 1), ResidualBlock(w)]
            side = 2 * side - 1
        # The finest samples are many: no block there.
        self.net = nn.Sequential(*layers[:-1], nn.SiLU(), nn.Conv3d(down[-1], 1, 3, 1, 1))

    def forward(self, latents, neighbours):
        # A component that is always 1 tells blocks from missing ones.
        x = self.first(torch.cat([latents, torch.ones_like(latents[:, :1])], 1), neighbours)
        for context in self.contexts:
            x = context(x, neighbours)
        x = self.open(F.silu(x)).reshape(-1, self.start, 3, 3, 3)
        return 2 * self.net(x)[:, 0]


class SurfaceModel(nn.Module):
    """Encoder, residual nested codebook and decoder, trained together."""

    def __init__(self, config: dict):
        super().__init__()
        dim = config["dim"]
        self.enc = Encoder(dim, config["encoder"], config["width"], config["encoder_narrow"])
        self.vq = ResidualQuantizer(config["levels"], config["depth"], dim)
        self.dec = Decoder(dim, config["decoder"], config["width"], config["narrow"], config["contexts"])
