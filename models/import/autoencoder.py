"""The convolutional autoencoder of taming-transformers and of Stable Diffusion, under the parameter names of taming's checkpoints.

    image [1, 3, H, W] in [-1, 1] -> encoder -> quant_conv -> latents [1, embed, H / s, W / s] -> post_quant_conv -> decoder -> image

A VQGAN (Esser et al., CVPR 2021) has a codebook between the two halves, the autoencoder of Stable Diffusion (Rombach et al., CVPR 2022) a
Gaussian, whose mean is taken. Blocks of attention see all positions, and group norms all of a channel, so windows of a picture differ
from the whole.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import checkpoint


@dataclass(frozen=True)
class Shape:
    """What tells the published variants apart."""

    width: int  # channels of the finest level
    multipliers: tuple[int, ...]  # of the width, level by level from the finest
    blocks: int  # residual blocks of a level of the encoder; the decoder has one more
    attention: tuple[int, ...]  # levels whose blocks are followed by attention; the middle always has it
    latent: int  # channels between encoder and quant_conv
    embed: int  # components of a latent
    codes: int | None = None  # entries of the codebook; none: a Gaussian

    @property
    def stride(self) -> int:
        return 1 << (len(self.multipliers) - 1)


# The published shapes that are known to be imported.
VQGAN_16384 = Shape(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 16384)
VQGAN_1024 = Shape(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 1024)
STABLE_DIFFUSION = Shape(128, (1, 2, 4, 4), 2, (), 4, 4)


def norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, width, eps=1e-6)


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        y = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return y + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """One head over all positions, without places."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x):
        y = self.norm(x)
        q, k, v = (part(y).flatten(2) for part in (self.q, self.k, self.v))
        weights = torch.softmax(q.transpose(1, 2) @ k * q.shape[1] ** -0.5, dim=2)
        return x + self.proj_out((v @ weights.transpose(1, 2)).reshape(x.shape))


class Middle(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.block_1, self.attn_1, self.block_2 = Residual(width, width), Attention(width), Residual(width, width)

    def forward(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


class Level(nn.Module):
    """Residual blocks of one resolution, and the step to the next."""

    def __init__(self, inputs: int, outputs: int, blocks: int, attention: bool, step: str | None):
        super().__init__()
        self.block = nn.ModuleList(Residual(inputs if i == 0 else outputs, outputs) for i in range(blocks))
        self.attn = nn.ModuleList(Attention(outputs) for _ in range(blocks if attention else 0))
        if step:
            resample = nn.Module()
            resample.conv = nn.Conv2d(outputs, outputs, 3, stride=2 if step == "downsample" else 1, padding=0 if step == "downsample" else 1)
            setattr(self, step, resample)

    def forward(self, x):
        for i, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[i](x)
        if hasattr(self, "downsample"):
            return self.downsample.conv(F.pad(x, (0, 1, 0, 1)))
        return self.upsample.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")) if hasattr(self, "upsample") else x


class Encoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        widths = [shape.width * multiplier for multiplier in shape.multipliers]
        self.conv_in = nn.Conv2d(3, shape.width, 3, padding=1)
        last = len(widths) - 1
        self.down = nn.ModuleList(
            Level([shape.width, *widths][i], width, shape.blocks, i in shape.attention, "downsample" if i < last else None) for i, width in enumerate(widths)
        )
        self.mid, self.norm_out = Middle(widths[-1]), norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], shape.latent * (1 if shape.codes else 2), 3, padding=1)

    def features(self, x):
        """What the last convolution sees."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return F.silu(self.norm_out(self.mid(x)))

    def forward(self, x):
        return self.conv_out(self.features(x))


class Decoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        widths = [shape.width * multiplier for multiplier in shape.multipliers]
        self.conv_in, self.mid = nn.Conv2d(shape.latent, widths[-1], 3, padding=1), Middle(widths[-1])
        self.up = nn.ModuleList(
            Level([*widths, widths[-1]][i + 1], width, shape.blocks + 1, i in shape.attention, "upsample" if i else None) for i, width in enumerate(widths)
        )
        self.norm_out, self.conv_out = norm(widths[0]), nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, x):
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Autoencoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, twice = shape, 1 if shape.codes else 2
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)
        self.quant_conv = nn.Conv2d(twice * shape.latent, twice * shape.embed, 1)
        self.post_quant_conv = nn.Conv2d(shape.embed, shape.latent, 1)
        if shape.codes:
            self.quantize = nn.Module()
            self.quantize.embedding = nn.Embedding(shape.codes, shape.embed)

    def latents(self, image):
        """The latents, before any quantisation; of a Gaussian its mean."""
        return self.quant_conv(self.encoder(image))[:, : self.shape.embed]

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))

    @property
    def codebook(self) -> torch.Tensor:
        return self.quantize.embedding.weight


def shape_of(state: dict[str, torch.Tensor], what: str) -> Shape:
    """The shape that the tensors have, under taming's names."""
    sides = lambda name: checkpoint.sides(state, name, what)
    width, _, _, _ = sides("encoder.conv_in.weight")
    levels = len({name.split(".")[2] for name in state if name.startswith("encoder.down.")})
    multipliers = tuple(sides(f"encoder.down.{i}.block.0.conv1.weight")[0] // width for i in range(levels))
    blocks = len({name.split(".")[4] for name in state if name.startswith("encoder.down.0.block.")})
    attention = tuple(i for i in range(levels) if f"encoder.down.{i}.attn.0.norm.weight" in state)
    embed, latent = sides("post_quant_conv.weight")[1], sides("decoder.conv_in.weight")[1]
    codes, of_code = sides("quantize.embedding.weight") if "quantize.embedding.weight" in state else (None, embed)
    if not levels or width % 32 or not all(multipliers):
        raise checkpoint.Misfit(f"it is no {what} checkpoint: {levels} levels, {width} channels at the finest")
    if of_code != embed:
        raise checkpoint.Misfit(f"its codewords have {of_code} components, its latents {embed}; no such network is known here")
    return Shape(width, multipliers, blocks, attention, latent, embed, codes)


def load(state: dict[str, torch.Tensor], what: str) -> Autoencoder:
    """The network with the tensors of a checkpoint, under taming's names; every one must be there, of its shape, and no other."""
    network = Autoencoder(shape_of(state, what)).eval().requires_grad_(False)
    checkpoint.fill(network, state)
    return network
