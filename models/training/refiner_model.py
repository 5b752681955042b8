"""The residual refiner: a small U-Net that sees a noised picture, the decoded picture and what the tokens say.

It starts from the decoded picture plus noise and removes noise and residual together (relay residual diffusion, RDEIC 2024, as
flow matching). It predicts the clean picture x; the velocity at time t is (x - now) / (1 - t), so that the last step ends at x.
No normalisation and no attention, for the sake of tiles.
"""

import torch
import torch.nn.functional as F
from torch import nn

from image_model import blocks

# Planes beside the latent: time, and the rate as log2(bits per position / bits of one full level).
PLANES = 2


class Grow(nn.Module):
    """Doubles both sides by a pointwise convolution and a pixel shuffle."""

    def __init__(self, width: int, out: int):
        super().__init__()
        self.c = nn.Conv2d(width, out * 4, 1)

    def forward(self, x):
        return F.pixel_shuffle(self.c(x), 2)


class Refiner(nn.Module):
    """pictures [N,6,16h,16w] (now, decoded) in [-1,1], condition [N,dim+2,h,w] (latent, time, rate) → clean picture [N,3,16h,16w].

    A refiner of videos sees a third picture, the frame before.
    """

    def __init__(self, dim: int, widths: tuple[int, int, int], pictures: int = 2):
        super().__init__()
        a, b, c = widths
        self.head = nn.Conv2d(48 * pictures, a, 3, 1, 1)
        self.told = nn.ModuleList(nn.Conv2d(dim + PLANES, width, 1) for width in widths)
        self.fine, self.down_b = nn.Sequential(*blocks(a, 2)), nn.Conv2d(a, b, 4, 2, 1)
        self.middle, self.down_c = nn.Sequential(*blocks(b, 2)), nn.Conv2d(b, c, 4, 2, 1)
        self.coarse, self.up_b = nn.Sequential(*blocks(c, 2)), Grow(c, b)
        self.middle_again, self.up_a = nn.Sequential(*blocks(b, 2)), Grow(b, a)
        self.fine_again = nn.Sequential(*blocks(a, 2))
        self.tail = nn.Conv2d(a, 48, 3, 1, 1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, pictures, condition):
        say = lambda stage, times: F.interpolate(self.told[stage](condition), scale_factor=times, mode="nearest") if times > 1 else self.told[stage](condition)
        a = self.fine(self.head(F.pixel_unshuffle(pictures, 4)) + say(0, 4))
        b = self.middle(self.down_b(a) + say(1, 2))
        c = self.coarse(self.down_c(b) + say(2, 1))
        b = self.middle_again(b + self.up_b(c))
        a = self.fine_again(a + self.up_a(b))
        return pictures[:, 3:6] + F.pixel_shuffle(self.tail(F.silu(a)), 4)


def condition(latent: torch.Tensor, time: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """latent [N,dim,h,w], time [N], rate [N] → [N,dim+2,h,w]."""
    n, _, h, w = latent.shape
    planes = torch.stack([time, rate], 1)[:, :, None, None].expand(n, PLANES, h, w)
    return torch.cat([latent, planes], 1).contiguous(memory_format=torch.channels_last)


def refine(model, decoded, noise, latent, rate, steps: int, graded: int = 2, before: tuple = ()):
    """Decoded pictures through `steps` equal steps from `decoded + noise`; gradients go through the last `graded` of them."""
    now, made = decoded + noise, decoded
    for step in range(steps):
        if step == steps - graded:
            # Weights that autocast converted without gradients must not be used with.
            torch.clear_autocast_cache()
        with torch.set_grad_enabled(torch.is_grad_enabled() and step >= steps - graded):
            time = torch.full_like(rate, step / steps)
            made = model(torch.cat([now, decoded, *before], 1), condition(latent, time, rate)).float()
            now = now + (made - now) / (steps - step)
    return made
