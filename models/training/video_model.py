"""The networks of the video codec, which see many pictures and so have to be light: every second convolution is pointwise.

The frame decoder: tokens of a frame and of the frame before → picture, at a sixth of the image decoder's work. One trunk works at the resolutions of tokens, of
eighths and of quarters; two heads end it: one at the size that was coded, one at twice that. Convolution, SiLU and pixel shuffle alone, so that what a token reaches
stays small: `MARGIN` tokens on every side.

The frame encoder: picture → the latents that the image encoder gives, at six tenths of its work.
"""

import torch
import torch.nn.functional as F
from torch import nn

from image_model import Encoder, Upsample
from refiner_model import Grow

# Tokens away from a token that no output sample of it depends on: 5 convolutions at stride 16, 4 at 8, 4 at 4, rounded up.
MARGIN = 8


class LightBlock(nn.Module):
    """x + gain · pointwise(silu(conv(silu(x)))) at constant width."""

    def __init__(self, width: int):
        super().__init__()
        self.a, self.b = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 1)
        self.g = nn.Parameter(torch.full((1, width, 1, 1), 0.2))

    def forward(self, x):
        return x + self.g * self.b(F.silu(self.a(F.silu(x))))


def light(width: int, count: int) -> list[nn.Module]:
    return [LightBlock(width) for _ in range(count)]


class Trunk(nn.Module):
    """latent, previous [N,dim,h,w] → features [N,c,4h,4w]."""

    def __init__(self, dim: int, widths: tuple[int, int, int]):
        super().__init__()
        a, b, c = widths
        self.net = nn.Sequential(
            nn.Conv2d(2 * dim, a, 3, 1, 1), *light(a, 4),
            Grow(a, b), *light(b, 4),
            Grow(b, c), *light(c, 3),
        )  # fmt: skip

    def forward(self, latent, previous):
        return self.net(torch.cat([latent, latent - previous], 1))


class FrameDecoder(nn.Module):
    """Trunk and heads."""

    def __init__(self, dim: int, widths: tuple[int, int, int], double: int):
        super().__init__()
        self.trunk = Trunk(dim, widths)
        self.head = nn.Sequential(nn.SiLU(), nn.Conv2d(widths[2], 48, 3, 1, 1), nn.PixelShuffle(4))
        self.head_double = nn.Sequential(
            Upsample(widths[2], double), *light(double, 2), nn.SiLU(), nn.Conv2d(double, 48, 3, 1, 1), nn.PixelShuffle(4)
        )

    def forward(self, latent, previous, scale: int):
        """latent, previous [N,dim,h,w] → image [N,3,16·scale·h,16·scale·w] in about [-1,1]; scale is 1 or 2."""
        return (self.head if scale == 1 else self.head_double)(self.trunk(latent, previous))


class FrameEncoder(Encoder):
    """image [N,3,16h,16w] in [-1,1] → latent [N,dim,h,w]: the image encoder with light blocks."""

    def __init__(self, dim: int, widths=(64, 128, 256)):
        super().__init__(dim, widths, light)

    def follow(self, encoder: Encoder):
        """Starts from the image encoder: its weights, of each block's second convolution the middle."""
        state = {name: t[:, :, 1:2, 1:2] if name.endswith(".b.weight") else t for name, t in encoder.state_dict().items()}
        self.load_state_dict(state)
        return self
