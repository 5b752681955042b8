"""Builds the corpus of the geometry packs: distance fields of furniture and of shapes made here.

    python corpus_shapes.py --out work/shapes [--cache work/packages] [--minutes 10] [--part-mib 27]

Writes
    OUT/parts/NN.tar        fields in parts of at most PART-MIB, which a training finds while it runs
    OUT/heldout/NAME.obj    the furniture that no training sees: where the SHA-256 of the file name is a multiple of 10
    OUT/sources.csv         furniture, its package, its faces, and whether it is held out

A field is a cube of signed distances in steps, sampled at the corners of its cells: positive outside, negative in what no way leads to
from outside, cut at 2 steps and rounded to 1/16. Its file is N, then the N³ differences along the first two axes, all compressed. Each
piece of furniture comes turned or upright, stretched, and at some resolution between 24 and 128 steps; a shape made here is a union
of boxes, lathes, superquadrics, prisms and bumpy balls. Rounds go on until the time is over.
"""

import argparse
import csv
import hashlib
import io
import multiprocessing
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, cKDTree

from corpus import Source, fetch
from fields import CUT, packed

PACKAGE = "sweethome3d-furniture"
LEAST, MOST = 24, 120
MARGIN = 2


def read_obj(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V,3] and triangles [F,3] of an OBJ file."""
    vertices, faces = [], []
    for line in text.splitlines():
        if line.startswith("v "):
            vertices.append([float(x) for x in line.split()[1:4]])
        elif line.startswith("f "):
            corners = [int(word.split("/")[0]) for word in line.split()[1:]]
            corners = [n - 1 if n > 0 else len(vertices) + n for n in corners]
            faces += [[corners[0], corners[n], corners[n + 1]] for n in range(1, len(corners) - 1)]
    return np.array(vertices, float).reshape(-1, 3), np.array(faces, int).reshape(-1, 3)


def is_held_out(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


# --- fields ------------------------------------------------------------------------------------------------------------------


def scattered(triangles: np.ndarray, spacing: float, rng) -> tuple[np.ndarray, np.ndarray]:
    """Points [N,3] on triangles [F,3,3], about `spacing` apart, and the triangle of each."""
    area = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2
    total = np.cumsum(area)
    count = int(np.clip(total[-1] / spacing**2, 4_000, 400_000))
    face = np.searchsorted(total, (np.arange(count) + rng.random()) / count * total[-1]).clip(0, len(area) - 1)
    st = rng.random((count, 2))
    over = st.sum(1) > 1
    st[over] = 1 - st[over]
    a, b, c = np.moveaxis(triangles[face], 1, 0)
    return a + (b - a) * st[:, :1] + (c - a) * st[:, 1:], face


def nearest_on(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """For each point [N,3] the nearest place on its triangle [N,3,3]."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    dot = lambda x, y: (x * y).sum(1)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv, wu, wv = dot(u, u), dot(u, v), dot(v, v), dot(w, u), dot(w, v)
    det = uu * vv - uv * uv
    safe = np.where(det > 1e-12, det, 1)
    s, t = (vv * wu - uv * wv) / safe, (uu * wv - uv * wu) / safe
    place = a + u * s[:, None] + v * t[:, None]
    least = np.where((det > 1e-12) & (s >= 0) & (t >= 0) & (s + t <= 1), dot(place - points, place - points), np.inf)
    for x, y in ((a, b), (b, c), (c, a)):
        edge = y - x
        part = (dot(points - x, edge) / np.maximum(dot(edge, edge), 1e-12)).clip(0, 1)
        there = x + edge * part[:, None]
        squared = dot(there - points, there - points)
        nearer = squared < least
        place[nearer], least = there[nearer], np.where(nearer, squared, least)
    return place


def field(triangles: np.ndarray, side: int, rng) -> np.ndarray:
    """Signed distances [side+1]³ to triangles [F,3,3] in steps, all inside of the cube from 0 to side."""
    points, face = scattered(triangles, 0.35, rng)
    touched = np.zeros((side + 1,) * 3, bool)
    touched[tuple(np.rint(points).astype(int).T)] = True
    distance = ndimage.distance_transform_edt(~touched)
    near = np.argwhere(distance <= CUT + 1)
    _, found = cKDTree(points).query(near.astype(float))
    place = nearest_on(triangles[face[found]], near.astype(float))
    away = near - place
    length = np.linalg.norm(away, axis=1)
    distance[tuple(near.T)] = length
    # A step between two corners that crosses the surface has one of them within half a step: no way leads through those.
    wall = distance <= 0.501
    ways, _ = ndimage.label(~wall)
    inside = ~wall & (ways != ways[0, 0, 0])
    sign = np.where(inside, -1.0, 1.0)
    # Corners of the wall are on the side that lies a little further from the surface.
    beside = wall[tuple(near.T)]
    further = place[beside] + away[beside] / np.maximum(length[beside], 1e-6)[:, None] * 1.2
    further = np.rint(further).astype(int).clip(0, side)
    sign[tuple(near[beside].T)] = np.where(inside[tuple(further.T)] & (length[beside] > 1e-3), -1.0, 1.0)
    return (sign * distance).clip(-CUT, CUT)


