"""The image tokenizer: a convolutional autoencoder at stride 16 around a nested, residual codebook.

Everything is convolution, SiLU and pixel shuffle: no normalisation and no attention, so that a tile of an image with enough
margin decodes to the same pixels as the whole image.
"""

import torch
import torch.nn.functional as F
from torch import nn

from vq import ResidualQuantizer


class ResidualBlock(nn.Module):
    """x + gain · conv(silu(conv(silu(x)))) at constant width."""

    def __init__(self, width: int):
        super().__init__()
        self.a = nn.Conv2d(width, width, 3, 1, 1)
        self.b = nn.Conv2d(width, width, 3, 1, 1)
        self.g = nn.Parameter(torch.full((1, width, 1, 1), 0.2))

    def forward(self, x):
        return x + self.g * self.b(F.silu(self.a(F.silu(x))))


class Upsample(nn.Module):
    """Doubles both sides by a convolution and a pixel shuffle."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.c = nn.Conv2d(width, out * 4, 3, 1, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.c(x), 2)


def blocks(width: int, count: int) -> list[nn.Module]:
    return [ResidualBlock(width) for _ in range(count)]


class Encoder(nn.Module):
    """image [N,3,16h,16w] in [-1,1] → latent [N,dim,h,w]; `blocks` makes so many blocks of a width."""

    def __init__(self, dim: int, widths=(64, 128, 256), blocks=blocks):
        super().__init__()
        a, b, c = widths
        self.net = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(48, a, 3, 1, 1), *blocks(a, 2),
            nn.Conv2d(a, b, 4, 2, 1), *blocks(b, 3),
            nn.Conv2d(b, c, 4, 2, 1), *blocks(c, 4),
            nn.SiLU(), nn.Conv2d(c, dim, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


class Decoder(nn.Module):
    """latent [N,dim,h,w] → image [N,3,16h,16w] in about [-1,1]."""

    def __init__(self, dim: int, widths=(288, 192, 96, 48)):
        super().__init__()
        a, b, c, d = widths
        self.net = nn.Sequential(
            nn.Conv2d(dim, a, 3, 1, 1), *blocks(a, 5),
            Upsample(a, b), *blocks(b, 3),
            Upsample(b, c), *blocks(c, 3),
            Upsample(c, d), *blocks(d, 2),
            nn.SiLU(), nn.Conv2d(d, 12, 3, 1, 1), nn.PixelShuffle(2),
        )  # fmt: skip

    def forward(self, z):
        return self.net(z)


class ImageModel(nn.Module):
    """Encoder, residual nested codebook and decoder, trained together."""

    def __init__(self, dim: int = 16, depth: int = 12, levels: int = 4):
        super().__init__()
        self.enc, self.vq, self.dec = Encoder(dim), ResidualQuantizer(levels, depth, dim), Decoder(dim)


def flatten(latent: torch.Tensor) -> torch.Tensor:
    """[N,dim,h,w] → [N·h·w, dim]."""
    return latent.permute(0, 2, 3, 1).reshape(-1, latent.shape[1])


def unflatten(vectors: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """[N·h·w, dim] → [N,dim,h,w] of the shape of `like`."""
    n, dim, h, w = like.shape
    return vectors.reshape(n, h, w, dim).permute(0, 3, 1, 2)
