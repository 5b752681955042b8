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
        self.a, self.s, self.b = nn.Linear(width, narrow), Surround(narrow, width), nn.Linear(width, width)
        self.g = nn.Parameter(torch.full((1, width), 0.3))

    def forward(self, x, neighbours):
        return x + self.g * self.b(F.silu(self.s(F.silu(self.a(x)), neighbours)))


class Residual(nn.Module):
    """x + gain · linear(silu(linear(silu(x)))) at constant width."""

    def __init__(self, width: int):
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width)
        self.g = nn.Parameter(torch.full((1, width), 0.3))

    def forward(self, x):
        return x + self.g * self.b(F.silu(self.a(F.silu(x))))


class Encoder(nn.Module):
    """Blocks [N,side+1,side+1,side+1], distances in steps, and neighbours [N,27] → latents [N,dim]."""

    def __init__(self, side: int, dim: int, width: int, narrow: int):
        super().__init__()
        self.open, self.own = nn.Linear((side + 1) ** 3, width), Residual(width)
        self.context, self.out = Context(width, narrow), nn.Linear(width, dim)

    def forward(self, blocks, neighbours):
        x = self.own(self.open(blocks.flatten(1) / 2))
        return self.out(F.silu(self.context(x, neighbours)))


class Decoder(nn.Module):
    """Latents [N,dim] and neighbours [N,27] → blocks [N,side+1,side+1,side+1], about what the encoder is given."""

    def __init__(self, side: int, dim: int, width: int, narrow: int):
        super().__init__()
        self.side = side
        self.first, self.context = Surround(dim + 1, width), Context(width, narrow)
        self.own, self.close = Residual(width), nn.Linear(width, (side + 1) ** 3)

    def forward(self, latents, neighbours):
        # A component that is always 1 tells blocks from missing ones.
        x = self.first(torch.cat([latents, torch.ones_like(latents[:, :1])], 1), neighbours)
        x = F.silu(self.own(self.context(x, neighbours)))
        return 2 * self.close(x).reshape(-1, self.side + 1, self.side + 1, self.side + 1)


class SurfaceModel(nn.Module):
    """Encoder, residual nested codebook and decoder, trained together."""

    def __init__(self, config: dict):
        super().__init__()
        sizes = config["side"], config["dim"], config["width"], config["narrow"]
        self.enc, self.dec = Encoder(*sizes), Decoder(*sizes)
        self.vq = ResidualQuantizer(config["levels"], config["depth"], config["dim"])