# --- shapes made here --------------------------------------------------------------------------------------------------------


def tube(rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles between closed rings [R,S,3], both ends closed by fans."""
    count, around = rings.shape[:2]
    vertices = np.concatenate([rings.reshape(-1, 3), rings[0].mean(0, keepdims=True), rings[-1].mean(0, keepdims=True)])
    faces, last = [], count * around
    for s in range(around):
        n = (s + 1) % around
        for r in range(count - 1):
            a, b, c, d = r * around + s, r * around + n, (r + 1) * around + n, (r + 1) * around + s
            faces += [[a, b, c], [a, c, d]]
        faces += [[n, s, last], [last - around + s, last - around + n, last + 1]]
    return vertices, np.array(faces)


def turned(rng) -> np.ndarray:
    """A rotation drawn evenly."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


def box(rng):
    size = np.exp(rng.normal(0, 0.9, 3))
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float) * size
    return corners, ConvexHull(corners).simplices


def hull(rng):
    corners = rng.normal(size=(rng.integers(5, 24), 3)) * np.exp(rng.normal(0, 0.4, 3))
    return corners, ConvexHull(corners).simplices


def lathe(rng):
    count, around = int(rng.integers(3, 14)), 40
    angle = np.arange(around) / around * 2 * np.pi
    radius = np.abs(np.cumsum(rng.normal(0, 0.35, count)) + rng.uniform(0.4, 1.2)) + 0.05
    height = np.cumsum(rng.exponential(1, count)) * rng.uniform(0.1, 0.8)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(around)], 1)
    return tube(np.stack([ring * [r, r, 0] + [0, 0, h] for r, h in zip(radius, height)]))


def prism(rng):
    count = int(rng.integers(3, 12))
    angle = np.sort(rng.random(count)) * 2 * np.pi
    outline = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], 1) * rng.uniform(0.3, 1.2, (count, 1))
    height, lean, shrink = np.exp(rng.normal(-0.5, 1)), rng.normal(0, 0.2, 2), rng.uniform(0.3, 1.1)
    return tube(np.stack([outline, outline * [shrink, shrink, 1] + [lean[0], lean[1], height]]))


def ball(rng, bumps: bool):
    """A superquadric, or a ball with waves in random directions, coarse ones larger."""
    lat, lon = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 34)[1:-1], np.arange(64) / 64 * 2 * np.pi, indexing="ij")
    power = lambda x, p: np.sign(x) * np.abs(x) ** p
    e, f = (1.0, 1.0) if bumps else rng.uniform(0.15, 1.6, 2)
    rings = np.stack([power(np.cos(lat), e) * power(np.cos(lon), f), power(np.cos(lat), e) * power(np.sin(lon), f), power(np.sin(lat), e)], -1)
    if bumps:
        swell, rough = np.zeros(rings.shape[:2]), rng.uniform(0.08, 0.3)
        for _ in range(16):
            wave = rng.normal(0, 1, 3) * rng.uniform(0.6, 6)
            swell += np.sin(rings @ wave + rng.random() * 6.3) * rough / max(1.0, np.linalg.norm(wave) / 1.5)
        rings = rings * np.exp(swell)[..., None]
    return tube(rings * np.exp(rng.normal(0, 0.35, 3)))


def sheet(rng):
    """A bent, open surface."""
    x, y = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 24), indexing="ij")
    z = sum(rng.normal(0, 0.15) * np.sin(rng.normal(0, 2) * x + rng.normal(0, 2) * y + rng.random() * 6.3) for _ in range(4))
    vertices = np.stack([x, y * np.exp(rng.normal(0, 0.6)), z], -1).reshape(-1, 3)
    corner = np.arange(23 * 24).reshape(23, 24)[:, :-1].ravel()
    return vertices, np.concatenate([np.stack([corner, corner + 24, corner + 25], 1), np.stack([corner, corner + 25, corner + 1], 1)])


def made(rng) -> np.ndarray:
    """Triangles of a union of one to six parts."""
    kinds = [box, box, hull, lathe, prism, lambda r: ball(r, False), lambda r: ball(r, True), lambda r: ball(r, True), sheet]
    parts = []
    for _ in range(1 + int(rng.integers(0, 6) * rng.random() ** 0.5)):
        vertices, faces = kinds[rng.integers(len(kinds))](rng)
        vertices = vertices @ (turned(rng) if rng.random() < 0.6 else np.eye(3)).T * np.exp(rng.normal(-0.3, 0.5)) + rng.normal(0, 0.7, 3)
        parts.append(vertices[faces])
    return np.concatenate(parts)


