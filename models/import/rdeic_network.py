"""RDEIC's networks (Li et al., Accelerating diffusion-based extreme image compression with relay residual diffusion, 2024) on Stable Diffusion 2.1,
under the parameter names of the published checkpoints.

    image -> features of the autoencoder -> analysis -> y -> hyper-analysis -> one of so many codes -> hyper-synthesis
          -> contexts, slice by slice and checkerboard by checkerboard -> y^, y rounded around what is expected of it
    y^ -> synthesis -> hint -> a latent of the autoencoder, which some steps of diffusion refine; a control module sees latent and hint
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import autoencoder
import stable_diffusion as sd

# What the autoencoder's latents are multiplied by for the diffusion.
SCALE = 0.18215
# Components of a head of the control module.
HEAD = 16
# Pixels that a code of the hyper-latent stands for, along each side, and those that a position of y does.
HYPER_STRIDE, STRIDE = 64, 16
# Channels between the layers of a context across slices.
CONTEXT = (224, 128)


@dataclass(frozen=True)
class Shape:
    """What narrower networks of the same layout have less of."""

    diffusion: sd.Shape = sd.Shape()
    vae: autoencoder.Shape = autoencoder.STABLE_DIFFUSION
    control: int = 64  # channels of the control module's finest level: a fifth of the U-Net's
    hyper: int = 256  # components of a code
    codes: int = 16384
    slices: tuple[int, ...] = (8, 8, 8, 8, 16, 16, 32, 32, 64, 64)  # channels of y that are known together

    @property
    def dim(self) -> int:
        return sum(self.slices)

    # What packs of pictures ask of a network.
    embed = dim

    @property
    def stride(self) -> int:
        return STRIDE


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.adaptor = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        y = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x))))
        return y + (self.adaptor(x) if hasattr(self, "adaptor") else x)


class Halve(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.downsample = nn.Conv2d(width, width, 1, stride=2)

    def forward(self, x):
        return self.downsample(x) + F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x))), 0.1)


class Double(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.subpel_conv, self.upsample = (nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 1), nn.PixelShuffle(2)) for _ in range(2))
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x):
        return self.upsample(x) + F.leaky_relu(self.conv(F.leaky_relu(self.subpel_conv(x))), 0.1)


def named(name: str, *layers: nn.Module) -> nn.Module:
    """Layers one after another, with the name between that the checkpoints have."""
    module = nn.Module()
    setattr(module, name, nn.Sequential(*layers))
    return module


def across(inputs: int, outputs: int) -> nn.Module:
    """What the slices before say of one."""
    near = lambda a, b: nn.Conv2d(a, b, 5, padding=2)
    return named("fushion", near(inputs, CONTEXT[0]), nn.GELU(), near(CONTEXT[0], CONTEXT[1]), nn.GELU(), near(CONTEXT[1], outputs))


def expectation(inputs: int, outputs: int) -> nn.Module:
    """What all that is known says of a slice: half the outputs are deviations, half are means."""
    widths = (inputs, outputs * 5 // 3, outputs * 4 // 3, outputs)
    one, two, three = (nn.Conv2d(a, b, 1) for a, b in zip(widths, widths[1:]))
    return named("fusion", one, nn.GELU(), two, nn.GELU(), three)


class Compression(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        n, m, slices = shape.hyper, shape.dim, shape.slices
        features = shape.vae.width * shape.vae.multipliers[-1]
        more = lambda count: [Residual(m, m) for _ in range(count)]
        last = nn.Conv2d(m, m, 3, padding=1)
        first = nn.Conv2d(m, m, 3, padding=1)
        self.encoder = named("g_a", Residual(features, m), *more(3), Halve(m), *more(3), last)
        self.decoder = named("g_s", first, *more(3), Double(m, m), *more(4))
        self.hyper_enc = named("hyper_enc", Residual(m, n), Residual(n, n), Halve(n), Halve(n))
        self.hyper_dec = named("hyper_dec", Double(n, m), Double(m, m), Residual(m, m * 3 // 2), Residual(m * 3 // 2, m * 2))
        self.out = nn.Conv2d(m, sd.LATENT, 3, padding=1)
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(shape.codes, n)
        self.local_context = nn.ModuleList(nn.Conv2d(c, 2 * c, 5, padding=2) for c in slices)
        self.channel_context = nn.ModuleDict({str(i): across(sum(slices[:i]), 2 * c) for i, c in enumerate(slices) if i})
        known = lambda i, c: 2 * m + (2 * c if i else 0)
        self.entropy_parameters_anchor = nn.ModuleList(expectation(known(i, c), 2 * c) for i, c in enumerate(slices))
        self.entropy_parameters_nonanchor = nn.ModuleList(expectation(known(i, c) + 2 * c, 2 * c) for i, c in enumerate(slices))
        self.slices = slices

    def code(self, z):
        """The nearest code of each vector of [1, hyper, h, w], the same shape."""
        table, vectors = self.quantize.embedding.weight, z.flatten(2)[0].T
        distance = table.square().sum(1) - 2 * vectors @ table.T
        return table[distance.argmin(1)].T.reshape(z.shape)

    def quantised(self, y):
        """y^ of y [1, dim, h, w], h and w multiples of 4."""
        told = self.hyper_dec.hyper_dec(self.code(self.hyper_enc.hyper_enc(y)))
        rows, columns = torch.arange(y.shape[2])[:, None], torch.arange(y.shape[3])[None]
        # One colour of the checkerboard is known before the other.
        first = ((rows + columns) % 2).to(y.dtype)
        means = lambda network, *known: network.fusion(torch.cat(known, 1)).chunk(2, 1)[1]
        known: list[torch.Tensor] = []
        for i, part in enumerate(y.split(self.slices, 1)):
            before = (told,) if i == 0 else (self.channel_context[str(i)].fushion(torch.cat(known, 1)), told)
            mean = means(self.entropy_parameters_anchor[i], *before)
            anchor = (torch.round(part - mean) + mean) * first
            mean = means(self.entropy_parameters_nonanchor[i], self.local_context[i](anchor), *before)
            known.append(anchor + (torch.round(part - mean) + mean) * (1 - first))
        return torch.cat(known, 1)

    def hint(self, latents):
        return self.decoder.g_s(latents)


class Control(sd.Down):
    """The control module: the finer half of a narrow U-Net."""

    def __init__(self, shape: Shape):
        super().__init__(sd.LATENT + shape.dim, shape.control, HEAD, shape.diffusion.context, shape.diffusion.width)


class Estimator(nn.Module):
    """The control module and the convolutions from its stages to those of the U-Net."""

    def __init__(self, shape: Shape, unet: sd.UNet):
        super().__init__()
        self.control_model = Control(shape)
        bridge = lambda inputs, outputs: nn.Sequential(nn.Conv2d(inputs, outputs, 1))
        narrow, wide = self.control_model.widths, unet.widths
        into = [wide[-1], *unet.up_widths[:-1]]
        self.enc_zero_convs_out = nn.ModuleList(bridge(a, b) for a, b in zip(narrow, wide))
        self.middle_block_out = bridge(narrow[-1], wide[-1])
        self.dec_zero_convs_out = nn.ModuleList(bridge(a, b) for a, b in zip(reversed(narrow), into))
        self.register_buffer("scale_list", torch.ones(2 * len(narrow) + 1))

    def fold(self):
        """Puts the scales into the convolutions that they follow."""
        for bridge, scale in zip([*self.enc_zero_convs_out, self.middle_block_out, *self.dec_zero_convs_out], self.scale_list):
            bridge[0].weight *= scale
            bridge[0].bias *= scale
        self.scale_list.fill_(1)

    def forward(self, x, hint, time):
        """What the U-Net's stages are corrected by, in the order in which it takes them."""
        network = self.control_model
        time, y, seen = network.told(time), torch.cat([x, hint], 1), []
        for stage in network.input_blocks:
            y = stage(y, time)
            seen.append(y)
        y = network.middle_block(y, time)
        made = [bridge(part) for bridge, part in zip(self.enc_zero_convs_out, seen)] + [self.middle_block_out(y)]
        return tuple(made + [bridge(part) for bridge, part in zip(self.dec_zero_convs_out, reversed(seen))])


