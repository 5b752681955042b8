"""Makes a pack of an ONNX graph that says which pictures are of interest: 'tessera encode clip.mp4 --keep changes --interest PACK' leaves out what is not.

    python interest_pack.py --graph people.onnx --size 224 224 --threshold 0.5 --describe "people in the picture" --licence MIT --archive people.tpack

The graph takes one picture f32 [1,3,H,W] in sRGB code values scaled to `--range`, and gives scores f32 [1,N,H',W'], of which the greatest counts: one score for a picture is
[1,1,1,1], a map of where something is has sides. A picture is of interest where that is at least `--threshold`.

The graph is stored as it is. The archive goes into a folder that --models or TESSERA_MODELS names, or into the user's data folder; the suite ships none.
`--notice`, the licence's text, becomes part of the card.

    pip install numpy onnxruntime
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession

import pack


def try_picture(graph: Path, size: list[int], scale: list[float]):
    """Refuses a graph that does not score a picture."""
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)" or outputs[0].type != "tensor(float)":
        raise SystemExit("the graph must have one f32 input and one f32 output")
    picture = np.random.default_rng(0).uniform(*scale, (1, 3, size[1], size[0])).astype(np.float32)
    scores = session.run(None, {inputs[0].name: picture})[0]
    if scores.ndim != 4 or scores.size == 0 or not np.isfinite(scores).all():
        raise SystemExit(f"the graph gives {scores.shape} for a picture of {size[0]} x {size[1]}; scores [1,N,H,W] are needed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graph", required=True, type=Path)
    parser.add_argument("--size", required=True, nargs=2, type=int, metavar=("COLUMNS", "ROWS"), help="that pictures are scaled to")
    parser.add_argument("--range", nargs=2, type=float, default=[0.0, 1.0], metavar=("BLACK", "WHITE"), help="default: 0 1")
    parser.add_argument("--threshold", required=True, type=float, help="the score from which a picture is of interest")
    parser.add_argument("--describe", required=True, help="what is of interest, in one line")
    parser.add_argument("--licence", required=True, help="SPDX expression of the graph's weights")
    parser.add_argument("--notice", type=Path, help="text of the licence, with its copyright line; needed where the pack is passed on")
    parser.add_argument("--archive", required=True, type=Path)
    parser.add_argument("--id", help="default: the archive's name")
    parser.add_argument("--version", default="0.1")
    args = parser.parse_args()

    try_picture(args.graph, args.size, args.range)
    graph = args.graph.read_bytes()
    card = f"# {args.describe}\n\nMade by `interest_pack.py` of `{args.graph.name}`, unchanged (SHA-256 {hashlib.sha256(graph).hexdigest()}).\n\n## Licence: {args.licence}\n"
    if args.notice:
        card += "\n" + args.notice.read_text()
    manifest = {
        "format": 1, "id": args.id or args.archive.stem, "version": args.version, "modality": "interest", "licence": args.licence,
        "summary": args.describe, "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {"graph": "interest.onnx", "size": args.size, "range": args.range, "threshold": args.threshold, "describe": args.describe}
    pack.write(manifest, {"interest": section}, {"interest.onnx": graph, "MODEL_CARD.md": card.encode()}, None, args.archive)


if __name__ == "__main__":
    main()