# --- the corpus --------------------------------------------------------------------------------------------------------------


def sample(task) -> tuple[str, bytes | None]:
    """The field of one task (name, triangles or none for a shape made here, seed)."""
    name, triangles, seed = task
    rng = np.random.default_rng(seed)
    if triangles is None:
        triangles = made(rng)
    else:
        triangles = triangles * np.exp(rng.uniform(-0.2, 0.2, 3))
    if rng.random() < 0.4:
        triangles = triangles @ turned(rng).T
    low, high = triangles.reshape(-1, 3).min(0), triangles.reshape(-1, 3).max(0)
    if not np.isfinite(high - low).all() or (high - low).max() <= 0:
        return name, None
    size = np.exp(rng.uniform(np.log(LEAST), np.log(MOST)))
    side = -(-int(np.ceil(size + 2 * MARGIN)) // 16) * 16
    # A random place in the cube, so that nothing is learnt of where blocks begin.
    extent = (high - low) / (high - low).max() * size
    shift = MARGIN + rng.random(3) * (side - 2 * MARGIN - extent)
    return name, packed(field((triangles - low) / (high - low).max() * size + shift, side, rng))


def furniture(cache: Path) -> list[tuple[str, str, bytes]]:
    """(name, archive, OBJ file) of every model of the package."""
    found = {}
    for archive in sorted(fetch(Source(PACKAGE, ""), cache).rglob("*.sh3f")):
        with zipfile.ZipFile(archive) as models:
            for inside in models.namelist():
                if inside.lower().endswith(".obj"):
                    found.setdefault(inside.split("/")[-1], (archive.stem, models.read(inside)))
    return [(name, *found[name]) for name in sorted(found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("work/shapes"))
    parser.add_argument("--cache", type=Path, default=Path("work/packages"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--part-mib", type=float, default=27)
    parser.add_argument("--parts", type=int, default=3, help="stop after so many")
    parser.add_argument("--share", type=float, default=0.4, help="of shapes made here")
    parser.add_argument("--held-out-only", action="store_true", help="the furniture for evaluation alone")
    args = parser.parse_args()
    started, rows, models = time.time(), [], []
    for folder in ("parts", "heldout"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    for name, archive, data in furniture(args.cache):
        vertices, faces = read_obj(data.decode("latin-1"))
        rows.append([name, archive, len(faces), int(is_held_out(name))])
        if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
            continue
        if is_held_out(name):
            (args.out / "heldout" / name).write_bytes(data)
        else:
            models.append((name, vertices[faces]))
    with (args.out / "sources.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["furniture", "archive", "triangles", "held out"], *rows])
    print(f"{len(models)} pieces of furniture, {sum(row[3] for row in rows)} held out", flush=True)
    if args.held_out_only:
        return

    def tasks():
        rng, seed = np.random.default_rng(0), 0
        while True:
            for n in rng.permutation(len(models)):
                while rng.random() < args.share:
                    seed += 1
                    yield f"{seed:05d}.made", None, seed
                seed += 1
                yield f"{seed:05d}.{models[n][0][:-4]}", models[n][1], seed

    part, count, size, tar = 0, 0, 0, None
    # A pool takes all tasks that it gets: so many may wait.
    places = threading.Semaphore(32)
    with multiprocessing.Pool() as pool:
        for name, data in pool.imap(sample, waiting(tasks(), places, started + args.minutes * 60)):
            places.release()
            if data is None:
                continue
            if tar is not None and size + len(data) + 1024 > args.part_mib * 2**20:
                finish(tar, args.out, part)
                part, size, tar = part + 1, 0, None
                if part >= args.parts:
                    break
            if tar is None:
                tar = tarfile.open(args.out / "parts" / f"{part:02d}.tar.part", "w")
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
            size, count = size + len(data) + 1024, count + 1
            if count % 100 == 0:
                print(f"{count} fields, part {part} {size / 2**20:.1f} MiB, {time.time() - started:.0f} s", flush=True)
        pool.terminate()
    if tar is not None:
        finish(tar, args.out, part)
    print(f"{count} fields after {time.time() - started:.0f} s")


def waiting(tasks, places: threading.Semaphore, end: float):
    """Tasks until the end, each when there is a place for it."""
    for task in tasks:
        places.acquire()
        if time.time() > end:
            return
        yield task


def finish(tar: tarfile.TarFile, out: Path, part: int):
    tar.close()
    (out / "parts" / f"{part:02d}.tar.part").rename(out / "parts" / f"{part:02d}.tar")


if __name__ == "__main__":
    main()
