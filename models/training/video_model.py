"""The networks of the video codec, which see many pictures and so have to be light: every second convolution is pointwise.

The frame decoder: tokens of a frame and of the frame before → picture, at a sixth of the image decoder's work. One trunk works at the resolutions of tokens, of
eighths and of quarters; two heads end it: one at the size that was coded, one at twice that. Convolution, SiLU and pixel shuffle alone, so that what a token reaches
stays small: `MARGIN` tokens on every side.

The frame encoder: picture → the latents that the image encoder gives, at six tenths of its work.

The enhancer: a decoded frame of a base layer → the picture at twice its sides.
"""

import torch
import torch.nn.functional as F
from torch import nn

from image_model import Encoder, Upsample
from refiner_model import Grow

# Tokens away from a token that no output sample of it depends on: 5 convolutions at stride 16, 4 at 8, 4 at 4, rounded up.
MARGIN = 8
# Samples of a frame's side that the enhancer sees as one block, and blocks away from a block that nothing of it depends on: 40 samples.
BLOCK, BLOCK_MARGIN = 4, 10


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


class Enhancer(nn.Module):
    """blocks [N,48,h,w], each of 4x4 samples of a frame in [-1,1] as `pixel_unshuffle` makes them → picture [N,3,8h,8w].

    A linear filter that begins as cubic interpolation, and what a small U-Net at halves and quarters of the frame adds to it.
    """

    def __init__(self, widths: tuple[int, int], depths: tuple[int, int, int]):
        super().__init__()
        fine, coarse = widths
        self.filter = nn.Conv2d(3, 12, 5, 1, 2, padding_mode="replicate")
        self.head, self.before = nn.Conv2d(3, fine, 6, 2, 2), nn.Sequential(*light(fine, depths[0]))
        self.down, self.middle, self.up = nn.Conv2d(fine, coarse, 4, 2, 1), nn.Sequential(*light(coarse, depths[1])), Grow(coarse, fine)
        self.after = nn.Sequential(*light(fine, depths[2]))
        self.tail = nn.Conv2d(fine, 48, 3, 1, 1)
        for parameter in (self.filter.weight, self.filter.bias, self.tail.weight, self.tail.bias):
            nn.init.zeros_(parameter)
        # A quarter of a sample before and after: Keys' cubic with a = -0.75, as interpolate has it.
        near = torch.tensor([-0.03515625, 0.26171875, 0.87890625, -0.10546875, 0.0])
        taps = torch.stack([near, near.flip(0)])
        with torch.no_grad():
            for colour in range(3):
                for y in range(2):
                    for x in range(2):
                        self.filter.weight[colour * 4 + y * 2 + x, colour] = taps[y][:, None] * taps[x][None]

    def forward(self, blocks):
        frame = F.pixel_shuffle(blocks, BLOCK)
        a = self.before(self.head(frame))
        a = self.after(a + self.up(self.middle(self.down(a))))
        return F.pixel_shuffle(self.filter(frame), 2) + F.pixel_shuffle(self.tail(F.silu(a)), 4)
