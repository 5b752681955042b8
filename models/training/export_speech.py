"""Writes a pack of sounds: streaming ONNX graphs, codebook, prior, manifest, model card, as a folder and as one .tpack archive.

    python export_speech.py --weights work/speech-out/weights.safetensors [--prior work/speech-out/prior.safetensors]
        --card packs/speech-16k.md --id speech-16k-1 --version 1.0.0 --out work/packs/speech-16k [--archive ../packs/speech-16k.tpack]

Each graph takes feature or latent rows [frames, width] of which the first `count` are real, and the state that the call before left (zeros
at the start), and gives rows and the next state: whole files and live streams run the same graph.
"""

import argparse
import io
import tomllib
from pathlib import Path

import onnx
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

import pack
import weights
from speech_model import SpeechModel, Stack

OPSET = 17


class Step(torch.nn.Module):
    """A stack's streaming form as a module of its own."""

    def __init__(self, stack: Stack):
        super().__init__()
        self.stack = stack

    def forward(self, rows, count, state):
        return self.stack.step(rows, count, state)


def graph(stack: Stack, names: tuple[str, str]) -> onnx.ModelProto:
    buffer, width = io.BytesIO(), stack.first.in_features
    example = (torch.zeros(5, width), torch.tensor([3]), torch.zeros(stack.state_size))
    axes = {name: {0: "frames"} for name in names}
    inputs, outputs = [names[0], "count", "state"], [names[1], "next"]
    torch.onnx.export(Step(stack), example, buffer, input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=OPSET, dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=Path(__file__).with_name("speech.toml"), type=Path)
    parser.add_argument("--weights", required=True, type=Path)
    parser.add_argument("--prior", type=Path)
    parser.add_argument("--card", required=True, type=Path)
    parser.add_argument("--id", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--summary", default="Speech at 480 to 1,920 bit/s, 16 kHz, causal: 80 frames a second of two levels of nested 4096-entry codebooks.")
    parser.add_argument("--bits", type=int, help="bits of a frame that files have by default; without it, those that half of every batch trained at")
    parser.add_argument("--levels", type=int, help="leave out the levels above so many")
    parser.add_argument("--search-lambda", type=float, default=0.0)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--archive", type=Path)
    args = parser.parse_args()
    shape, state = tomllib.loads(args.config.read_text())["model"], load_file(args.weights)
    shape["levels"] = args.levels or shape["levels"]
    state = {k: v for k, v in state.items() if not k.startswith("vq.levels.") or int(k.split(".")[2]) < shape["levels"]}
    model = SpeechModel(shape).eval()
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    if unexpected or any(not k.endswith((".count", ".total")) for k in missing):
        raise SystemExit(f"{args.weights}: weights of another architecture: {unexpected or missing}")
    parts = {}
    for name, stack, ports in (("encoder.onnx", model.enc, ("features", "latent")), ("decoder.onnx", model.dec, ("latent", "spectrum"))):
        exported = graph(stack, ports)
        errors = weights.shrink(exported)
        parts[name] = exported.SerializeToString()
        print(f"{name}: {len(parts[name])} bytes, worst relative weight error {max(errors.values()):.4f}")
    parts["codebook.safetensors"] = weights.codebook(state, shape["levels"])
    if args.prior:
        with safe_open(args.prior, "pt") as prior:
            kept = {k: prior.get_tensor(k) for k in prior.keys() if int(k[1 : k.index(".")]) < shape["levels"]}
            parts["prior.safetensors"] = save(kept, prior.metadata())
    parts["MODEL_CARD.md"] = args.card.read_bytes()
    manifest = {
        "format": 1, "id": args.id, "version": args.version, "modality": "audio", "licence": "MIT OR Apache-2.0",
        "summary": args.summary, "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "sample_rate": shape["sample_rate"], "hop": shape["hop"], "window": shape["window"], "lookahead": shape["lookahead"], "dim": shape["dim"],
        "levels": shape["levels"], "depth": shape["depth"], "min_depth": shape["least_depth"], "bits": args.bits or shape["bits"], "search_lambda": args.search_lambda,
        "encoder": "encoder.onnx", "decoder": "decoder.onnx", "codebook": "codebook.safetensors",
    } | ({"prior": "prior.safetensors"} if args.prior else {})  # fmt: skip
    pack.write(manifest, {"audio": section}, parts, args.out, args.archive)


if __name__ == "__main__":
    main()
