"""Writes bdrate_vectors.json: BD-rates of random curves from the PyPI package bjontegaard.

    python3 -m venv venv && venv/bin/pip install bjontegaard==1.3.0
    venv/bin/python bdrate_vectors.py > bdrate_vectors.json
"""

import importlib.metadata
import json
import random

import bjontegaard


def curve(rng, points, start, scale):
    """Bytes and quality, both rising, of a codec that is `scale` times as large as another."""
    size, quality = start * scale * rng.uniform(0.9, 1.1), 22 + rng.uniform(0, 4)
    out = []
    for _ in range(points):
        out.append((round(size), round(quality, 4)))
        size *= rng.uniform(1.3, 2.2)
        quality += rng.uniform(0.4, 4.0)
    return out


def main():
    rng = random.Random(1)
    cases = []
    while len(cases) < 40:
        anchor = curve(rng, rng.randint(2, 9), 4000, 1.0)
        test = curve(rng, rng.randint(2, 9), 4000, rng.uniform(0.4, 2.5))
        if min(anchor[-1][1], test[-1][1]) <= max(anchor[0][1], test[0][1]):
            continue
        # A metric of which less is better is the same numbers with the sign turned.
        falls = len(cases) % 4 == 3
        percent = bjontegaard.bd_rate(
            *zip(*anchor), *zip(*test), method="pchip", require_matching_points=False, min_overlap=0
        )
        turn = (lambda q: -q) if falls else (lambda q: q)
        cases.append(
            {
                "higher_is_better": not falls,
                "anchor": [(b, turn(q)) for b, q in anchor],
                "test": [(b, turn(q)) for b, q in test],
                "percent": float(percent),
            }
        )
    package = f"bjontegaard {importlib.metadata.version('bjontegaard')}"
    rows = ",\n".join("    " + json.dumps(case) for case in cases)
    print(f'{{\n  "made_with": "{package}, method pchip",\n  "cases": [\n{rows}\n  ]\n}}')


main()