class Published(nn.Module):
    """All that the two checkpoints hold, under their names."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, self.model, self.cond_stage_model = shape, nn.Module(), nn.Module()
        self.model.diffusion_model = sd.UNet(shape.diffusion)
        self.first_stage_model = autoencoder.Autoencoder(shape.vae)
        self.cond_stage_model.model = sd.Text(shape.diffusion)
        self.control_model = Estimator(shape, self.model.diffusion_model)
        self.preprocess_model = Compression(shape)

    @torch.no_grad()
    def fold(self):
        """Puts in what is constant: the embedding of the empty text, and scales. The text encoder is not needed afterwards."""
        text = self.cond_stage_model.model.empty()
        sd.fold(self.model.diffusion_model, text)
        sd.fold(self.control_model, text)
        self.control_model.fold()
        del self.cond_stage_model

    def latents(self, image):
        """y^ [1, dim, H / 16, W / 16] of an image [1, 3, H, W] whose sides are multiples of 16; beyond it, up to multiples of 64, its edge is repeated."""
        rows, columns = (torch.arange((side + HYPER_STRIDE - 1) // HYPER_STRIDE * HYPER_STRIDE).clamp(max=side - 1) for side in image.shape[2:])
        padded = image[:, :, rows][:, :, :, columns]
        y = self.preprocess_model.encoder.g_a(self.first_stage_model.encoder.features(padded) * SCALE)
        return self.preprocess_model.quantised(y)[:, :, : image.shape[2] // STRIDE, : image.shape[3] // STRIDE]

    def start(self, latents):
        """The latent that diffusion begins with, and the hint: [1, 4 + dim, 2 h, 2 w] of y^ [1, dim, h, w]."""
        hint = self.preprocess_model.hint(latents)
        return torch.cat([self.preprocess_model.out(hint), hint], 1)

    def paint(self, latent):
        """The image of a latent of the diffusion."""
        return self.first_stage_model.decode(latent / SCALE)

    def decode(self, latents):
        """The image of y^ without diffusion."""
        return self.paint(self.preprocess_model.out(self.preprocess_model.hint(latents)))

    def noise(self, latent, hint, time):
        return self.model.diffusion_model(latent, time, *self.control_model(latent, hint, time))
