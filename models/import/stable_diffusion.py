"""The noise estimator and the text encoder of Stable Diffusion 2 (Rombach et al., CVPR 2022), under the parameter names of its checkpoints.

    latents [1, 4, h, w] at a time, h and w multiples of 8 -> U-Net -> their noise [1, 4, h, w]

Attention to a text is attention to one fixed text here: `fold` puts its keys and values in place of the layers that would make them.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

# Of the width, level by level from the finest; every level but the coarsest has attention.
MULTIPLIERS, BLOCKS = (1, 2, 4, 4), 2
LATENT = 4
# Components of a head of the U-Net and of the text encoder.
HEAD = 64
# Tokens of a text.
WORDS = 77


@dataclass(frozen=True)
class Shape:
    """What narrower networks of the same layout have less of."""

    width: int = 320  # channels of the finest level
    context: int = 1024  # components of a word's embedding
    layers: int = 24  # of the text encoder
    vocabulary: int = 49408


def groups(width: int, most: int) -> int:
    """The largest number up to `most` that divides the width."""
    return next(n for n in range(min(most, width), 0, -1) if width % n == 0)


def norm(width: int, eps: float = 1e-5) -> nn.GroupNorm:
    return nn.GroupNorm(groups(width, 32), width, eps=eps)


class Residual(nn.Module):
    """Two convolutions, the time's embedding between them."""

    def __init__(self, inputs: int, outputs: int, time: int):
        super().__init__()
        self.in_layers = nn.Sequential(norm(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(time, outputs))
        self.out_layers = nn.Sequential(norm(outputs), nn.SiLU(), nn.Identity(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, time):
        return self.skip_connection(x) + self.out_layers(self.in_layers(x) + self.emb_layers(time)[:, :, None, None])


class Attention(nn.Module):
    """Positions look at each other, or at the words of a text."""

    def __init__(self, width: int, head: int, context: int | None = None):
        super().__init__()
        self.head, self.to_q = head, nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = (nn.Linear(context or width, width, bias=False) for _ in range(2))
        self.to_out = nn.Sequential(nn.Linear(width, width))

    def fold(self, text: torch.Tensor):
        """Keys and values of a text, in place of the layers that make them."""
        self.keys, self.values = (nn.Parameter(layer(text), requires_grad=False) for layer in (self.to_k, self.to_v))
        del self.to_k, self.to_v

    def forward(self, x):
        k, v = (self.keys, self.values) if hasattr(self, "keys") else (self.to_k(x), self.to_v(x))
        q, k, v = (part.reshape(1, part.shape[1], -1, self.head).transpose(1, 2) for part in (self.to_q(x), k, v))
        weights = torch.softmax(q @ k.transpose(2, 3) * self.head**-0.5, dim=3)
        return self.to_out((weights @ v).transpose(1, 2).reshape(x.shape))


class Gated(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.proj = nn.Linear(width, 8 * width)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, 2)
        return value * F.gelu(gate)


class Block(nn.Module):
    def __init__(self, width: int, head: int, context: int):
        super().__init__()
        self.attn1, self.attn2 = Attention(width, head), Attention(width, head, context)
        self.ff = nn.Module()
        self.ff.net = nn.Sequential(Gated(width), nn.Identity(), nn.Linear(4 * width, width))
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x):
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x))
        return x + self.ff.net(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, width: int, head: int, context: int):
        super().__init__()
        self.norm, self.proj_in, self.proj_out = norm(width, 1e-6), nn.Linear(width, width), nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([Block(width, head, context)])

    def forward(self, x):
        y = self.proj_in(self.norm(x).flatten(2).transpose(1, 2))
        return x + self.proj_out(self.transformer_blocks[0](y)).transpose(1, 2).reshape(x.shape)


class Halve(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.op = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x):
        return self.op(x)


class Double(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Sequential):
    """Layers of which some are told the time."""

    def forward(self, x, time):
        for layer in self:
            x = layer(x, time) if isinstance(layer, Residual) else layer(x)
        return x


