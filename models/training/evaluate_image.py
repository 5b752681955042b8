"""Prints rate and quality of the image codec on photos, beside AVIF at the same, three and six times the bytes.

    python evaluate_image.py --photos work/corpus/heldout --lpips lpips_alex.onnx --tessera ../../target/release/tessera
        --row '--bpp 0.03' --row '--bpp 0.05' --row '--rung 1x12 --effort 0' --row '--rung 1x12 --lambda 0.3'

Every row is a set of options of `tessera encode`. All figures are of written files: bytes on disk, pictures decoded from them.
AVIF is libaom at speed 4, 4:2:0, as Pillow has it; its LPIPS at a given number of bytes is interpolated over log bytes between
the qualities next to it, photo by photo. LPIPS: a graph with two inputs f32 [1,3,H,W] in [-1,1] and one distance.
"""

import argparse
import hashlib
import io
import json
import shlex
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

QUALITIES = [2, 5, 9, 14, 20, 27, 35, 45, 58, 72]


class Lpips:
    """LPIPS distance of two RGB arrays uint8 [H,W,3]."""

    def __init__(self, path: Path):
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.names = [port.name for port in self.session.get_inputs()]

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        tensors = [(x.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None] for x in (a, b)]
        return float(np.ravel(self.session.run(None, dict(zip(self.names, tensors)))[0])[0])


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def rgb(path_or_buffer) -> np.ndarray:
    return np.asarray(Image.open(path_or_buffer).convert("RGB"))


def avif_curve(photo: np.ndarray, lpips: Lpips, cache: Path) -> list[list[float]]:
    """[bytes, LPIPS, PSNR] of every quality, kept in `cache` by the photo's digest."""
    kept = cache / f"avif-{hashlib.sha256(photo.tobytes()).hexdigest()[:16]}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    curve = []
    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(photo).save(buffer, "AVIF", quality=quality, speed=4, codec="aom", subsampling="4:2:0")
        buffer.seek(0)
        decoded = rgb(buffer)
        curve.append([buffer.getbuffer().nbytes, lpips(photo, decoded), psnr(photo, decoded)])
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(curve))
    return curve


def at_bytes(curve: list[list[float]], size: float) -> float:
    """LPIPS of AVIF at a number of bytes; at its ends the curve is held, in AVIF's favour below its smallest file."""
    points = sorted(curve)
    return float(np.interp(np.log(size), np.log([p[0] for p in points]), [p[1] for p in points]))


def bytes_for(curve: list[list[float]], distance: float) -> float:
    """Bytes that AVIF takes for an LPIPS; its largest or smallest file beyond the ends."""
    points = sorted(curve, key=lambda p: p[1])
    return float(np.exp(np.interp(distance, [p[1] for p in points], np.log([p[0] for p in points]))))


def measure(tessera: Path, photo: Path, original: np.ndarray, options: list[str], lpips: Lpips) -> list[float]:
    """[bytes, LPIPS, PSNR] of one written file."""
    with tempfile.TemporaryDirectory() as folder:
        coded, decoded = Path(folder) / "a.tsr", Path(folder) / "a.png"
        subprocess.run([tessera, "encode", *options, "-o", coded, photo], check=True)
        subprocess.run([tessera, "decode", "-o", decoded, coded], check=True)
        back = rgb(decoded)
        return [coded.stat().st_size, lpips(original, back), psnr(original, back)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, type=Path)
    parser.add_argument("--lpips", required=True, type=Path)
    parser.add_argument("--tessera", required=True, type=Path)
    parser.add_argument("--cache", default=Path("work/avif"), type=Path)
    parser.add_argument("--row", action="append", required=True, metavar="OPTIONS", help="options of tessera encode, quoted")
    args = parser.parse_args()
    lpips = Lpips(args.lpips)
    photos = sorted(args.photos.glob("*.png"))
    originals = {photo: rgb(photo) for photo in photos}
    curves = {photo: avif_curve(original, lpips, args.cache) for photo, original in originals.items()}
    columns = ["bytes", "bpp", "LPIPS", "PSNR dB", "AVIF LPIPS 1x", "3x", "6x", "AVIF bytes for our LPIPS", "photos <= AVIF 3x"]
    print(f"{len(photos)} photos; means over photos, the byte factor as a geometric mean\n")
    print("| options | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns), flush=True)
    for row in args.row:
        sums, factors, wins = [], [], 0
        for photo, original in originals.items():
            size, distance, decibel = measure(args.tessera, photo, original, shlex.split(row), lpips)
            anchors = [at_bytes(curves[photo], size * k) for k in (1, 3, 6)]
            factors.append(np.log(bytes_for(curves[photo], distance) / size))
            wins += distance <= anchors[1]
            sums.append([size, 8 * size / original[..., 0].size, distance, decibel, *anchors])
        m = np.mean(sums, 0)
        cells = [f"{m[0]:.0f}", f"{m[1]:.4f}", f"{m[2]:.4f}", f"{m[3]:.2f}", *(f"{v:.4f}" for v in m[4:])]
        print(f"| {row} | " + " | ".join(cells) + f" | {np.exp(np.mean(factors)):.1f}x | {wins} of {len(photos)} |", flush=True)


if __name__ == "__main__":
    main()
