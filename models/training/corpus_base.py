"""Makes what the enhancer of base layers learns from: photos in motion, filmed, halved and sent through AV1 as `tessera encode --base` does.

    python corpus_base.py --photos work/corpus/train --out work/base [--minutes 20] [--workers 15] [--films 100000]

`--photos` takes a folder of `*.webp` or of `*.tar` that hold them, and sees new ones while it runs. A film is a camera's move over a photo, with noise and with pieces of
other photos that move on their own. Each becomes OUT/WORKER-NUMBER.npz with pairs of frames that follow each other: `low` [pairs,2,3,h,w] as decoded, `high` [pairs,2,3,2h,2w]
as filmed, bytes. Films end when there are `--films` of them or the time is over; nothing is written by halves.
"""

import argparse
import io
import math
import multiprocessing
import os
import tarfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

# Frames of a film: a key frame and one whole hierarchy of SVT-AV1's.
FRAMES = 33
SIZE = (256, 384)
PAIRS = 4
# Constant rate factors that the codec tries.
FACTORS = [63, 59, 55, 51, 47, 43, 38, 32]
# Films that a worker makes of a photo before it takes another.
FILMS_A_PHOTO = 3


class Photos:
    """Photos of a folder that may grow, one at a time as [1,3,H,W] in [0,1]."""

    def __init__(self, folder: Path, rng: np.random.Generator):
        self.folder, self.rng, self.known, self.blobs = folder, rng, set(), []

    def draw(self) -> torch.Tensor:
        for path in sorted({*self.folder.glob("*.webp"), *self.folder.glob("*.tar")} - self.known):
            self.known.add(path)
            if path.suffix == ".webp":
                self.blobs.append(path.read_bytes())
            else:
                with tarfile.open(path) as tar:
                    self.blobs += [tar.extractfile(m).read() for m in tar.getmembers() if m.name.endswith(".webp")]
        while True:
            picture = Image.open(io.BytesIO(self.blobs[self.rng.integers(len(self.blobs))])).convert("RGB")
            least = max(SIZE[0] / picture.height, SIZE[1] / picture.width)
            if least > 1:
                continue
            scale = 1.0 if self.rng.random() < 0.25 else math.exp(self.rng.uniform(math.log(max(least, 0.2)), 0.0))
            size = [max(least_side, round(side * scale)) for side, least_side in zip(picture.size, SIZE[::-1])]
            return torch.from_numpy(np.asarray(picture.resize(size, Image.LANCZOS)).copy()).permute(2, 0, 1)[None].float() / 255


def window(source: torch.Tensor, centre, angle: float, zoom: float, size=SIZE) -> torch.Tensor:
    """What a camera sees of [1,3,H,W] at a centre (row, column): [1,3,*size]."""
    h, w = source.shape[2:]
    y, x = torch.meshgrid(torch.arange(size[0]) - (size[0] - 1) / 2, torch.arange(size[1]) - (size[1] - 1) / 2, indexing="ij")
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    rows, columns = centre[0] + sin * x + cos * y, centre[1] + cos * x - sin * y
    grid = torch.stack([(columns + 0.5) / w * 2 - 1, (rows + 0.5) / h * 2 - 1], -1)[None]
    return F.grid_sample(source, grid, mode="bicubic", padding_mode="reflection", align_corners=False)


