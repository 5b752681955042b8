"""Makes an audio pack of a published WavTokenizer checkpoint (40 or 75 tokens a second at 24 kHz).

    python wavtokenizer.py WavTokenizer_small_320_24k_4096.ckpt [--config wavtokenizer_smalldata_frame75_....yaml]
        --id wavtokenizer-small-75 --licence MIT --notice LICENSE --out packs/wavtokenizer-small-75

The checkpoint says what its shape is; a config, where one is given, must agree. What only training needs (discriminators, EnCodec's decoder,
optimisers, the codebook's averages) is left out. Weight norm is folded into the weights, and row 0 of the conditioned norms' tables,
which is the one that inference takes, into plain layer norms. A missing, unexpected or misshapen tensor is an error that names it.

The pack holds three graphs (FORMAT.md): samples to features, which look at a few hops and so may be cut; features to latents, which
look back without bound; latents to log magnitudes and phases, which look at all of the sound. The codebook keeps the published
numbering, so tokens are those of the published program. The weights are not part of the suite: their licence goes into the pack.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn
from torch.nn.utils import remove_weight_norm

import checkpoint
from checkpoint import Misfit
from wavtokenizer_network import ConditionedNorm, Shape, WavTokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))
import pack  # noqa: E402

KEPT = ("feature_extractor.encodec.encoder.", "feature_extractor.encodec.quantizer.", "backbone.", "head.")
# The codebook's state in training.
AVERAGES = tuple(f"feature_extractor.encodec.quantizer.vq.layers.0._codebook.{name}" for name in ("inited", "cluster_size", "embed_avg"))
# Tokens that are decoded at once; up to 60 s the graph sees all of the sound, beyond it windows of 15 s with what the convolutions reach.
WHOLE_SECONDS, WINDOW_SECONDS, REACH_TOKENS, LOCAL_TOKENS = 60, 15, 47, 4


def select(state: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, int]]:
    """What inference needs, and how many tensors of each other part were left out."""
    kept = {name: value for name, value in state.items() if name.startswith(KEPT) and name not in AVERAGES}
    dropped: dict[str, int] = {}
    for name in state.keys() - kept.keys():
        parts = name.split(".")
        part = ".".join(parts[:3] if name.startswith("feature_extractor.") else parts[:1])
        dropped[part] = dropped.get(part, 0) + 1
    return kept, dropped


def shape_of(state: dict[str, torch.Tensor]) -> Shape:
    """The shape that the tensors have."""

    sides = lambda name: checkpoint.sides(state, name, "WavTokenizer")
    encoder = "feature_extractor.encodec.encoder.model"
    strides = tuple(sides(f"{encoder}.{3 * i}.conv.conv.weight_v")[2] // 2 for i in range(1, 5))
    codewords, latent = sides("feature_extractor.encodec.quantizer.vq.layers.0._codebook.embed")
    layers = len({name.split(".")[2] for name in state if name.startswith("backbone.convnext.")})
    inner, width = sides("backbone.convnext.0.pwconv1.weight")
    return Shape(
        strides=strides, n_fft=sides("head.out.weight")[0] - 2, filters=sides(f"{encoder}.0.conv.conv.weight_v")[0], latent=latent,
        codewords=codewords, width=width, inner=inner, layers=layers, conditions=sides("backbone.norm.scale.weight")[0],
    )  # fmt: skip


def check_config(path: Path, shape: Shape):
    """Refuses a config of another network."""
    import yaml

    config = yaml.safe_load(path.read_text())
    model = config.get("model", config)
    model = model.get("init_args", model)
    part = lambda name: model[name]["init_args"]
    try:
        features, backbone, head = part("feature_extractor"), part("backbone"), part("head")
        # The published configs spell it so, and list the strides from the latents outwards.
        pairs = [
            ("dowmsamples", tuple(reversed(features["dowmsamples"])), shape.strides), ("vq_bins", features["vq_bins"], shape.codewords),
            ("num_quantizers", features["num_quantizers"], 1), ("input_channels", backbone["input_channels"], shape.latent),
            ("backbone dim", backbone["dim"], shape.width), ("intermediate_dim", backbone["intermediate_dim"], shape.inner),
            ("num_layers", backbone["num_layers"], shape.layers), ("adanorm_num_embeddings", backbone["adanorm_num_embeddings"], shape.conditions),
            ("n_fft", head["n_fft"], shape.n_fft), ("hop_length", head["hop_length"], shape.hop), ("padding", head["padding"], "same"),
            ("sample_rate", model.get("sample_rate", shape.sample_rate), shape.sample_rate),
        ]  # fmt: skip
    except (KeyError, TypeError) as error:
        raise Misfit(f"{path}: it is no WavTokenizer config: {error} is missing") from error
    wrong = [f"  {name}: {said} in the config, {found} in the checkpoint" for name, said, found in pairs if said != found]
    if wrong:
        raise Misfit(f"{path} is not the config of this checkpoint:\n" + "\n".join(wrong))


def load(state: dict[str, torch.Tensor]) -> WavTokenizer:
    """The network with the tensors of a checkpoint; every one must be there, of its shape, and no other."""
    shape = shape_of(state)
    network = WavTokenizer(shape).eval()
    checkpoint.fill(network, state)
    if not torch.allclose(network.head.istft.window, torch.hann_window(shape.n_fft), atol=1e-5):
        raise Misfit("head.istft.window is no Hann window")
    return network


def fold(network: WavTokenizer):
    """Plain convolutions and layer norms, in place; the numbers that come out stay as they are."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv1d) and hasattr(module, "weight_g"):
            remove_weight_norm(module)
        for name, child in list(module.named_children()):
            if isinstance(child, ConditionedNorm):
                norm = nn.LayerNorm(child.scale.embedding_dim, eps=1e-6)
                norm.weight.data, norm.bias.data = child.scale.weight.data[0].clone(), child.shift.weight.data[0].clone()
                setattr(module, name, norm)


