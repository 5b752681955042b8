"""Makes the reference pictures and the values that the tests compare with.

    python reference.py pictures --samples ../../../../samples
    python reference.py values [--lpips lpips_alex.onnx] [--butteraugli butteraugli_main] [--ssimulacra2 ssimulacra2]

`pictures` crops the samples, with coarser code values where that keeps the files small, and `tiny.onnx`. `values` distorts every picture by
integer arithmetic that the tests repeat, measures with packages of PyPI and, where they are named, with the command-line tools
of libjxl and an ONNX graph of LPIPS, and writes `values.json`; values whose tool is not named are kept as they are.

    pip install numpy pillow scikit-image torch pytorch-msssim onnx onnxruntime
"""

import argparse
import json
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
# Name: sample, box (left, top, right, bottom), step of the code values.
CROPS = {
    "face": ("face.jpg", (150, 40, 314, 204), 4),
    "sky": ("sky.jpg", (300, 0, 476, 176), 4),
    "text": ("text.png", (100, 0, 300, 172), 1),
    "foliage": ("foliage.jpg", (300, 200, 395, 312), 8),
}


def blur(x: np.ndarray) -> np.ndarray:
    """Mean of 3 x 3 pixels, rounded; the edge is repeated."""
    padded = np.pad(x.astype(np.int64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = x.shape[:2]
    total = sum(padded[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3))
    return ((total + 4) // 9).astype(np.uint8)


def quantise(x: np.ndarray) -> np.ndarray:
    """The middle of 8 equal ranges of code values."""
    return x // 32 * 32 + 16


def noise(x: np.ndarray) -> np.ndarray:
    """-15 to 15 on every sample, from 32-bit xorshift, in the order of the samples."""
    state, out = 0x9E3779B9, x.astype(np.int64).reshape(-1)
    for i in range(len(out)):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        out[i] += (state >> 16) % 31 - 15
    return out.clip(0, 255).astype(np.uint8).reshape(x.shape)


DISTORTIONS = {"blur": blur, "quantise": quantise, "noise": noise}


def pictures(samples: Path):
    (HERE / "pictures").mkdir(exist_ok=True)
    for name, (file, box, step) in CROPS.items():
        crop = Image.open(samples / file).crop(box).point(lambda v, step=step: v // step * step)
        crop.save(HERE / "pictures" / f"{name}.png", optimize=True)
    tiny()


def tiny():
    """A graph with the ports of LPIPS: mean absolute difference of each picture, shape [N,1,1,1]."""
    from onnx import TensorProto, checker, helper, save

    nodes = [
        helper.make_node("Sub", ["x", "y"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["absolute"]),
        helper.make_node("ReduceMean", ["absolute"], ["d"], axes=[1, 2, 3], keepdims=1),
    ]
    picture = ["n", 3, "h", "w"]
    inputs = [helper.make_tensor_value_info(port, TensorProto.FLOAT, picture) for port in "xy"]
    output = helper.make_tensor_value_info("d", TensorProto.FLOAT, ["n", 1, 1, 1])
    model = helper.make_model(helper.make_graph(nodes, "tiny", inputs, [output]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, HERE / "tiny.onnx")


def psnr(x, y):
    from skimage.metrics import peak_signal_noise_ratio

    return peak_signal_noise_ratio(x, y, data_range=255)


def ssim(x, y):
    from skimage.metrics import structural_similarity

    return structural_similarity(x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255)


def ms_ssim(x, y):
    import torch
    from pytorch_msssim import ms_ssim

    if min(x.shape[:2]) < 161:
        return None
    x, y = (torch.from_numpy(p).double().permute(2, 0, 1)[None] for p in (x, y))
    return ms_ssim(x, y, data_range=255, win_size=11).item()


def lpips(graph):
    from onnxruntime import InferenceSession

    session = InferenceSession(graph, providers=["CPUExecutionProvider"])

    def measure(x, y):
        feeds = ((p.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None] for p in (x, y))
        ports = (port.name for port in session.get_inputs())
        return float(session.run(None, dict(zip(ports, feeds)))[0].item())

    return measure


def tool(program, *options, word=-1):
    """The number that a program prints last, or the one before the given word from the end."""

    def measure(x, y):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("x.png", "y.png")]
            for path, p in zip(paths, (x, y)):
                Image.fromarray(p).save(path)
            printed = subprocess.run([program, *map(str, paths), *options], check=True, capture_output=True, text=True).stdout
            return float(printed.split()[word])

    return measure


def values(args):
    path = HERE / "values.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    scikit, msssim = f"scikit-image {version('scikit-image')}", f"pytorch-msssim {version('pytorch-msssim')}"
    made = {
        "psnr": (psnr, f"{scikit}, peak_signal_noise_ratio(data_range=255)"),
        "ssim": (ssim, f"{scikit}, structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255)"),
        "ms-ssim": (ms_ssim, f"{msssim}, ms_ssim(data_range=255, win_size=11) in float64"),
    }
    if args.lpips:
        made["lpips"] = (lpips(args.lpips), f"onnxruntime {version('onnxruntime')}, {Path(args.lpips).name}")
    if args.butteraugli:
        made["butteraugli"] = (tool(args.butteraugli, "--pnorm", "3"), f"{args.libjxl}, butteraugli_main --pnorm 3, the 3-norm")
    if args.ssimulacra2:
        made["ssimulacra2"] = (tool(args.ssimulacra2), f"{args.libjxl}, ssimulacra2")
    originals = {name: np.array(Image.open(HERE / "pictures" / f"{name}.png").convert("RGB")) for name in CROPS}
    result = {}
    for metric in sorted({*old, *made}):
        if metric not in made:
            result[metric] = old[metric]
            continue
        measure, by = made[metric]
        cells = {f"{name} {how}": measure(x, distort(x)) for name, x in originals.items() for how, distort in DISTORTIONS.items()}
        result[metric] = {"by": by, "values": {name: value for name, value in cells.items() if value is not None}}
    path.write_text(json.dumps(result, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("pictures").add_argument("--samples", required=True, type=Path)
    options = commands.add_parser("values")
    options.add_argument("--lpips")
    options.add_argument("--butteraugli")
    options.add_argument("--ssimulacra2")
    options.add_argument("--libjxl", default="libjxl", help="name and version of the tools' package")
    args = parser.parse_args()
    pictures(args.samples) if args.command == "pictures" else values(args)


if __name__ == "__main__":
    main()
