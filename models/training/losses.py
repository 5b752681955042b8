"""Training losses: LPIPS on two public trunks and a patch discriminator.

LPIPS-squeeze (v0.1, BSD-2) is read from an ONNX file; ST-LPIPS-VGG (BSD-2) from the PyPI package stlpips-pytorch:

    python losses.py vgg16.safetensors        # downloads the package by name and writes its VGG as fp16

LPIPS-Alex is never used here: it is the evaluation metric.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


def feature_distance(a: torch.Tensor, b: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """LPIPS distance of one layer: channel-normalised features [N,C,H,W], squared, weighted by [1,C,1,1], averaged."""
    a = a * torch.rsqrt(a.float().pow(2).sum(1, keepdim=True) + 1e-8)
    b = b * torch.rsqrt(b.float().pow(2).sum(1, keepdim=True) + 1e-8)
    return ((a - b).pow(2) * weight).sum(1).mean()


class Fire(nn.Module):
    """SqueezeNet's fire module."""

    def __init__(self, state: dict, prefix: str):
        super().__init__()
        squeeze, expand = state[prefix + "s.weight"].shape, state[prefix + "a.weight"].shape
        self.s = nn.Conv2d(squeeze[1], squeeze[0], 1)
        self.a = nn.Conv2d(expand[1], expand[0], 1)
        self.b = nn.Conv2d(expand[1], expand[0], 3, padding=1)

    def forward(self, x):
        x = F.relu(self.s(x))
        return torch.cat([F.relu(self.a(x)), F.relu(self.b(x))], 1)


class LpipsSqueeze(nn.Module):
    """LPIPS v0.1 on SqueezeNet 1.1, from the initialisers of an ONNX export."""

    def __init__(self, path: str):
        super().__init__()
        import onnx
        from onnx import numpy_helper

        state = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(path).graph.initializer}
        self.c = nn.Conv2d(3, 64, 3, 2)
        stages = []
        for stage in range(6):
            prefixes = [f"net.f.{stage}.{j}." for j in range(2)]
            stages.append(nn.Sequential(*[Fire(state, p) for p in prefixes if p + "s.weight" in state]))
        self.f = nn.ModuleList(stages)
        for layer in range(7):
            self.register_buffer(f"lin{layer}", state[f"lin.{layer}"])
        self.register_buffer("shift", state["sh"])
        self.register_buffer("scale", state["sc"])
        self.load_state_dict({k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")}, strict=False)
        self.requires_grad_(False)

    def features(self, x):
        x = F.relu(self.c((x - self.shift) / self.scale))
        maps = [x]
        for index, stage in enumerate(self.f):
            if index < 3:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x, y):
        with torch.no_grad():
            reference = self.features(y)
        return sum(feature_distance(a, b, getattr(self, f"lin{i}")) for i, (a, b) in enumerate(zip(self.features(x), reference)))


class LpipsVgg(nn.Module):
    """Shift-tolerant LPIPS on VGG-16: blurred pooling, taps after the last convolution of each stage."""

    WIDTHS = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]

    def __init__(self, path: str):
        super().__init__()
        from safetensors.torch import load_file

        state, width, stages = load_file(path), 3, []
        for widths in self.WIDTHS:
            convs = []
            for out in widths:
                convs.append(nn.Conv2d(width, out, 3, 1, 1))
                width = out
            stages.append(nn.ModuleList(convs))
        self.stages = nn.ModuleList(stages)
        for index, conv in enumerate(c for stage in self.stages for c in stage):
            conv.weight.data, conv.bias.data = state[f"conv{index}.weight"].float(), state[f"conv{index}.bias"].float()
        for layer in range(5):
            self.register_buffer(f"lin{layer}", state[f"lin{layer}"].float().reshape(1, -1, 1, 1))
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1))
        blur = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("blur", (blur[:, None] * blur[None] / 16).reshape(1, 1, 3, 3))
        self.requires_grad_(False)

    def features(self, x):
        x, maps = (x - self.shift) / self.scale, []
        for index, stage in enumerate(self.stages):
            if index:
                x = F.max_pool2d(x, 2, 1)
                kernel = self.blur.to(x.dtype).expand(x.shape[1], 1, 3, 3)
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2, groups=x.shape[1])
            for conv in stage:
                x = F.relu(conv(x))
            maps.append(x)
        return maps

    def forward(self, x, y):
        with torch.no_grad():
            reference = self.features(y)
        return sum(feature_distance(a, b, getattr(self, f"lin{i}")) for i, (a, b) in enumerate(zip(self.features(x), reference)))


class Discriminator(nn.Module):
    """Patch discriminator with spectral normalisation: [N,3,H,W] → one logit per 8×8 pixels."""

    def __init__(self, width: int = 64):
        super().__init__()
        norm, act = nn.utils.parametrizations.spectral_norm, nn.LeakyReLU(0.2)
        self.net = nn.Sequential(
            norm(nn.Conv2d(3, width, 4, 2, 1)), act,
            norm(nn.Conv2d(width, width * 2, 4, 2, 1)), act,
            norm(nn.Conv2d(width * 2, width * 4, 4, 2, 1)), act,
            norm(nn.Conv2d(width * 4, width * 4, 3, 1, 1)), act,
            nn.Conv2d(width * 4, 1, 3, 1, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


def write_vgg(target: str):
    """Downloads stlpips-pytorch by name and writes its VGG and linear heads as fp16 safetensors."""
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, "stlpips-pytorch==0.0.2"], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            wheel.extract("stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth", folder)
        state = torch.load(Path(folder) / "stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth", map_location="cpu", weights_only=True)
    convs = [k for k in state if k.endswith("weight") and state[k].ndim == 4 and state[k].shape[2] == 3 and state[k].shape[1] > 1]
    heads = [k for k in state if k.startswith("lin") and state[k].ndim == 4]
    out = {}
    for index, name in enumerate(convs):
        out[f"conv{index}.weight"] = state[name].half().contiguous()
        out[f"conv{index}.bias"] = state[name.replace("weight", "bias")].half().contiguous()
    for index, name in enumerate(heads[:5]):
        out[f"lin{index}"] = state[name].half().contiguous()
    save_file(out, target)
    print(f"{target}: {len(convs)} convolutions, heads {heads[:5]}")


if __name__ == "__main__":
    write_vgg(sys.argv[1])
