"""WavTokenizer's network for inference (Ji et al., ICLR 2025), under the parameter names of the published checkpoints.

    samples [1, L] -> encoder -> latents [1, 512, ceil(L / hop)] -> nearest of 4096 -> backbone -> head -> samples [1, hop * ceil(L / hop)]

The encoder is EnCodec's (Defossez et al. 2022), the decoder Vocos' (Siuzdak 2023) behind an attention block that sees the whole sound.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import weight_norm


@dataclass(frozen=True)
class Shape:
    """What tells the published variants apart; the defaults are what they share."""

    strides: tuple[int, ...]  # in the order of the encoder
    n_fft: int
    sample_rate: int = 24000
    filters: int = 32
    latent: int = 512
    codewords: int = 4096
    width: int = 768
    inner: int = 2304
    layers: int = 12
    conditions: int = 4

    @property
    def hop(self) -> int:
        return math.prod(self.strides)


VARIANTS = {40: Shape((4, 5, 5, 6), 2400), 75: Shape((2, 4, 5, 8), 1280)}


class Conv(nn.Module):
    """A convolution with weight norm, mirrored at both ends so that every `stride` samples give one."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.conv = nn.Module()
        self.conv.conv = weight_norm(nn.Conv1d(inputs, outputs, kernel, stride))

    def forward(self, x):
        layer = self.conv.conv
        (kernel,), (stride,) = layer.kernel_size, layer.stride
        right = (kernel - stride) // 2
        left = kernel - stride - right
        # The last samples get a window of their own where the stride does not divide the length.
        rest = (-x.shape[-1]) % stride
        return layer(F.pad(x, (left, right + rest), mode="reflect")) if kernel > 1 else layer(x)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block = nn.Sequential(nn.ELU(), Conv(width, width // 2, 3), nn.ELU(), Conv(width // 2, width, 1))
        self.shortcut = Conv(width, width, 1)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lstm = nn.LSTM(width, width, 2)

    def forward(self, x):
        rows = x.permute(2, 0, 1)
        return (self.lstm(rows)[0] + rows).permute(1, 2, 0)


class Encoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        width, layers = shape.filters, [Conv(1, shape.filters, 7)]
        for stride in shape.strides:
            layers += [Residual(width), nn.ELU(), Conv(width, 2 * width, 2 * stride, stride)]
            width *= 2
        self.local = len(layers)  # what follows looks back without bound
        layers += [Recurrent(width), nn.ELU(), Conv(width, shape.latent, 7)]
        self.model = nn.Sequential(*layers)

    def front(self, x):
        return self.model[: self.local](x)

    def tail(self, x):
        return self.model[self.local :](x)

    def forward(self, x):
        return self.tail(self.front(x))


def group_norm(width):
    return nn.GroupNorm(32, width, eps=1e-6)


class Resnet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.conv1 = group_norm(width), nn.Conv1d(width, width, 3, padding=1)
        self.norm2, self.conv2 = group_norm(width), nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Attention(nn.Module):
    """One head over all of the sound, without positions."""

    def __init__(self, width):
        super().__init__()
        self.norm = group_norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv1d(width, width, 1) for _ in range(4))

    def forward(self, x):
        y = self.norm(x)
        q, k, v = self.q(y), self.k(y), self.v(y)
        weights = torch.softmax(q.transpose(1, 2) @ k * q.shape[1] ** -0.5, dim=2)
        return x + self.proj_out(v @ weights.transpose(1, 2))


class ConditionedNorm(nn.Module):
    """Layer norm whose scale and shift are rows of tables; inference always takes row 0."""

    def __init__(self, conditions, width):
        super().__init__()
        self.scale, self.shift = nn.Embedding(conditions, width), nn.Embedding(conditions, width)

    def forward(self, rows):
        return F.layer_norm(rows, rows.shape[-1:], self.scale.weight[0], self.shift.weight[0], eps=1e-6)


class ConvNext(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.dwconv = nn.Conv1d(shape.width, shape.width, 7, padding=3, groups=shape.width)
        self.norm = ConditionedNorm(shape.conditions, shape.width)
        self.pwconv1, self.pwconv2 = nn.Linear(shape.width, shape.inner), nn.Linear(shape.inner, shape.width)
        self.gamma = nn.Parameter(torch.full((shape.width,), 1 / shape.layers))

    def forward(self, x):
        rows = self.norm(self.dwconv(x).transpose(1, 2))
        rows = self.gamma * self.pwconv2(F.gelu(self.pwconv1(rows)))
        return x + rows.transpose(1, 2)


class Backbone(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.embed = nn.Conv1d(shape.latent, shape.width, 7, padding=3)
        blocks = [Resnet(shape.width), Resnet(shape.width), Attention(shape.width), Resnet(shape.width), Resnet(shape.width)]
        self.pos_net = nn.Sequential(*blocks, group_norm(shape.width))
        self.norm = ConditionedNorm(shape.conditions, shape.width)
        self.convnext = nn.ModuleList(ConvNext(shape) for _ in range(shape.layers))
        self.final_layer_norm = nn.LayerNorm(shape.width, eps=1e-6)

    def forward(self, x):
        x = self.norm(self.pos_net(self.embed(x)).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """Log magnitudes and phases, and the inverse short-time Fourier transform."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.hop = shape.hop
        self.out = nn.Linear(shape.width, shape.n_fft + 2)
        self.istft = nn.Module()
        self.istft.register_buffer("window", torch.hann_window(shape.n_fft))

    def samples(self, rows):
        level, phase = rows.transpose(1, 2).chunk(2, dim=1)
        spectrum = torch.polar(level.exp().clamp(max=100.0), phase)
        window, count = self.istft.window, rows.shape[1]
        frames = torch.fft.irfft(spectrum, len(window), dim=1) * window[:, None]
        fold = lambda x: F.fold(x, (1, (count - 1) * self.hop + len(window)), (1, len(window)), stride=(1, self.hop))[:, 0, 0]
        cut = slice((len(window) - self.hop) // 2, -((len(window) - self.hop) // 2))
        weights = fold(window.square()[None, :, None].expand(1, -1, count))
        return fold(frames)[:, cut] / weights[:, cut]

    def forward(self, x):
        return self.samples(self.out(x))


class WavTokenizer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        encodec, layer, book = nn.Module(), nn.Module(), nn.Module()
        encodec.encoder = Encoder(shape)
        book.register_buffer("embed", torch.zeros(shape.codewords, shape.latent))
        layer._codebook = book
        encodec.quantizer = nn.Module()
        encodec.quantizer.vq = nn.Module()
        encodec.quantizer.vq.layers = nn.ModuleList([layer])
        self.feature_extractor = nn.Module()
        self.feature_extractor.encodec = encodec
        self.backbone, self.head = Backbone(shape), Head(shape)

    @property
    def encoder(self) -> Encoder:
        return self.feature_extractor.encodec.encoder

    @property
    def codebook(self) -> torch.Tensor:
        return self.feature_extractor.encodec.quantizer.vq.layers[0]._codebook.embed

    def latents(self, samples):
        return self.encoder(samples[:, None])

    def tokens(self, samples):
        x = self.latents(samples)[0].T
        table = self.codebook
        return (x.square().sum(1, keepdim=True) - 2 * x @ table.T + table.square().sum(1)).argmin(1)

    def rows(self, latents):
        return self.head.out(self.backbone(latents))

    def decode(self, tokens):
        return self.head.samples(self.rows(self.codebook[tokens].T[None]))
