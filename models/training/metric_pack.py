"""Makes a metric pack of an ONNX graph that compares two pictures: LPIPS unless the options say otherwise.

    python metric_pack.py --graph lpips_alex.onnx --licence BSD-2-Clause --notice LICENSE --archive lpips-alex.tpack

The graph takes two inputs f32 [N,3,H,W], reference and distorted picture in sRGB code values scaled to `--range`, and gives one
f32 per picture. It is stored as it is. Pictures below `--least-side` are never given to it: a map that a strided layer leaves empty
can end the whole process inside the runtime. 31 is what AlexNet needs. The archive goes into a folder that --models or
TESSERA_MODELS names, or into the user's data folder; the suite ships no metric pack. `--notice`, the licence's text, becomes part of
the card.

    pip install numpy onnx onnxruntime
"""

import argparse
import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession


def ports(session: InferenceSession):
    """The names of the two inputs; anything else is refused."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    floats = all(port.type == "tensor(float)" for port in [*inputs, *outputs])
    if len(inputs) != 2 or len(outputs) != 1 or not floats:
        raise SystemExit("the graph must have two f32 inputs and one f32 output")
    return [port.name for port in inputs]


def try_side(session: InferenceSession, names: list[str], side: int):
    """Refuses a least side that the graph does not measure."""
    picture = np.random.default_rng(side).uniform(-1, 1, (1, 3, side, side)).astype(np.float32)
    values = session.run(None, {names[0]: picture, names[1]: -picture})[0]
    if values.size != 1 or not np.isfinite(values).all():
        raise SystemExit(f"the graph does not measure a picture of {side} x {side}")


def toml_text(value) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graph", required=True, type=Path)
    parser.add_argument("--licence", required=True, help="SPDX expression of the graph's weights")
    parser.add_argument("--notice", type=Path, help="text of the licence, with its copyright line; needed where the pack is passed on")
    parser.add_argument("--archive", required=True, type=Path)
    parser.add_argument("--id", help="default: the archive's name")
    parser.add_argument("--version", default="0.1")
    parser.add_argument("--metric", default="lpips", help="name in the registry of metrics")
    parser.add_argument("--describe", default="LPIPS v0.1 on AlexNet, distance, 0 is equal (Zhang et al. 2018)")
    parser.add_argument("--range", nargs=2, type=float, default=[-1.0, 1.0], metavar=("BLACK", "WHITE"))
    parser.add_argument("--least-side", type=int, default=31, help="pixels")
    parser.add_argument("--higher-is-better", action="store_true")
    args = parser.parse_args()

    session = InferenceSession(args.graph, providers=["CPUExecutionProvider"])
    try_side(session, ports(session), args.least_side)
    graph = args.graph.read_bytes()
    card = f"# {args.metric}: {args.describe}\n\nMade by `metric_pack.py` of `{args.graph.name}`, unchanged (SHA-256 {hashlib.sha256(graph).hexdigest()}).\n"
    card += f"For measuring only: a model that was trained on this metric must not be judged by it.\n\n## Licence: {args.licence}\n"
    if args.notice:
        card += "\n" + args.notice.read_text()
    parts = {"metric.onnx": graph, "MODEL_CARD.md": card.encode()}
    manifest = {
        "format": 1, "id": args.id or args.archive.stem, "version": args.version, "modality": "metric", "licence": args.licence,
        "summary": args.describe, "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "name": args.metric, "graph": "metric.onnx", "range": args.range, "least_side": args.least_side, "higher_is_better": args.higher_is_better,
        "describe": args.describe,
    }  # fmt: skip
    lines = [f"{k} = {toml_text(v)}" for k, v in manifest.items()] + ["", "[metric]"] + [f"{k} = {toml_text(v)}" for k, v in section.items()]
    for name, data in parts.items():
        lines += ["", "[[part]]", f'file = "{name}"', f"bytes = {len(data)}", f'sha256 = "{hashlib.sha256(data).hexdigest()}"']
    files = {"pack.toml": ("\n".join(lines) + "\n").encode(), **parts}
    with zipfile.ZipFile(args.archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)
    print(f"{manifest['id']}: {hashlib.sha256(files['pack.toml']).hexdigest()[:16]}, {args.archive.stat().st_size} bytes")


if __name__ == "__main__":
    main()
