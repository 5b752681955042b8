"""The speech tokenizer: causal ConvNeXt blocks between a short-time Fourier transform and its inverse, around a nested codebook.

Frame t covers the samples from (t+1)·hop − window to (t+1)·hop. A token comes with the frame that is `lookahead` frames after its own, so that encoder and decoder
know what comes next; beyond that nothing looks ahead. The delay is the window and the lookahead.
Every module has two forms of one computation: `forward` over whole clips for training, `step` over a few frames with an explicit state for export.
"""

import torch
import torch.nn.functional as F
from torch import nn

from vq import ResidualQuantizer

FLOOR = 1e-4  # magnitudes below count as silence
LOUDEST = 6.0  # cap of synthesised log magnitudes
ENVELOPE = 1e-2  # added to the windows' summed squares


class Spectrum(nn.Module):
    """Waveforms to feature rows, and rows of log magnitude and phase to waveforms."""

    def __init__(self, hop: int, window: int, lookahead: int = 0):
        super().__init__()
        self.hop, self.size, self.lookahead = hop, window, lookahead
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        squares = torch.zeros(hop)
        for start in range(0, window, hop):
            piece = self.window[start : start + hop].pow(2)
            squares[: len(piece)] += piece
        self.register_buffer("envelope", squares, persistent=False)

    def analyse(self, wave: torch.Tensor) -> torch.Tensor:
        """[B, frames·hop] → features [B, frames, 3·(window/2+1)]: 0.3·log magnitude, then the unit phasor's real and imaginary part."""
        frames = F.pad(wave.float(), (self.size - self.hop, 0)).unfold(1, self.size, self.hop) * self.window
        spectrum = torch.fft.rfft(frames)
        magnitude = spectrum.abs()
        unit = spectrum / (magnitude + FLOOR)
        return torch.cat([0.3 * magnitude.clamp_min(FLOOR).log(), unit.real, unit.imag], 2)

    def synthesise(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows [B, frames, 2·(window/2+1)] → [B, (frames − lookahead)·hop − (window − hop)]: what has all its frames, from sample 0 on."""
        level, phase = rows.float().chunk(2, 2)
        magnitude = level.clamp(max=LOUDEST).exp()
        frames = torch.fft.irfft(torch.complex(magnitude * phase.cos(), magnitude * phase.sin()), n=self.size) * self.window
        count = frames.shape[1]
        wave = F.fold(frames.transpose(1, 2), (1, (count - 1) * self.hop + self.size), (1, self.size), stride=(1, self.hop))[:, 0, 0]
        past = self.size + (self.lookahead - 1) * self.hop
        wave = wave[:, past : count * self.hop]
        phase_of = (torch.arange(past, count * self.hop, device=wave.device)) % self.hop
        return wave / (self.envelope[phase_of] + ENVELOPE)


class Block(nn.Module):
    """x + gain · linear(silu(linear(norm(causal depthwise convolution of x)))), rows [.., frames, width]."""

    def __init__(self, width: int, dilation: int, expand: int, kernel: int = 7):
        super().__init__()
        self.kernel, self.dilation, self.memory = kernel, dilation, (kernel - 1) * dilation
        self.taps = nn.Parameter(torch.randn(kernel, width) / kernel**0.5)
        self.bias = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, width * expand), nn.Linear(width * expand, width)
        self.gain = nn.Parameter(torch.full((width,), 0.2))

    def rest(self, x, mixed):
        return x + self.gain * self.down(F.silu(self.up(self.norm(mixed))))

    def forward(self, x):
        taps = self.taps.t()[:, None]
        mixed = F.conv1d(F.pad(x.transpose(1, 2), (self.memory, 0)), taps, self.bias, dilation=self.dilation, groups=x.shape[2])
        return self.rest(x, mixed.transpose(1, 2))

    def step(self, x, count, past):
        """x [frames, width], of which `count` [1] are real; past [memory, width] → rows, the past after `count` frames.

        The convolution is a sum of products row by row, so that a row's result does not depend on how many rows there are.
        """
        joined = torch.cat([past, x])
        mixed = self.bias + sum(self.taps[j] * joined[j * self.dilation : j * self.dilation + x.shape[0]] for j in range(self.kernel))
        return self.rest(x, mixed), rows_from(joined, count, self.memory)


def rows_from(rows: torch.Tensor, start: torch.Tensor, length: int) -> torch.Tensor:
    """`length` rows from `start` [1] on, as one gather whose length does not depend on data."""
    return rows.index_select(0, start + torch.arange(length))


class Stack(nn.Module):
    """Linear, blocks, normalisation, linear."""

    def __init__(self, inputs: int, width: int, outputs: int, dilations, expand: int):
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(Block(width, d, expand) for d in dilations)
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, outputs)
        self.width, self.state_size = width, width * sum(b.memory for b in self.blocks)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(self.norm(x))

    def step(self, x, count, state):
        """Rows [frames, inputs], count [1], state [state_size] → rows [frames, outputs], next state."""
        x, nexts, start = self.first(x), [], 0
        for block in self.blocks:
            size = block.memory * self.width
            x, past = block.step(x, count, state[start : start + size].reshape(block.memory, self.width))
            nexts.append(past.reshape(-1))
            start += size
        return self.last(self.norm(x)), torch.cat(nexts)


class SpeechModel(nn.Module):
    """Encoder, nested residual codebook, decoder."""

    def __init__(self, shape: dict):
        super().__init__()
        bins = shape["window"] // 2 + 1
        self.spectrum = Spectrum(shape["hop"], shape["window"], shape.get("lookahead", 0))
        self.enc = Stack(3 * bins, shape["encoder_width"], shape["dim"], shape["encoder_dilations"], shape["expand"])
        self.vq = ResidualQuantizer(shape["levels"], shape["depth"], shape["dim"])
        self.dec = Stack(shape["dim"], shape["decoder_width"], 2 * bins, shape["decoder_dilations"], shape["expand"])
