"""Training losses of the speech tokenizer: log-mel and linear spectra at several resolutions, and waveform discriminators."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

RESOLUTIONS = [(128, 20), (256, 40), (512, 64), (1024, 80), (2048, 100)]  # window, mel bands


def mel_filters(window: int, rate: int, bands: int) -> torch.Tensor:
    """Triangular filters [bands, window/2+1] evenly spaced in mel from 0 to rate/2."""
    to_mel, to_hz = lambda f: 2595 * math.log10(1 + f / 700), lambda m: 700 * (10 ** (m / 2595) - 1)
    edges = np.array([to_hz(m) for m in np.linspace(to_mel(0), to_mel(rate / 2), bands + 2)])
    bins = np.linspace(0, rate / 2, window // 2 + 1)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.from_numpy(np.clip(np.minimum(rise, fall), 0, None).astype(np.float32))


class SpectralLoss(nn.Module):
    """(mean log-mel distance, mean relative distance of linear magnitudes) over five resolutions."""

    def __init__(self, rate: int):
        super().__init__()
        for window, bands in RESOLUTIONS:
            self.register_buffer(f"window{window}", torch.hann_window(window))
            self.register_buffer(f"filters{window}", mel_filters(window, rate, bands))

    def magnitudes(self, wave, size):
        spectrum = torch.stft(wave, size, size // 4, window=getattr(self, f"window{size}"), return_complex=True)
        return (spectrum.real.pow(2) + spectrum.imag.pow(2) + 1e-10).sqrt()

    def forward(self, made, real):
        mel, linear = 0.0, 0.0
        for size, _ in RESOLUTIONS:
            a, b = self.magnitudes(made, size), self.magnitudes(real, size)
            filters = getattr(self, f"filters{size}")
            mel = mel + ((filters @ a).clamp_min(1e-4).log() - (filters @ b).clamp_min(1e-4).log()).abs().mean()
            linear = linear + ((a - b).pow(2).sum((1, 2)) / b.pow(2).sum((1, 2)).clamp_min(1e-3)).sqrt().mean()
        return mel / len(RESOLUTIONS), linear / len(RESOLUTIONS)


class LoudnessLoss(nn.Module):
    """Audible differences by the perceptual model of ITU-T P.862 (PESQ): loudness densities in Bark bands, masked differences, what is added weighing more than what is missing.

    Without that model's alignment in time and its compensation of gains and filters; thresholds of hearing by Terhardt's formula. The value is what is taken from a
    quality of 4.5.
    """

    LEVEL = 10**7.9  # speech is played at 79 dB

    def __init__(self, rate: int, window: int = 512, bands: int = 49):
        super().__init__()
        self.size = window
        bins = torch.linspace(0, rate / 2, window // 2 + 1)
        bark = lambda hertz: 7 * torch.asinh(hertz / 650)
        width = float(bark(bins[-1])) / bands
        centre = (torch.arange(bands) + 0.5) * width
        # Triangles of at least a bin's width, so that no low band is empty.
        reach = torch.maximum(torch.full_like(centre, width), bark(650 * torch.sinh(centre / 7) + rate / window) - centre)
        filters = (1 - (bark(bins)[None] - centre[:, None]).abs() / reach[:, None]).clamp_min(0)
        self.register_buffer("filters", filters / filters.sum(0).clamp_min(1e-3))
        kilohertz = 650 * torch.sinh(centre / 7) / 1e3
        decibels = 3.64 * kilohertz**-0.8 - 6.5 * (-0.6 * (kilohertz - 3.3) ** 2).exp() + 1e-3 * kilohertz**4
        self.register_buffer("threshold", (10 ** (decibels.clamp(max=70) / 10))[None, :, None])
        steeper = torch.where(centre < 4, (6 / (centre + 2)).clamp(max=2) ** 0.15, torch.ones_like(centre))
        self.register_buffer("power", (0.23 * steeper)[None, :, None])
        self.register_buffer("window", torch.hann_window(window))
        self.width = width

    def bark(self, wave):
        spectrum = torch.stft(wave, self.size, self.size // 2, window=self.window, center=False, return_complex=True)
        return self.filters @ (spectrum.real.pow(2) + spectrum.imag.pow(2))

    def loudness(self, bark):
        return 0.1866 * (self.threshold / 0.5) ** self.power * ((0.5 + 0.5 * bark / self.threshold) ** self.power - 1)

    def forward(self, made, real):
        real, made = self.bark(real), self.bark(made)
        energy = real.sum(1)
        # The level of what is spoken: the mean of the frames within 30 dB of the loudest.
        spoken = (energy > energy.amax(1, keepdim=True) * 1e-3).float()
        scale = (self.LEVEL * spoken.sum(1) / (energy * spoken).sum(1).clamp_min(1e-6))[:, None, None]
        real, made, energy = real * scale, made * scale, energy * scale[:, 0]
        loud_real, loud_made = self.loudness(real), self.loudness(made)
        apart = loud_made - loud_real
        apart = (apart.abs() - 0.25 * torch.minimum(loud_made, loud_real).clamp_min(0)).clamp_min(0)
        added = (((made + 50) / (real + 50)) ** 1.2).detach()
        added = torch.where(added < 3, 0.0, added.clamp(max=12))
        total = self.width * apart.shape[1]
        even = ((apart * self.width).pow(2).sum(1) / total + 1e-6).sqrt() * total
        uneven = (apart * added * self.width).sum(1)
        weight = ((energy + 1e5) / 1e7) ** -0.04

        def over_time(frames):
            # Within a third of a second the worst counts, beyond that the mean.
            pieces = (frames * weight).clamp(1e-3, 45).unfold(1, min(20, frames.shape[1]), min(10, frames.shape[1]))
            return pieces.pow(6).mean(2).pow(1 / 3).mean(1).sqrt().mean()

        return 0.1 * over_time(even) + 0.0309 * over_time(uneven)


def convolution(inputs, outputs, kernel, stride=1, padding=0):
    return nn.utils.parametrizations.weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))


class Layers(nn.Module):
    """Convolutions with leaky rectifiers: (logits, the features of every layer)."""

    def __init__(self, layers, last):
        super().__init__()
        self.layers, self.last = nn.ModuleList(layers), last

    def forward(self, x):
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.last(x), features


class PeriodJudge(nn.Module):
    """HiFi-GAN's multi-period discriminator for one period."""

    def __init__(self, period: int, widths=(1, 32, 64, 128, 256)):
        super().__init__()
        self.period = period
        layers = [convolution(a, b, (5, 1), (3, 1), (2, 0)) for a, b in zip(widths, widths[1:])]
        self.net = Layers([*layers, convolution(widths[-1], widths[-1], (5, 1), 1, (2, 0))], convolution(widths[-1], 1, (3, 1), 1, (1, 0)))

    def forward(self, wave):
        wave = F.pad(wave, (0, -wave.shape[1] % self.period))
        return self.net(wave.reshape(len(wave), 1, -1, self.period))