def film(photo: torch.Tensor, other: torch.Tensor, rng: np.random.Generator) -> np.ndarray:
    """FRAMES frames [t,h,w,3], bytes."""
    within = lambda side, least: rng.uniform(least / 2, side - least / 2)
    centre = np.array([within(photo.shape[2], SIZE[0]), within(photo.shape[3], SIZE[1])])
    still = rng.random() < 0.35
    speed = np.zeros(2) if still else rng.normal(0, [1.0, 2.5])
    turn, grow = (0.0, 0.0) if still or rng.random() < 0.5 else rng.normal(0, [0.002, 0.004])
    shake = 0.0 if still or rng.random() < 0.5 else rng.uniform(0.1, 1.0)
    pieces = []
    for _ in range(rng.integers(0, 4)):
        size = rng.integers([24, 16], [160, 160])
        cut = window(other, (within(other.shape[2], size[0]), within(other.shape[3], size[1])), 0.0, 1.0, tuple(size))
        y, x = np.ogrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
        shape = 1 - np.clip(((np.abs(x) ** 3 + np.abs(y) ** 3) - 0.9) / 0.1, 0, 1)
        piece = torch.cat([cut, torch.from_numpy(shape).float()[None, None]], 1)
        pieces.append((F.pad(piece, (2, 2, 2, 2)), rng.uniform([0, 0], SIZE), rng.normal(0, 2.5, 2), rng.normal(0, 0.01)))
    noise = 0.0 if rng.random() < 0.3 else rng.uniform(0, 3.5) / 255
    frames = []
    for t in range(FRAMES):
        at = centre + speed * t + rng.normal(0, shake, 2)
        picture = window(photo, at, turn * t, math.exp(grow * t))
        for piece, start, velocity, spin in pieces:
            # Seen from the frame, a piece's centre lies at start + velocity * t; what the window shows is the piece around the frame's own centre.
            move = np.array(SIZE) / 2 - start - velocity * t
            y, x = torch.meshgrid(torch.arange(SIZE[0]) - SIZE[0] / 2, torch.arange(SIZE[1]) - SIZE[1] / 2, indexing="ij")
            cos, sin = math.cos(spin * t), math.sin(spin * t)
            y, x = y + float(move[0]), x + float(move[1])
            rows, columns = sin * x + cos * y + (piece.shape[2] - 1) / 2, cos * x - sin * y + (piece.shape[3] - 1) / 2
            grid = torch.stack([(columns + 0.5) / piece.shape[3] * 2 - 1, (rows + 0.5) / piece.shape[2] * 2 - 1], -1)[None]
            seen = F.grid_sample(piece, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            share = seen[:, 3:].clamp(0, 1)
            picture = picture * (1 - share) + seen[:, :3] * share
        picture = picture + noise * torch.randn(picture.shape)
        frames.append((picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
    return np.stack(frames)


def coded(frames: np.ndarray, factor: int) -> np.ndarray:
    """Frames [t,h,w,3] at half the sides after SVT-AV1 and back."""
    h, w = frames.shape[1] // 2, frames.shape[2] // 2
    encoder = av.CodecContext.create("libsvtav1", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base, encoder.framerate = w, h, "yuv420p", Fraction(1, 25), 25
    encoder.options = {"preset": "6", "crf": str(factor), "svtav1-params": "lp=1"}
    packets = []
    for t, frame in enumerate(frames):
        small = np.asarray(Image.fromarray(frame).resize((w, h), Image.LANCZOS))
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(small), format="rgb24").reformat(format="yuv420p")
        picture.pts = t
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("libdav1d", "r")
    decoder.thread_count = 1
    pictures = []
    for packet in packets:
        pictures += decoder.decode(packet)
    pictures += decoder.decode(None)
    return np.stack([picture.to_ndarray(format="rgb24") for picture in pictures])


def work(number: int, args, until: float):
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.PANIC)
    os.environ["SVT_LOG"] = "1"
    rng = np.random.default_rng([number, time.time_ns()])
    torch.manual_seed(int(rng.integers(1 << 40)))
    photos, count = Photos(args.photos, rng), 0
    other = photos.draw()
    while time.time() < until:
        photo = photos.draw()
        for _ in range(FILMS_A_PHOTO):
            if count * args.workers + number >= args.films or time.time() >= until:
                return
            frames = film(photo, other, rng)
            low = coded(frames, FACTORS[rng.integers(len(FACTORS))])
            if len(low) != FRAMES:
                raise SystemExit(f"AV1 gave {len(low)} of {FRAMES} frames")
            # The key frame and others, each with the one after it.
            starts = [0, *rng.choice(np.arange(1, FRAMES - 1), PAIRS - 1, replace=False)]
            pick = lambda of: np.stack([of[[t, t + 1]] for t in starts]).transpose(0, 1, 4, 2, 3)
            part = args.out / f"{number:02}-{count:05}.part"
            with open(part, "wb") as file:
                np.savez(file, low=pick(low), high=pick(frames))
            part.rename(part.with_suffix(".npz"))
            count += 1
        other = photo


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True, type=Path)
    parser.add_argument("--out", type=Path, default=Path("work/base"))
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=max(1, multiprocessing.cpu_count() - 1))
    parser.add_argument("--films", type=int, default=100_000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    until = time.time() + 60 * args.minutes
    workers = [multiprocessing.get_context("spawn").Process(target=work, args=(n, args, until)) for n in range(args.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(f"{sum(1 for _ in args.out.glob('*.npz'))} films")


if __name__ == "__main__":
    main()