def graph(network: WavTokenizer, name: str) -> bytes:
    """The ONNX graph of one part."""

    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            if name == "encoder":
                return self.network.encoder.front(x[:, None])[0].T
            if name == "tail":
                return self.network.encoder.tail(x.T[None])[0].T
            return self.network.rows(x.T[None])[0]

    shape = network.shape
    example = torch.randn(1, 7 * shape.hop + 3) if name == "encoder" else torch.randn(7, shape.latent)
    inputs, outputs = {"encoder": ("samples", "features"), "tail": ("features", "latent"), "decoder": ("latent", "spectrum")}[name]
    axes = {inputs: {1 if name == "encoder" else 0: "in"}, outputs: {0: "out"}}
    return checkpoint.graph(Part(), (example,), ([inputs], [outputs]), axes)


def tables(codebook: torch.Tensor) -> bytes:
    """The codebook as leaves of a tree in their published order; the nodes above them are means, which nothing is coded with."""
    levels = [codebook.float()]
    while len(levels[0]) > 1:
        levels.insert(0, levels[0].reshape(-1, 2, codebook.shape[1]).mean(1))
    return save({"level0": torch.cat([torch.zeros(1, codebook.shape[1]), *levels]).contiguous()})


CARD = """# {id}: WavTokenizer, {rate:g} tokens a second

Imported by `models/import/wavtokenizer.py` from `{source}`. 24 kHz, one codebook of {codewords} entries, {bits:g} bit/s before entropy coding;
tokens are numbered as published. The encoder looks ahead and the decoder looks at all of the sound: no live streams.

Sounds of up to {whole} s are decoded whole, which is exact. Longer ones are decoded in windows of {window} s with {reach} tokens more at
either side: an approximation, since attention and norms then see one window.

Left out, since only training needs it: {dropped}.

Paper: Ji et al., WavTokenizer: an Efficient Acoustic Discrete Codec Tokenizer for Audio Language Modeling, ICLR 2025.

## Licence of the weights: {licence}
"""


def write_pack(network: WavTokenizer, dropped: dict[str, int], args):
    """Folds the network and writes it as a pack."""
    fold(network)
    shape = network.shape
    depth = shape.codewords.bit_length() - 1
    if shape.codewords != 1 << depth:
        raise Misfit(f"a codebook of {shape.codewords} entries; a power of two is needed")
    rate = shape.sample_rate / shape.hop
    with torch.no_grad():
        parts = {f"{name}.onnx": graph(network, name) for name in ("encoder", "tail", "decoder")}
    parts["codebook.safetensors"] = tables(network.codebook)
    card = CARD.format(
        id=args.id, rate=rate, source=args.checkpoint.name, codewords=shape.codewords, bits=rate * depth, whole=WHOLE_SECONDS, window=WINDOW_SECONDS,
        reach=REACH_TOKENS, dropped=", ".join(f"{name} ({count})" for name, count in sorted(dropped.items())) or "nothing", licence=args.licence,
    )  # fmt: skip
    parts["MODEL_CARD.md"] = (card + ("\n" + args.notice.read_text() if args.notice else "")).encode()
    manifest = {
        "format": 1, "id": args.id, "version": args.version, "modality": "audio", "licence": args.licence,
        "summary": f"WavTokenizer: {rate:g} tokens a second at 24 kHz from a codebook of {shape.codewords}; whole sounds, not live.", "card": "MODEL_CARD.md",
    }  # fmt: skip
    section = {
        "sample_rate": shape.sample_rate, "hop": shape.hop, "window": shape.n_fft, "dim": shape.latent, "levels": 1, "depth": depth, "min_depth": depth,
        "search_lambda": 0.0, "encoder": "encoder.onnx", "decoder": "decoder.onnx", "codebook": "codebook.safetensors",
    }  # fmt: skip
    whole = {
        "tail": "tail.onnx", "local_tokens": LOCAL_TOKENS, "exact_tokens": round(WHOLE_SECONDS * rate), "window_tokens": round(WINDOW_SECONDS * rate),
        "reach_tokens": REACH_TOKENS,
    }  # fmt: skip
    pack.write(manifest, {"audio": section, "audio.whole": whole}, parts, args.out, args.archive)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--config", type=Path, help="the published YAML; checked against the checkpoint")
    parser.add_argument("--id", required=True, help="id of the pack")
    parser.add_argument("--version", default="1.0.0")
    parser.add_argument("--licence", default="MIT", help="SPDX expression of the weights' licence")
    parser.add_argument("--notice", type=Path, help="text of the licence, with its copyright line; needed where the pack is passed on")
    parser.add_argument("--out", required=True, type=Path, help="folder of the pack")
    parser.add_argument("--archive", type=Path, help="a .tpack of the same, too")
    args = parser.parse_args()
    try:
        state, dropped = select(checkpoint.read(args.checkpoint))
        network = load(state)
        if args.config:
            check_config(args.config, network.shape)
        print(f"{args.checkpoint}: {network.shape.sample_rate / network.shape.hop:g} tokens a second; {len(state)} tensors kept")
        for name, count in sorted(dropped.items()):
            print(f"  left out: {name}, {count} tensors")
        write_pack(network, dropped, args)
    except Misfit as misfit:
        raise SystemExit(f"wavtokenizer.py: {misfit}") from None


if __name__ == "__main__":
    main()