class SpectrumJudge(nn.Module):
    """Discriminator over the complex spectrum at one window size."""

    def __init__(self, size: int, width: int = 32):
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size))
        strided = [convolution(width, width, (3, 9), (1, 2), (1, 4)) for _ in range(3)]
        self.net = Layers([convolution(2, width, (3, 9), 1, (1, 4)), *strided, convolution(width, width, 3, 1, 1)], convolution(width, 1, 3, 1, 1))

    def forward(self, wave):
        spectrum = torch.stft(wave.float(), self.size, self.size // 4, window=self.window, return_complex=True)
        # Compressed magnitudes: quiet and loud parts weigh alike.
        scale = (spectrum.real.pow(2) + spectrum.imag.pow(2) + 1e-7).pow(-0.35)
        return self.net(torch.stack([spectrum.real * scale, spectrum.imag * scale], 1).transpose(2, 3))


class Judges(nn.Module):
    """All discriminators: a list of (logits, features)."""

    def __init__(self):
        super().__init__()
        self.judges = nn.ModuleList([*(PeriodJudge(p) for p in (2, 3, 5, 7, 11)), *(SpectrumJudge(s) for s in (256, 512, 1024))])

    def forward(self, wave):
        return [judge(wave) for judge in self.judges]


def judging(real, made):
    """Hinge loss of the discriminators."""
    return sum(F.relu(1 - r.float()).mean() + F.relu(1 + m.float()).mean() for (r, _), (m, _) in zip(real, made)) / len(real)


def fooling(real, made):
    """(hinge loss of the generator, mean distance of features relative to their size)."""
    hinge = -sum(m.float().mean() for m, _ in made) / len(made)
    pairs = [(a.detach().float(), b.float()) for (_, fa), (_, fb) in zip(real, made) for a, b in zip(fa, fb)]
    return hinge, sum((a - b).abs().mean() / a.abs().mean().clamp_min(1e-3) for a, b in pairs) / len(pairs)