def embedding(time: torch.Tensor, width: int) -> torch.Tensor:
    """Cosines and sines of a time f32 [1]: [1, width]."""
    frequencies = torch.exp(torch.arange(width // 2, dtype=torch.float32) * (-math.log(10000) / (width // 2)))
    angles = time[:, None] * frequencies
    return torch.cat([torch.cos(angles), torch.sin(angles)], 1)


class Down(nn.Module):
    """The finer half of a U-Net, up to its middle. `time_width` is the width that the time's embedding goes by."""

    def __init__(self, inputs: int, width: int, head: int, context: int, time_width: int):
        super().__init__()
        time, self.time_width = 4 * time_width, time_width
        self.time_embed = nn.Sequential(nn.Linear(time_width, time), nn.SiLU(), nn.Linear(time, time))
        stages, self.widths = [Stage(nn.Conv2d(inputs, width, 3, padding=1))], [width]
        for level, multiplier in enumerate(MULTIPLIERS):
            last = level == len(MULTIPLIERS) - 1
            for _ in range(BLOCKS):
                wide = width * multiplier
                stages.append(Stage(Residual(self.widths[-1], wide, time), *([] if last else [Transformer(wide, head, context)])))
                self.widths.append(wide)
            if not last:
                stages.append(Stage(Halve(wide)))
                self.widths.append(wide)
        self.input_blocks = nn.ModuleList(stages)
        self.middle_block = Stage(Residual(wide, wide, time), Transformer(wide, head, context), Residual(wide, wide, time))

    def told(self, time):
        return self.time_embed(embedding(time, self.time_width))


class UNet(Down):
    def __init__(self, shape: Shape):
        super().__init__(LATENT, shape.width, HEAD, shape.context, shape.width)
        time, wide, skips = 4 * shape.width, self.widths[-1], list(self.widths)
        stages, self.up_widths = [], []
        for level, multiplier in reversed(list(enumerate(MULTIPLIERS))):
            for i in range(BLOCKS + 1):
                layers: list[nn.Module] = [Residual(wide + skips.pop(), shape.width * multiplier, time)]
                wide = shape.width * multiplier
                if level < len(MULTIPLIERS) - 1:
                    layers.append(Transformer(wide, HEAD, shape.context))
                if level and i == BLOCKS:
                    layers.append(Double(wide))
                stages.append(Stage(*layers))
                self.up_widths.append(wide)
        self.output_blocks = nn.ModuleList(stages)
        self.out = nn.Sequential(norm(wide), nn.SiLU(), nn.Conv2d(wide, LATENT, 3, padding=1))

    def forward(self, x, time, *corrections):
        """The noise. Corrections are added after each stage of the first half, after the middle, and before each stage of the second half."""
        time, corrections, skips = self.told(time), list(corrections), []
        correct = lambda x: x + corrections.pop(0) if corrections else x
        for stage in self.input_blocks:
            x = correct(stage(x, time))
            skips.append(x)
        x = correct(self.middle_block(x, time))
        for stage in self.output_blocks:
            x = stage(torch.cat([correct(x), skips.pop()], 1), time)
        return self.out(x)


def fold(network: nn.Module, text: torch.Tensor):
    """Lets every layer of a network that looks at a text look at this one, f32 [1, WORDS, context]."""
    for module in network.modules():
        if isinstance(module, Block):
            module.attn2.fold(text)


class Words(nn.Module):
    """A layer of the text encoder."""

    def __init__(self, width: int):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = nn.MultiheadAttention(width, width // HEAD, batch_first=True), nn.Module()
        self.mlp.c_fc, self.mlp.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x))))


class Text(nn.Module):
    """OpenCLIP's encoder of texts. Of its layers the last is not used."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(WORDS, shape.context))
        self.text_projection = nn.Parameter(torch.zeros(shape.context, shape.context))
        self.logit_scale = nn.Parameter(torch.zeros([]))
        self.token_embedding, self.ln_final = nn.Embedding(shape.vocabulary, shape.context), nn.LayerNorm(shape.context)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(Words(shape.context) for _ in range(shape.layers))

    @torch.no_grad()
    def empty(self) -> torch.Tensor:
        """The embedding [1, WORDS, context] of a text without words: its start, its end, and nothing."""
        tokens = torch.zeros(1, WORDS, dtype=torch.long)
        tokens[0, :2] = torch.tensor([-2, -1]) + self.token_embedding.num_embeddings
        x = self.token_embedding(tokens) + self.positional_embedding
        mask = torch.full((WORDS, WORDS), -torch.inf).triu(1)
        for layer in self.transformer.resblocks[:-1]:
            x = layer(x, mask)
        return self.ln_final(x)
