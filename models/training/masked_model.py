"""The masked-token model: what the tokens around a lost or coarse one say about it, as decisions of the first level's tree.

Depthwise convolutions over the token grid, normalised per position only, so that a tile with enough margin gives what the whole
picture gives. The head gives one logit for each inner node of the tree: the odds of going to its second child.
"""

import torch
import torch.nn.functional as F
from torch import nn

# Planes beside the latent: bits known of the first level's token over its full depth, and the rate as the refiner is told it.
PLANES = 2


class TokenBlock(nn.Module):
    """x + gain · (7×7 depthwise, normalisation of each position, pointwise to four times the width and back)."""

    def __init__(self, width: int):
        super().__init__()
        self.spread = nn.Conv2d(width, width, 7, 1, 3, groups=width)
        self.scale = nn.Parameter(torch.ones(1, width, 1, 1))
        self.wide, self.narrow = nn.Conv2d(width, width * 4, 1), nn.Conv2d(width * 4, width, 1)
        self.gain = nn.Parameter(torch.full((1, width, 1, 1), 0.2))

    def forward(self, x):
        y = self.spread(x)
        y = y * torch.rsqrt((y * y).mean(1, keepdim=True) + 1e-6) * self.scale
        return x + self.gain * self.narrow(F.silu(self.wide(y)))


class MaskedModel(nn.Module):
    """[N,dim+2,h,w] (latent, known bits, rate) → logits [N,2^depth,h,w] of the nodes of the first level's tree; node 0 is unused."""

    def __init__(self, dim: int, depth: int, width: int, blocks: int, features: int):
        super().__init__()
        self.head = nn.Conv2d(dim + PLANES, width, 3, 1, 1)
        self.body = nn.Sequential(*[TokenBlock(width) for _ in range(blocks)])
        self.features, self.nodes = nn.Conv2d(width, features, 1), nn.Conv2d(features, 1 << depth, 1)
        nn.init.normal_(self.nodes.weight, std=0.02)

    def trunk(self, x):
        return F.silu(self.features(self.body(self.head(x))))

    def forward(self, x):
        return self.nodes(self.trunk(x))


def shown(latent, row, lost, rate: float, depth: int):
    """The model's input: latents [N,dim,h,w] where tokens are known, how many bits of them, and the rate. row [N,h,w] is the first level's heap row."""
    known = (row.float().log2().floor() / depth * ~lost)[:, None]
    told = torch.full_like(known, rate)
    return torch.cat([latent * ~lost[:, None], known, told], 1).contiguous(memory_format=torch.channels_last)


def expectation(logits: torch.Tensor, known: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Mean of the centroids table [2^D,dim] of one depth below the nodes known [M] (heap rows), by logits [M,2^depth]: [M,dim]."""
    depth = len(table).bit_length() - 1
    bits = known.float().log2().floor().long()
    share = torch.ones(len(known), 1, device=logits.device)
    for level in range(depth):
        second = torch.sigmoid(logits[:, 1 << level : 2 << level].float())
        turn = ((known >> (bits - level - 1).clamp_min(0)) & 1)[:, None].float()
        second = torch.where((level < bits)[:, None], turn, second)
        share = torch.stack([share * (1 - second), share * second], 2).flatten(1)
    with torch.autocast(logits.device.type, enabled=False):
        return share @ table
