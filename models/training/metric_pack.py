"""Makes a metric pack of an ONNX graph: LPIPS for pictures, DNSMOS for sounds.

    python metric_pack.py --metric lpips --graph lpips_alex.onnx --licence BSD-2-Clause --notice LICENSE --archive lpips-alex.tpack
    python metric_pack.py --metric dnsmos --graph speechmos/dnsmos_models/sig_bak_ovr.onnx --licence MIT --archive dnsmos.tpack
    python metric_pack.py --metric dnsmos-p808 --graph speechmos/dnsmos_models/model_v8.onnx --licence MIT --archive dnsmos-p808.tpack

A graph for pictures takes two inputs f32 [N,3,H,W], reference and distorted picture in sRGB code values scaled to `--range`, and gives one
f32 per picture. Pictures below `--least-side` are never given to it: a map that a strided layer leaves empty
can end the whole process inside the runtime. 31 is what AlexNet needs.

A graph for sounds takes one window of a sound at 16 kHz, samples f32 [1,N] or mel levels f32 [1,T,120], and gives some opinions of it, of which one
is the metric. The graphs of DNSMOS are those of the PyPI package speechmos.

The graph is stored as it is. The archive goes into a folder that --models or TESSERA_MODELS names, or into the user's data folder; the suite
ships no metric pack. `--notice`, the licence's text, becomes part of the card.

    pip install numpy onnxruntime
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession

import pack

# Windows of DNSMOS: 9.01 s, one a second. Its raw opinions go through a polynomial, constant term first.
DNSMOS = {"seconds": 9.01, "higher_is_better": True}
METRICS = {
    "lpips": {
        "range": [-1.0, 1.0], "least_side": 31, "higher_is_better": False,
        "describe": "LPIPS v0.1 on AlexNet, distance, 0 is equal (Zhang et al. 2018)",
    },
    "dnsmos": DNSMOS | {
        "features": "samples", "output": 2, "curve": [0.04602535, 1.11546468, -0.06766283],
        "describe": "DNSMOS P.835, overall: predicted opinion of listeners without a reference, 1 to 5 (Reddy et al. 2022)",
    },
    "dnsmos-p808": DNSMOS | {
        "features": "mel", "output": 0, "curve": [0.0, 1.0],
        "describe": "DNSMOS P.808: predicted opinion of listeners without a reference, 1 to 5 (Reddy et al. 2021)",
    },
}  # fmt: skip


def ports(session: InferenceSession, count: int) -> list[str]:
    """The names of the inputs; anything but `count` of them and one output is refused."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != count or len(outputs) != 1 or not all(port.type == "tensor(float)" for port in [*inputs, *outputs]):
        raise SystemExit(f"the graph must have {count} f32 inputs and one f32 output")
    return [port.name for port in inputs]


def try_pictures(session: InferenceSession, section: dict):
    """Refuses a least side that the graph does not measure."""
    side = section["least_side"]
    one, other = ports(session, 2)
    picture = np.random.default_rng(side).uniform(-1, 1, (1, 3, side, side)).astype(np.float32)
    values = session.run(None, {one: picture, other: -picture})[0]
    if values.size != 1 or not np.isfinite(values).all():
        raise SystemExit(f"the graph does not measure a picture of {side} x {side}")


def try_sound(session: InferenceSession, section: dict):
    """Refuses a window that the graph does not measure."""
    (name,) = ports(session, 1)
    samples = int(section["seconds"] * 16000)
    shape = (1, samples) if section["features"] == "samples" else (1, (samples - 161) // 160 + 1, 120)
    values = session.run(None, {name: np.random.default_rng(0).uniform(-0.1, 0.1, shape).astype(np.float32)})[0]
    if values.size <= section["output"] or not np.isfinite(values).all():
        raise SystemExit(f"the graph does not measure {section['features']} of shape {shape}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metric", default="lpips", choices=METRICS, help="name in the registry of metrics")
    parser.add_argument("--graph", required=True, type=Path)
    parser.add_argument("--licence", required=True, help="SPDX expression of the graph's weights")
    parser.add_argument("--notice", type=Path, help="text of the licence, with its copyright line; needed where the pack is passed on")
    parser.add_argument("--archive", required=True, type=Path)
    parser.add_argument("--id", help="default: the archive's name")
    parser.add_argument("--version", default="0.1")
    parser.add_argument("--describe", help="default: what the metric usually is")
    parser.add_argument("--range", nargs=2, type=float, metavar=("BLACK", "WHITE"), help="of pictures; default: -1 1")
    parser.add_argument("--least-side", type=int, help="of pictures, in pixels; default: 31")
    args = parser.parse_args()

    given = {name: value for name in ("describe", "range", "least_side") if (value := getattr(args, name)) is not None}
    section = METRICS[args.metric] | given
    session = InferenceSession(args.graph, providers=["CPUExecutionProvider"])
    is_sound = "seconds" in section
    (try_sound if is_sound else try_pictures)(session, section)
    graph = args.graph.read_bytes()
    card = f"# {args.metric}: {section['describe']}\n\nMade by `metric_pack.py` of `{args.graph.name}`, unchanged (SHA-256 {hashlib.sha256(graph).hexdigest()}).\n"
    card += f"For measuring only: a model that was trained on this metric must not be judged by it.\n\n## Licence: {args.licence}\n"
    if args.notice:
        card += "\n" + args.notice.read_text()
    manifest = {
        "format": 1, "id": args.id or args.archive.stem, "version": args.version, "modality": "metric", "licence": args.licence,
        "summary": section["describe"], "card": "MODEL_CARD.md",
    }  # fmt: skip
    sound = {name: section.pop(name) for name in ("features", "seconds", "output", "curve") if name in section}
    tables = {"metric": {"name": args.metric, "graph": "metric.onnx"} | section} | ({"metric.sound": sound} if is_sound else {})
    pack.write(manifest, tables, {"metric.onnx": graph, "MODEL_CARD.md": card.encode()}, None, args.archive)


if __name__ == "__main__":
    main()
